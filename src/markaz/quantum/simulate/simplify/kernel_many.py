"""Gates on three or more wires whose states may be known: smaller ones where that is exact."""

from __future__ import annotations

import math

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_emit import Work, emit_three, flush
from markaz.quantum.simulate.simplify.kernel_gates import (
    CCX,
    CCZ,
    CP,
    CSWAP,
    CX,
    CY,
    CZ,
    EPS,
    MCP,
    MCX,
    RCCX,
    Ints,
    P,
    S,
    X,
    Z,
    eighth,
)
from markaz.quantum.simulate.simplify.kernel_known import (
    apply_controlled,
    apply_one,
    apply_swap,
    basis_value,
    pauli_sign,
)


@lazy_jit
def keep_three(w: Work, op: int, a: int, b: int, c: int) -> None:
    """Write an operation on three wires as it is, behind what is pending on them."""
    flush(w, a)
    flush(w, b)
    flush(w, c)
    emit_three(w, op, a, b, c)


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
    keep_three(w, CCX, a, b, t)


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
        keep_three(w, CCZ, a, b, c)


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
    keep_three(w, CSWAP, c, a, b)


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
        keep_three(w, RCCX, a, b, t)


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
