"""The forward pass: follow what is known of each wire from |0...0> on.

A wire whose state is still a product state is kept as two amplitudes and costs no gates.
A gate whose control is a basis state, or whose target is an eigenstate, becomes a smaller
gate or none. SWAPs become relabelling. All rules are exact up to a global phase.
"""

from __future__ import annotations

import cmath
import math

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_emit import (
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
    P,
    RCCX,
    RX,
    RXX,
    RYY,
    RZ,
    RZX,
    RZZ,
    S,
    SWAP,
    U,
    X,
    Z,
    base_of,
    eighth,
    is_controlled,
    matrix_one,
)


@lazy_jit
def snapped(value):  # type: ignore[no-untyped-def]
    """An amplitude that is zero up to rounding becomes exactly zero."""
    if abs(value) < EPS:
        return 0j
    return value


@lazy_jit
def apply_one(w, q, op, p0, p1, p2):  # type: ignore[no-untyped-def]
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
def basis_value(w, q):  # type: ignore[no-untyped-def]
    """0 or 1 if the wire is in that basis state, else -1."""
    if w.free[q] == 0:
        return -1
    if w.a1[q] == 0:
        return 0
    if w.a0[q] == 0:
        return 1
    return -1


@lazy_jit
def eigenphase(w, q, m):  # type: ignore[no-untyped-def]
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
def apply_controlled(w, op, c, t, p0, p1, p2, p3):  # type: ignore[no-untyped-def]
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
def apply_rzz(w, a, b, angle):  # type: ignore[no-untyped-def]
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
def pauli_sign(w, q, op):  # type: ignore[no-untyped-def]
    """+1 or -1 if the wire is in an eigenstate of the Pauli operation, else 0."""
    known, phase = eigenphase(w, q, matrix_one(op, 0.0, 0.0, 0.0))
    if not known:
        return 0
    return 1 if abs(phase) < 1.0 else -1


@lazy_jit
def apply_pauli_rotation(w, op, a, b, pa, pb, angle):  # type: ignore[no-untyped-def]
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
def apply_swap(w, la, lb):  # type: ignore[no-untyped-def]
    """Exchange two logical qubits by relabelling."""
    a = w.wire[la]
    w.wire[la] = w.wire[lb]
    w.wire[lb] = a


@lazy_jit
def apply_two(w, op, la, lb, p0, p1, p2, p3):  # type: ignore[no-untyped-def]
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
def apply_ccx(w, a, b, t):  # type: ignore[no-untyped-def]
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
def apply_ccz(w, a, b, c):  # type: ignore[no-untyped-def]
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
def parallel(w, a, b):  # type: ignore[no-untyped-def]
    """Whether two wires are in the same known state."""
    if w.free[a] == 0 or w.free[b] == 0:
        return False
    return abs(w.a0[a] * w.a1[b] - w.a1[a] * w.a0[b]) < EPS


@lazy_jit
def apply_cswap(w, c, la, lb):  # type: ignore[no-untyped-def]
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
def apply_rccx(w, a, b, t):  # type: ignore[no-untyped-def]
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
def apply_three(w, op, la, lb, lc):  # type: ignore[no-untyped-def]
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
def append_pooled(w, op, start, angle):  # type: ignore[no-untyped-def]
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
def gather_unknown(w, operands, first, count):  # type: ignore[no-untyped-def]
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
def apply_mcp(w, operands, first, count, angle):  # type: ignore[no-untyped-def]
    """Apply a phase on the all-ones state of ``count`` qubits."""
    start = w.size[1]
    if eighth(angle) == 0 or not gather_unknown(w, operands, first, count):
        w.size[1] = start
        return
    finish_mcp(w, start, angle)


@lazy_jit
def finish_mcp(w, start, angle):  # type: ignore[no-untyped-def]
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
def apply_mcx(w, operands, first, count):  # type: ignore[no-untyped-def]
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
def forward(w, op, q, p, operands, count):  # type: ignore[no-untyped-def]
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
