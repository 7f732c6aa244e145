"""Exact simplification of circuits before an engine sees them."""

from __future__ import annotations

from markaz.quantum.simulate.simplify.driver import simplify
from markaz.quantum.simulate.simplify.outcome import Part, Simplified

__all__ = ["Part", "Simplified", "simplify"]
