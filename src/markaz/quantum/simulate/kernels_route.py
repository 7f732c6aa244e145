"""Kernels of ``chain.py``: gates brought to neighbouring places, then multiplied together.

Gates are numbered; end ``2 * gate`` and the next are the qubits that a gate acts on, the second
-1 for a gate on one. What is known of ends and gates stands in rows of ``gates``, what is known
of qubits (and, in the last two rows, of places) in rows of ``qubits``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from markaz.quantum.simulate.jit import lazy_jit

LOOK_AHEAD: Final = 12  # gates of a qubit that its next move is judged by
FADING: Final = 0.8  # weight of each further one
STEP: Final = 3  # numbers of a step: gate or SWAPPED, lower place, whether it is turned round
SWAPPED: Final = -1

# ``gates``: the ends on each qubit, in order; of an end the number of its run; of the first
# end of a run where it ends (in the order of SEQ); gates that may come next, on two qubits
# and on one; whether a gate is done.
SEQ, GROUP, UNTIL, READY, ALONE, DONE = range(6)
GATE_ROWS: Final = 6
# ``qubits``: its part of SEQ; the run that it has come to, how many of that are to do, where
# it begins; the first end that may be to do; its place; by place: who is there, and the last
# block.
START, END, NOW, LEFT, AT, POINTER, PLACE, HELD, LAST = range(9)
QUBIT_ROWS: Final = 9
USED, HIGH, MADE, BLOCKS = range(4)  # of ``tally``: entries of READY and ALONE; steps; blocks


@lazy_jit
def _list_ends(ends, gates, qubits):  # type: ignore[no-untyped-def]
    """For each qubit the ends on it, in order."""
    n = qubits.shape[1]
    for q in range(n):
        qubits[END, q] = 0
    for j in range(len(ends)):
        if ends[j] >= 0:
            qubits[END, ends[j]] += 1
    first = 0
    for q in range(n):
        qubits[START, q] = first
        first += qubits[END, q]
        qubits[END, q] = qubits[START, q]
    for j in range(len(ends)):
        q = ends[j]
        if q >= 0:
            gates[SEQ, qubits[END, q]] = j
            qubits[END, q] += 1


@lazy_jit
def _group(kept, gates, qubits):  # type: ignore[no-untyped-def]
    """Number the runs of gates on a qubit that commute there, because each keeps its basis
    states."""
    for q in range(qubits.shape[1]):
        number, first, last = 0, qubits[START, q], qubits[END, q]
        for j in range(first, last):
            if j > first and not (kept[gates[SEQ, j]] and kept[gates[SEQ, j - 1]]):
                number += 1
                gates[UNTIL, first] = j
                first = j
            gates[GROUP, gates[SEQ, j]] = number
        if last > first:
            gates[UNTIL, first] = last


@lazy_jit
def _open(q, ends, gates, qubits, tally):  # type: ignore[no-untyped-def]
    """Find the gates that may follow now that qubit ``q`` has come to a new run."""
    first = qubits[AT, q]
    if first >= qubits[END, q]:
        return
    until = gates[UNTIL, first]
    qubits[LEFT, q] = until - first
    for j in range(first, until):
        end = gates[SEQ, j]
        other = end ^ 1
        if ends[other] < 0:
            gates[ALONE, tally[HIGH]] = end >> 1
            tally[HIGH] += 1
        elif gates[GROUP, other] == qubits[NOW, ends[other]]:
            gates[READY, tally[USED]] = end >> 1
            tally[USED] += 1


@lazy_jit
def _begin(ends, kept, gates, qubits, tally):  # type: ignore[no-untyped-def]
    """Everything as before the first step."""
    _list_ends(ends, gates, qubits)
    _group(kept, gates, qubits)
    for k in range(4):
        tally[k] = 0
    for i in range(len(ends) // 2):
        gates[DONE, i] = 0
    for q in range(qubits.shape[1]):
        qubits[NOW, q] = -1  # so that a gate is found once, at its second qubit
        qubits[AT, q] = qubits[POINTER, q] = qubits[START, q]
        qubits[PLACE, q] = qubits[HELD, q] = q
        qubits[LAST, q] = -1 - q
    for q in range(qubits.shape[1]):
        qubits[NOW, q] = 0
        _open(q, ends, gates, qubits, tally)


@lazy_jit
def _pull(q, old, new, neighbour, ends, gates, qubits):  # type: ignore[no-untyped-def]
    """How much further qubit ``q`` is from those that it meets next, at ``new`` instead of
    ``old``; less than zero where it comes closer."""
    first, last = qubits[POINTER, q], qubits[END, q]
    while first < last and gates[DONE, gates[SEQ, first] >> 1]:
        first += 1
    qubits[POINTER, q] = first
    total, weight, seen = 0.0, 1.0, 0
    for j in range(first, last):
        if seen == LOOK_AHEAD:
            break
        end = gates[SEQ, j]
        other = ends[end ^ 1]
        if gates[DONE, end >> 1] or other < 0:
            continue
        seen += 1
        if other != neighbour:
            place = qubits[PLACE, other]
            total += weight * (abs(new - place) - abs(old - place))
        weight *= FADING
    return total


@lazy_jit
def _exchange(q, step, ends, gates, qubits):  # type: ignore[no-untyped-def]
    """As ``_pull``, of qubit ``q`` and the one ``step`` places off, when they change places."""
    here = qubits[PLACE, q]
    other = qubits[HELD, here + step]
    mine = _pull(q, here, here + step, other, ends, gates, qubits)
    return mine + _pull(other, here + step, here, q, ends, gates, qubits)


@lazy_jit
def _lower_place(gate, ends, gates, qubits):  # type: ignore[no-untyped-def]
    """The lower of the two places to swap: one step of that qubit of the gate which serves
    what comes next better."""
    a, b = ends[2 * gate], ends[2 * gate + 1]
    x, y = qubits[PLACE, a], qubits[PLACE, b]
    step = 1 if y > x else -1
    first = _exchange(a, step, ends, gates, qubits)
    second = _exchange(b, -step, ends, gates, qubits)
    return min(x, x + step) if first <= second else min(y, y - step)


@lazy_jit
def _closest(ends, gates, qubits, tally):  # type: ignore[no-untyped-def]
    """Which of the gates on two qubits that may come next has the least way to go, and how
    far its qubits are."""
    best, least = 0, 1 << 60
    for r in range(tally[USED]):
        gate = gates[READY, r]
        apart = abs(qubits[PLACE, ends[2 * gate]] - qubits[PLACE, ends[2 * gate + 1]])
        if apart < least or (apart == least and gate < gates[READY, best]):
            best, least = r, apart
    return best, least


@lazy_jit
def _put(steps, what, place, turned, two, qubits, tally):  # type: ignore[no-untyped-def]
    """Append a step; on ``two`` places it is in a block with what stands before it there."""
    at = STEP * tally[MADE]
    steps[at], steps[at + 1], steps[at + 2] = what, place, turned
    tally[MADE] += 1
    if two and qubits[LAST, place] != qubits[LAST, place + 1]:
        qubits[LAST, place] = qubits[LAST, place + 1] = tally[BLOCKS]
        tally[BLOCKS] += 1


@lazy_jit
def _swap(low, steps, qubits, tally):  # type: ignore[no-untyped-def]
    """Exchange the qubits at ``low`` and the next place."""
    a, b = qubits[HELD, low], qubits[HELD, low + 1]
    qubits[HELD, low], qubits[HELD, low + 1] = b, a
    qubits[PLACE, a], qubits[PLACE, b] = low + 1, low
    _put(steps, SWAPPED, low, 0, True, qubits, tally)


@lazy_jit
def _take(gate, steps, ends, gates, qubits, tally):  # type: ignore[no-untyped-def]
    """Append a gate whose qubits are neighbours, and find what may follow it."""
    a, b = ends[2 * gate], ends[2 * gate + 1]
    x = qubits[PLACE, a]
    y = qubits[PLACE, b] if b >= 0 else x
    _put(steps, gate, min(x, y), 1 if y < x else 0, b >= 0, qubits, tally)
    gates[DONE, gate] = 1
    for j in range(2 * gate, 2 * gate + 2):
        q = ends[j]
        if q >= 0:
            qubits[LEFT, q] -= 1
            if qubits[LEFT, q] == 0:
                qubits[AT, q] = gates[UNTIL, qubits[AT, q]]
                qubits[NOW, q] += 1
                _open(q, ends, gates, qubits, tally)


@lazy_jit(
    signatures=(
        "UniTuple(int64, 2)(int64[::1], uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1])",
    )
)
def route(ends, kept, gates, qubits, steps):  # type: ignore[no-untyped-def]
    """Order gates on one or two qubits on a line so that those on two only act on neighbours,
    with swaps between them: the number of steps (-1: more than ``steps`` has room for), and of
    the blocks that steps on the same two places make.

    ``kept`` says of each end whether the gate commutes with Z there. Gates whose order is free
    are taken as they come together. ``gates`` and ``qubits`` are room to work in; the row
    PLACE says where each qubit is in the end.
    """
    tally = np.zeros(4, np.int64)
    _begin(ends, kept, gates, qubits, tally)
    while tally[USED] > 0 or tally[HIGH] > 0:
        if STEP * tally[MADE] == len(steps):
            return -1, 0
        if tally[HIGH] > 0:
            tally[HIGH] -= 1
            _take(gates[ALONE, tally[HIGH]], steps, ends, gates, qubits, tally)
            continue
        best, apart = _closest(ends, gates, qubits, tally)
        gate = gates[READY, best]
        if apart > 1:
            _swap(_lower_place(gate, ends, gates, qubits), steps, qubits, tally)
            continue
        tally[USED] -= 1
        gates[READY, best] = gates[READY, tally[USED]]
        _take(gate, steps, ends, gates, qubits, tally)
    return tally[MADE], tally[BLOCKS]


@lazy_jit
def _multiply_one(matrix, at, block, first, rows, columns, bit):  # type: ignore[no-untyped-def]
    """Multiply the square ``block`` at ``first`` from the left by the 2 x 2 matrix at ``at``
    on one bit of its row index."""
    far = 1 << bit
    for low in range(rows):
        if low & far:
            continue
        x, y = first + columns * low, first + columns * (low + far)
        for c in range(columns):
            p, r = block[x + c], block[y + c]
            block[x + c] = matrix[at] * p + matrix[at + 1] * r
            block[y + c] = matrix[at + 2] * p + matrix[at + 3] * r


@lazy_jit
def _exchanged(index, turned):  # type: ignore[no-untyped-def]
    """A number of two bits, those exchanged if ``turned``."""
    return ((index & 1) << 1) | (index >> 1) if turned else index


@lazy_jit
def _multiply_two(matrix, at, turned, block, first, column):  # type: ignore[no-untyped-def]
    """Multiply ``block`` from the left by a 4 x 4 matrix, its bits exchanged if ``turned``;
    the last four numbers of ``column`` are room to work in."""
    spare = len(column) - 4
    for c in range(4):
        for r in range(4):
            column[spare + r] = block[first + 4 * r + c]
        for r in range(4):
            row, total = at + 4 * _exchanged(r, turned), 0j
            for s in range(4):
                total += matrix[row + _exchanged(s, turned)] * column[spare + s]
            block[first + 4 * r + c] = total


@lazy_jit
def _unit(block, first, size):  # type: ignore[no-untyped-def]
    """Make the ``size`` x ``size`` numbers from ``first`` on the identity."""
    for r in range(size * size):
        block[first + r] = 1.0 if r % (size + 1) == 0 else 0.0


@lazy_jit
def _new_block(site, own, alone, last, sites, blocks):  # type: ignore[no-untyped-def]
    """Begin block ``own`` on ``site`` and the next place, with what waits there alone."""
    sites[own] = site
    _unit(blocks, 16 * own, 4)
    for bit in range(2):
        if last[site + bit] < 0:
            _multiply_one(alone, 4 * (site + bit), blocks, 16 * own, 4, 4, bit)
        last[site + bit] = own


@lazy_jit(
    signatures=(
        "void(int64[::1], int64, int64[::1], complex128[::1], complex128[::1], int64[::1],"
        " int64[::1], complex128[::1])",
    )
)
def multiply(steps, made, ends, matrices, alone, last, sites, blocks):  # type: ignore[no-untyped-def]
    """Multiply ``made`` steps of ``route`` into ``blocks`` (16 numbers each) on the places
    ``sites[k]`` and the next.

    ``matrices`` holds 16 numbers a gate (4 used for one on one qubit) and, last, those of a
    swap. What stands on a place before any block is left in ``alone`` (4 numbers a place, and
    4 more); ``last`` is the last block on each place, -1 where there is none.
    """
    for site in range(len(last)):
        last[site] = -1
        _unit(alone, 4 * site, 2)
    count = 0
    for k in range(made):
        gate, site = steps[STEP * k], steps[STEP * k + 1]
        own = last[site]
        if gate != SWAPPED and ends[2 * gate + 1] < 0:
            if own >= 0:
                _multiply_one(matrices, 16 * gate, blocks, 16 * own, 4, 4, site - sites[own])
            else:
                _multiply_one(matrices, 16 * gate, alone, 4 * site, 2, 2, 0)
            continue
        if own < 0 or own != last[site + 1]:
            own = count
            _new_block(site, own, alone, last, sites, blocks)
            count += 1
        at = 16 * (gate if gate != SWAPPED else len(ends) // 2)
        _multiply_two(matrices, at, steps[STEP * k + 2] == 1, blocks, 16 * own, alone)
