"""State vectors and exact probabilities against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum import run
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes, distribution
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.simulate import exact
from markaz.quantum.simulate.pipeline import DEFERRED
from markaz.testing.circuits import STYLES, random_circuit
from markaz.testing.random_gates import random_gates


@pytest.mark.parametrize("seed", range(20))
def test_amplitudes_are_those_of_the_reference(seed: int) -> None:
    rng = np.random.default_rng([41, seed])
    circuit = random_gates(rng, int(rng.integers(1, 7)), 25)

    found = run(circuit, wanted="statevector").statevector

    assert found is not None
    assert np.abs(found - amplitudes(circuit)).max() < 1e-9


@pytest.mark.parametrize("style", STYLES)
def test_probabilities_are_those_of_the_reference(style: str) -> None:
    rng = np.random.default_rng([43, list(STYLES).index(style)])
    worst = 0.0
    for _ in range(25):
        circuit = random_circuit(rng, int(rng.integers(1, 6)), int(rng.integers(0, 30)), style)
        right = distribution(circuit)
        found = run(circuit, wanted="probabilities").probabilities or {}
        worst = max(worst, *(abs(found.get(k, 0) - p) for k, p in right.items()))
        assert sum(found.values()) == pytest.approx(1, abs=1e-9)

    assert worst < 1e-9


def ghz(qubits: int) -> Circuit:
    b = Builder()
    b.qreg("q", qubits)
    b.creg("c", qubits)
    b.gate(Op.H, [0])
    for q in range(qubits - 1):
        b.gate(Op.CX, [q, q + 1])
    for q in range(qubits):
        b.measure(q, q)
    return b.build()


def test_a_wide_circuit_of_few_outcomes_has_probabilities() -> None:
    found = run(ghz(100), wanted="probabilities")

    assert found.probabilities == pytest.approx({"0" * 100: 0.5, "1" * 100: 0.5})
    assert (found.counts, found.statevector) == (None, None)


def test_a_state_vector_leaves_final_measurements_out() -> None:
    found = run(ghz(3), wanted="statevector").statevector

    expected = amplitudes(remove_measurements(ghz(3)))
    assert found == pytest.approx(expected, abs=1e-12)


def with_reset(*, loop: bool = False) -> Circuit:
    b = Builder()
    b.qreg("q", 1)
    b.creg("c", 2)
    b.gate(Op.RY, [0], [2 * np.arcsin(0.6)])
    b.measure(0, 0)
    b.control(Op.WHILE if loop else Op.IF, ("bits", 0, 1))
    b.gate(Op.RY, [0], [0.5])
    b.control(Op.END)
    b.measure(0, 1)
    return b.build()


def test_results_on_the_way_have_probabilities_and_no_state() -> None:
    found = run(with_reset(), wanted="probabilities")

    assert found.probabilities == pytest.approx(distribution(with_reset()), abs=1e-12)
    assert found.plan.simplifications[0] == DEFERRED
    with pytest.raises(ProgramError, match="no one state vector") as caught:
        run(with_reset(), wanted="statevector")
    assert caught.value.kind == "unsupported"


def test_a_loop_on_results_has_no_probabilities() -> None:
    with pytest.raises(ProgramError, match="steer loops"):
        run(with_reset(loop=True), wanted="probabilities")


@pytest.mark.parametrize("wanted", ["statevector", "probabilities"])
def test_what_is_too_large_is_refused_in_words(wanted: str) -> None:
    rng = np.random.default_rng(5)
    circuit = random_gates(rng, 21, 400, ops=[Op.H, Op.T, Op.CX, Op.RY])

    with pytest.raises(ProgramError, match="of 21 entangled qubits; at most 20") as caught:
        run(circuit, wanted=wanted)
    assert caught.value.kind == "limit-size"


def test_too_many_outcomes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "MAX_OUTCOMES", 8)
    b = Builder()
    b.qreg("q", 4)
    for q in range(4):
        b.gate(Op.H, [q])

    with pytest.raises(ProgramError, match="more than 8 possible outcomes"):
        run(b.build(), wanted="probabilities")


def test_the_document_has_pairs_of_numbers() -> None:
    b = Builder()
    b.qreg("q", 1)
    b.gate(Op.H, [0])
    b.gate(Op.S, [0])

    document = run(b.build(), wanted="statevector").to_json()

    half = pytest.approx(0.5**0.5)
    assert document["statevector"] == [[half, 0.0], [0.0, half]]
    assert "counts" not in document


def test_no_qubits_no_outcomes() -> None:
    empty = Builder(global_phase=0.5).build()

    assert run(empty, wanted="probabilities").probabilities == {"": 1.0}
    assert run(empty, wanted="statevector").statevector == pytest.approx([np.exp(0.5j)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wanted": "amplitudes"}, "wanted must be one of counts, probabilities, statevector"),
        ({"wanted": "statevector", "observables": ["Z"]}, "runs of their own"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(ghz(2), **options)
