"""The statevector loop on NumPy views, for states too small to repay compiling."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.kernels_lower import FLIP, MIX, PARITY, PHASE
from markaz.quantum.simulate.micro import Micro

Amplitudes = NDArray[np.complex128]
Index = tuple[Any, ...]


def run_views(psi: Amplitudes, micro: Micro) -> None:
    """Apply micro-operations (as lists) to amplitudes (2**n,) in place."""
    n = len(psi).bit_length() - 1
    rows, coefs, pool = micro.rows, micro.coefs, micro.controls
    for m in range(micro.count):
        kind, first, cn, a, b, za, zb, _ = rows[8 * m : 8 * m + 8]
        controls = tuple(pool[first : first + cn])
        at = 4 * m
        if kind == MIX:
            entries = coefs[at : at + 4]
            if cn == 0 and b < 0 and za < 0:
                _mix_one(psi, a, entries)
            else:
                _mix(psi, n, controls, (a, b, za, zb), entries)
        elif kind == FLIP:
            shape, low, high = _pair(n, controls, a, -1, -1, 0, 0)
            _exchange(psi.reshape(shape), low, high)
        elif kind == PHASE:
            shape, index = _corner(n, controls)
            psi.reshape(shape)[index] *= coefs[at]
        else:
            shape, low, high = _pair(n, controls, a, b, -1, 1, 0)
            view = psi.reshape(shape)
            if kind == PARITY:
                view[low] *= coefs[at]
                view[high] *= coefs[at]
            else:
                _exchange(view, low, high)


def _exchange(view: Amplitudes, low: Index, high: Index) -> None:
    kept = view[low].copy()
    view[low] = view[high]
    view[high] = kept


def _mix_one(psi: Amplitudes, a: int, entries: list[complex]) -> None:
    step = 1 << a
    if len(psi) <= 4096:
        matrix = np.array(entries).reshape(2, 2)
        if a:
            psi.reshape(-1, 2, step)[:] = matrix @ psi.reshape(-1, 2, step)
        else:
            psi.reshape(-1, 2)[:] = psi.reshape(-1, 2) @ matrix.T
        return
    view = psi.reshape(-1, 2, step)
    _combine(view, np.s_[:, 0], np.s_[:, 1], 1, entries)


def _mix(
    psi: Amplitudes,
    n: int,
    controls: tuple[int, ...],
    targets: tuple[int, int, int, int],
    entries: list[complex],
) -> None:
    """The general mixing operation, one sub-view for each value of the sign qubits."""
    a, b, za, zb = targets
    if b < 0 and za < 0:
        shape, low, high = _pair(n, controls, a, -1, -1, 0, 0)
        _combine(psi.reshape(shape), low, high, 1, entries)
    elif zb >= 0 or za < 0:  # RYY and RXX: the sign depends on the flipped qubits, or none
        for value in (0, 1):
            shape, low, high = _pair(n, controls, a, b, -1, value, 0)
            sign = -1 if value and zb >= 0 else 1
            _combine(psi.reshape(shape), low, high, sign, entries)
    else:
        for z in (0, 1):
            shape, low, high = _pair(n, controls, a, -1, za, 0, z)
            _combine(psi.reshape(shape), low, high, 1 - 2 * z, entries)


def _combine(view: Amplitudes, low: Index, high: Index, sign: int, entries: list[complex]) -> None:
    c0, c1, c2, c3 = entries
    x, y = view[low], view[high]
    mixed = c0 * x + (sign * c1) * y
    view[high] = (sign * c2) * x + c3 * y
    view[low] = mixed


def _shape(n: int, qubits: tuple[int, ...]) -> tuple[tuple[int, ...], dict[int, int]]:
    """Shape with an axis of length 2 for each of the qubits, and where these axes are."""
    shape: list[int] = []
    axis: dict[int, int] = {}
    above = n
    for q in sorted(qubits, reverse=True):
        shape += [1 << (above - q - 1), 2]
        axis[q] = len(shape) - 1
        above = q
    return (*shape, 1 << above), axis


@lru_cache(maxsize=4096)
def _corner(n: int, controls: tuple[int, ...]) -> tuple[tuple[int, ...], Index]:
    """Shape and index of the states where all controls are set."""
    shape, axis = _shape(n, controls)
    return shape, tuple(1 if i in axis.values() else slice(None) for i in range(len(shape)))


@lru_cache(maxsize=16384)
def _pair(
    n: int, controls: tuple[int, ...], a: int, b: int, z: int, b_value: int, z_value: int
) -> tuple[tuple[int, ...], Index, Index]:
    """Shape and the two indices of partner states: a is 0 and then 1, b (unless -1) is
    ``b_value`` and then the other, z (unless -1) is ``z_value`` in both."""
    named = (*controls, a, *((b,) if b >= 0 else ()), *((z,) if z >= 0 else ()))
    shape, axis = _shape(n, named)
    index: list[Any] = [slice(None)] * len(shape)
    for q in controls:
        index[axis[q]] = 1
    if z >= 0:
        index[axis[z]] = z_value
    low, high = list(index), list(index)
    low[axis[a]], high[axis[a]] = 0, 1
    if b >= 0:
        low[axis[b]], high[axis[b]] = b_value, 1 - b_value
    return shape, tuple(low), tuple(high)
