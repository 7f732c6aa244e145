"""The statevector engine against the reference simulator, interpreted and compiled."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.simulate import jit
from markaz.quantum.simulate.draws import draw
from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.engines.dense import DenseEngine
from tests.native_circuits import (
    GATES,
    assert_drawn,
    counts_of,
    marginal,
    pauli_values,
    prepared,
    random_gates,
    random_paulis,
)

ENGINE = DenseEngine()


@pytest.fixture(params=["interpreted", "compiled"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_: request.param == "compiled")
    yield request.param


@pytest.mark.parametrize("op", GATES)
def test_every_gate_in_either_form(op: Op, form: str) -> None:
    for seed in range(3):
        circuit = prepared(op, 4, seed)
        assert np.abs(ENGINE.statevector(circuit) - amplitudes(circuit)).max() < 1e-14


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 5, 7])
def test_random_circuits_have_exact_amplitudes(num_qubits: int, form: str) -> None:
    for seed in range(6):
        circuit = random_gates(num_qubits, 50, seed)
        assert np.abs(ENGINE.statevector(circuit) - amplitudes(circuit)).max() < 1e-13


def test_large_states_take_the_path_without_matrix_products(form: str) -> None:
    circuit = random_gates(13, 60, 5)
    assert np.abs(ENGINE.statevector(circuit) - amplitudes(circuit)).max() < 1e-13


def test_samples_follow_the_distribution_of_the_asked_qubits() -> None:
    circuit = random_gates(5, 40, 3)
    exact = np.abs(amplitudes(circuit)) ** 2
    for qubits in ([0, 1, 2, 3, 4], [4, 1], [2], [3, 0, 2]):
        samples = ENGINE.sample(circuit, qubits, 20_000, seed=7)
        assert_drawn(counts_of(samples), marginal(exact, qubits), 20_000)


def test_seed_decides_the_samples() -> None:
    circuit = random_gates(6, 40, 4)
    first, again, other = (ENGINE.sample(circuit, range(6), 500, seed=s) for s in (1, 1, 2))
    assert counts_of(first) == counts_of(again)
    assert counts_of(first) != counts_of(other)


def test_expectation_values() -> None:
    circuit, paulis = random_gates(5, 40, 6), random_paulis(5, 20, 6)
    found = ENGINE.expectations(circuit, paulis)
    assert np.abs(found.values - pauli_values(circuit, paulis)).max() < 1e-13
    assert found.bound == 0.0
    assert ENGINE.expectations(circuit, [Pauli(())]).values.tolist() == pytest.approx([1.0])


def test_empty_circuit_keeps_its_global_phase() -> None:
    b = Builder(global_phase=0.5)
    b.qreg("q", 2)
    assert ENGINE.statevector(b.build()).tolist() == pytest.approx([np.exp(0.5j), 0, 0, 0])


def test_too_many_qubits_and_other_operations_are_refused() -> None:
    b = Builder()
    b.qreg("q", 21)
    with pytest.raises(EngineRefusal, match="20 qubits, not 21"):
        ENGINE.statevector(b.build())
    b = Builder()
    b.qreg("q", 1)
    b.reset(0)
    with pytest.raises(EngineRefusal, match="gates only, not RESET"):
        ENGINE.sample(b.build(), [0], 10, seed=1)


def test_drawing_from_many_outcomes_never_takes_an_impossible_one() -> None:
    probabilities = np.zeros(10_000)
    probabilities[[17, 4000, 9000]] = 0.2, 0.3, 0.5
    states, weights = draw(probabilities, 5000, np.random.default_rng(1))
    counts = {str(s): int(w) for s, w in zip(states, weights, strict=True)}
    assert_drawn(counts, {"17": 0.2, "4000": 0.3, "9000": 0.5}, 5000)


def test_small_circuits_cost_little() -> None:
    circuit = random_gates(5, 30, 8, ops=(Op.U, Op.H, Op.CX, Op.RZ))
    best = min(_seconds_to_sample(circuit) for _ in range(20))
    assert best < 0.004  # 0.0002 on a quiet machine


def _seconds_to_sample(circuit: object) -> float:
    start = time.perf_counter()
    ENGINE.sample(circuit, range(5), 1024, seed=1)  # type: ignore[arg-type]
    return time.perf_counter() - start
