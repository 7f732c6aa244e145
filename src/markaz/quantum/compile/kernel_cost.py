"""What a routed circuit is expected to cost: -log fidelity of its gates and idle times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@lazy_jit
def apply_swap(a: int, b: int, place: Ints, holds: Ints) -> None:
    """Exchange what the places a and b hold; -1 is nothing."""
    u, v = holds[a], holds[b]
    holds[a], holds[b] = v, u
    if u >= 0:
        place[u] = b
    if v >= 0:
        place[v] = a


@lazy_jit
def block_cost(gates: int, swapped: bool) -> int:
    """Native two-qubit gates that a merged block needs, at most."""
    if not swapped:
        return min(gates, 3)
    return 2 if gates == 1 else 3


@lazy_jit
def close_pair(
    p: int,
    partner: Ints,
    gates: Ints,
    swapped: NDArray[np.bool_],
    uses: Floats,
    free: Floats,
    begun: Floats,
    busy: Floats,
    pair_ns: Floats,
    pulse_ns: float,
) -> None:
    """Count the block that place ``p`` is in, and when it ends; ``p`` is in none then."""
    q = partner[p]
    if q < 0:
        return
    partner[p] = partner[q] = -1
    low, high = min(p, q), max(p, q)
    if gates[low] == 0 and not swapped[low]:
        return
    need = block_cost(gates[low], swapped[low])
    uses[low, high] += need
    start = max(free[p], free[q])
    length = need * pair_ns[p, q] + (need + 1) * pulse_ns
    for side in range(2):
        r = p if side == 0 else q
        begun[r] = min(begun[r], start)
        free[r] = start + length
        busy[r] += length


@lazy_jit
def steps_cost(
    steps: Ints,
    count: int,
    at: Ints,
    who: Ints,
    need: Ints,
    place: Ints,
    holds: Ints,
    cost: Floats,
    pair_ns: Floats,
    pulse_ns: float,
    rate: Floats,
    uses: Floats,
) -> float:
    """Expected cost, -log fidelity, of a routed circuit's two-qubit gates and idle times.

    ``need[b]`` native gates of block ``b``; ``cost`` and ``pair_ns`` (places, places) of one
    native gate on each pair; ``rate`` (places,) cost of a nanosecond's waiting. ``place``
    and ``holds`` are the layout before the first step and are changed to that after the last.
    ``uses`` (places, places) receives the number of native gates of each pair.
    """
    places = len(holds)
    partner = np.full(places, -1, np.int64)
    gates, swapped = np.zeros(places, np.int64), np.zeros(places, np.bool_)
    free, begun, busy = np.zeros(places), np.full(places, np.inf), np.zeros(places)
    uses[:] = 0.0
    for k in range(count):
        b = steps[k, 0]
        if b >= 0 and need[b] == 0:
            latest = 0.0
            for j in range(at[b], at[b + 1]):
                x = place[who[j]]
                close_pair(x, partner, gates, swapped, uses, free, begun, busy, pair_ns, pulse_ns)
                latest = max(latest, free[x])
            for j in range(at[b], at[b + 1]):
                free[place[who[j]]] = latest
            continue
        if b >= 0:
            x, y = place[who[at[b]]], place[who[at[b] + 1]]
        else:
            x, y = steps[k, 1], steps[k, 2]
            apply_swap(x, y, place, holds)
        if partner[x] != y:
            close_pair(x, partner, gates, swapped, uses, free, begun, busy, pair_ns, pulse_ns)
            close_pair(y, partner, gates, swapped, uses, free, begun, busy, pair_ns, pulse_ns)
            partner[x], partner[y] = y, x
            gates[min(x, y)], swapped[min(x, y)] = 0, False
        if b >= 0:
            gates[min(x, y)] += need[b]
        else:
            swapped[min(x, y)] = not swapped[min(x, y)]
    total = 0.0
    for p in range(places):
        close_pair(p, partner, gates, swapped, uses, free, begun, busy, pair_ns, pulse_ns)
    for p in range(places):
        if begun[p] < np.inf:
            total += rate[p] * (free[p] - begun[p] - busy[p])
        for q in range(p + 1, places):
            if uses[p, q] > 0:
                total += uses[p, q] * cost[p, q]
    return total
