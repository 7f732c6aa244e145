"""Placement: where on the device a circuit that needs no swaps errs least.

A branch-and-bound search over embeddings of the circuit's graph of interactions into the
device's graph of couplers. Costs are -log fidelity and add up: a node's (readout and pulses
of one qubit) and an edge's (native two-qubit gates of one pair). The same search moves a
routed circuit, whose graph fits by construction, to the place where it errs least.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@lazy_jit
def order_nodes(at: Ints, to: Ints, order: Ints, parent: Ints) -> None:
    """An order in which every node, if it can, follows a neighbour: ``parent[k]``.

    ``to[at[u]:at[u+1]]`` are the neighbours of node ``u``; ``parent`` is -1 at the first
    node of a component. Nodes with most neighbours already ordered come first, then those
    with most neighbours.
    """
    count = len(at) - 1
    done = np.zeros(count, np.bool_)
    seen = np.zeros(count, np.int64)
    for k in range(count):
        best = -1
        for u in range(count):
            if done[u]:
                continue
            if (
                best < 0
                or seen[u] > seen[best]
                or (seen[u] == seen[best] and at[u + 1] - at[u] > at[best + 1] - at[best])
            ):
                best = u
        order[k], parent[k] = best, -1
        done[best] = True
        for j in range(at[best], at[best + 1]):
            if done[to[j]] and parent[k] < 0:
                parent[k] = to[j]
            seen[to[j]] += 1


@lazy_jit
def extra_cost(
    u: int,
    p: int,
    at: Ints,
    to: Ints,
    weight: Floats,
    node_cost: Floats,
    edge_cost: Floats,
    place: Ints,
) -> float:
    """Cost of putting node ``u`` at ``p``; infinite where a coupler is missing."""
    cost = float(node_cost[u, p])
    for j in range(at[u], at[u + 1]):
        q = place[to[j]]
        if q >= 0:
            cost += weight[j] * edge_cost[p, q]
    return cost


@lazy_jit
def least_rests(
    order: Ints, at: Ints, to: Ints, weight: Floats, node_cost: Floats, cheapest: float
) -> Floats:
    """For each depth a bound from below on the cost of the nodes that are not placed yet."""
    count = len(order)
    rest = np.zeros(count + 1)
    done = np.zeros(count, np.bool_)
    own = np.zeros(count)
    for k in range(count):
        u = order[k]
        low = np.inf
        for p in range(node_cost.shape[1]):
            low = min(low, node_cost[u, p])
        own[k] = low
        for j in range(at[u], at[u + 1]):
            if done[to[j]]:
                own[k] += weight[j] * cheapest
        done[u] = True
    for k in range(count - 1, -1, -1):
        rest[k] = rest[k + 1] + own[k]
    return rest


@lazy_jit
def place_nodes(
    at: Ints,
    to: Ints,
    weight: Floats,
    node_cost: Floats,
    near_at: Ints,
    near: Ints,
    edge_cost: Floats,
    steps: int,
    bound: float,
    result: Ints,
) -> float:
    """The cheapest embedding found within ``steps`` placements; infinite if none.

    ``node_cost`` (nodes, places); ``edge_cost`` (places, places), infinite without a
    coupler; only embeddings cheaper than ``bound`` count. ``result`` (nodes,) receives the
    place of each node.
    """
    nodes, places = len(at) - 1, len(near_at) - 1
    order, parent = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order_nodes(at, to, order, parent)
    cheapest = np.inf
    for p in range(places):
        for j in range(near_at[p], near_at[p + 1]):
            cheapest = min(cheapest, edge_cost[p, near[j]])
    rest = least_rests(order, at, to, weight, node_cost, cheapest if cheapest < np.inf else 0.0)
    place, taken = np.full(nodes, -1, np.int64), np.zeros(places, np.bool_)
    choice = np.empty((nodes + 1, places), np.int64)  # candidates of each depth, dearest first
    price = np.empty((nodes + 1, places))
    open_at = np.zeros(nodes + 1, np.int64)
    spent = np.zeros(nodes + 1)
    found, depth, entered = np.inf, 0, True
    best = bound
    while depth >= 0:
        if depth == nodes:
            if spent[depth] < best:
                best = found = spent[depth]
                for u in range(nodes):
                    result[u] = place[u]
            depth -= 1
            entered = False
            continue
        u = order[depth]
        if entered:
            count = 0
            many = places if parent[depth] < 0 else near_at[place[parent[depth]] + 1]
            low = 0 if parent[depth] < 0 else near_at[place[parent[depth]]]
            for j in range(low, many):
                p = j if parent[depth] < 0 else near[j]
                if taken[p]:
                    continue
                if near_at[p + 1] - near_at[p] < at[u + 1] - at[u]:
                    continue
                cost = extra_cost(u, p, at, to, weight, node_cost, edge_cost, place)
                if spent[depth] + cost + rest[depth + 1] >= best:
                    continue
                k = count
                while k > 0 and price[depth, k - 1] < cost:
                    price[depth, k], choice[depth, k] = price[depth, k - 1], choice[depth, k - 1]
                    k -= 1
                price[depth, k], choice[depth, k] = cost, p
                count += 1
            open_at[depth] = count
        elif place[u] >= 0:
            taken[place[u]] = False
            place[u] = -1
        steps -= 1
        if steps < 0:
            break
        entered = False
        while open_at[depth] > 0:
            open_at[depth] -= 1
            p, cost = choice[depth, open_at[depth]], price[depth, open_at[depth]]
            if spent[depth] + cost + rest[depth + 1] < best:
                place[u], taken[p] = p, True
                spent[depth + 1] = spent[depth] + cost
                entered = True
                break
        depth += 1 if entered else -1
    return found


@lazy_jit
def grow_region(
    start: int, size: int, near_at: Ints, near: Ints, cost: Floats, own: Floats, region: Ints
) -> int:
    """``size`` connected places around ``start`` with good couplers and many of them.

    ``cost`` (places, places) of a native gate, ``own`` (places,) of reading a place.
    Returns how many places there are; fewer where the device ends.
    """
    places = len(near_at) - 1
    inside = np.zeros(places, np.bool_)
    gain = np.full(places, -np.inf)
    here, count = start, 0
    while here >= 0 and count < size:
        region[count] = here
        count += 1
        inside[here] = True
        for j in range(near_at[here], near_at[here + 1]):
            q = near[j]
            if gain[q] == -np.inf:
                gain[q] = -own[q]
            gain[q] += 1.0 / (1.0 + 20.0 * cost[here, q])
        here = -1
        for q in range(places):
            if not inside[q] and gain[q] > -np.inf and (here < 0 or gain[q] > gain[here]):
                here = q
    return count
