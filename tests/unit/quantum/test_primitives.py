"""Sampler and Estimator against Qiskit's own on the same pubs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.quantum_info import Pauli, SparsePauliOp

from markaz.quantum import points
from markaz.quantum.points import _groups
from markaz.quantum.primitives import EstimatorV2, Options, SamplerV2
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate import sweep

# Six standard deviations of a share: false alarm below 1e-8 a comparison.
SIGMAS = 6


def ansatz(qubits: int = 3, layers: int = 2) -> QuantumCircuit:
    angles = ParameterVector("θ", qubits * layers)
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for q in range(qubits):
            circuit.ry(angles[layer * qubits + q], q)
            circuit.rz(2 * angles[layer * qubits + q] + 0.1, q)
        for q in range(qubits - 1):
            circuit.cx(q, q + 1)
    return circuit


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-3, 3, shape)


OBSERVABLES: list[Any] = [
    SparsePauliOp(["XXI", "IYZ", "III"], [0.5, -1.5, 2.0]),
    Pauli("ZZZ"),
    {"XYZ": 1.0, "IIX": 0.25},
]
PUBS: dict[str, tuple[Any, ...]] = {
    "one point": (ansatz(), OBSERVABLES[0], values(6)),
    "no parameters": (ansatz().assign_parameters(values(6)), OBSERVABLES),
    "sweep": (ansatz(), OBSERVABLES[0], values(5, 6)),
    "outer": (ansatz(), [[o] for o in OBSERVABLES], values(4, 6)),
    "zipped": (ansatz(), OBSERVABLES, values(3, 6)),
    "partly shared": (ansatz(), [OBSERVABLES, OBSERVABLES[::-1]], values(2, 1, 6)),
    "matrix of points": (ansatz(), OBSERVABLES[1], values(2, 3, 6)),
    "by name": (ansatz(), "ZZI", {tuple(ansatz().parameters): values(4, 6)}),
    "no point": (ansatz(), "ZZI", values(0, 6)),
}


@pytest.mark.parametrize("name", PUBS)
@pytest.mark.parametrize("batched", [True, False])
def test_values_are_those_of_qiskit(
    name: str, batched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not batched:
        monkeypatch.setattr(sweep, "find_spec", lambda _: None)
    expected = StatevectorEstimator().run([PUBS[name]]).result()[0].data
    found = EstimatorV2(seed=1).run([PUBS[name]]).result()[0].data
    assert found.shape == expected.shape
    assert found.evs.shape == expected.evs.shape
    assert np.allclose(found.evs, expected.evs, atol=1e-9, rtol=0)
    assert np.array_equal(found.stds, expected.stds)


def test_projectors_are_expanded() -> None:
    expanded = SparsePauliOp(["I", "Z"], [0.5, 0.5]).tensor(SparsePauliOp(["I", "X"], [0.5, 0.5]))
    pub = (ansatz(), expanded.tensor(Pauli("I")), values(6))
    expected = StatevectorEstimator().run([pub]).result()[0].data.evs
    found = EstimatorV2().run([(ansatz(), {"0+I": 1.0}, values(6))]).result()[0].data.evs
    assert np.allclose(found, expected, atol=1e-9, rtol=0)


def test_many_pubs_in_one_job() -> None:
    pubs = [PUBS["sweep"], PUBS["one point"]]
    expected = StatevectorEstimator().run(pubs).result()
    found = EstimatorV2().run(pubs).result()
    assert len(found) == 2
    for a, b in zip(found, expected, strict=True):
        assert np.allclose(a.data.evs, b.data.evs, atol=1e-9, rtol=0)


def test_precision_adds_noise_of_that_standard_deviation() -> None:
    pub = (ansatz(), "ZZI", np.tile(values(6), (2000, 1)))
    (exact,) = EstimatorV2().run([(ansatz(), "ZZI", values(6))]).result()
    data = EstimatorV2(seed=5).run([pub], precision=0.05).result()[0].data
    assert np.array_equal(data.stds, np.full(2000, 0.05))
    deviations = (data.evs - exact.data.evs) / 0.05
    assert abs(deviations.mean()) < SIGMAS / math.sqrt(2000)
    assert abs(deviations.std() - 1) < SIGMAS / math.sqrt(2 * 2000)
    again = EstimatorV2(seed=5, default_precision=0.05).run([pub]).result()[0].data
    assert np.array_equal(again.evs, data.evs)
    other = EstimatorV2(seed=6, default_precision=0.05).run([pub]).result()[0].data
    assert not np.array_equal(other.evs, data.evs)


def test_a_sweep_is_one_batch_and_says_so() -> None:
    metadata = EstimatorV2().run([PUBS["sweep"]]).result()[0].metadata
    assert metadata["plan"]["engine"] in sweep.ENGINES
    assert metadata["plan"]["points"] == 5
    assert metadata["target_precision"] == 0.0
    metadata = EstimatorV2().run([PUBS["one point"]]).result()[0].metadata
    assert set(metadata["plan"]) >= {"engine", "why", "predicted_seconds", "simplifications"}


@pytest.mark.parametrize(("asked", "used"), [(3, 3), (None, 5)])
def test_a_sweep_uses_as_many_threads_as_were_asked_for(
    asked: int | None, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    prepare = sweep.prepare
    monkeypatch.setattr(points.os, "cpu_count", lambda: 5)
    monkeypatch.setattr(
        sweep, "prepare", lambda *a, **k: seen.append(k["threads"]) or prepare(*a, **k)
    )
    options = Options(threads=asked)
    EstimatorV2(options=options).run([PUBS["sweep"]]).result()
    measured = ansatz()
    measured.measure_all()
    SamplerV2(options=options, seed=1).run([(measured, values(4, 6), 10)]).result()
    assert seen == [used, used]


def test_a_wide_shallow_sweep_needs_only_its_light_cone() -> None:
    circuit = ansatz(60, 1)
    points = values(4, 60)
    found = EstimatorV2().run([(circuit, "I" * 57 + "ZZI", points)]).result()[0]
    small = StatevectorEstimator().run([(ansatz(3, 1), "ZZI", points[:, :3])]).result()[0]
    assert np.allclose(found.data.evs, small.data.evs, atol=1e-9, rtol=0)


def test_a_named_engine_runs_every_point() -> None:
    options = Options(engine="markaz:dense")
    found = EstimatorV2(options=options).run([PUBS["sweep"]]).result()[0]
    expected = StatevectorEstimator().run([PUBS["sweep"]]).result()[0]
    assert found.metadata["plan"]["engine"] == "markaz:dense"
    assert np.allclose(found.data.evs, expected.data.evs, atol=1e-9, rtol=0)


def registers() -> QuantumCircuit:
    circuit = QuantumCircuit(
        QuantumRegister(5, "q"), ClassicalRegister(3, "low"), ClassicalRegister(9, "high")
    )
    circuit.x([0, 3])
    circuit.measure([0, 1, 3], [2, 0, 11])
    return circuit


def test_registers_are_packed_as_qiskit_packs_them() -> None:
    expected = StatevectorSampler().run([registers()], shots=7).result()[0].data
    found = SamplerV2().run([registers()], shots=7).result()[0].data
    for name in ("low", "high"):
        assert np.array_equal(found[name].array, expected[name].array)
        assert found[name].num_bits == expected[name].num_bits
    assert found.low.get_counts() == {"100": 7}
    assert found.high.get_counts() == {"100000000": 7}


def test_registers_of_a_shot_belong_together() -> None:
    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(1, "b")
    )
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    data = SamplerV2(seed=2, default_shots=500).run([circuit]).result()[0].data
    assert np.array_equal(data.a.array, data.b.array)
    assert set(data.a.get_counts()) == {"0", "1"}
    assert data.a.get_bitstrings() != sorted(data.a.get_bitstrings())


@pytest.mark.parametrize("batched", [True, False])
def test_a_sweep_samples_every_point(batched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not batched:
        monkeypatch.setattr(sweep, "find_spec", lambda _: None)
    circuit = ansatz()
    circuit.measure_all()
    points, shots = values(2, 2, 6), 4000
    result = SamplerV2(seed=3).run([(circuit, points)], shots=shots).result()[0]
    assert result.data.meas.array.shape == (2, 2, shots, 1)
    for index in np.ndindex(2, 2):
        bound = ansatz().assign_parameters(points[index])
        estimate = StatevectorEstimator().run([(bound, [f"{'I' * (2 - q)}Z{'I' * q}"
                                                       for q in range(3)])])  # fmt: skip
        expected = estimate.result()[0].data.evs
        bits = np.array([[int(c) for c in s] for s in result.data.meas.get_bitstrings(index)])
        found = 1 - 2 * bits[:, ::-1].mean(axis=0)
        assert np.max(np.abs(found - expected)) < SIGMAS / math.sqrt(shots)


def test_the_same_seed_gives_the_same_bits() -> None:
    circuit = ansatz()
    circuit.measure_all()

    def bits(seed: int | None) -> np.ndarray:
        job = SamplerV2(seed=seed).run([(circuit, values(3, 6))], shots=100)
        array: np.ndarray = job.result()[0].data.meas.array
        return array

    assert np.array_equal(bits(4), bits(4))
    assert not np.array_equal(bits(4), bits(5))
    assert not np.array_equal(bits(None), bits(None))


def test_shots_of_the_pub_the_call_and_the_sampler() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    sampler = SamplerV2(default_shots=3)
    result = sampler.run([circuit, (circuit, None, 9)]).result()
    assert [r.data.c.num_shots for r in result] == [3, 9]
    assert sampler.run([circuit], shots=5).result()[0].metadata["shots"] == 5


def test_dynamic_circuits_are_sampled() -> None:
    theta = Parameter("t")
    circuit = QuantumCircuit(2, 2)
    circuit.rx(theta, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    pub = (circuit, np.array([[0.0], [math.pi]]))
    data = SamplerV2(seed=1).run([pub], shots=50).result()[0].data
    assert [data.c.get_counts(i) for i in range(2)] == [{"00": 50}, {"11": 50}]


def test_registers_without_measurement_stay_zero() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    assert SamplerV2().run([circuit], shots=4).result()[0].data.c.get_counts() == {"00": 4}


def test_a_circuit_without_registers_gives_nothing_and_a_warning() -> None:
    with pytest.warns(UserWarning, match="no classical register"):
        job = SamplerV2().run([QuantumCircuit(1)])
    assert list(job.result()[0].data) == []


def test_they_are_qiskits_primitives() -> None:
    assert isinstance(SamplerV2(), BaseSamplerV2)
    assert isinstance(EstimatorV2(), BaseEstimatorV2)
    job = EstimatorV2().run([PUBS["one point"]])
    job.result()
    assert job.done()
    assert isinstance(job.job_id(), str)


def test_time_is_limited_for_each_pub() -> None:
    sampler = EstimatorV2(options=Options(engine="markaz:dense", time_limit=1e-9))
    with pytest.raises(ProgramError, match=r"points ran in 1e-09 s|1e-09") as caught:
        sampler.run([PUBS["sweep"]]).result()
    assert caught.value.kind == "limit-time"


@pytest.mark.parametrize("precision", [math.nan, math.inf, -0.1])
def test_a_precision_is_a_finite_number(precision: float) -> None:
    with pytest.raises(ValueError, match=r"precision must be (a finite number|non-negative)"):
        EstimatorV2().run([PUBS["one point"]], precision=precision)


@pytest.mark.parametrize("threads", [-1, 2.5, "2"])
def test_threads_are_a_number(threads: Any) -> None:
    with pytest.raises(ValueError, match=r"threads must be a whole number, not"):
        Options(threads=threads)


def test_a_batch_keeps_to_the_memory_that_is_allowed() -> None:
    expected = EstimatorV2().run([PUBS["sweep"]]).result()[0]
    size = 16 * 2**3 * (1 + 5)  # the state of a point, and those of all five
    for limit, batched in ((size, True), (size - 1, False)):
        options = Options(memory_limit=limit, engine="prism:statevector")
        found = EstimatorV2(options=options).run([PUBS["sweep"]]).result()[0]
        assert ("points" in found.metadata["plan"]) == batched
        assert np.allclose(found.data.evs, expected.data.evs, atol=1e-12, rtol=0)


def test_groups_hold_points_with_the_same_observables() -> None:
    points = np.array([0, 1, 0, 1, 2])
    observables = np.array([0, 0, 1, 1, 0])
    found = [(p.tolist(), o.tolist()) for p, o in _groups(points, observables)]
    assert found == [([0, 1], [0, 1]), ([2], [0])]
