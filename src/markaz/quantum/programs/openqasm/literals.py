"""Numbers as programs mostly write them: decimals and multiples of pi."""

from __future__ import annotations

import math
import re

_DECIMAL = r"[0-9]++(?:\.[0-9]*+)?(?:[eE][-+]?[0-9]++)?"
_NUMBER = rf"\s*+[-+]?{_DECIMAL}\s*+"
_NUMBERS = re.compile(f"{_NUMBER}(?:,{_NUMBER})*").fullmatch
_TIMES_PI = re.compile(
    rf"\s*+(-)?\s*+(?:({_DECIMAL})\s*+\*\s*+)?pi\s*+(?:\*\s*+({_DECIMAL})\s*+)?"
    rf"(?:/\s*+({_DECIMAL})\s*+)?"
).fullmatch


def simple_number(text: str) -> float | None:
    """A decimal number or a multiple of pi as Python computes it; None for other texts."""
    if _NUMBERS(text) and "," not in text:
        return float(text)
    match = _TIMES_PI(text)
    if match is None:
        return None
    minus, before, after, under = match.groups()
    value = math.pi if before is None else float(before) * math.pi
    if after is not None:
        value *= float(after)
    if under is not None:
        if float(under) == 0.0:
            return None
        value /= float(under)
    return -value if minus else value
