"""The compiled statevector loop."""

from __future__ import annotations

import numpy as np

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.kernels_lower import FLIP, MIX, PARITY, PHASE


@lazy_jit
def _spread(i, bits, count):  # type: ignore[no-untyped-def]
    """``i`` with a zero inserted at each of the ascending bit positions."""
    for j in range(count):
        low = (1 << bits[j]) - 1
        i = ((i & ~low) << 1) | (i & low)
    return i


@lazy_jit
def _insert(bits, count, bit):  # type: ignore[no-untyped-def]
    """Put ``bit`` into the ascending list ``bits``."""
    j = count
    while j > 0 and bits[j - 1] > bit:
        bits[j] = bits[j - 1]
        j -= 1
    bits[j] = bit
    return count + 1


@lazy_jit
def _mix(psi, fixed, bits, count, flip, z, c0, c1, c2, c3):  # type: ignore[no-untyped-def]
    for i in range(len(psi) >> count):
        low = _spread(i, bits, count) | fixed
        high = low ^ flip
        masked = low & z
        odd = False
        while masked:
            odd = not odd
            masked &= masked - 1
        x, y = psi[low], psi[high]
        if odd:
            psi[low] = c0 * x - c1 * y
            psi[high] = c3 * y - c2 * x
        else:
            psi[low] = c0 * x + c1 * y
            psi[high] = c2 * x + c3 * y


@lazy_jit
def _mix_runs(low, high, c0, c1, c2, c3):  # type: ignore[no-untyped-def]
    """Mix two runs of amplitudes given by their real and imaginary parts in turn."""
    p, q, r, s = c0.real, c1.real, c2.real, c3.real
    pi, qi, ri, si = c0.imag, c1.imag, c2.imag, c3.imag
    for j in range(len(low) // 2):
        xr, xi, yr, yi = low[2 * j], low[2 * j + 1], high[2 * j], high[2 * j + 1]
        low[2 * j] = p * xr - pi * xi + q * yr - qi * yi
        low[2 * j + 1] = p * xi + pi * xr + q * yi + qi * yr
        high[2 * j] = r * xr - ri * xi + s * yr - si * yi
        high[2 * j + 1] = r * xi + ri * xr + s * yi + si * yr


@lazy_jit
def _mix_one(values, a, c0, c1, c2, c3):  # type: ignore[no-untyped-def]
    """The common case, one qubit and no control, on the real and imaginary parts."""
    step = 2 << a
    for start in range(0, len(values), 2 * step):
        low, high = values[start : start + step], values[start + step : start + 2 * step]
        _mix_runs(low, high, c0, c1, c2, c3)


# The states that an operation touches come in runs: below its lowest qubit they are
# neighbours, so that the inner loops are over consecutive amplitudes.


@lazy_jit
def _exchange(psi, fixed, bits, count, flip):  # type: ignore[no-untyped-def]
    run = 1 << bits[0]
    for i in range(0, len(psi) >> count, run):
        start = _spread(i, bits, count) | fixed
        other = start ^ flip
        for j in range(run):
            psi[start + j], psi[other + j] = psi[other + j], psi[start + j]


@lazy_jit
def _scale(psi, fixed, bits, count, value):  # type: ignore[no-untyped-def]
    run = 1 << bits[0]
    for i in range(0, len(psi) >> count, run):
        start = _spread(i, bits, count) | fixed
        for j in range(start, start + run):
            psi[j] *= value


@lazy_jit(signatures=("void(complex128[::1], int64, int32[::1], complex128[::1], int32[::1])",))
def run_dense(psi, count, rows, coefs, controls):  # type: ignore[no-untyped-def]
    """Apply ``count`` micro-operations to the amplitudes in place."""
    bits = np.zeros(64, np.int64)
    values = psi.view(np.float64)
    for m in range(count):
        kind, first, cn = rows[8 * m], rows[8 * m + 1], rows[8 * m + 2]
        a, b, za, zb = rows[8 * m + 3], rows[8 * m + 4], rows[8 * m + 5], rows[8 * m + 6]
        c0, c1, c2, c3 = coefs[4 * m], coefs[4 * m + 1], coefs[4 * m + 2], coefs[4 * m + 3]
        if kind == MIX and cn == 0 and b < 0 and za < 0:
            _mix_one(values, a, c0, c1, c2, c3)
            continue
        fixed = 0
        k = 0
        for j in range(first, first + cn):
            fixed |= 1 << controls[j]
            k = _insert(bits, k, controls[j])
        if kind == PHASE:
            _scale(psi, fixed, bits, k, c0)
            continue
        k = _insert(bits, k, a)
        flip = 1 << a
        if kind == MIX:
            flip |= 1 << b if b >= 0 else 0
            z = (1 << za if za >= 0 else 0) | (1 << zb if zb >= 0 else 0)
            _mix(psi, fixed, bits, k, flip, z, c0, c1, c2, c3)
        elif kind == FLIP:
            _exchange(psi, fixed, bits, k, flip)
        else:
            k = _insert(bits, k, b)
            flip |= 1 << b
            if kind == PARITY:
                _scale(psi, fixed | 1 << a, bits, k, c0)
                _scale(psi, fixed | 1 << b, bits, k, c0)
            else:
                _exchange(psi, fixed | 1 << a, bits, k, flip)
