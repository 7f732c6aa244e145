"""The quantum floor: a program and a device go in, results come out.

Pure: no database, no HTTP; time, memory and randomness come in as arguments. Names are
imported when first used, so that ``import markaz.quantum`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markaz.quantum.api import explain, run, warm
    from markaz.quantum.programs.circuit import Circuit
    from markaz.quantum.programs.errors import ProgramError
    from markaz.quantum.simulate.result import Plan, Result

_HOME = {
    "run": "markaz.quantum.api",
    "explain": "markaz.quantum.api",
    "warm": "markaz.quantum.api",
    "Circuit": "markaz.quantum.programs.circuit",
    "ProgramError": "markaz.quantum.programs.errors",
    "Plan": "markaz.quantum.simulate.result",
    "Result": "markaz.quantum.simulate.result",
}

__all__ = ["Circuit", "Plan", "ProgramError", "Result", "explain", "run", "warm"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
