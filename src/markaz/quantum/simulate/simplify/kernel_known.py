"""Gates on one or two wires whose states may be known.

A wire whose state is still a product state is kept as two amplitudes and costs no gates.
A gate whose control is a basis state, or whose target is an eigenstate, becomes a smaller
gate or none. SWAPs become relabelling. All rules are exact up to a global phase.
"""

from __future__ import annotations

import cmath

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_emit import Work, emit_one, emit_two, flush
from markaz.quantum.simulate.simplify.kernel_gates import (
    CP,
    CRZ,
    CU,
    CX,
    CZ,
    DCX,
    EPS,
    ID,
    ISWAP,
    RX,
    RXX,
    RYY,
    RZ,
    RZX,
    RZZ,
    SWAP,
    Matrix,
    P,
    S,
    X,
    Z,
    base_of,
    eighth,
    is_controlled,
    matrix_one,
)


@lazy_jit
def snapped(value: complex) -> complex:
    """An amplitude that is zero up to rounding becomes exactly zero."""
    if abs(value) < EPS:
        return 0j
    return value


@lazy_jit
def apply_one(w: Work, q: int, op: int, p0: float, p1: float, p2: float) -> None:
    """Apply a one-qubit operation: to the known state, or to the output."""
    if op == ID:
        return
    if w.free[q] == 0:
        emit_one(w, q, op, p0, p1, p2)
        return
    m = matrix_one(op, p0, p1, p2)
    x0, x1 = w.a0[q], w.a1[q]
    w.a0[q] = snapped(m[0] * x0 + m[1] * x1)
    w.a1[q] = snapped(m[2] * x0 + m[3] * x1)


@lazy_jit
def basis_value(w: Work, q: int) -> int:
    """0 or 1 if the wire is in that basis state, else -1."""
    if w.free[q] == 0:
        return -1
    if w.a1[q] == 0:
        return 0
    if w.a0[q] == 0:
        return 1
    return -1


@lazy_jit
def eigenphase(w: Work, q: int, m: Matrix) -> tuple[bool, float]:
    """(True, phase) if the wire is in an eigenstate of the unitary ``m``."""
    if w.free[q] == 0:
        return (False, 0.0)
    x0, x1 = w.a0[q], w.a1[q]
    y0 = m[0] * x0 + m[1] * x1
    y1 = m[2] * x0 + m[3] * x1
    if abs(y0 * x1 - y1 * x0) > EPS:
        return (False, 0.0)
    inner = x0.conjugate() * y0 + x1.conjugate() * y1
    return (True, cmath.phase(inner))


@lazy_jit
def apply_controlled(
    w: Work, op: int, c: int, t: int, p0: float, p1: float, p2: float, p3: float
) -> None:
    """Apply a one-qubit operation under one control."""
    value = basis_value(w, c)
    base = base_of(op)
    if value == 0:
        return
    if value == 1:
        apply_one(w, t, base, p0, p1, p2)
        return
    known, phase = eigenphase(w, t, matrix_one(base, p0, p1, p2))
    if known:
        apply_one(w, c, P, phase + p3, 0.0, 0.0)
        return
    if op == CRZ:
        apply_one(w, c, P, -p0 / 2, 0.0, 0.0)
    if op == CU and p3 != 0.0:
        apply_one(w, c, P, p3, 0.0, 0.0)
    flush(w, c)
    flush(w, t)
    emit_two(w, CP if op == CRZ else op, c, t, p0, p1, p2, 0.0)


@lazy_jit
def apply_rzz(w: Work, a: int, b: int, angle: float) -> None:
    """Apply exp(-i angle/2 ZZ)."""
    va, vb = basis_value(w, a), basis_value(w, b)
    if va >= 0:
        apply_one(w, b, RZ, angle if va == 0 else -angle, 0.0, 0.0)
    elif vb >= 0:
        apply_one(w, a, RZ, angle if vb == 0 else -angle, 0.0, 0.0)
    elif eighth(angle) % 2 == 0 and eighth(angle) >= 0:
        apply_one(w, a, P, angle, 0.0, 0.0)
        apply_one(w, b, P, angle, 0.0, 0.0)
        apply_controlled(w, CP, a, b, -2 * angle, 0.0, 0.0, 0.0)
    else:
        flush(w, a)
        flush(w, b)
        emit_two(w, RZZ, a, b, angle, 0.0, 0.0, 0.0)


@lazy_jit
def pauli_sign(w: Work, q: int, op: int) -> int:
    """+1 or -1 if the wire is in an eigenstate of the Pauli operation, else 0."""
    known, phase = eigenphase(w, q, matrix_one(op, 0.0, 0.0, 0.0))
    if not known:
        return 0
    return 1 if abs(phase) < 1.0 else -1


@lazy_jit
def apply_pauli_rotation(w: Work, op: int, a: int, b: int, pa: int, pb: int, angle: float) -> None:
    """Apply exp(-i angle/2 Pa Pb) for the Paulis ``pa`` on a and ``pb`` on b."""
    sa = pauli_sign(w, a, pa)
    if sa != 0:
        apply_one(w, b, pb - X + RX, sa * angle, 0.0, 0.0)
        return
    sb = pauli_sign(w, b, pb)
    if sb != 0:
        apply_one(w, a, pa - X + RX, sb * angle, 0.0, 0.0)
        return
    flush(w, a)
    flush(w, b)
    emit_two(w, op, a, b, angle, 0.0, 0.0, 0.0)


@lazy_jit
def apply_swap(w: Work, la: int, lb: int) -> None:
    """Exchange two logical qubits by relabelling."""
    a = w.wire[la]
    w.wire[la] = w.wire[lb]
    w.wire[lb] = a


@lazy_jit
def apply_two(
    w: Work, op: int, la: int, lb: int, p0: float, p1: float, p2: float, p3: float
) -> None:
    """Apply a two-qubit operation on logical qubits."""
    a, b = w.wire[la], w.wire[lb]
    if is_controlled(op):
        apply_controlled(w, op, a, b, p0, p1, p2, p3)
    elif op == SWAP:
        apply_swap(w, la, lb)
    elif op == ISWAP:
        apply_one(w, a, S, 0.0, 0.0, 0.0)
        apply_one(w, b, S, 0.0, 0.0, 0.0)
        apply_controlled(w, CZ, a, b, 0.0, 0.0, 0.0, 0.0)
        apply_swap(w, la, lb)
    elif op == DCX:
        apply_controlled(w, CX, a, b, 0.0, 0.0, 0.0, 0.0)
        apply_controlled(w, CX, b, a, 0.0, 0.0, 0.0, 0.0)
    elif op == RZZ:
        apply_rzz(w, a, b, p0)
    elif op == RXX:
        apply_pauli_rotation(w, op, a, b, X, X, p0)
    elif op == RYY:
        apply_pauli_rotation(w, op, a, b, X + 1, X + 1, p0)
    elif op == RZX:
        apply_pauli_rotation(w, op, a, b, Z, X, p0)
    else:
        flush(w, a)
        flush(w, b)
        emit_two(w, op, a, b, p0, p1, p2, p3)
