"""An upper bound on the treewidth of a circuit's interaction graph.

Its vertices are the qubits, joined where a gate acts on both. A graph of treewidth w can be
taken apart along separators of w qubits, which bounds what contracting the circuit's qubits one
after another holds; a line has 1, a ring 2, a grid its shorter side, everything with everything
one less than its qubits.
"""

from __future__ import annotations

import heapq
from typing import Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op

MOST_QUBITS: Final = 2_000
MOST_STEPS: Final = 20_000  # pairs of qubits that are joined, some 5 ms

Graph = list[set[int]]


def treewidth_bound(circuit: Circuit) -> int | None:
    """Upper bound on the treewidth; None where the circuit is too large to look at.

    Greedy elimination of a vertex of least degree. Source: H. L. Bodlaender and A. M. C. A.
    Koster, Treewidth computations I. Upper bounds, Information and Computation 208 (2010).
    """
    graph = interactions(circuit)
    return None if graph is None else _eliminated(graph)


def interactions(circuit: Circuit) -> Graph | None:
    """Neighbours of each qubit; None beyond the limits above."""
    n = circuit.num_qubits
    pooled = {tuple(sorted(circuit.operands(i))) for i in _pooled(circuit)}
    if n > MOST_QUBITS or sum(len(group) ** 2 for group in pooled) > MOST_STEPS:
        return None
    pairs = _pairs(circuit)
    if len(pairs) > MOST_STEPS:
        return None
    near: Graph = [set() for _ in range(n)]
    for a, b in pairs:
        near[a].add(b)
        near[b].add(a)
    for group in pooled:
        for a in group:
            near[a].update(group)
            near[a].discard(a)
    return near


def _pooled(circuit: Circuit) -> list[int]:
    found = (circuit.op >= Op.MCX) & (circuit.op <= LAST_GATE)
    return [int(i) for i in np.flatnonzero(found)]


def _pairs(circuit: Circuit) -> list[tuple[int, int]]:
    """Pairs that gates of two or three qubits join, each once."""
    n = max(circuit.num_qubits, 1)
    plain = circuit.qubits[(circuit.op >= Op.CX) & (circuit.op < Op.MCX)].astype(np.int64)
    wide = plain[plain[:, 2] >= 0]
    columns = [plain[:, :2], wide[:, 1:], wide[:, ::2]]
    low, high = np.sort(np.concatenate(columns), axis=1).T
    first, second = np.divmod(np.unique(low * n + high), n)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _eliminated(near: Graph) -> int:
    """The largest degree met; where the steps run out, what the rest can at most have."""
    heap = [(len(others), v) for v, others in enumerate(near) if others]
    heapq.heapify(heap)
    left, width, steps = len(heap), 0, 0
    gone = [not others for others in near]
    while left > width + 1:
        degree, v = heapq.heappop(heap)
        if gone[v] or degree != len(near[v]):
            continue  # an entry from before its neighbours went
        steps += degree * degree
        if steps > MOST_STEPS:
            break
        gone[v], left, width = True, left - 1, max(width, degree)
        for other in near[v]:
            near[other] |= near[v]
            near[other] -= {v, other}
            heapq.heappush(heap, (len(near[other]), other))
    return max(width, left - 1, 0)
