"""One round: the forward pass, the backward pass, and what is left put together.

In place: the forward pass's output becomes the gates that are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_backward import backward
from markaz.quantum.simulate.simplify.kernel_emit import Work, flush_needed
from markaz.quantum.simulate.simplify.kernel_forward import forward
from markaz.quantum.simulate.simplify.kernel_gates import DEAD, MCP, MCX, Ints


class Ends(NamedTuple):
    """What is asked of each logical qubit before a round (``asked``, ``level``: see the
    backward pass), the same by wire after it, and the classical logic that was moved."""

    asked: Any
    level: Any
    need: Any
    levels: Any
    post: Any  # places of logic in the forward pass's output, last first
    op: Any
    q: Any


@lazy_jit
def count_fused(op: Ints, count: int, non_clifford: Ints, above: int) -> tuple[int, int]:
    """Number of gates, and 1 if more than ``above`` of them are not Clifford gates."""
    gates, free = 0, 0
    for i in range(count):
        if op[i] <= MCP:
            gates += 1
            free += non_clifford[op[i]]
    return (gates, 1 if free > above else 0)


@lazy_jit
def move(w: Work, ends: Ends, posted: int) -> None:
    """Take the classical logic out of the output, in the order of time."""
    for r in range(posted):
        i = ends.post[posted - 1 - r]
        ends.op[r] = w.op[i]
        for s in range(3):
            ends.q[3 * r + s] = w.q[3 * i + s]
        w.op[i] = DEAD


@lazy_jit
def compact(w: Work, count: int) -> int:
    """Close the gaps of dead operations; returns how many are left."""
    left = 0
    for i in range(count):
        if w.op[i] == DEAD:
            continue
        if left < i:
            w.op[left] = w.op[i]
            for s in range(3):
                w.q[3 * left + s] = w.q[3 * i + s]
            for s in range(4):
                w.p[4 * left + s] = w.p[4 * i + s]
        left += 1
    return left


@lazy_jit
def one_round(
    w: Work,
    op: Ints,
    q: Ints,
    p: Any,
    operands: Ints,
    count: int,
    ends: Ends,
    non_clifford: Ints,
    above: int,
) -> tuple[int, int, int, int]:
    """Both passes over ``count`` operations (flat arrays: q 3 each, p 4 each).

    One-qubit gates are multiplied together if more than ``above`` gates are not Clifford
    gates. Returns the numbers of gates read, kept, moved into classical logic, and kept
    after the forward pass (classical logic not counted).
    """
    gates, w.fuse[0] = count_fused(op, count, non_clifford, above)
    forward(w, op, q, p, operands, count)
    for j in range(len(ends.asked)):
        ends.need[w.wire[j]] = ends.asked[j]
        ends.levels[w.wire[j]] = ends.level[j]
    flush_needed(w, ends.need)
    written = w.size[0]
    live = 0
    for i in range(written):
        if w.op[i] != DEAD:
            live += 1
    posted = backward(w.op, w.q, w.pool, written, ends.need, ends.levels, ends.post)
    move(w, ends, posted)
    return (gates, compact(w, written), posted, live - posted)


@lazy_jit
def join(
    op: Ints,
    q: Ints,
    pool: Ints,
    later_op: Ints,
    later_q: Ints,
    later_pool: Ints,
    wire: Ints,
    to_op: Ints,
    to_q: Ints,
    to_pool: Ints,
) -> None:
    """Classical logic of a second round, then that of the first, whose wire ``w`` the second
    calls ``wire[w]``."""
    start, shift = len(op), len(pool)
    for i in range(start):
        to_op[i] = op[i]
    for i in range(3 * start):
        to_q[i] = q[i]
    for i in range(shift):
        to_pool[i] = pool[i]
    for i in range(len(later_op)):
        to_op[start + i] = later_op[i]
        at = 3 * (start + i)
        for s in range(3):
            to_q[at + s] = later_q[3 * i + s]
            if later_op[i] < MCX and later_q[3 * i + s] >= 0:
                to_q[at + s] = wire[later_q[3 * i + s]]
        if later_op[i] >= MCX:
            to_q[at] += shift
    for i in range(len(later_pool)):
        to_pool[shift + i] = wire[later_pool[i]]
