"""Gates and their modifiers against Qiskit's own readers and classes."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import qasm2, qasm3
from qiskit.circuit.library import (
    C3SXGate,
    CUGate,
    RC3XGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Operator

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.openqasm.stdgates import NATIVE, STANDARD, WELL_KNOWN
from markaz.quantum.programs.reference import unitary

# Qiskit's own reader of OpenQASM 3 still calls its deprecated forms
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LEGACY = [g for g in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if g.name not in ("delay", "u0")]
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
# names of stdgates.inc: (parameters, qubits)
GATES_3 = {
    **dict.fromkeys(("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "id"), (0, 1)),
    **dict.fromkeys(("p", "rx", "ry", "rz", "u1", "phase"), (1, 1)),
    **dict.fromkeys(("cx", "cy", "cz", "ch", "swap", "CX"), (0, 2)),
    **dict.fromkeys(("cp", "crx", "cry", "crz", "cphase"), (1, 2)),
    **{"u2": (2, 1), "u3": (3, 1), "U": (3, 1), "cu": (4, 2), "ccx": (0, 3), "cswap": (0, 3)},
}
MODIFIERS = (
    "",
    "inv @ ",
    "ctrl @ ",
    "ctrl(2) @ ",
    "negctrl @ ",
    "negctrl(2) @ ctrl @ ",
    "ctrl @ inv @ ",
    "pow(2) @ ",
    "pow(-3) @ ",
    "pow(0.5) @ ",
    "pow(-0.3) @ ",
    "ctrl @ pow(0.5) @ ",
    "pow(0.5) @ ctrl @ ",
)


def call(name: str, params: list[float], qubits: int) -> str:
    angles = f"({','.join(map(repr, params))})" if params else ""
    return f"{name}{angles} {','.join(f'q[{i}]' for i in range(qubits))};"


def angles(count: int, seed: object) -> list[float]:
    rng = random.Random(str(seed))
    return [round(rng.uniform(-3, 3), 4) for _ in range(count)]


def ours(text: str) -> NDArray[np.complex128]:
    return unitary(read_openqasm(text))


def assert_same(text: str, expected: NDArray[np.complex128]) -> None:
    np.testing.assert_allclose(ours(text), expected, atol=1e-9)


def controls_of(modifiers: str) -> int:
    found = re.findall(r"ctrl(?:\((\d+)\))? @", modifiers)
    return sum(int(x or 1) for x in found)


@pytest.mark.parametrize("gate", LEGACY, ids=lambda g: g.name)
def test_every_gate_of_qelib1(gate: qasm2.CustomInstruction) -> None:
    text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
    text += f"qreg q[{gate.num_qubits}];\n"
    text += call(gate.name, angles(gate.num_params, gate.name), gate.num_qubits)
    expected = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    assert_same(text, Operator(expected).data)


@pytest.mark.parametrize("modifiers", MODIFIERS)
def test_modifiers_of_every_standard_gate(modifiers: str) -> None:
    controls = controls_of(modifiers)
    for name, (params, qubits) in GATES_3.items():
        total = controls + qubits
        if total > 4:
            continue
        text = f"{V3}qubit[{total}] q;\n"
        text += call(modifiers + name, angles(params, name + modifiers), total)
        expected = Operator(qasm3.loads(text)).data
        np.testing.assert_allclose(ours(text), expected, atol=1e-9, err_msg=modifiers + name)


LIBRARY = {
    **get_standard_gate_name_mapping(),
    "rc3x": RC3XGate(),
    "rcccx": RC3XGate(),
    "c3sx": C3SXGate(),
}
SHARED = sorted({*NATIVE, *STANDARD} & LIBRARY.keys() - {"delay"})


@pytest.mark.parametrize("name", SHARED)
def test_known_gates_controlled_and_inverted(name: str) -> None:
    gate = LIBRARY[name].to_mutable()
    gate.params = params = angles(len(gate.params), name)
    for controls in range(min(3, 5 - gate.num_qubits)):
        for inverse in (False, True):
            base = gate.inverse() if inverse else gate
            expected = Operator(base.control(controls, annotated=False) if controls else base).data
            total = gate.num_qubits + controls
            prefix = "ctrl @ " * controls + "inv @ " * inverse
            text = f"OPENQASM 3.0;\nqubit[{total}] q;\n{call(prefix + name, params, total)}"
            np.testing.assert_allclose(ours(text), expected, atol=1e-9, err_msg=prefix)


def test_inverse_of_a_controlled_cu_is_its_adjoint() -> None:
    text = f"{V3}qubit[3] q;\n"
    params = [1.13, 2.8567, 2.7391, 0.1088]
    forward = ours(text + call("ctrl @ cu", params, 3))
    np.testing.assert_allclose(
        forward, Operator(CUGate(*params).control(1, annotated=False)).data, atol=1e-9
    )
    backward = ours(text + call("inv @ ctrl @ cu", params, 3))
    np.testing.assert_allclose(backward, forward.conj().T, atol=1e-9)


COMPOSITE = (
    "gate foo x, y { rx(0.3) x; gphase(0.7); cx x, y; u2(0.3, 0.7) y; U(0.3, 0.7, 1.1) x; "
    "ctrl @ gphase(0.3) y; inv @ s x; pow(2) @ t y; negctrl @ h x, y; }\n"
)


@pytest.mark.parametrize("modifiers", [m for m in MODIFIERS if "." not in m])
def test_modifiers_of_a_defined_gate(modifiers: str) -> None:
    total = controls_of(modifiers) + 2
    text = f"{V3}{COMPOSITE}qubit[{total}] q;\n" + call(modifiers + "foo", [], total)
    assert_same(text, Operator(qasm3.loads(text)).data)


@pytest.mark.parametrize("modifiers", ["", "inv @ ", "ctrl @ ", "ctrl(3) @ ", "negctrl @ "])
def test_modifiers_of_a_phase(modifiers: str) -> None:
    total = controls_of(modifiers)
    operands = ", ".join(f"q[{i}]" for i in range(total))
    text = f"{V3}qubit[3] q;\n{modifiers}gphase(0.4) {operands};"
    assert_same(text, Operator(qasm3.loads(text)).data)


def test_roots_of_whole_registers_and_products() -> None:
    text = f"{V3}gate turn a {{ h a; t a; h a; gphase(0.2); }}\nqubit[3] q;\n"
    whole = ours(text + "turn q[0];")
    third = ours(text + "pow(1/3.0) @ turn q[0]; " * 3)
    np.testing.assert_allclose(third, whole, atol=1e-9)
    for gate, count in (("swap", 2), ("iswap", 2), ("cswap", 3), ("ccz", 3), ("mcx", 3)):
        once = ours(text + call(gate, [], count))
        twice = ours(text + call("pow(0.5) @ " + gate, [], count) * 2)
        np.testing.assert_allclose(twice, once, atol=1e-9, err_msg=gate)


@pytest.mark.parametrize("gate", ["dcx", "ecr", "rccx", "two"])
def test_other_roots_are_refused(gate: str) -> None:
    qubits = 3 if gate == "rccx" else 2
    text = f"{V3}gate two a, b {{ h a; cx a, b; }}\nqubit[3] q;\n"
    with pytest.raises(ProgramError, match="fractional power") as error:
        read_openqasm(text + call("pow(0.5) @ " + gate, [], qubits))
    assert (error.value.kind, error.value.line) == ("unsupported", 5)


@pytest.mark.parametrize(("name", "body"), WELL_KNOWN, ids=str)
def test_well_known_bodies_equal_the_gate_that_stands_for_them(name: str, body: str) -> None:
    op, _ = WELL_KNOWN[name, body]
    qubits, params = TABLE[op].num_qubits or 4, TABLE[op].num_params
    formal = f"{'(a0)' if params else ''} {','.join(f'b{i}' for i in range(qubits))}"
    texts = [
        f"{V3}gate {given}{formal} {{ {body} }}\nqubit[{qubits + 1}] q;\n"
        + call(prefix + given, angles(params, name), qubits + bool(prefix))
        for prefix in ("", "ctrl @ ")
        for given in (name, "other")
    ]
    assert [int(x) for x in read_openqasm(texts[0]).op] == [int(op)]
    assert_same(texts[0], ours(texts[1]))
    assert_same(texts[2], ours(texts[3]))


def test_names_that_exporters_write_without_a_definition() -> None:
    text = "OPENQASM 2.0;\nqreg q[6];\nmcx q[0],q[1],q[2],q[3];\nmcx_gray q[0],q[1];\n"
    text += "mcphase(0.1) q[0],q[1],q[2];\nmcu1(0.2) q[0],q[1];\nmcx q[1],q[2],q[0];"
    circuit = read_openqasm(text)
    assert circuit.op.tolist() == [Op.MCX, Op.CX, Op.MCP, Op.CP, Op.CCX]
    assert [circuit.operands(i) for i in range(5)] == [
        [0, 1, 2, 3],
        [0, 1],
        [0, 1, 2],
        [0, 1],
        [1, 2, 0],
    ]


def test_a_body_with_cu3_can_be_controlled_and_inverted() -> None:
    text = f"{V3}gate g a, b {{ cu3(0.1, 0.2, 0.3) a, b; }}\nqubit[3] q;\n"
    whole = ours(text + "ctrl @ g q[0], q[1], q[2]; inv @ ctrl @ g q[0], q[1], q[2];")
    np.testing.assert_allclose(whole, np.eye(8), atol=1e-12)
    once = ours(text + "g q[1], q[2];")
    assert_same(text + "cu(0.1, 0.2, 0.3, 0) q[1], q[2];", once)
