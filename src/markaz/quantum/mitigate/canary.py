"""The canary: a Clifford twin of a circuit, built like it, with a known answer.

Angles of changes of frame become the nearest multiples of a quarter turn, and the gates before
the first two-qubit gate of each qubit are chosen so that a Pauli which is to be measured is 1 or
-1 exactly. Two-qubit gates, their order and the measured bases are those of the circuit itself, so
its noise is nearly the same, as far as noise does not depend on the angles. The idea of learning
from near-Clifford circuits is P. Czarnik et al., Quantum 5, 592 (2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.mitigate.observe import Letters
from markaz.quantum.mitigate.paulis import (
    LETTERS,
    PauliString,
    adjoint,
    nearest_quarter,
    unitary,
)
from markaz.quantum.mitigate.weave import Loom
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Op

MOST_ANSWERS = 24  # Paulis that a twin's answer is asked for

# Gates that take Z to X, Y and Z.
_S = 0.5**0.5
FROM_Z = {
    1: np.array([[_S, _S], [_S, -_S]], np.complex128),
    2: np.array([[_S, 1j * _S], [1j * _S, _S]], np.complex128),
    3: np.eye(2, dtype=np.complex128),
}


def twin(
    circuit: Circuit, wanted: Sequence[Letters], fabric: Fabric
) -> tuple[Circuit, list[tuple[int, int]]]:
    """The twin of a circuit without measurements, and its answers: (place in ``wanted``,
    value 1 or -1), for as many of the Paulis as can be sharp at once, the first always.

    Raises ValueError for gates that no multiple of a quarter turn makes Clifford.
    """
    rows = [_rounded(circuit, i) for i in range(len(circuit))]
    first = _first_pair(circuit)
    chosen: dict[int, int] = {}
    answers: list[tuple[int, int]] = []
    for t, letters in enumerate(wanted):
        if len(answers) >= MOST_ANSWERS:
            break
        back = _carried_back(circuit, rows, first, letters)
        if all(chosen.get(q, c) == c for q, c in back.letters.items()):
            chosen.update(back.letters)
            answers.append((t, back.sign))
    return _written(circuit, rows, first, chosen, fabric), answers


Row = tuple[int, tuple[float, ...], tuple[int, ...]]


def _rounded(circuit: Circuit, i: int) -> Row:
    """Operation ``i`` with its angles rounded."""
    op = int(circuit.op[i])
    if op > LAST_GATE or op == Op.ID:
        return op, tuple(circuit.params[i].tolist()), tuple(circuit.operands(i))
    count = TABLE[Op(op)].num_params
    angles = [nearest_quarter(v) for v in circuit.params[i, :count].tolist()]
    params = tuple([*angles, 0.0, 0.0, 0.0, 0.0][:4])
    if op in (Op.T, Op.TDG):
        op = int(Op.S if op == Op.T else Op.SDG)
    return op, params, tuple(circuit.operands(i))


def _first_pair(circuit: Circuit) -> dict[int, int]:
    """The index of each qubit's first two-qubit gate; the circuit's length without one."""
    found = dict.fromkeys(range(circuit.num_qubits), len(circuit))
    for i in range(len(circuit) - 1, -1, -1):
        if circuit.op[i] <= LAST_GATE and circuit.qubits[i, 1] >= 0:
            for q in circuit.operands(i):
                found[q] = i
    return found


def _carried_back(
    circuit: Circuit, rows: Sequence[Row], first: dict[int, int], letters: Letters
) -> PauliString:
    """The Pauli before everything but each qubit's first gates."""
    pauli = PauliString({q: LETTERS.index(c) for q, c in letters.items()})
    for i in range(len(rows) - 1, -1, -1):
        op, params, qubits = rows[i]
        if op > LAST_GATE or op == Op.ID or (len(qubits) == 1 and i < first[qubits[0]]):
            continue
        pauli.conjugate(*adjoint(op, params), qubits)
    return pauli


def _written(
    circuit: Circuit,
    rows: Sequence[Row],
    first: dict[int, int],
    chosen: dict[int, int],
    fabric: Fabric,
) -> Circuit:
    loom = Loom(circuit.num_qubits, 1, fabric)
    loom.pool = circuit.pool.tolist()
    for q, letter in chosen.items():
        loom.turn(q, FROM_Z[letter])
    for i, (op, params, qubits) in enumerate(rows):
        if op > LAST_GATE or op == Op.ID:
            for q in qubits:
                loom.flush(q)
            if op == Op.BARRIER:
                loom.barrier(list(qubits))
            else:
                loom.write(op, qubits, params[0])
        elif len(qubits) == 2:
            loom.flush(qubits[0])
            loom.flush(qubits[1])
            loom.write(op, qubits, params[0])
        elif i >= first[qubits[0]] or qubits[0] not in chosen:
            loom.turn(qubits[0], unitary(op, params))
    return loom.finish(circuit)[0]
