"""What the planner knows of a circuit of gates: sizes, classes and bounds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Flag, Op
from markaz.quantum.simulate.kernel_facts import bond_profile

ORDER_FROM_QUBITS = 15  # below this a statevector is at hand and an order not worth finding
ORDER_FROM_BOND = 5
ORDER_UP_TO_DEGREE = 4  # pairs a qubit; among more, no order on a line is much better


def _mask(flag: Flag) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    for op, gate in TABLE.items():
        table[op] = bool(gate.flags & flag)
    return table


IS_CLIFFORD, IS_MONOMIAL, IS_DIAGONAL = map(_mask, (Flag.CLIFFORD, Flag.MONOMIAL, Flag.DIAGONAL))
# log2 of the operator Schmidt rank over any cut, an upper bound.
RANK = np.zeros(256, np.int64)
RANK[int(Op.CX) : LAST_GATE + 1] = 1
RANK[[int(o) for o in (Op.SWAP, Op.ISWAP, Op.DCX, Op.CSWAP, Op.RCCX)]] = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """Features of one component.

    ``bond`` bounds log2 of the matrix-product bond dimension in qubit order ``order``;
    ``bond_work`` is the sum over gates of the cubed bond bounds they touch; ``branching``
    counts gates that do not map basis states to basis states (2**branching bounds the
    number of nonzero amplitudes); ``non_clifford`` counts gates outside the Clifford
    group.
    """

    qubits: int
    gates: int
    entangling: int
    non_clifford: int
    branching: int
    diagonal: int
    widest: int
    bond: int
    bond_work: float
    order: tuple[int, ...] | None = None

    @property
    def clifford(self) -> bool:
        """Whether every gate is in the Clifford group."""
        return self.non_clifford == 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for people and logs, the order left out."""
        return {name: getattr(self, name) for name in SHOWN}


SHOWN = tuple(f.name for f in fields(Facts) if f.name != "order")


def _spans(circuit: Circuit) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Lowest qubit, highest qubit and log2 rank of every multi-qubit gate."""
    multi = np.flatnonzero(circuit.op >= Op.CX)
    op = circuit.op[multi]
    q = circuit.qubits[multi].astype(np.int64)
    pooled = op >= Op.MCX
    low = np.where(q >= 0, q, 1 << 60).min(axis=1, initial=1 << 60)
    high = q.max(axis=1, initial=-1)
    for i in np.flatnonzero(pooled).tolist():
        operands = circuit.operands(int(multi[i]))
        low[i], high[i] = min(operands), max(operands)
    return low, high, RANK[op]


def _profile(
    low: NDArray[np.int64], high: NDArray[np.int64], rank: NDArray[np.int64], n: int
) -> tuple[int, float]:
    work = int((high - low).sum()) * 2 + n
    if bond_profile.worth_it(work):
        bond, total = bond_profile.fast(low, high, rank, n, np.zeros(n + 1, np.int64))
    else:
        bond, total = bond_profile.py(low.tolist(), high.tolist(), rank.tolist(), n, [0] * (n + 1))
    return int(bond), float(total)


def _edges(circuit: Circuit) -> list[tuple[int, int]]:
    pairs: set[tuple[int, int]] = set()
    for i in np.flatnonzero(circuit.op >= Op.CX).tolist():
        operands = circuit.operands(i)
        pairs.update((operands[0], other) for other in operands[1:])
    return list(pairs)


def line_order(circuit: Circuit) -> tuple[int, ...]:
    """Qubits in reverse Cuthill-McKee order of the interaction graph.

    Source: E. Cuthill and J. McKee, Reducing the bandwidth of sparse symmetric matrices,
    Proc. 24th ACM National Conference (1969); reversal after A. George (1971).
    """
    n = circuit.num_qubits
    near: list[set[int]] = [set() for _ in range(n)]
    for a, b in _edges(circuit):
        near[a].add(b)
        near[b].add(a)
    seen = [False] * n
    order: list[int] = []
    for start in sorted(range(n), key=lambda v: len(near[v])):
        if not seen[start]:
            seen[start] = True
            order.append(start)
            _breadth_first(near, seen, order)
    return tuple(reversed(order))


def _breadth_first(near: list[set[int]], seen: list[bool], order: list[int]) -> None:
    at = len(order) - 1
    while at < len(order):
        for other in sorted(near[order[at]], key=lambda v: (len(near[v]), v)):
            if not seen[other]:
                seen[other] = True
                order.append(other)
        at += 1


def reordered(circuit: Circuit, order: tuple[int, ...]) -> Circuit:
    """The circuit with qubit ``order[i]`` at place ``i``."""
    place = np.empty(len(order), np.int32)
    place[list(order)] = np.arange(len(order), dtype=np.int32)
    plain = (circuit.op < Op.MCX)[:, None] & (circuit.qubits >= 0)
    qubits = np.where(plain, place[np.maximum(circuit.qubits, 0) % len(order)], circuit.qubits)
    return circuit.with_arrays(qubits=qubits.astype(np.int32), pool=place[circuit.pool])


def describe(circuit: Circuit) -> Facts:
    """Facts of a circuit of gates (no measurement or control flow)."""
    op, n = circuit.op, circuit.num_qubits
    low, high, rank = _spans(circuit)
    bond, work = _profile(low, high, rank, n)
    order = None
    clifford = bool(IS_CLIFFORD[op].all())  # then a tableau is at hand
    worth = n >= ORDER_FROM_QUBITS and bond > ORDER_FROM_BOND and not clifford
    if worth and len(np.unique(low * n + high)) <= ORDER_UP_TO_DEGREE * n:
        order = line_order(circuit)
        other, other_work = _profile(*_spans(reordered(circuit, order)), n)
        if (other, other_work) < (bond, work):
            bond, work = other, other_work
        else:
            order = None
    pooled = circuit.qubits[op >= Op.MCX, 1]
    return Facts(
        qubits=n,
        gates=len(op),
        entangling=len(low),
        non_clifford=int(np.count_nonzero(~IS_CLIFFORD[op])),
        branching=int(np.count_nonzero(~IS_MONOMIAL[op])),
        diagonal=int(np.count_nonzero(IS_DIAGONAL[op])),
        widest=int(pooled.max(initial=0)) or (3 if (op >= Op.CCX).any() else 1 + bool(len(low))),
        bond=bond,
        bond_work=work,
        order=order,
    )
