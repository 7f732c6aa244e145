"""The gates that expectation values see: final measurements go, others are moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.classical import bits_of
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.programs.transform import select
from markaz.quantum.simulate.defer import deferred
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.settle import settle


@dataclass(frozen=True, slots=True)
class Seen:
    """A circuit of gates; qubit ``q`` of the program is its qubit ``wires[q]`` (None: all
    are as they were)."""

    circuit: Circuit
    wires: NDArray[np.int32] | None = None

    def moved(self, pauli: Pauli) -> Pauli:
        """A string of the program's qubits as one of the circuit's."""
        if self.wires is None:
            return pauli
        return Pauli(tuple(sorted((int(self.wires[q]), f) for q, f in pauli.factors)))


def seen_by_values(circuit: Circuit) -> Seen:
    """The gates of a program.

    Final measurements are left out; those whose qubit or result is used again are part of
    the program, so that it is the average over results that is seen. ProgramError
    ``unsupported`` where results steer more than ``defer.deferred`` takes.
    """
    circuit = settle(circuit)
    if not circuit.is_dynamic:
        return Seen(_gates(circuit))
    static = deferred(without_final(circuit))
    if static is None:
        raise ProgramError(
            "unsupported",
            "expectation values of a program whose measurements steer loops, assignments, "
            "nested blocks or comparisons of more than bits with constants",
        )
    # A copy that nobody looks at takes the coherence that a measurement takes.
    held = [q for q, wire in enumerate(static.qubits.tolist()) if wire in static.kept]
    return Seen(_observed(static.circuit, static.qubits[held]), static.qubits)


def _gates(circuit: Circuit) -> Circuit:
    return select(circuit, np.flatnonzero(circuit.op <= LAST_GATE))


def _observed(circuit: Circuit, wires: NDArray[np.int32]) -> Circuit:
    """The circuit, then each of the wires copied to a new one."""
    count, n = len(wires), circuit.num_qubits
    copies = np.full((count, 3), -1, np.int32)
    copies[:, 0], copies[:, 1] = wires, np.arange(n, n + count)
    return circuit.with_arrays(
        num_qubits=n + count,
        op=np.append(circuit.op, np.full(count, Op.CX, np.uint8)),
        qubits=np.vstack([circuit.qubits, copies]),
        params=np.vstack([circuit.params, np.zeros((count, 4))]),
        aux=np.append(circuit.aux, np.full(count, -1, np.int32)),
    )


def without_final(circuit: Circuit) -> Circuit:
    """The circuit without measurements of qubits that nothing touches afterwards into bits
    that nothing reads afterwards."""
    used: set[int] = set()
    read: set[int] = set()
    keep = np.ones(len(circuit), np.bool_)
    depth = 0
    for i in range(len(circuit) - 1, -1, -1):
        op = int(circuit.op[i])
        depth += (op == Op.END) - (op in (Op.IF, Op.WHILE))
        if op in (Op.IF, Op.WHILE, Op.ASSIGN):
            read |= bits_of(circuit.exprs[circuit.aux[i]])
        elif op == Op.MEASURE and depth == 0:
            qubit, bit = int(circuit.qubits[i, 0]), int(circuit.aux[i])
            keep[i] = qubit in used or bit in read
            used.add(qubit)
        elif op <= Op.RESET:
            used.update(circuit.operands(i))
    return circuit.with_arrays(
        op=circuit.op[keep],
        qubits=circuit.qubits[keep],
        params=circuit.params[keep],
        aux=circuit.aux[keep],
    )
