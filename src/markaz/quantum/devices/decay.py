"""How a qubit that waits loses its state: the formulas that fits and the emulator share.

A Ramsey fringe of a qubit with fast dephasing (exponential) and a slow frequency that is
Gaussian from shot to shot but constant in one has the envelope
exp(-t/T2echo) exp(-(slow t)²/2); an echo removes the second factor. See G. Ithier et al.,
Phys. Rev. B 72, 134519 (2005), section IV.
"""

from __future__ import annotations

import math


def t2_echo(t1: float, t_phi: float) -> float:
    """1/T2 = 1/(2 T1) + 1/Tphi; all in the same unit."""
    return 1 / (0.5 / t1 + 1 / t_phi)


def dephasing_rate(width_khz: float) -> float:
    """Angular width in rad/µs of a frequency noise of ``width_khz``."""
    return 2 * math.pi * width_khz * 1e-3


def envelope(t: float, echo: float, slow: float) -> float:
    """Contrast of a Ramsey fringe after ``t`` (unit of ``echo``; ``slow`` in its inverse)."""
    return math.exp(-t / echo - (slow * t) ** 2 / 2)


def t2_star(echo: float, slow: float) -> float:
    """Time at which that contrast is 1/e: the positive root of t/echo + (slow t)²/2 = 1."""
    half = 1 / echo
    return 2 / (half + math.sqrt(half * half + 2 * slow * slow))
