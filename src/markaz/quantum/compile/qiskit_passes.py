"""Qiskit's pipeline with our layout and routing in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import (
    Delay,
    IfElseOp,
    Measure,
    Parameter,
    QuantumCircuit,
    Reset,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import BreakLoopOp, ContinueLoopOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import (
    InstructionProperties,
    PassManager,
    StagedPassManager,
    Target,
    generate_preset_pass_manager,
)
from qiskit.transpiler.passes import CollectCliffords, HighLevelSynthesis, VF2PostLayout

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.compile.qiskit_routing import PLACES, RouteByError

Ints = NDArray[np.int64]

_NS = 1e-9
_STANDARD = get_standard_gate_name_mapping()


def basis(fabric: Fabric, *, dynamic: bool) -> Target:
    """The device with RZ and SX as its only one-qubit gates: what every kind of quarter turn
    is a shift of phase away from."""
    target = Target(num_qubits=fabric.n)
    usable = [int(q) for q in range(fabric.n) if fabric.usable[q]]
    pulses = {
        (q,): InstructionProperties(fabric.pulse_ns[q] * _NS, float(fabric.pulse_error[q]))
        for q in usable
    }
    target.add_instruction(_STANDARD["rz"].base_class(Parameter("angle")), {
        (q,): InstructionProperties(0.0, 0.0) for q in usable
    })  # fmt: skip
    target.add_instruction(_STANDARD["sx"], pulses)
    if fabric.flips:
        target.add_instruction(_STANDARD["x"], pulses)
    if len(fabric.pairs):
        target.add_instruction(_pair_gate(fabric), _pairs(fabric))
    target.add_instruction(Measure(), {
        (q,): InstructionProperties(fabric.read_ns[q] * _NS, float(fabric.read_error[q]))
        for q in usable
    })  # fmt: skip
    target.add_instruction(Reset(), {(q,): None for q in usable})
    target.add_instruction(Delay(Parameter("time")), {(q,): None for q in usable})
    if dynamic:
        for kind, name in _CONTROL.items():
            target.add_instruction(kind, name=name)
    return target


_CONTROL: dict[Any, str] = {
    IfElseOp: "if_else",
    WhileLoopOp: "while_loop",
    BreakLoopOp: "break_loop",
    ContinueLoopOp: "continue_loop",
}


def _pair_gate(fabric: Fabric) -> Any:
    gate = _STANDARD[fabric.pair_gate]
    return gate.base_class(Parameter("angle")) if gate.params else gate


def _pairs(fabric: Fabric) -> dict[tuple[int, int], Any]:
    rows = zip(fabric.pairs.tolist(), fabric.pair_ns, fabric.pair_error, strict=True)
    found = {(a, b): InstructionProperties(ns * _NS, float(e)) for (a, b), ns, e in rows}
    if fabric.pair_gate != "ecr":  # the others do not care which qubit comes first
        found |= {(b, a): p for (a, b), p in found.items()}
    return found


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Qiskit's stages of one level for one device; ``routing`` is None where control flow
    leaves layout and routing to Qiskit."""

    manager: StagedPassManager
    routing: RouteByError | None

    def run(self, circuit: QuantumCircuit, seed: int) -> tuple[QuantumCircuit, Ints, Ints]:
        """The circuit in the basis on physical qubits, and the places of the program's
        qubits at its start and at its end."""
        if self.routing is not None:
            self.routing.seed = seed
            made = self.manager.run(circuit)
            return (made, *self.manager.property_set[PLACES])
        made = self.manager.run(circuit)
        start = np.array(made.layout.initial_index_layout(filter_ancillas=True), np.int64)
        return made, start, np.array(made.layout.final_index_layout(), np.int64)


def static_pipeline(fabric: Fabric, level: int) -> Pipeline:
    """For circuits without control flow: Qiskit's stages around our layout and routing."""
    target = basis(fabric, dynamic=False)
    manager = generate_preset_pass_manager(level, target=target, seed_transpiler=0)
    routing = RouteByError(fabric, level)
    manager.layout = PassManager([routing])
    manager.routing = None
    manager.optimization = _without_post_layout(manager.optimization)
    return Pipeline(manager, routing)


def clifford_pipeline(fabric: Fabric, level: int) -> Pipeline:
    """For Clifford circuits: the same, with pairs put together as Clifford operations.

    Qiskit's synthesis of matrices would leave gates that are Clifford only together, and
    whoever simulates the result by stabilisers could not.
    """
    target = basis(fabric, dynamic=False)
    manager = generate_preset_pass_manager(min(level, 1), target=target, seed_transpiler=0)
    routing = RouteByError(fabric, level)
    manager.layout = PassManager([routing])
    manager.routing = PassManager()
    if level > 1:
        manager.routing = PassManager([CollectCliffords(max_block_width=2), HighLevelSynthesis()])
    return Pipeline(manager, routing)


def dynamic_pipeline(fabric: Fabric, level: int, seed: int) -> Pipeline:
    """For circuits with control flow, reset or reused bits: all is Qiskit's."""
    target = basis(fabric, dynamic=True)
    manager = generate_preset_pass_manager(level, target=target, seed_transpiler=seed)
    return Pipeline(manager, None)


def _without_post_layout(stage: PassManager | None) -> PassManager | None:
    """The stage without its own search for a better place, which ours has done."""
    if stage is None:
        return None
    kept = PassManager()
    for k in range(len(stage)):
        tasks = stage[k].to_flow_controller().tasks
        if not any(isinstance(task, VF2PostLayout) for task in tasks):
            kept.append(list(tasks))
    return kept if len(kept) else None
