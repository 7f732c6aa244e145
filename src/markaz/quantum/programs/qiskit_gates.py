"""Qiskit's gates in terms of ours. Imported only by the Qiskit bridge."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from qiskit.circuit import AnnotatedOperation, ControlledGate, Gate, Operation, QuantumCircuit
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.circuit.library import (
    PermutationGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Clifford
from qiskit.synthesis import synth_permutation_basic

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import BY_NAME, POOLED, Op

MAX_MATRIX_QUBITS: Final = 6  # a unitary matrix beyond takes Qiskit more than a second

# Standard gates by Qiskit's name: our operation, its qubits, and Qiskit's parameters.
DIRECT: Final[dict[str, tuple[Op, int, int]]] = {
    name: (gate.op, gate.num_qubits, gate.num_params)
    for name, gate in BY_NAME.items()
    if gate.op not in POOLED
} | {
    "u1": (Op.P, 1, 1),
    "u3": (Op.U, 1, 3),
    "cu1": (Op.CP, 2, 1),
    "cu3": (Op.CU, 2, 3),
}

# Standard gates that are one of ours with other angles.
REWRITTEN: Final[dict[str, tuple[Op, Callable[..., Sequence[Any]]]]] = {
    "u2": (Op.U, lambda phi, lam: (math.pi / 2, phi, lam)),
    "r": (Op.U, lambda theta, phi: (theta, phi - math.pi / 2, math.pi / 2 - phi)),
}

# The same names by class; a class cannot be imitated by a custom gate, a name can.
_CLASS_NAMES: Final = {
    gate.base_class.__name__: name for name, gate in get_standard_gate_name_mapping().items()
}

# A base gate and its number of controls; ours puts the controls first, as Qiskit does.
_CONTROLLED: Final = {
    ("x", 1): Op.CX,
    ("x", 2): Op.CCX,
    ("y", 1): Op.CY,
    ("z", 1): Op.CZ,
    ("z", 2): Op.CCZ,
    ("h", 1): Op.CH,
    ("s", 1): Op.CS,
    ("sdg", 1): Op.CSDG,
    ("sx", 1): Op.CSX,
    ("p", 1): Op.CP,
    ("u1", 1): Op.CP,
    ("rx", 1): Op.CRX,
    ("ry", 1): Op.CRY,
    ("rz", 1): Op.CRZ,
    ("u", 1): Op.CU,
    ("u3", 1): Op.CU,
    ("swap", 1): Op.CSWAP,
}
_PHASES: Final = {
    "z": math.pi,
    "s": math.pi / 2,
    "sdg": -math.pi / 2,
    "t": math.pi / 4,
    "tdg": -math.pi / 4,
}


def controlled(gate: ControlledGate) -> tuple[Op, Sequence[Any]] | None:
    """Operation and parameters of the gate with all controls closed; None if not ours."""
    base = gate.base_gate
    name = _CLASS_NAMES.get(base.base_class.__name__)
    if name is None or gate.num_qubits != gate.num_ctrl_qubits + base.num_qubits:
        return None
    op = _CONTROLLED.get((name, gate.num_ctrl_qubits))
    if op is not None:
        return op, [*gate.params, 0.0][:4] if op == Op.CU else gate.params
    if name == "x":
        return Op.MCX, ()
    if name in ("p", "u1"):
        return Op.MCP, gate.params
    return (Op.MCP, (_PHASES[name],)) if name in _PHASES else None


def definition(op: Operation) -> QuantumCircuit:
    """The circuit that ``op`` stands for.

    Raises ProgramError ``unsupported`` if there is none, ``limit-size`` for a matrix on
    more than MAX_MATRIX_QUBITS qubits.
    """
    if isinstance(op, UnitaryGate) and op.num_qubits > MAX_MATRIX_QUBITS:
        message = f"a unitary matrix on {op.num_qubits} qubits; at most {MAX_MATRIX_QUBITS}"
        raise ProgramError("limit-size", message)
    if isinstance(op, PermutationGate):
        return synth_permutation_basic(op.pattern)
    if isinstance(op, Clifford):
        return op.to_circuit()
    if isinstance(op, AnnotatedOperation):
        op = _modified(op)
    circuit = getattr(op, "definition", None)
    if circuit is None:
        raise ProgramError("unsupported", f"the instruction {op.name!r} has no definition")
    return circuit


def _modified(op: AnnotatedOperation) -> Operation:
    """The operation with its modifiers carried out."""
    gate = op.base_op
    if not isinstance(gate, Gate):
        gate = definition(gate).to_gate()
    for modifier in op.modifiers:
        match modifier:
            case InverseModifier():
                gate = gate.inverse(annotated=False)
            case ControlModifier():
                count, state = modifier.num_ctrl_qubits, modifier.ctrl_state
                gate = gate.control(count, ctrl_state=state, annotated=False)
            case PowerModifier():
                gate = gate.power(modifier.power, annotated=False)
    return gate
