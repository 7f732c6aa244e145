"""Split gates into components that do not touch each other."""

from __future__ import annotations

from typing import Any, NamedTuple

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_backward import operand, union_components
from markaz.quantum.simulate.simplify.kernel_gates import MCX, Ints, matrix_one


class Shares(NamedTuple):
    """What ``divide`` writes; lists where interpreted, arrays where compiled.

    ``parent`` (wires,) names each wire's component by its lowest wire. Component ``k``
    that is kept has the wires ``members[wire_at[k] : wire_at[k + 1]]``, ascending, and the
    gates from ``gate_at[k]`` to ``gate_at[k + 1]`` of ``op``, ``q`` (3 each) and ``p``
    (4 each), on its own wires 0, 1, …; ``pool`` too holds such wires. ``ones[w]`` is the
    probability of 1 of a wire ``w`` with gates of its own only, -1 for others.
    """

    parent: Any
    sizes: Any
    gates: Any
    local: Any
    number: Any
    members: Any
    wire_at: Any
    gate_at: Any
    ones: Any
    a0: Any
    a1: Any
    op: Any
    q: Any
    p: Any
    pool: Any


@lazy_jit
def survey(op: Ints, q: Ints, pool: Ints, count: int, s: Shares) -> None:
    """Components: their wires, numbered from 0 in each, and their numbers of gates."""
    union_components(op, q, pool, count, s.parent)
    for wire in range(len(s.parent)):
        root = s.parent[wire]
        s.local[wire] = s.sizes[root]
        s.sizes[root] += 1
    for i in range(count):
        s.gates[s.parent[operand(q, pool, i, 0, op[i] >= MCX)]] += 1


@lazy_jit
def number_parts(s: Shares, smallest: int) -> int:
    """Number the components of ``smallest`` or more wires that have gates."""
    parts = 0
    for root in range(len(s.parent)):
        s.number[root] = -1
        if s.gates[root] > 0 and s.sizes[root] >= smallest:
            s.number[root] = parts
            s.wire_at[parts + 1] = s.wire_at[parts] + s.sizes[root]
            s.gate_at[parts + 1] = s.gate_at[parts] + s.gates[root]
            parts += 1
    return parts


@lazy_jit
def follow(op: int, wire: int, a: float, b: float, c: float, s: Shares) -> None:
    """Apply a gate to a wire that no other gate joins to another."""
    m = matrix_one(op, a, b, c)
    x0, x1 = s.a0[wire], s.a1[wire]
    s.a0[wire] = m[0] * x0 + m[1] * x1
    s.a1[wire] = m[2] * x0 + m[3] * x1
    zero, one = abs(s.a0[wire]), abs(s.a1[wire])
    s.ones[wire] = one * one / (zero * zero + one * one)


@lazy_jit
def divide(op: Ints, q: Ints, p: Any, pool: Ints, count: int, smallest: int, s: Shares) -> int:
    """Sort ``count`` gates by component; returns the number of components kept."""
    survey(op, q, pool, count, s)
    parts = number_parts(s, smallest)
    for wire in range(len(s.parent)):
        k = s.number[s.parent[wire]]
        if k >= 0:
            s.members[s.wire_at[k] + s.local[wire]] = wire
    for k in range(parts):
        s.gates[k] = s.gate_at[k]  # from here on: where the component's next gate goes
    for i in range(count):
        pooled = op[i] >= MCX
        first = operand(q, pool, i, 0, pooled)
        k = s.number[s.parent[first]]
        if k < 0:
            follow(op[i], first, p[4 * i], p[4 * i + 1], p[4 * i + 2], s)
            continue
        j = s.gates[k]
        s.gates[k] = j + 1
        s.op[j] = op[i]
        for t in range(3):
            wire = q[3 * i + t]
            s.q[3 * j + t] = wire if pooled or wire < 0 else s.local[wire]
        for t in range(4):
            s.p[4 * j + t] = p[4 * i + t]
    for i in range(len(pool)):
        s.pool[i] = s.local[pool[i]]
    return parts
