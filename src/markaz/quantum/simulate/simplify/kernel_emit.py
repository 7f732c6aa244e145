"""Output side of the forward pass: append operations, merging with what stands before.

``Work`` holds growing output (``op``, ``q`` 3 a gate, ``p`` 4 a gate, ``prev`` 3 a gate:
the gate before on each operand's wire), ``last`` gate on each wire, ``free`` wires that are
still in a product state ``(a0, a1)``, and ``wire``: where each logical qubit now is.
"""

from __future__ import annotations

import cmath
import math
from typing import Any, NamedTuple

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_gates import (
    CCX,
    CCZ,
    CH,
    CP,
    CRX,
    CRY,
    CS,
    CSDG,
    CSWAP,
    CX,
    CY,
    CZ,
    DEAD,
    ECR,
    EPS,
    ROOT,
    RX,
    RXX,
    RY,
    RYY,
    RZX,
    RZZ,
    SDG,
    SX,
    SXDG,
    TAU,
    TDG,
    H,
    Ints,
    Matrix,
    P,
    S,
    T,
    U,
    X,
    Y,
    Z,
    eighth,
    is_continuous_one,
    is_controlled_phase,
    is_diagonal_one,
    matrix_one,
    phase_of,
    product,
)


class Work(NamedTuple):
    """State of the forward pass; lists where interpreted, arrays where compiled."""

    size: Any  # gates written, pool entries written
    op: Any
    q: Any
    p: Any
    prev: Any
    last: Any
    free: Any
    a0: Any
    a1: Any
    wire: Any
    pool: Any
    fuse: Any  # [1] if one-qubit gates are to be multiplied together


@lazy_jit
def append(
    w: Work, op: int, a: int, b: int, c: int, p0: float, p1: float, p2: float, p3: float
) -> None:
    """Append one operation on wires a, b, c (-1: unused)."""
    k = w.size[0]
    w.size[0] = k + 1
    w.op[k] = op
    i, j = 3 * k, 4 * k
    w.q[i], w.q[i + 1], w.q[i + 2] = a, b, c
    w.prev[i] = w.last[a]
    w.last[a] = k
    if b >= 0:
        w.prev[i + 1] = w.last[b]
        w.last[b] = k
    if c >= 0:
        w.prev[i + 2] = w.last[c]
        w.last[c] = k
    w.p[j], w.p[j + 1], w.p[j + 2], w.p[j + 3] = p0, p1, p2, p3


@lazy_jit
def delete(w: Work, k: int) -> None:
    """Remove operation ``k``, which must be the last one on all its wires."""
    w.op[k] = DEAD
    for s in range(3):
        qubit = w.q[3 * k + s]
        if qubit >= 0:
            w.last[qubit] = w.prev[3 * k + s]


@lazy_jit
def emit_phase(w: Work, q: int, angle: float) -> None:
    """Append diag(1, exp(i angle)) under its shortest name."""
    k = eighth(angle)
    if k == 0:
        return
    op = P
    if k == 1:
        op = T
    elif k == 2:
        op = S
    elif k == 4:
        op = Z
    elif k == 6:
        op = SDG
    elif k == 7:
        op = TDG
    kept = angle % TAU if op == P else 0.0
    append(w, op, q, -1, -1, kept, 0.0, 0.0, 0.0)


@lazy_jit
def emit_matrix(w: Work, q: int, m: Matrix) -> None:
    """Append a one-qubit unitary, up to global phase, Clifford names where they fit."""
    small, large = abs(m[2]), abs(m[0])
    if small < EPS:
        emit_phase(w, q, cmath.phase(m[3]) - cmath.phase(m[0]))
        return
    if large < EPS:
        emit_phase(w, q, cmath.phase(m[1]) - cmath.phase(m[2]))
        append(w, X, q, -1, -1, 0.0, 0.0, 0.0, 0.0)
        return
    theta = 2 * math.atan2(small, large)
    base = cmath.phase(m[0])
    phi = cmath.phase(m[2]) - base
    lam = cmath.phase(-m[1]) - base
    if abs(theta - math.pi / 2) < EPS and eighth(2 * phi) % 4 == 0 and eighth(2 * lam) % 4 == 0:
        emit_phase(w, q, lam + math.pi)
        append(w, H, q, -1, -1, 0.0, 0.0, 0.0, 0.0)
        emit_phase(w, q, phi)
        return
    append(w, U, q, -1, -1, theta, phi, lam, 0.0)


@lazy_jit
def annihilates(op: int, before: int) -> bool:
    """Whether two one-qubit operations without angles undo each other."""
    if op == before:
        return op == X or op == Y or op == H
    return (op == SX and before == SXDG) or (op == SXDG and before == SX)


@lazy_jit
def fuse_back(w: Work, q: int, m: Matrix) -> None:
    """Append unitary ``m`` after absorbing the one-qubit operations before it."""
    k = w.last[q]
    while k >= 0 and w.op[k] <= U:
        j = 4 * k
        m = product(m, matrix_one(w.op[k], w.p[j], w.p[j + 1], w.p[j + 2]))
        delete(w, k)
        k = w.last[q]
    emit_matrix(w, q, m)


@lazy_jit
def emit_rotation(w: Work, q: int, op: int, angle: float) -> None:
    """Append rx or ry, under a Clifford name where the angle allows."""
    k = eighth(angle)
    if k == 0:
        return
    if op == RX and (k == 2 or k == 6):
        append(w, SX if k == 2 else SXDG, q, -1, -1, 0.0, 0.0, 0.0, 0.0)
    elif k >= 0 and k % 2 == 0:
        emit_matrix(w, q, matrix_one(op, angle, 0.0, 0.0))
    else:
        append(w, op, q, -1, -1, angle, 0.0, 0.0, 0.0)


@lazy_jit
def emit_fresh(w: Work, q: int, op: int, p0: float, p1: float, p2: float) -> None:
    """Append a one-qubit operation that merges with nothing."""
    if is_diagonal_one(op):
        emit_phase(w, q, phase_of(op, p0))
    elif op == RX or op == RY:
        emit_rotation(w, q, op, p0)
    elif op == U:
        emit_matrix(w, q, matrix_one(op, p0, p1, p2))
    else:
        append(w, op, q, -1, -1, 0.0, 0.0, 0.0, 0.0)


@lazy_jit
def emit_one(w: Work, q: int, op: int, p0: float, p1: float, p2: float) -> None:
    """Append a one-qubit operation on an entangled wire, merging where exact."""
    k = w.last[q]
    if k < 0 or w.op[k] > U:
        emit_fresh(w, q, op, p0, p1, p2)
        return
    before = w.op[k]
    if is_diagonal_one(op) and is_diagonal_one(before):
        angle = phase_of(before, w.p[4 * k]) + phase_of(op, p0)
        delete(w, k)
        emit_phase(w, q, angle)
    elif annihilates(op, before):
        delete(w, k)
    elif op == before and (op == RX or op == RY):
        angle = w.p[4 * k] + p0
        delete(w, k)
        emit_rotation(w, q, op, angle)
    elif w.fuse[0] == 1 and (is_continuous_one(op) or is_continuous_one(before)):
        fuse_back(w, q, matrix_one(op, p0, p1, p2))
    else:
        emit_fresh(w, q, op, p0, p1, p2)


@lazy_jit
def emit_controlled_phase(w: Work, a: int, b: int, angle: float) -> None:
    """Append diag(1, 1, 1, exp(i angle)) under its shortest name."""
    k = eighth(angle)
    if k == 0:
        return
    op = CP
    if k == 2:
        op = CS
    elif k == 4:
        op = CZ
    elif k == 6:
        op = CSDG
    append(w, op, a, b, -1, angle % TAU if op == CP else 0.0, 0.0, 0.0, 0.0)


@lazy_jit
def is_fixed_involution(op: int) -> bool:
    """Two-qubit operations that undo themselves when repeated on the same operands."""
    return op == CX or op == CY or op == CH or op == ECR


@lazy_jit
def adds_up(op: int) -> bool:
    """Two-qubit rotations whose angles add on the same operands."""
    return op == RZZ or op == RXX or op == RYY or op == RZX or op == CRX or op == CRY


@lazy_jit
def merge_two(w: Work, k: int, op: int, angle: float, same: bool) -> bool:
    """Try to merge with operation ``k`` on the same pair; returns whether that was done."""
    before, a, b = w.op[k], w.q[3 * k], w.q[3 * k + 1]
    if is_controlled_phase(op) and is_controlled_phase(before):
        total = phase_of(before, w.p[4 * k]) + phase_of(op, angle)
        delete(w, k)
        emit_controlled_phase(w, a, b, total)
        return True
    if op != before:
        return False
    if is_fixed_involution(op) and same:
        delete(w, k)
        return True
    if adds_up(op) and (same or op == RZZ or op == RXX or op == RYY):
        total = w.p[4 * k] + angle
        if abs(math.sin(total / 4)) < EPS:
            delete(w, k)
        else:
            w.p[4 * k] = total
        return True
    return False


@lazy_jit
def emit_two(w: Work, op: int, a: int, b: int, p0: float, p1: float, p2: float, p3: float) -> None:
    """Append a two-qubit operation on entangled wires."""
    k = w.last[a]
    paired = k >= 0 and k == w.last[b] and CX <= w.op[k] <= RZX
    if paired and merge_two(w, k, op, p0, w.q[3 * k] == a):
        return
    if is_controlled_phase(op):
        emit_controlled_phase(w, a, b, phase_of(op, p0))
    else:
        append(w, op, a, b, -1, p0, p1, p2, p3)


@lazy_jit
def emit_three(w: Work, op: int, a: int, b: int, c: int) -> None:
    """Append ccx, ccz, cswap or rccx; the same one just before cancels it."""
    k = w.last[a]
    if k >= 0 and k == w.last[b] and k == w.last[c] and w.op[k] == op:
        i = 3 * k
        swapped = op == CCX and w.q[i] == b and w.q[i + 1] == a
        mirrored = op == CSWAP and w.q[i] == a
        if op == CCZ or swapped or mirrored or (w.q[i] == a and w.q[i + 1] == b):
            delete(w, k)
            return
    append(w, op, a, b, c, 0.0, 0.0, 0.0, 0.0)


@lazy_jit
def flush(w: Work, q: int) -> None:
    """Write the product state of a wire out as gates; it may be entangled from now on."""
    if w.free[q] == 0:
        return
    w.free[q] = 0
    x0, x1 = w.a0[q], w.a1[q]
    if x1 == 0:
        return
    if x0 == 0:
        append(w, X, q, -1, -1, 0.0, 0.0, 0.0, 0.0)
        return
    angle = cmath.phase(x1) - cmath.phase(x0)
    if abs(abs(x1) - ROOT) < EPS:
        append(w, H, q, -1, -1, 0.0, 0.0, 0.0, 0.0)
        emit_phase(w, q, angle)
        return
    append(w, U, q, -1, -1, 2 * math.atan2(abs(x1), abs(x0)), angle, 0.0, 0.0)


@lazy_jit
def flush_needed(w: Work, need: Ints) -> None:
    """Write out the product states of all wires that matter."""
    for q in range(len(need)):
        if need[q] == 1:
            flush(w, q)
