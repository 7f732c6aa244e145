"""Gates between the same two qubits as one matrix: fewer decompositions for a matrix
product state, whose cost is one for each gate on two qubits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op, matrix

WORTH_IT: Final = 0.7  # of the gates on two qubits, that may be left at most

Matrix = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Block:
    """A unitary on one or two ``qubits``; the first is the lower bit of the matrix index."""

    qubits: tuple[int, ...]
    matrix: Matrix


def paired(circuit: Circuit) -> list[Block] | None:
    """The gates as blocks, in order, up to a global phase; None where there are wider gates
    or too few neighbours in time on the same pair to repay it."""
    if bool((circuit.op >= Op.CCX).any()):
        return None
    qubits = [(a, b) for a, b, _ in circuit.qubits.tolist()]
    if _blocks_left(qubits) > WORTH_IT * sum(b >= 0 for _, b in qubits):
        return None
    return _merged(circuit, qubits)


def _blocks_left(qubits: list[tuple[int, int]]) -> int:
    partner: dict[int, int] = {}
    left = 0
    for a, b in qubits:
        if b >= 0 and not (partner.get(a) == b and partner.get(b) == a):
            partner[a], partner[b] = b, a
            left += 1
    return left


def _merged(circuit: Circuit, qubits: list[tuple[int, int]]) -> list[Block]:
    alone: dict[int, Matrix] = {}  # gates on qubits that no pair has touched yet
    last: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    made: list[Matrix] = []
    for (a, b), op, row in zip(qubits, circuit.op.tolist(), circuit.params.tolist(), strict=True):
        gate = np.array(matrix(op, tuple(row[: TABLE[op].num_params])), np.complex128)
        if b >= 0 and not (a in last and last.get(a) == last.get(b)):
            one = np.eye(2, dtype=np.complex128)
            made.append(np.asarray(np.kron(alone.pop(b, one), alone.pop(a, one)), np.complex128))
            pairs.append((a, b))
            last[a] = last[b] = len(made) - 1
        if a not in last:
            alone[a] = gate @ alone[a] if a in alone else gate
        else:
            made[last[a]] = _applied(gate, made[last[a]], (a, b), pairs[last[a]])
    return [Block((q,), m) for q, m in alone.items()] + [
        Block(pair, m) for pair, m in zip(pairs, made, strict=True)
    ]


def _applied(gate: Matrix, block: Matrix, qubits: tuple[int, int], pair: tuple[int, int]) -> Matrix:
    """``gate`` on ``qubits`` (the second -1: on one) after ``block`` on ``pair``."""
    if qubits[1] >= 0:
        crossed = gate.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        found: Matrix = (gate if qubits == pair else crossed) @ block
    elif qubits[0] == pair[0]:
        found = np.matmul(gate, block.reshape(2, 2, 4)).reshape(4, 4)
    else:
        found = (gate @ block.reshape(2, 8)).reshape(4, 4)
    return found
