"""A circuit for a matrix product state: gates on neighbouring places of a line only.

A library that gets a gate on distant places swaps them next to each other and back again,
each swap at the cost of a gate on two. Here qubits stay where the next gates want them, a
swap and the gates on the same two places are one matrix, and gates that commute because
they keep basis states are taken in the order in which their qubits come together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Flag, Op, matrix
from markaz.quantum.simulate.kernels_route import (
    GATE_ROWS,
    PLACE,
    QUBIT_ROWS,
    STEP,
    multiply,
    route,
)

WORTH_IT: Final = 0.7  # of the work on two places, that may be left at most
LEAST_WORK: Final = 200  # gates and swaps on two places, below which nothing is changed
STEPS_EACH: Final = 300  # inner steps of a kernel for one of those

Matrix = NDArray[np.complex128]

_NARROW: Final = frozenset(range(int(Op.CCX)))


def _kept() -> NDArray[np.uint8]:
    """For each operation and its first two qubits, whether it commutes with Z there."""
    table = np.zeros((LAST_GATE + 1, 2), np.uint8)
    for op, gate in TABLE.items():
        if op < Op.CCX:
            diagonal = Flag.DIAGONAL in gate.flags
            table[op] = (diagonal or gate.controls > 0, diagonal)
    return table


KEPT: Final = _kept()


@dataclass(frozen=True, slots=True)
class Chain:
    """Unitaries in order: first ``alone`` (place, 2 x 2), then ``blocks[k]`` on the places
    ``sites[k]`` (the lower bit of the matrix index) and ``sites[k] + 1``. Qubit ``q`` starts
    at place ``q`` and ends at ``place[q]``. Up to a global phase."""

    alone: list[tuple[int, Matrix]]
    sites: list[int]
    blocks: Matrix  # (k, 4, 4)
    place: list[int]


def chained(circuit: Circuit) -> Chain | None:
    """The gates of a circuit on neighbouring places; None where that hardly saves work.

    It depends on the circuit alone, not on what is compiled: the samples of a seed do too.
    """
    work = line_work(circuit)
    if work < LEAST_WORK:
        return None
    circuit = to_ops(circuit, _NARROW)
    ends = np.ascontiguousarray(circuit.qubits[:, :2], np.int64).ravel()
    gates = np.empty((GATE_ROWS, len(ends)), np.int64)
    qubits = np.empty((QUBIT_ROWS, circuit.num_qubits), np.int64)
    steps = np.empty(STEP * (len(circuit) + work), np.int64)
    run = route.pick(STEPS_EACH * work)
    made, left = run(ends, KEPT[circuit.op].ravel(), gates, qubits, steps)
    if made < 0 or left > WORTH_IT * work:
        return None
    return _multiplied(circuit, ends, steps, made, left, qubits[PLACE].tolist())


def _multiplied(
    circuit: Circuit,
    ends: NDArray[np.int64],
    steps: NDArray[np.int64],
    made: int,
    left: int,
    place: list[int],
) -> Chain:
    """The ``made`` steps as ``left`` blocks."""
    n = circuit.num_qubits
    alone, last = np.empty(4 * n + 4, np.complex128), np.empty(n, np.int64)
    sites, blocks = np.empty(left, np.int64), np.empty(16 * left, np.complex128)
    run = multiply.pick(STEPS_EACH * left)
    run(steps, made, ends, _matrices(circuit), alone, last, sites, blocks)
    untouched = np.flatnonzero(last < 0).tolist()
    single = [(q, alone[4 * q : 4 * q + 4].reshape(2, 2)) for q in untouched]
    return Chain(single, sites.tolist(), blocks.reshape(left, 4, 4), place)


def line_work(circuit: Circuit) -> int:
    """Gates on two places, with the swaps there and back that gates on distant qubits need;
    0 where an operation has more qubits than the table knows."""
    if bool((circuit.op >= Op.MCX).any()):
        return 0
    pairs = circuit.qubits[circuit.op >= Op.CX]
    wide = pairs[pairs[:, 2] >= 0]
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    extra = np.abs(wide[:, 0] - wide[:, 2]) + np.abs(wide[:, 1] - wide[:, 2])
    return int((2 * apart - 1).sum()) + int((2 * extra).sum())


def _matrices(circuit: Circuit) -> Matrix:
    """16 numbers for each gate (4 used for those on one qubit), then those of a swap."""
    found = np.zeros((len(circuit) + 1, 16), np.complex128)
    known: dict[tuple[int, ...], int] = {}
    first: list[int] = []
    rows = zip(circuit.op.tolist(), circuit.params.tolist(), strict=True)
    for i, (op, params) in enumerate(rows):
        number = known.setdefault((op, *params), i)
        first.append(number)
        if number == i:
            values = [x for row in matrix(op, tuple(params)) for x in row]
            found[i, : len(values)] = values
    found[:-1] = found[first]
    found[-1] = np.array(matrix(int(Op.SWAP))).ravel()
    return found.ravel()
