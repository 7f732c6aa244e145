"""Room for the passes' results, filled with nothing in particular: lists where interpreted,
arrays where compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from markaz.quantum.simulate.jit import lazy_jit


def _list(count: int) -> list[Any]:
    return [0] * count


@lazy_jit(interpreted=_list)
def small_numbers(count: int) -> Any:
    """Numbers up to 255."""
    return np.empty(count, np.uint8)


@lazy_jit(interpreted=_list)
def numbers(count: int) -> Any:
    """Numbers of 32 bits."""
    return np.empty(count, np.int32)


@lazy_jit(interpreted=_list)
def large_numbers(count: int) -> Any:
    """Numbers of 64 bits."""
    return np.empty(count, np.int64)


@lazy_jit(interpreted=_list)
def reals(count: int) -> Any:
    """Real numbers."""
    return np.empty(count, np.float64)


@lazy_jit(interpreted=_list)
def amplitudes(count: int) -> Any:
    """Complex numbers."""
    return np.empty(count, np.complex128)
