"""Products of one-qubit operations that follow each other."""

from __future__ import annotations

from typing import Final

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.kernels_lower import FLIP, MIX, PHASE, phase_row, row

_NEGLIGIBLE: Final = 1e-15  # entries of a product of unitaries that should be zero


@lazy_jit
def _is_diagonal(pending, q):  # type: ignore[no-untyped-def]
    return abs(pending[4 * q + 1]) <= _NEGLIGIBLE and abs(pending[4 * q + 2]) <= _NEGLIGIBLE


@lazy_jit
def _flush(q, waiting, pending, scalar, rows, coefs, controls, m, k, gate):  # type: ignore[no-untyped-def]
    """Emit the matrix that waits on a qubit, in its cheapest form."""
    waiting[q] = 0
    p, r = pending[4 * q], pending[4 * q + 2]
    if _is_diagonal(pending, q):
        scalar[0] = scalar[0] * p
        ratio = pending[4 * q + 3] / p
        if abs(ratio - 1.0) <= _NEGLIGIBLE:
            return m
        controls[k] = q
        return phase_row(rows, coefs, m, k, 1, ratio, gate)
    if abs(p) <= _NEGLIGIBLE and abs(pending[4 * q + 3]) <= _NEGLIGIBLE:
        scalar[0] = scalar[0] * r
        ratio = pending[4 * q + 1] / r
        if abs(ratio - 1.0) <= _NEGLIGIBLE:
            return row(rows, m, FLIP, k, 0, q, -1, -1, -1, gate)
        coefs[4 * m] = coefs[4 * m + 3] = 0j
        coefs[4 * m + 1] = ratio
        coefs[4 * m + 2] = 1.0 + 0j
        return row(rows, m, MIX, k, 0, q, -1, -1, -1, gate)
    for j in range(4):
        coefs[4 * m + j] = pending[4 * q + j]
    return row(rows, m, MIX, k, 0, q, -1, -1, -1, gate)


@lazy_jit
def _absorb(q, waiting, pending, p, r, s, t):  # type: ignore[no-untyped-def]
    """Put ((p, r), (s, t)) after what waits on a qubit."""
    at = 4 * q
    if waiting[q] == 0:
        waiting[q] = 1
        pending[at], pending[at + 1], pending[at + 2], pending[at + 3] = p, r, s, t
        return
    w, x, y, z = pending[at], pending[at + 1], pending[at + 2], pending[at + 3]
    pending[at] = p * w + r * y
    pending[at + 1] = p * x + r * z
    pending[at + 2] = s * w + t * y
    pending[at + 3] = s * x + t * z


@lazy_jit(
    signatures=(
        "int64(int64, int32[::1], complex128[::1], int32[::1], uint8[::1], complex128[::1],"
        " complex128[::1], int32[::1], complex128[::1], int32[::1])",
    )
)
def fuse(count, rows, coefs, controls, waiting, pending, scalar, out, ocoefs, opool):  # type: ignore[no-untyped-def]
    """Multiply runs of one-qubit operations together; returns the number of rows left.

    A diagonal waits while its qubit is only a control. ``out``, ``ocoefs``, ``opool`` are
    as long as ``rows``, ``coefs`` and ``controls`` plus one control a row.
    """
    m = 0
    k = 0
    one = 1.0 + 0j
    for i in range(count):
        kind, c0, cn = rows[8 * i], rows[8 * i + 1], rows[8 * i + 2]
        a, b, za = rows[8 * i + 3], rows[8 * i + 4], rows[8 * i + 5]
        gate = rows[8 * i + 7]
        at = 4 * i
        if kind == PHASE and cn < 2:
            if cn == 0:
                scalar[0] = scalar[0] * coefs[at]
            else:
                _absorb(controls[c0], waiting, pending, one, 0j, 0j, coefs[at])
            continue
        if cn == 0 and b < 0 and za < 0:
            if kind == FLIP:
                _absorb(a, waiting, pending, 0j, one, one, 0j)
            else:
                p, r, s, t = coefs[at], coefs[at + 1], coefs[at + 2], coefs[at + 3]
                _absorb(a, waiting, pending, p, r, s, t)
            continue
        for j in range(4):
            q = rows[8 * i + 3 + j]
            if q >= 0 and waiting[q] == 1:
                m = _flush(q, waiting, pending, scalar, out, ocoefs, opool, m, k, gate)
                k += 1
        for j in range(c0, c0 + cn):
            q = controls[j]
            if waiting[q] == 1 and not _is_diagonal(pending, q):
                m = _flush(q, waiting, pending, scalar, out, ocoefs, opool, m, k, gate)
                k += 1
        for j in range(4):
            ocoefs[4 * m + j] = coefs[at + j]
        for j in range(cn):
            opool[k + j] = controls[c0 + j]
        m = row(out, m, kind, k, cn, a, b, za, rows[8 * i + 6], gate)
        k += cn
    for q in range(len(waiting)):
        if waiting[q] == 1:
            m = _flush(q, waiting, pending, scalar, out, ocoefs, opool, m, k, -1)
            k += 1
    return m
