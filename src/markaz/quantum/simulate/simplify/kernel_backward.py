"""The backward pass: drop what the measured bits cannot see.

From the last gate to the first, a wire has a level: 0, only classical logic and a Z
measurement follow; 1, every later gate is diagonal on it; 2, anything may follow. A gate
that is diagonal on all its wires, none above level 1, commutes to the end and vanishes. A
permutation of basis states on wires of level 0 becomes classical logic on the outcomes.
"""

from __future__ import annotations

from typing import Any

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_gates import (
    CCX,
    CCZ,
    CSWAP,
    CX,
    CY,
    DEAD,
    MCP,
    MCX,
    RCCX,
    RZZ,
    Ints,
    X,
    Y,
    is_controlled,
    is_controlled_phase,
    is_diagonal_one,
)

KEEP, DROP, POST = 0, 1, 2


@lazy_jit
def is_diagonal(op: int) -> bool:
    """Whether an operation of the forward pass's output is diagonal on all its wires."""
    return is_diagonal_one(op) or is_controlled_phase(op) or op == RZZ or op == CCZ or op == MCP


@lazy_jit
def operand(q: Ints, pool: Ints, i: int, s: int, pooled: bool) -> int:
    """Wire of operand ``s`` of operation ``i``."""
    wire: int = pool[q[3 * i] + s] if pooled else q[3 * i + s]
    return wire


@lazy_jit
def arity(op: int, q: Ints, i: int) -> int:
    """Number of operands of operation ``i``."""
    if op >= MCX:
        count: int = q[3 * i + 1]
        return count
    if op >= CCX:
        return 3
    if op >= CX:
        return 2
    return 1


@lazy_jit
def highest(level: Ints, q: Ints, pool: Ints, i: int, n: int, pooled: bool) -> int:
    """Highest level among the operands of operation ``i``."""
    top = 0
    for s in range(n):
        value = level[operand(q, pool, i, s, pooled)]
        top = max(top, value)
    return top


@lazy_jit
def any_needed(need: Ints, level: Ints, q: Ints, pool: Ints, i: int, n: int, pooled: bool) -> bool:
    """Whether some operand matters later."""
    for s in range(n):
        wire = operand(q, pool, i, s, pooled)
        if need[wire] == 1 or level[wire] > 0:
            return True
    return False


@lazy_jit
def target_slot(op: int, n: int) -> int:
    """Slot of the target of a controlled operation, -1 if it has none."""
    if op == CCX or op == RCCX or op == MCX:
        return n - 1
    if is_controlled(op) and not is_controlled_phase(op):
        return 1
    return -1


@lazy_jit
def is_permutation(op: int) -> bool:
    """Operations that permute basis states (up to phases) and are not diagonal."""
    return (
        op == X
        or op == Y
        or op == CX
        or op == CY
        or op == CCX
        or op == CSWAP
        or op == RCCX
        or op == MCX
    )


@lazy_jit
def verdict(
    op: int, need: Ints, level: Ints, q: Ints, pool: Ints, i: int, n: int, pooled: bool
) -> int:
    """KEEP, DROP or POST for operation ``i``."""
    if not any_needed(need, level, q, pool, i, n, pooled):
        return DROP
    top = highest(level, q, pool, i, n, pooled)
    if is_diagonal(op):
        return DROP if top <= 1 else KEEP
    slot = target_slot(op, n)
    if slot >= 0:
        target = operand(q, pool, i, slot, pooled)
        if need[target] == 0 and level[target] == 0 and top <= 1:
            return DROP
    if top == 0 and is_permutation(op):
        return POST
    return KEEP


@lazy_jit
def raise_levels(
    op: int, level: Ints, need: Ints, q: Ints, pool: Ints, i: int, n: int, pooled: bool
) -> None:
    """A kept operation makes its wires matter."""
    slot = target_slot(op, n)
    diagonal = is_diagonal(op)
    for s in range(n):
        wire = operand(q, pool, i, s, pooled)
        passive = diagonal or (slot >= 0 and s != slot) or (op == CSWAP and s == 0)
        if not passive:
            level[wire] = 2
        elif level[wire] == 0:
            level[wire] = 1


@lazy_jit
def backward(op: Ints, q: Ints, pool: Ints, count: int, need: Ints, level: Ints, post: Ints) -> int:
    """Mark dropped operations DEAD in ``op``; list POST ones in ``post`` (last first).

    ``need[wire]`` is 1 for wires whose outcome is asked for and is extended by the
    controls of the classical logic. Returns the number of POST operations.
    """
    posted = 0
    for r in range(count):
        i = count - 1 - r
        o = op[i]
        if o == DEAD:
            continue
        pooled = o >= MCX
        n = arity(o, q, i)
        v = verdict(o, need, level, q, pool, i, n, pooled)
        if v == KEEP:
            raise_levels(o, level, need, q, pool, i, n, pooled)
            continue
        if v == POST:
            post[posted] = i
            posted += 1
            for s in range(n):
                need[operand(q, pool, i, s, pooled)] = 1
            continue
        op[i] = DEAD
    return posted


@lazy_jit
def apply_long(op: int, q: Ints, pool: Ints, i: int, bits: Any, shots: int) -> None:
    """Apply operation ``i``, which has three or more operands, to outcomes in place."""
    pooled = op >= MCX
    n = arity(op, q, i)
    target = operand(q, pool, i, n - 1, pooled)
    for k in range(shots):
        fire = 1
        for s in range(n - 1):
            fire &= bits[operand(q, pool, i, s, pooled), k]
        bits[target, k] ^= fire


@lazy_jit
def apply_post(op: Ints, q: Ints, pool: Ints, count: int, bits: Any, shots: int) -> None:
    """Apply classical reversible operations to outcomes; bits[wire, shot] in place."""
    for i in range(count):
        o, a, b = op[i], q[3 * i], q[3 * i + 1]
        if o == CSWAP:
            c = q[3 * i + 2]
            for k in range(shots):
                change = bits[a, k] & (bits[b, k] ^ bits[c, k])
                bits[b, k] ^= change
                bits[c, k] ^= change
        elif o >= CCX:
            apply_long(o, q, pool, i, bits, shots)
        elif o >= CX:
            for k in range(shots):
                bits[b, k] ^= bits[a, k]
        else:
            for k in range(shots):
                bits[a, k] ^= 1


@lazy_jit
def union_components(op: Ints, q: Ints, pool: Ints, count: int, parent: Ints) -> None:
    """Union-find over multi-qubit operations; ``parent`` starts as the identity."""
    for i in range(count):
        o = op[i]
        n = arity(o, q, i)
        for s in range(1, n):
            a = root(parent, operand(q, pool, i, 0, o >= MCX))
            b = root(parent, operand(q, pool, i, s, o >= MCX))
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    for w in range(len(parent)):
        parent[w] = root(parent, w)


@lazy_jit
def root(parent: Ints, w: int) -> int:
    """Representative of ``w``, halving the path."""
    while parent[w] != w:
        parent[w] = parent[parent[w]]
        w = parent[w]
    return w
