"""What the planner knows of a circuit of gates: sizes, classes and bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.kernel_facts import (
    BOND,
    BRANCHING,
    DIAGONAL,
    ENTANGLING,
    NON_CLIFFORD,
    WIDEST,
)
from markaz.quantum.simulate.survey import IS_CLIFFORD, survey

__all__ = ["IS_CLIFFORD", "SHOWN", "Facts", "describe", "line_order", "reordered"]

ORDER_FROM_QUBITS = 15  # below this a statevector is at hand and an order not worth finding
ORDER_FROM_BOND = 5
ANGLE_TOLERANCE = 1e-6
SAME_WORK = 1 - 1e-9  # what rounding makes of equal work in different forms of the survey
ORDER_UP_TO_DEGREE = 4  # pairs a qubit; among more, no order on a line is much better


# Quarters of pi in what an angle of a gate comes apart into, for each of its parameters.
TURNS = np.zeros((256, 4))
for _op, _gate in TABLE.items():
    TURNS[_op, : _gate.num_params] = 4 / np.pi
TURNS[[int(o) for o in (Op.CP, Op.CRX, Op.CRY, Op.CRZ)]] *= 0.5


@dataclass(frozen=True, slots=True)
class Facts:
    """Features of one component.

    ``bond`` bounds log2 of the matrix-product bond dimension in qubit order ``order``;
    ``bond_work`` is the sum over gates of the cubed bond bounds they touch; ``branching``
    counts gates that do not map basis states to basis states (2**branching bounds the
    number of nonzero amplitudes); ``non_clifford`` counts gates outside the Clifford
    group, ``rotations`` those among them that are sure not to be Clifford and T gates.
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
    rotations: int = 0
    order: tuple[int, ...] | None = None

    @property
    def clifford(self) -> bool:
        """Whether every gate is in the Clifford group."""
        return self.non_clifford == 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for people and logs, the order left out."""
        return {name: getattr(self, name) for name in SHOWN}


SHOWN = tuple(f.name for f in fields(Facts) if f.name != "order")


def _survey(circuit: Circuit, order: tuple[int, ...] | None = None) -> tuple[list[int], float]:
    """Counts and bond of ``survey_gates``, and the sum over bonds, in a qubit order."""
    place = np.arange(circuit.num_qubits, dtype=np.int32)
    if order is not None:
        place[list(order)] = np.arange(circuit.num_qubits, dtype=np.int32)
    return survey(circuit, place)


def _edges(circuit: Circuit) -> NDArray[np.int64]:
    """Pairs (k, 2) of qubits that a gate joins, of a wider gate its first with each other;
    each once, in order."""
    n, pool = circuit.num_qubits, circuit.pool
    plain = circuit.qubits[(circuit.op >= Op.CX) & (circuit.op < Op.MCX)].astype(np.int64)
    wide = plain[plain[:, 2] >= 0]
    start, size, _ = circuit.qubits[circuit.op >= Op.MCX].T
    others = size - 1
    at = np.arange(int(others.sum())) - np.repeat(np.cumsum(others) - others, others)
    pooled = np.repeat(pool[start], others).astype(np.int64) * n
    pooled += pool[np.repeat(start + 1, others) + at]
    keys = [plain[:, 0] * n + plain[:, 1], wide[:, 0] * n + wide[:, 2], pooled]
    found = np.sort(np.concatenate(keys))
    first = np.diff(found, prepend=-1) > 0  # np.unique loads a module at its first call
    return np.stack(np.divmod(found[first], n), axis=1)


def line_order(pairs: Iterable[tuple[int, int]], n: int) -> tuple[int, ...]:
    """``n`` qubits in reverse Cuthill-McKee order of the interaction graph.

    Source: E. Cuthill and J. McKee, Reducing the bandwidth of sparse symmetric matrices,
    Proc. 24th ACM National Conference (1969); reversal after A. George (1971).
    """
    near: list[set[int]] = [set() for _ in range(n)]
    for a, b in pairs:
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
    counts, work = _survey(circuit)
    order, counts, work = _better_order(circuit, counts, work)
    return Facts(
        qubits=circuit.num_qubits,
        gates=len(circuit),
        entangling=counts[ENTANGLING],
        non_clifford=counts[NON_CLIFFORD],
        branching=counts[BRANCHING],
        diagonal=counts[DIAGONAL],
        widest=max(counts[WIDEST], 1),
        bond=counts[BOND],
        bond_work=work,
        rotations=_rotations(circuit) if counts[NON_CLIFFORD] else 0,
        order=order,
    )


def _rotations(circuit: Circuit) -> int:
    """Gates with an angle that is no multiple of pi/4 (pi/2 under a control)."""
    eighths = circuit.params * TURNS[circuit.op]
    return int((np.abs(eighths - np.rint(eighths)) > ANGLE_TOLERANCE).any(axis=1).sum())


def _better_order(
    circuit: Circuit, counts: list[int], work: float
) -> tuple[tuple[int, ...] | None, list[int], float]:
    """A qubit order with a lower bond, where one is worth looking for and found, and what
    the survey says in it."""
    n = circuit.num_qubits
    unchanged = None, counts, work
    # For a Clifford circuit a tableau is at hand.
    if n < ORDER_FROM_QUBITS or counts[BOND] <= ORDER_FROM_BOND or counts[NON_CLIFFORD] == 0:
        return unchanged
    pairs = _edges(circuit)
    if len(pairs) > ORDER_UP_TO_DEGREE * n:
        return unchanged
    order = line_order(map(tuple, pairs.tolist()), n)
    other, other_work = _survey(circuit, order)
    better = (other[BOND], other_work) < (counts[BOND], SAME_WORK * work)
    return (order, other, other_work) if better else unchanged
