"""Pauli propagation against matrices, interpreted and compiled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import jit
from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.engines.pauli import PauliEngine
from markaz.quantum.simulate.pauli_rules import MAX_PHASE_QUBITS
from tests.native_circuits import (
    CLIFFORD,
    GATES,
    pauli_values,
    prepared,
    random_gates,
    random_paulis,
)

ENGINE = PauliEngine()


@pytest.fixture(params=["interpreted", "compiled"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    compiled = request.param == "compiled"
    monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_: compiled)
    monkeypatch.setattr(jit.Kernel, "patience", lambda _: 0 if compiled else jit.NEVER)
    return str(request.param)


def trotter(num_qubits: int, layers: int) -> Circuit:
    b = Builder()
    b.qreg("q", num_qubits)
    for _ in range(layers):
        for q in range(num_qubits - 1):
            b.gate(Op.RZZ, [q, q + 1], [0.2])
        for q in range(num_qubits):
            b.gate(Op.RX, [q], [0.3])
    return b.build()


@pytest.mark.parametrize("op", GATES)
def test_every_gate_in_either_form(op: Op, form: str) -> None:
    for seed in range(3):
        circuit, paulis = prepared(op, 4, seed), random_paulis(4, 12, seed)
        found = ENGINE.expectations(circuit, paulis).values
        assert np.abs(found - pauli_values(circuit, paulis)).max() < 1e-13


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 5])
def test_random_circuits_have_exact_values(num_qubits: int, form: str) -> None:
    for seed in range(6):
        circuit, paulis = random_gates(num_qubits, 30, seed), random_paulis(num_qubits, 5, seed)
        found = ENGINE.expectations(circuit, paulis)
        assert np.abs(found.values - pauli_values(circuit, paulis)).max() < 1e-12
        assert found.bound == 0.0


def test_clifford_gates_never_branch(form: str) -> None:
    engine = PauliEngine(max_terms=1)
    for seed in range(10):
        circuit = random_gates(6, 80, seed, ops=CLIFFORD)
        paulis = random_paulis(6, 5, seed)
        found = engine.expectations(circuit, paulis).values
        assert np.abs(found - pauli_values(circuit, paulis)).max() < 1e-13


def test_multiples_of_a_quarter_turn_never_branch() -> None:
    b = Builder()
    b.qreg("q", 2)
    for k in range(-8, 9):
        b.gate(Op.RX, [0], [k * math.pi / 2])
        b.gate(Op.RYY, [0, 1], [k * math.pi / 2])
        b.gate(Op.U, [1], [k * math.pi / 2, k * math.pi, -k * math.pi / 2])
    circuit, paulis = b.build(), random_paulis(2, 8, 1)
    found = PauliEngine(max_terms=1).expectations(circuit, paulis).values
    assert found.tolist() == pytest.approx(pauli_values(circuit, paulis), abs=1e-13)


def test_only_the_light_cone_matters(form: str) -> None:
    small, large = trotter(10, 3), trotter(100, 3)
    near = ENGINE.expectations(small, [Pauli(((4, "Z"), (5, "Z")))]).values
    far = ENGINE.expectations(large, [Pauli(((60, "Z"), (61, "Z")))]).values
    assert far.tolist() == pytest.approx(near.tolist(), abs=1e-12)
    exact = pauli_values(small, [Pauli(((4, "Z"), (5, "Z")))])
    assert near.tolist() == pytest.approx(exact, abs=1e-12)


def test_the_cap_refuses_and_never_truncates(form: str) -> None:
    circuit, paulis = trotter(20, 4), [Pauli(((9, "Z"), (10, "Z")))]
    with pytest.raises(EngineRefusal, match=r"^more than 50 Pauli strings at gate 70$"):
        PauliEngine(max_terms=50).expectations(circuit, paulis)


def test_many_controls_work_up_to_the_limit() -> None:
    b = Builder()
    b.qreg("q", MAX_PHASE_QUBITS)
    for q in range(MAX_PHASE_QUBITS):
        b.gate(Op.RX, [q], [2.5 + 0.1 * q])
    b.gate(Op.MCX, range(MAX_PHASE_QUBITS))
    circuit, paulis = b.build(), random_paulis(MAX_PHASE_QUBITS, 4, 2)
    found = ENGINE.expectations(circuit, paulis).values
    assert found.tolist() == pytest.approx(pauli_values(circuit, paulis), abs=1e-12)


def test_refusals_name_the_reason() -> None:
    b = Builder()
    b.qreg("q", 9)
    b.gate(Op.H, [0])
    b.gate(Op.MCX, range(9))
    with pytest.raises(EngineRefusal, match="mcx of 9 qubits at gate 1 "):
        ENGINE.expectations(b.build(), [Pauli(((0, "Z"),))])
    b = Builder()
    b.qreg("q", 1)
    b.reset(0)
    with pytest.raises(EngineRefusal, match="gates only, not RESET"):
        ENGINE.expectations(b.build(), [Pauli(((0, "Z"),))])
    with pytest.raises(EngineRefusal, match="expectation values only"):
        ENGINE.sample(trotter(2, 1), [0], 10, seed=1)
