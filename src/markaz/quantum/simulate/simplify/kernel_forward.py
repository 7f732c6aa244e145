"""The forward pass: follow what is known of each wire from |0...0> on.

A wire whose state is still a product state is kept as two amplitudes and costs no gates.
A gate whose control is a basis state, or whose target is an eigenstate, becomes a smaller
gate or none. SWAPs become relabelling. All rules are exact up to a global phase.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_emit import (
    Work,
    emit_one,
    emit_three,
    emit_two,
    flush,
)
from markaz.quantum.simulate.simplify.kernel_gates import (
    CCX,
    CCZ,
    CP,
    CRZ,
    CSWAP,
    CU,
    CX,
    CY,
    CZ,
    DCX,
    EPS,
    ID,
    ISWAP,
    MCP,
    MCX,
    RCCX,
    RX,
    RXX,
    RYY,
    RZ,
    RZX,
    RZZ,
    SWAP,
    Ints,
    Matrix,
    P,
    S,
    U,
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


@lazy_jit
def apply_ccx(w: Work, a: int, b: int, t: int) -> None:
    """Apply a Toffoli gate on wires."""
    va, vb = basis_value(w, a), basis_value(w, b)
    if va == 0 or vb == 0:
        return
    if va == 1:
        apply_controlled(w, CX, b, t, 0.0, 0.0, 0.0, 0.0)
        return
    if vb == 1:
        apply_controlled(w, CX, a, t, 0.0, 0.0, 0.0, 0.0)
        return
    sign = pauli_sign(w, t, X)
    if sign == 1:
        return
    if sign == -1:
        apply_controlled(w, CZ, a, b, 0.0, 0.0, 0.0, 0.0)
        return
    flush(w, a)
    flush(w, b)
    flush(w, t)
    emit_three(w, CCX, a, b, t)


@lazy_jit
def apply_ccz(w: Work, a: int, b: int, c: int) -> None:
    """Apply a doubly controlled Z on wires."""
    va, vb, vc = basis_value(w, a), basis_value(w, b), basis_value(w, c)
    if va == 0 or vb == 0 or vc == 0:
        return
    if va == 1:
        apply_controlled(w, CZ, b, c, 0.0, 0.0, 0.0, 0.0)
    elif vb == 1:
        apply_controlled(w, CZ, a, c, 0.0, 0.0, 0.0, 0.0)
    elif vc == 1:
        apply_controlled(w, CZ, a, b, 0.0, 0.0, 0.0, 0.0)
    else:
        flush(w, a)
        flush(w, b)
        flush(w, c)
        emit_three(w, CCZ, a, b, c)


@lazy_jit
def parallel(w: Work, a: int, b: int) -> bool:
    """Whether two wires are in the same known state."""
    if w.free[a] == 0 or w.free[b] == 0:
        return False
    cross: float = abs(w.a0[a] * w.a1[b] - w.a1[a] * w.a0[b])
    return cross < EPS


@lazy_jit
def apply_cswap(w: Work, c: int, la: int, lb: int) -> None:
    """Apply a controlled swap; ``c`` is a wire, ``la`` and ``lb`` are logical qubits."""
    value = basis_value(w, c)
    a, b = w.wire[la], w.wire[lb]
    if value == 0 or parallel(w, a, b):
        return
    if value == 1:
        apply_swap(w, la, lb)
        return
    flush(w, c)
    flush(w, a)
    flush(w, b)
    emit_three(w, CSWAP, c, a, b)


@lazy_jit
def apply_rccx(w: Work, a: int, b: int, t: int) -> None:
    """Apply the Margolus gate: nothing under a = 0; under a = 1, Z on t and, with b, Y."""
    va, vb = basis_value(w, a), basis_value(w, b)
    if va == 0:
        return
    if vb == 0:
        apply_controlled(w, CZ, a, t, 0.0, 0.0, 0.0, 0.0)
    elif vb == 1:
        apply_controlled(w, CY, a, t, 0.0, 0.0, 0.0, 0.0)
    elif va == 1:
        apply_one(w, t, Z, 0.0, 0.0, 0.0)
        apply_controlled(w, CX, b, t, 0.0, 0.0, 0.0, 0.0)
        apply_one(w, b, S, 0.0, 0.0, 0.0)
    else:
        flush(w, a)
        flush(w, b)
        flush(w, t)
        emit_three(w, RCCX, a, b, t)


@lazy_jit
def apply_three(w: Work, op: int, la: int, lb: int, lc: int) -> None:
    """Apply a three-qubit operation on logical qubits."""
    a, b, c = w.wire[la], w.wire[lb], w.wire[lc]
    if op == CCX:
        apply_ccx(w, a, b, c)
    elif op == CCZ:
        apply_ccz(w, a, b, c)
    elif op == CSWAP:
        apply_cswap(w, a, lb, lc)
    else:
        apply_rccx(w, a, b, c)


@lazy_jit
def append_pooled(w: Work, op: int, start: int, angle: float) -> None:
    """Append a pooled gate whose operands stand in the pool from ``start`` on."""
    k, end = w.size[0], w.size[1]
    w.size[0] = k + 1
    w.op[k] = op
    w.q[3 * k], w.q[3 * k + 1], w.q[3 * k + 2] = start, end - start, -1
    for i in range(4):
        w.p[4 * k + i] = 0.0
    w.p[4 * k] = angle
    for i in range(start, end):
        w.last[w.pool[i]] = k


@lazy_jit
def gather_unknown(w: Work, operands: Ints, first: int, count: int) -> bool:
    """Collect wires that are not known to be 1 in the pool; False if one is known to be 0."""
    for i in range(first, first + count):
        q = w.wire[operands[i]]
        value = basis_value(w, q)
        if value == 0:
            return False
        if value < 0:
            w.pool[w.size[1]] = q
            w.size[1] += 1
    return True


@lazy_jit
def apply_mcp(w: Work, operands: Ints, first: int, count: int, angle: float) -> None:
    """Apply a phase on the all-ones state of ``count`` qubits."""
    start = w.size[1]
    if eighth(angle) == 0 or not gather_unknown(w, operands, first, count):
        w.size[1] = start
        return
    finish_mcp(w, start, angle)


@lazy_jit
def finish_mcp(w: Work, start: int, angle: float) -> None:
    """Apply a phase on the wires collected in the pool from ``start`` on."""
    left = w.size[1] - start
    if left <= 2:
        w.size[1] = start
        if left == 1:
            apply_one(w, w.pool[start], P, angle, 0.0, 0.0)
        elif left == 2:
            apply_controlled(w, CP, w.pool[start], w.pool[start + 1], angle, 0.0, 0.0, 0.0)
    elif left == 3 and eighth(angle) == 4:
        w.size[1] = start
        apply_ccz(w, w.pool[start], w.pool[start + 1], w.pool[start + 2])
    else:
        for i in range(start, start + left):
            flush(w, w.pool[i])
        append_pooled(w, MCP, start, angle)


@lazy_jit
def apply_mcx(w: Work, operands: Ints, first: int, count: int) -> None:
    """Apply an X under ``count - 1`` controls; the target is the last operand."""
    start = w.size[1]
    if not gather_unknown(w, operands, first, count - 1):
        w.size[1] = start
        return
    t = w.wire[operands[first + count - 1]]
    left = w.size[1] - start
    sign = pauli_sign(w, t, X)
    if sign == 1:
        w.size[1] = start
    elif sign == -1:
        finish_mcp(w, start, math.pi)
    elif left <= 2:
        w.size[1] = start
        if left == 0:
            apply_one(w, t, X, 0.0, 0.0, 0.0)
        elif left == 1:
            apply_controlled(w, CX, w.pool[start], t, 0.0, 0.0, 0.0, 0.0)
        else:
            apply_ccx(w, w.pool[start], w.pool[start + 1], t)
    else:
        w.pool[w.size[1]] = t
        w.size[1] += 1
        for i in range(start, start + left + 1):
            flush(w, w.pool[i])
        append_pooled(w, MCX, start, 0.0)


@lazy_jit
def forward(w: Work, op: Ints, q: Ints, p: Any, operands: Ints, count: int) -> None:
    """Run the pass over ``count`` operations (flat arrays: q 3 a gate, p 4 a gate)."""
    for i in range(count):
        o = op[i]
        a, j = q[3 * i], 4 * i
        if o <= U:
            apply_one(w, w.wire[a], o, p[j], p[j + 1], p[j + 2])
        elif o < CCX:
            apply_two(w, o, a, q[3 * i + 1], p[j], p[j + 1], p[j + 2], p[j + 3])
        elif o < MCX:
            apply_three(w, o, a, q[3 * i + 1], q[3 * i + 2])
        elif o == MCX:
            apply_mcx(w, operands, a, q[3 * i + 1])
        elif o == MCP:
            apply_mcp(w, operands, a, q[3 * i + 1], p[j])
