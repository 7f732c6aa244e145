"""Names and numbers as OpenQASM writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Set

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.gates import BY_NAME

_WORDS = """
OPENQASM include defcalgrammar def cal defcal gate extern box let break continue if else end
return for while in switch case default pragma input output const readonly mutable qreg qubit
creg bool bit int uint float angle complex array void duration stretch gphase inv pow ctrl
negctrl durationof delay reset measure barrier nop opaque dim true false im U CX pi tau euler
arccos arcsin arctan ceiling cos exp floor log mod popcount rotl rotr sin sizeof sqrt tan ln abs
phase cphase u0 u1 u2 u3 cu1 cu3 rc3x c3x c3sx c3sqrtx c4x rcccx r xx_plus_yy xx_minus_yy cnot
mcphase mcu1 mcx_gray
"""
RESERVED = frozenset(_WORDS.split()) | BY_NAME.keys()


def identifier(name: str, taken: Set[str], version: int) -> str:
    """``name`` if it may stand in a program of that OpenQASM version and is not in
    ``taken``, else the nearest name that may."""
    if version == 2:
        name = re.sub(r"[^A-Za-z0-9_]", "_", name)
        base = name if re.match("[a-z]", name) else "r_" + name.lstrip("_")
    else:
        name = re.sub(r"\W", "_", name)
        base = name if name.isidentifier() else "r_" + name
    free, k = base, 0
    while free in taken or free in RESERVED:
        free, k = f"{base}_{k}" if k else f"{base}_", k + 1
    return free


def _multiples_of_pi() -> dict[float, str]:
    """Angles that a reader who computes ``n*pi/d`` in double precision gets to the bit."""
    result: dict[float, str] = {}
    pairs = [(1, 1 << k) for k in range(11)] + [(2, 1), (4, 1)]
    pairs += [(n, 1 << k) for n in range(3, 16, 2) for k in range(5)]
    for n, d in pairs:
        text = ("" if n == 1 else f"{n}*") + "pi" + ("" if d == 1 else f"/{d}")
        value = n * math.pi / d
        if value not in result:
            result[value], result[-value] = text, "-" + text
    return result


_PI = _multiples_of_pi()


def real(value: float) -> str:
    """Shortest text that reads back as ``value``; always with a point, never ``-0.0``."""
    text = repr(value + 0.0)
    # OpenQASM 2 knows no number like 1e-05.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def angle(value: float) -> str:
    """``real``, or a multiple of pi that is the same number to the bit."""
    return _PI.get(value) or real(value)


def reals(values: NDArray[np.float64]) -> list[str]:
    """``real`` of every value, float64 (n,)."""
    return _repaired([repr(v) for v in (values + 0.0).tolist()])


def angles(values: NDArray[np.float64]) -> list[str]:
    """``angle`` of every value, float64 (n,)."""
    known = _PI.get
    return _repaired([known(v) or repr(v) for v in (values + 0.0).tolist()])


def _repaired(texts: Iterable[str]) -> list[str]:
    return [t.replace("e", ".0e") if "e" in t and "." not in t else t for t in texts]
