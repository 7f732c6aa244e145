from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.engines.base import Expectation, Method
from markaz.quantum.simulate.engines.panta_engine import PantaStatevector
from markaz.quantum.simulate.engines.registry import engines
from markaz.quantum.simulate.samples import Samples
from markaz.testing.comparisons import Broken, compare_distribution, expectation, marginal
from markaz.testing.engine_contract import _circuit, check_engine

ENGINES = engines()
# Checks that an engine may refuse, and does; anything else must run.
WIDE_OR_PHASE = {"wide", "global phase"}
DYNAMIC = {
    "prism:auto": {"dynamic assign"},
    "ddsim:decision-diagram": {"dynamic nested", "dynamic while", "dynamic assign"},
}


@pytest.mark.parametrize("key", ENGINES)
def test_every_engine_keeps_the_contract(key):
    report = check_engine(ENGINES[key])
    report.raise_for_failures()
    assert set(report.refused) <= WIDE_OR_PHASE | DYNAMIC.get(key, set())


def test_own_circuits_are_checked():
    circuit = _circuit(3, [(Op.H, [0]), (Op.CCX, [0, 1, 2])])
    report = check_engine(ENGINES["markaz:dense"], circuits=[circuit, circuit])
    assert [name for name in report.passed if name.startswith("circuit")] == [
        "circuit 0",
        "circuit 1",
    ]


needs_panta = pytest.mark.skipif("panta:statevector" not in ENGINES, reason="no panta")


class Reversed(PantaStatevector):
    def _sample(self, circuit, qubits, shots, seed, threads):
        return super()._sample(circuit, qubits[::-1], shots, seed, threads)


class Unseeded(PantaStatevector):
    calls = 0

    def _sample(self, circuit, qubits, shots, seed, threads):
        type(self).calls += 1
        return super()._sample(circuit, qubits, shots, self.calls, threads)


class OneSeed(PantaStatevector):
    def _sample(self, circuit, qubits, shots, seed, threads):
        return super()._sample(circuit, qubits, shots, 1, threads)


class WrongSign(PantaStatevector):
    def _native(self, circuit):
        params = np.where((circuit.op == Op.CRX)[:, None], -circuit.params, circuit.params)
        return super()._native(circuit.with_arrays(params=params))


class NoPhase(PantaStatevector):
    def _native(self, circuit):
        return super()._native(circuit).with_arrays(global_phase=0.0)


class TooManyShots(PantaStatevector):
    def _sample(self, circuit, qubits, shots, seed, threads):
        return super()._sample(circuit, qubits, shots + 1, seed, threads)


class SkewedValues(PantaStatevector):
    def _expectations(self, circuit, paulis, threads):
        result = super()._expectations(circuit, paulis, threads)
        return Expectation(result.values + 1e-8)


class SilentlyTruncating(PantaStatevector):
    method = Method.MPS

    def _expectations(self, circuit, paulis, threads):
        return Expectation(super()._expectations(circuit, paulis, threads).values, 0.1)


class Greedy(PantaStatevector):
    ops = frozenset({*PantaStatevector.ops, int(Op.CCZ)})

    def _native(self, circuit):
        return circuit


class Biased(PantaStatevector):
    def _sample(self, circuit, qubits, shots, seed, threads):
        # The library's own samples, of small states too.
        samples = super(PantaStatevector, self)._sample(circuit, qubits, shots, seed, threads)
        order = np.lexsort(samples.bits.T)
        weights = samples.weights[order].copy()
        moved = weights[0] // 3
        weights[0] -= moved
        weights[-1] += moved
        return Samples(samples.bits[order], weights)


@needs_panta
@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Reversed, "bit order"),
        (Unseeded, "seed"),
        (OneSeed, "seed"),
        (WrongSign, "op crx"),
        (NoPhase, "global phase"),
        (TooManyShots, "shots"),
        (SkewedValues, "op h"),
        (SilentlyTruncating, "op h"),
        (Greedy, "op ccz"),
        (Biased, "op cy"),
    ],
)
def test_planted_fault_is_found(broken, check):
    report = check_engine(broken())
    assert check in {f.check for f in report.failures}
    with pytest.raises(AssertionError, match=check):
        report.raise_for_failures()


def test_distribution_with_an_impossible_outcome_fails():
    samples = Samples(np.array([[0], [1]], np.uint8), np.array([100_000, 1]))
    with pytest.raises(Broken, match="outcome 1 occurred"):
        compare_distribution(samples, np.array([1.0, 0.0]))


@pytest.mark.parametrize(("ones", "passes"), [(2048, True), (2200, True), (2400, False)])
def test_distribution_threshold(ones, passes):
    samples = Samples(np.array([[0], [1]], np.uint8), np.array([4096 - ones, ones]))
    exact = np.array([0.5, 0.5])
    if passes:
        compare_distribution(samples, exact)
    else:
        with pytest.raises(Broken, match="off by"):
            compare_distribution(samples, exact)


def test_low_fidelity_widens_the_threshold():
    weights = np.array([1096, 3000])
    rows = np.array([[0], [1]], np.uint8)
    compare_distribution(Samples(rows, weights, fidelity=0.9), np.array([0.5, 0.5]))
    with pytest.raises(Broken, match="off by"):
        compare_distribution(Samples(rows, weights), np.array([0.5, 0.5]))


def test_marginal_puts_the_first_qubit_lowest():
    probabilities = np.zeros(8)
    probabilities[0b100] = 0.25
    probabilities[0b001] = 0.75
    assert marginal(probabilities, [2, 0]).tolist() == [0, 0.25, 0.75, 0]


def test_expectation_of_a_string():
    state = np.array([1, 0, 0, 1j], complex) / np.sqrt(2)  # xy of it is 1, zz 1
    from markaz.quantum.simulate.engines.base import Pauli

    assert expectation(state, Pauli(((0, "X"), (1, "Y")))) == pytest.approx(1.0)
    assert expectation(state, Pauli(((0, "Z"), (1, "Z")))) == pytest.approx(1.0)
    assert expectation(state, Pauli(((0, "X"), (1, "X")))) == pytest.approx(0.0)
