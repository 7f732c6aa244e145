"""Runs the passes over a circuit of gates and splits what is left into components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.simplify.kernel_whole import Left, simplify_gates
from markaz.quantum.simulate.simplify.networks import shortened
from markaz.quantum.simulate.simplify.outcome import ClassicalLogic, Part, Simplified

STEPS_PER_GATE = 25  # interpreted inner steps a gate, for choosing the kernel's form
NON_CLIFFORD_LIST = [int(o in TABLE and not TABLE[Op(o)].flags & Flag.CLIFFORD) for o in range(256)]
NON_CLIFFORD = np.array(NON_CLIFFORD_LIST, np.uint8)
_MEASURE = int(Op.MEASURE)


def is_fast(operations: int) -> bool:
    """Whether compiled passes finish first, loading them included."""
    return simplify_gates.worth_it(operations * STEPS_PER_GATE)


def _passed(
    circuit: Circuit, asked: NDArray[np.uint8], level: NDArray[np.uint8], smallest: int
) -> Left:
    """The passes over all operations of a circuit; those that are no gates are skipped."""
    if is_fast(len(circuit)):
        return simplify_gates.fast(
            as_arg(circuit.op, np.uint8),
            as_arg(circuit.qubits, np.int32).reshape(-1),
            as_arg(circuit.params, np.float64).reshape(-1),
            as_arg(circuit.pool, np.int32),
            *(asked, level, NON_CLIFFORD, smallest),
        )
    left = simplify_gates.py(
        circuit.op.tolist(),
        circuit.qubits.ravel().tolist(),
        circuit.params.ravel().tolist(),
        circuit.pool.tolist(),
        *(asked.tolist(), level.tolist(), NON_CLIFFORD_LIST, smallest),
    )
    return left._replace(
        wire=np.array(left.wire, np.int32),
        need=np.array(left.need, np.uint8),
        ones=np.array(left.ones, np.float64),
    )


def _parts(left: Left) -> list[Part]:
    return [_part(left, k) for k in range(left.parts)]


def _part(left: Left, k: int) -> Part:
    a, b = int(left.gate_at[k]), int(left.gate_at[k + 1])
    wires = np.asarray(left.members[left.wire_at[k] : left.wire_at[k + 1]], np.int32)
    circuit = Circuit(
        len(wires),
        0,
        np.asarray(left.op[a:b], np.uint8),
        np.asarray(left.q[3 * a : 3 * b], np.int32).reshape(-1, 3),
        np.asarray(left.p[4 * a : 4 * b], np.float64).reshape(-1, 4),
        np.full(b - a, -1, np.int32),
        np.asarray(left.pool, np.int32),
    )
    return Part(circuit, wires, left.need[wires].nonzero()[0].astype(np.int32))


def simplify(circuit: Circuit, measured: Sequence[tuple[int, int]] | None = None) -> Simplified:
    """Simplify a circuit whose only non-unitary operations are final measurements.

    ``measured`` are (qubit, classical bit) pairs; by default those of the circuit. Exact
    for the joint distribution of the measured bits.
    """
    qubits, bits = _measured(circuit) if measured is None else _columns(measured)
    circuit, fewer = shortened(circuit)
    asked = np.zeros(circuit.num_qubits, np.uint8)
    asked[qubits] = 1
    left = _passed(circuit, asked, np.zeros_like(asked), 2)
    parts = tuple(_parts(left))
    singles = (left.ones >= 0).nonzero()[0].astype(np.int32)
    return Simplified(
        circuit.num_qubits,
        parts,
        singles,
        left.ones[singles],
        ClassicalLogic(
            np.asarray(left.logic_op, np.uint8),
            np.asarray(left.logic_q, np.int32),
            np.asarray(left.logic_pool, np.int32),
        ),
        bits,
        left.wire[qubits],
        left.gates + fewer,
        sum(len(p.circuit) for p in parts),
    )


def _measured(circuit: Circuit) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    where = (circuit.op == _MEASURE).nonzero()[0]
    return circuit.qubits[where, 0], circuit.aux[where]


def _columns(
    pairs: Sequence[tuple[int, int]],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    table = np.array(pairs, np.int32).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def simplify_values(
    circuit: Circuit, paulis: Sequence[Pauli]
) -> tuple[list[Part], NDArray[np.int32]]:
    """Simplify a circuit of gates for the expectation values of Pauli strings.

    Returns the components that some string touches (single qubits too; a wire in none of
    them is in state 0) and the wire of each qubit.
    """
    asked = np.zeros(circuit.num_qubits, np.uint8)
    level = np.zeros(circuit.num_qubits, np.uint8)
    for pauli in paulis:
        for qubit, factor in pauli.factors:
            asked[qubit] = 1
            # Gates diagonal on a wire that is only read in Z commute with the reading.
            level[qubit] = max(int(level[qubit]), 1 if factor == "Z" else 2)
    left = _passed(shortened(circuit)[0], asked, level, 1)
    return _parts(left), left.wire


def warm_kernels() -> None:
    """Load the compiled passes, or compile them once for this machine."""
    left = simplify_gates.fast(
        np.array([Op.H, Op.CX, Op.CX], np.uint8),
        np.array([0, -1, -1, 0, 1, -1, 1, 0, -1], np.int32),
        np.zeros(12),
        np.zeros(0, np.int32),
        *(np.ones(2, np.uint8), np.zeros(2, np.uint8), NON_CLIFFORD, 2),
    )
    logic = ClassicalLogic(left.logic_op, left.logic_q, left.logic_pool)
    logic.apply_compiled(np.zeros((2, 1), np.uint8))
