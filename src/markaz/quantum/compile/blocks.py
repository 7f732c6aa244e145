"""Runs of operations on one pair of qubits, which the router moves as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Native two-qubit gates that an operation needs, by name; any other needs three.
_NEEDS = {
    **dict.fromkeys(("cx", "cz", "cy", "ch", "ecr"), 1),
    **dict.fromkeys(("cp", "crx", "cry", "crz", "cu", "rxx", "ryy", "rzz", "rzx"), 2),
    **dict.fromkeys(("iswap", "dcx", "cs", "csdg", "csx", "cu1", "cu3"), 2),
}
MOST_NEEDED = 3


@dataclass(slots=True)
class Blocks:
    """Block ``b`` acts on ``who[b]`` and holds the operations ``members[b]`` (indices, in
    order); ``need[b]`` native gates, 0 for a barrier. ``tail`` are the operations after
    the last block of their qubit."""

    who: list[tuple[int, ...]] = field(default_factory=list)
    need: list[int] = field(default_factory=list)
    members: list[list[int]] = field(default_factory=list)
    tail: list[int] = field(default_factory=list)

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """(offsets, qubits, need) as the kernels take them."""
        sizes = [len(w) for w in self.who]
        at = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        flat = np.array([q for w in self.who for q in w], np.int64)
        return at, flat, np.array(self.need, np.int64)


def collect(operations: Iterable[tuple[str, Sequence[int]]], qubits: int) -> Blocks:
    """Blocks of (name, qubits) operations on at most two qubits, barriers on any number."""
    blocks = Blocks()
    pending: list[list[int]] = [[] for _ in range(qubits)]
    last = [-1] * qubits
    for i, (name, where) in enumerate(operations):
        if len(where) == 1:
            pending[where[0]].append(i)
            continue
        b = last[where[0]]
        pair = name != "barrier" and len(where) == 2
        if not (pair and b >= 0 and b == last[where[1]] and blocks.need[b]):
            b = len(blocks.who)
            blocks.who.append(tuple(where))
            blocks.need.append(0)
            blocks.members.append([])
            for q in where:
                last[q] = b
        _take(blocks, b, where, pending)
        blocks.members[b].append(i)
        if pair:
            blocks.need[b] = min(MOST_NEEDED, blocks.need[b] + _NEEDS.get(name, MOST_NEEDED))
    blocks.tail = sorted(i for rest in pending for i in rest)
    return blocks


def _take(blocks: Blocks, b: int, where: Sequence[int], pending: list[list[int]]) -> None:
    """Move what waits on these qubits into the block; order matters within a qubit only."""
    for q in where:
        blocks.members[b] += pending[q]
        pending[q].clear()
