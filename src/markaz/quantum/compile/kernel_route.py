"""Routing: swaps that bring the qubits of every two-qubit block together, errors in mind.

The heuristic is SABRE's (G. Li, Y. Ding, Y. Xie, ASPLOS 2019, arXiv:1809.02573): a front
layer, an extended set of what comes next, a decay against moving the same qubits again.
Distances may be weighted by the error of each coupler, and a swap beside a block on the same
pair costs what both need together, so that trials can be compared by expected fidelity.

A *block* is a run of operations on one pair of qubits, or a barrier. Block ``b`` acts on the
virtual qubits ``who[at[b] : at[b + 1]]``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.kernel_cost import apply_swap, block_cost
from markaz.quantum.simulate.jit import lazy_jit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LOOK_AHEAD = 12  # blocks of the extended set
AHEAD_WEIGHT = 0.3  # of the first layer after the front, where the front's is 1
AHEAD_FADE = 0.5  # from each layer to the next
DECAY = 0.02
DECAY_RESET = 5  # swaps after which the decay starts anew
SAVING = 1.0  # worth of three native gates that a swap shares with the block before it
PATIENCE = 20  # swaps without a block carried out, and two a place
MOST_WANTED = 8  # partners that a qubit's list holds


@lazy_jit
def link_blocks(
    at: Ints, who: Ints, qubits: int, backward: int, waits: Ints, first: Ints, edges: Ints
) -> None:
    """Dependencies between blocks, in one direction of time.

    Writes ``waits[b]``, the number of blocks before ``b``, and ``edges[first[b]:first[b+1]]``,
    the blocks that wait for ``b``. ``edges`` int64 (len(who),).
    """
    blocks = len(at) - 1
    for b in range(blocks + 1):
        first[b] = 0
    last = np.full(qubits, -1, np.int64)
    for sweep in range(2):
        for q in range(qubits):
            last[q] = -1
        for k in range(blocks):
            b = blocks - 1 - k if backward else k
            if sweep == 0:
                waits[b] = 0
            for j in range(at[b], at[b + 1]):
                before = last[who[j]]
                if before >= 0 and sweep == 0:
                    first[before + 1] += 1
                    waits[b] += 1
                elif before >= 0:
                    edges[first[before]] = b
                    first[before] += 1
                last[who[j]] = b
        if sweep == 0:
            for b in range(blocks):
                first[b + 1] += first[b]
    for b in range(blocks, 0, -1):
        first[b] = first[b - 1]
    first[0] = 0


@lazy_jit
def list_wanted(
    front: Ints,
    fronts: int,
    at: Ints,
    who: Ints,
    first: Ints,
    edges: Ints,
    left: Ints,
    partner: Ints,
    weight: Floats,
    wanted: Ints,
) -> None:
    """For each qubit the qubits that it should meet: the front layer's, then those of up to
    LOOK_AHEAD blocks that come after it, each with a weight.

    ``partner`` and ``weight`` (qubits, MOST_WANTED), ``wanted`` (qubits,) counts them.
    ``left`` is lowered and restored.
    """
    for q in range(len(wanted)):
        wanted[q] = 0
    queue = np.empty(fronts + LOOK_AHEAD * 4, np.int64)
    depth = np.empty(fronts + LOOK_AHEAD * 4, np.int64)
    touched = np.empty(4 * len(queue), np.int64)
    for k in range(fronts):
        queue[k], depth[k] = front[k], 0
        note_wanted(who[at[front[k]]], who[at[front[k]] + 1], 1.0, partner, weight, wanted)
    head, tail, lowered, found = 0, fronts, 0, 0
    while head < tail and found < LOOK_AHEAD:
        b = queue[head]
        level = depth[head] + 1
        head += 1
        for e in range(first[b], first[b + 1]):
            c = edges[e]
            if lowered >= len(touched):
                break
            left[c] -= 1
            touched[lowered] = c
            lowered += 1
            if left[c] > 0 or tail >= len(queue):
                continue
            two = at[c + 1] - at[c] == 2
            queue[tail], depth[tail] = c, level if two else level - 1
            tail += 1
            if two and found < LOOK_AHEAD:
                found += 1
                share = AHEAD_WEIGHT * AHEAD_FADE ** (level - 1)
                note_wanted(who[at[c]], who[at[c] + 1], share, partner, weight, wanted)
    for k in range(lowered):
        left[touched[k]] += 1


@lazy_jit
def note_wanted(u: int, v: int, share: float, partner: Ints, weight: Floats, wanted: Ints) -> None:
    """Put the pair on both qubits' lists, unless one is full."""
    if wanted[u] < MOST_WANTED and wanted[v] < MOST_WANTED:
        partner[u, wanted[u]], weight[u, wanted[u]] = v, share
        partner[v, wanted[v]], weight[v, wanted[v]] = u, share
        wanted[u] += 1
        wanted[v] += 1


@lazy_jit
def moved_by(
    u: int,
    v: int,
    here: int,
    there: int,
    place: Ints,
    partner: Ints,
    weight: Floats,
    wanted: Ints,
    distance: Floats,
) -> float:
    """Change of qubit ``u``'s weighted distances when it goes from ``here`` to ``there``, in
    exchange for ``v``."""
    change = 0.0
    for k in range(wanted[u]):
        x = partner[u, k]
        if x != v:
            change += weight[u, k] * (distance[there, place[x]] - distance[here, place[x]])
    return change


@lazy_jit
def choose_swap(
    front: Ints,
    fronts: int,
    at: Ints,
    who: Ints,
    place: Ints,
    holds: Ints,
    partner: Ints,
    weight: Floats,
    wanted: Ints,
    near_at: Ints,
    near: Ints,
    distance: Floats,
    price: Floats,
    decay: Floats,
    met: Ints,
    gates: Ints,
    generator: np.random.Generator,
    best: Ints,
) -> None:
    """Write the best swap beside the front layer, two places, into ``best``; ties are drawn.

    ``met[p]`` is the place that ``p`` was last in a block with, and ``gates[p]`` the native
    gates of that block: a swap there shares them.
    """
    lowest, ties = np.inf, 0
    for k in range(fronts):
        for side in range(2):
            u = who[at[front[k]] + side]
            a = place[u]
            for j in range(near_at[a], near_at[a + 1]):
                b = near[j]
                v = holds[b]
                score = price[j] + max(decay[a], decay[b])
                if met[a] == b and met[b] == a:
                    extra = block_cost(gates[a], True) - block_cost(gates[a], False)
                    score -= SAVING * (3 - extra) / 3
                score += moved_by(u, v, a, b, place, partner, weight, wanted, distance)
                if v >= 0:
                    score += moved_by(v, u, b, a, place, partner, weight, wanted, distance)
                if score < lowest - 1e-10:
                    lowest, ties = score, 1
                    best[0], best[1] = a, b
                elif score < lowest + 1e-10:
                    ties += 1
                    if generator.random() * ties < 1.0:
                        best[0], best[1] = a, b


@lazy_jit
def walk_nearest(
    front: Ints,
    fronts: int,
    at: Ints,
    who: Ints,
    place: Ints,
    near_at: Ints,
    near: Ints,
    hops: Ints,
    best: Ints,
) -> None:
    """Write the swap that brings the nearest pair of the front layer one step together."""
    nearest, p, q = 1 << 60, 0, 0
    for k in range(fronts):
        x, y = place[who[at[front[k]]]], place[who[at[front[k]] + 1]]
        if hops[x, y] < nearest:
            nearest, p, q = hops[x, y], x, y
    for j in range(near_at[p], near_at[p + 1]):
        if hops[near[j], q] < hops[p, q]:
            best[0], best[1] = p, near[j]


@lazy_jit
def route(
    at: Ints,
    who: Ints,
    need: Ints,
    waits: Ints,
    first: Ints,
    edges: Ints,
    near_at: Ints,
    near: Ints,
    hops: Ints,
    distance: Floats,
    price: Floats,
    place: Ints,
    holds: Ints,
    generator: np.random.Generator,
    steps: Ints,
) -> int:
    """Carry out all blocks from the layout ``place`` (changed in place).

    ``steps`` (most, 3) receives (block, -1, -1) and (-1, place, place) for swaps; returns
    their number, or -1 where ``steps`` is too short. ``near[near_at[p]:near_at[p+1]]`` are
    the neighbours of place ``p``, ``hops`` and ``distance`` (places, places), ``price`` the
    extra cost of a swap over each entry of ``near``.
    """
    blocks, qubits = len(at) - 1, len(place)
    left = waits.copy()
    front = np.empty(blocks + 1, np.int64)
    partner = np.empty((qubits, MOST_WANTED), np.int64)
    weight, wanted = np.empty((qubits, MOST_WANTED)), np.zeros(qubits, np.int64)
    decay, best = np.zeros(len(holds)), np.zeros(2, np.int64)
    met, gates = np.full(len(holds), -1, np.int64), np.zeros(len(holds), np.int64)
    fronts, count, since = 0, 0, 0
    for b in range(blocks):
        if left[b] == 0:
            front[fronts] = b
            fronts += 1
    fresh = True
    while fronts > 0:
        kept, k = 0, 0
        while k < fronts:  # carry out what can be; what it frees joins the list
            b = front[k]
            k += 1
            two = at[b + 1] - at[b] == 2
            if two and hops[place[who[at[b]]], place[who[at[b] + 1]]] != 1:
                front[kept] = b
                kept += 1
                continue
            if count >= len(steps):
                return -1
            steps[count, 0], steps[count, 1], steps[count, 2] = b, -1, -1
            count += 1
            fresh = True
            if two:
                x, y = place[who[at[b]]], place[who[at[b] + 1]]
                again = met[x] == y and met[y] == x
                gates[x] = gates[y] = need[b] + (gates[x] if again else 0)
                met[x], met[y] = y, x
            for e in range(first[b], first[b + 1]):
                left[edges[e]] -= 1
                if left[edges[e]] == 0:
                    front[fronts] = edges[e]
                    fronts += 1
        fronts = kept
        if fronts == 0:
            break
        if fresh:
            list_wanted(front, fronts, at, who, first, edges, left, partner, weight, wanted)
            decay[:] = 0.0
            fresh, since = False, 0
        if since > PATIENCE + 2 * len(holds):
            walk_nearest(front, fronts, at, who, place, near_at, near, hops, best)
        else:
            choose_swap(
                front, fronts, at, who, place, holds, partner, weight, wanted,
                near_at, near, distance, price, decay, met, gates, generator, best,
            )  # fmt: skip
        if count >= len(steps):
            return -1
        steps[count, 0], steps[count, 1], steps[count, 2] = -1, best[0], best[1]
        count += 1
        since += 1
        apply_swap(best[0], best[1], place, holds)
        met[best[0]] = met[best[1]] = -1
        if since % DECAY_RESET == 0:
            decay[:] = 0.0
        else:
            decay[best[0]] += DECAY
            decay[best[1]] += DECAY
    return count


@lazy_jit
def settle(
    at: Ints,
    who: Ints,
    need: Ints,
    waits: Ints,
    first: Ints,
    edges: Ints,
    back_waits: Ints,
    back_first: Ints,
    back_edges: Ints,
    near_at: Ints,
    near: Ints,
    hops: Ints,
    distance: Floats,
    price: Floats,
    place: Ints,
    holds: Ints,
    rounds: int,
    generator: np.random.Generator,
    start: Ints,
    steps: Ints,
) -> int:
    """``route`` there and back ``rounds`` times, and then once from where that led.

    ``back_*`` are the dependencies backwards in time; ``start`` receives the layout before
    the last pass. Returns what that one does.
    """
    for _ in range(rounds):
        route(at, who, need, waits, first, edges, near_at, near, hops, distance, price,
              place, holds, generator, steps)  # fmt: skip
        route(at, who, need, back_waits, back_first, back_edges, near_at, near, hops, distance,
              price, place, holds, generator, steps)  # fmt: skip
    start[:] = place
    return route(at, who, need, waits, first, edges, near_at, near, hops, distance, price,
                 place, holds, generator, steps)  # fmt: skip
