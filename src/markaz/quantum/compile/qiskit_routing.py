"""Our layout and routing as a pass of Qiskit's pipeline; imported where Qiskit is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.circuit import CircuitInstruction, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import SwapGate
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import TransformationPass

from markaz.quantum.compile.blocks import Blocks, collect
from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.compile.layout import Routed, Task, best_layout

PLACES = "markaz_places"  # property: (places at the start, at the end) by virtual qubit


class RouteByError(TransformationPass):  # type: ignore[misc]
    """Put a circuit of gates on at most two qubits, without control flow, on a device.

    Writes the property PLACES. Raises CompileError where it does not fit.
    """

    seed = 0  # set before each run

    def __init__(self, fabric: Fabric, level: int) -> None:
        super().__init__()
        self._fabric, self._level = fabric, level

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """The circuit on physical qubits, with swaps."""
        # A circuit's instructions can be moved to other qubits without making gate objects.
        circuit = dag_to_circuit(dag, copy_operations=False)
        index = {q: i for i, q in enumerate(circuit.qubits)}
        data = list(circuit.data)
        where = [tuple([index[q] for q in inst.qubits]) for inst in data]
        names = [inst.name for inst in data]
        blocks = collect(zip(names, where, strict=True), len(index))
        task = _task(self._fabric, blocks, names, where, len(index))
        routed = best_layout(task, self._level, self.seed)
        self.property_set[PLACES] = (routed.start, self._ends(dag, routed))
        made = _emit(circuit, self._fabric.n, data, where, blocks, routed)
        return circuit_to_dag(made, copy_operations=False)

    def _ends(self, dag: DAGCircuit, routed: Routed) -> Any:
        """Where each qubit of the program ends, elided swaps included."""
        moved = self.property_set["virtual_permutation_layout"]
        if moved is None:
            return routed.end
        self.property_set["virtual_permutation_layout"] = None  # Qiskit knows no layout of ours
        index = {q: i for i, q in enumerate(dag.qubits)}
        wires = np.arange(len(index))
        for qubit, wire in moved.get_virtual_bits().items():
            wires[wire] = index[qubit]
        return routed.end[wires]


def _task(
    fabric: Fabric,
    blocks: Blocks,
    names: list[str],
    where: list[tuple[int, ...]],
    qubits: int,
) -> Task:
    reads, pulses = np.zeros(qubits), np.zeros(qubits)
    for name, operands in zip(names, where, strict=True):
        if len(operands) == 1:
            reads[operands[0]] += name == "measure"
            pulses[operands[0]] += name not in ("measure", "barrier", "rz", "p", "z", "s", "t")
    return Task(fabric, blocks, qubits, reads, pulses)


def _emit(
    circuit: QuantumCircuit,
    places: int,
    data: list[CircuitInstruction],
    where: list[tuple[int, ...]],
    blocks: Blocks,
    routed: Routed,
) -> QuantumCircuit:
    out = QuantumCircuit(QuantumRegister(places, "q"), global_phase=circuit.global_phase)
    out.add_bits(circuit.clbits)
    for creg in circuit.cregs:
        out.add_register(creg)
    wires = out.qubits
    place = routed.start.tolist()
    holds = {p: q for q, p in enumerate(place)}
    swap, append = SwapGate(), out._append

    def put(i: int) -> None:
        append(data[i].replace(qubits=[wires[place[q]] for q in where[i]]))

    for block, p, q in routed.steps.tolist():
        if block >= 0:
            for i in blocks.members[block]:
                put(i)
            continue
        append(CircuitInstruction(swap, (wires[p], wires[q])))
        a, b = holds.pop(p, None), holds.pop(q, None)
        for held, there in ((a, q), (b, p)):
            if held is not None:
                place[held] = there
                holds[there] = held
    for i in blocks.tail:
        put(i)
    return out
