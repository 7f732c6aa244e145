"""All passes over a circuit's gates in one call, from the gates to the components left."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_divide import Shares, divide
from markaz.quantum.simulate.simplify.kernel_emit import Work
from markaz.quantum.simulate.simplify.kernel_gates import Ints
from markaz.quantum.simulate.simplify.kernel_rooms import (
    amplitudes,
    large_numbers,
    numbers,
    reals,
    small_numbers,
)
from markaz.quantum.simulate.simplify.kernel_round import Ends, join, one_round

GROWTH: Final = 3  # output operations an input operation at most; see kernel_known
FUSE_ABOVE: Final = 48  # with fewer non-Clifford gates their names matter more than their number


class Rounds(NamedTuple):
    """What one or two rounds leave of ``gates`` gates: ``op``, ``q`` (3 each), ``p`` (4 each)
    and ``pool`` of those kept; the classical logic that was moved; the wire of each logical
    qubit; which wires matter."""

    gates: int
    op: Any
    q: Any
    p: Any
    pool: Any
    logic_op: Any
    logic_q: Any
    logic_pool: Any
    wire: Any
    need: Any


class Left(NamedTuple):
    """The same, sorted into ``parts`` components as ``Shares`` has them."""

    gates: int
    parts: int
    op: Any
    q: Any
    p: Any
    pool: Any
    gate_at: Any
    wire_at: Any
    members: Any
    ones: Any
    logic_op: Any
    logic_q: Any
    logic_pool: Any
    wire: Any
    need: Any


@lazy_jit
def work_for(count: int, pool: int, wires: int) -> Work:
    """The state in which a round begins."""
    room = GROWTH * count + 2 * wires + 8
    last, wire = numbers(wires), numbers(wires)
    free, a0, a1 = small_numbers(wires), amplitudes(wires), amplitudes(wires)
    for i in range(wires):
        last[i], wire[i], free[i], a0[i], a1[i] = -1, i, 1, 1.0, 0.0
    size, fuse = large_numbers(2), large_numbers(1)
    size[0], size[1], fuse[0] = 0, 0, 0
    op, q, p, prev = small_numbers(room), numbers(3 * room), reals(4 * room), numbers(3 * room)
    return Work(size, op, q, p, prev, last, free, a0, a1, wire, numbers(pool + wires + 8), fuse)


@lazy_jit
def ends_for(asked: Ints, level: Ints, room: int) -> Ends:
    """What a round is asked for, and room for what it finds."""
    wires = len(asked)
    need, levels = small_numbers(wires), small_numbers(wires)
    for i in range(wires):
        need[i], levels[i] = 0, 0
    return Ends(asked, level, need, levels, numbers(room), small_numbers(room), numbers(3 * room))


@lazy_jit
def one(
    op: Ints, q: Ints, p: Any, pool: Ints, asked: Ints, level: Ints, non_clifford: Ints
) -> tuple[Rounds, int]:
    """One round, and how many gates its forward pass left."""
    count = len(op)
    w = work_for(count, len(pool), len(asked))
    ends = ends_for(asked, level, len(w.op))
    gates, kept, moved, emitted = one_round(
        w, op, q, p, pool, count, ends, non_clifford, FUSE_ABOVE
    )
    used = w.pool[: w.size[1]]
    found = Rounds(
        gates,
        w.op[:kept],
        w.q[: 3 * kept],
        w.p[: 4 * kept],
        used,
        ends.op[:moved],
        ends.q[: 3 * moved],
        used,
        w.wire,
        ends.need,
    )
    return (found, emitted)


@lazy_jit
def rounds(
    op: Ints, q: Ints, p: Any, pool: Ints, asked: Ints, level: Ints, non_clifford: Ints
) -> Rounds:
    """One or two rounds: a second one where the first has removed much."""
    first, emitted = one(op, q, p, pool, asked, level, non_clifford)
    left, wires = len(first.op), len(asked)
    if left == 0 or emitted - left < left // 10:
        return first
    raised = small_numbers(wires)
    for i in range(wires):
        raised[first.wire[i]] = level[i]
    second, _ = one(first.op, first.q, first.p, first.pool, first.need, raised, non_clifford)
    wire = numbers(wires)
    for i in range(wires):
        wire[i] = second.wire[first.wire[i]]
    count = len(second.logic_op) + len(first.logic_op)
    logic_op, logic_q = small_numbers(count), numbers(3 * count)
    logic_pool = numbers(len(second.logic_pool) + len(first.logic_pool))
    join(
        second.logic_op,
        second.logic_q,
        second.logic_pool,
        first.logic_op,
        first.logic_q,
        first.logic_pool,
        second.wire,
        logic_op,
        logic_q,
        logic_pool,
    )
    return Rounds(
        first.gates,
        second.op,
        second.q,
        second.p,
        second.pool,
        logic_op,
        logic_q,
        logic_pool,
        wire,
        second.need,
    )


@lazy_jit
def shares_for(count: int, pool: int, wires: int) -> Shares:
    """Room for ``divide``."""
    parent, sizes, gates = numbers(wires), numbers(wires + 1), numbers(wires + 1)
    local, number, members = numbers(wires + 1), numbers(wires + 1), numbers(wires + 1)
    wire_at, gate_at = numbers(wires + 1), large_numbers(wires + 1)
    ones, a0, a1 = reals(wires), amplitudes(wires), amplitudes(wires)
    for i in range(wires + 1):
        sizes[i], gates[i], local[i], number[i], members[i] = 0, 0, 0, 0, 0
        wire_at[i], gate_at[i] = 0, 0
    for i in range(wires):
        parent[i], ones[i], a0[i], a1[i] = i, -1.0, 1.0, 0.0
    return Shares(
        parent=parent,
        sizes=sizes,
        gates=gates,
        local=local,
        number=number,
        members=members,
        wire_at=wire_at,
        gate_at=gate_at,
        ones=ones,
        a0=a0,
        a1=a1,
        op=small_numbers(count),
        q=numbers(3 * count),
        p=reals(4 * count),
        pool=numbers(pool),
    )


@lazy_jit
def simplify_gates(
    op: Ints,
    q: Ints,
    p: Any,
    pool: Ints,
    asked: Ints,
    level: Ints,
    non_clifford: Ints,
    smallest: int,
) -> Left:
    """Pass over flat operations (q 3 each, p 4 each), of which those that are no gates are
    skipped, and sort what is left into components of ``smallest`` or more wires.

    ``asked`` and ``level``: of each logical qubit, see the backward pass; ``non_clifford``
    1 for operations outside the Clifford group.
    """
    r = rounds(op, q, p, pool, asked, level, non_clifford)
    count = len(r.op)
    s = shares_for(count, len(r.pool), len(asked))
    parts = divide(r.op, r.q, r.p, r.pool, count, smallest, s) if count else 0
    return Left(
        r.gates,
        parts,
        s.op,
        s.q,
        s.p,
        s.pool,
        s.gate_at,
        s.wire_at,
        s.members,
        s.ones,
        r.logic_op,
        r.logic_q,
        r.logic_pool,
        r.wire,
        r.need,
    )
