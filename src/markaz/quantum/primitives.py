"""Qiskit's primitives on this machine: one changed line, no centre needed.

    from markaz.quantum.primitives import SamplerV2, EstimatorV2

A pub's circuit is read once. Its parameter values run as one batch where an engine has
one (``simulate.sweep``), else point by point through ``markaz.quantum.run``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
)
from qiskit.primitives.containers import EstimatorPubLike, SamplerPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from markaz.quantum import api
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.qiskit_bridge import from_qiskit
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.simulate import sweep
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.result import Result

Seed = int | np.random.Generator | None
Floats = NDArray[np.float64]
POINT_SECONDS: Final = 2e-3  # what a run of its own costs a point besides its engine
SAMPLED_QUBITS: Final = 22  # beyond, the probabilities of a point are too long to draw from


@dataclass(frozen=True, slots=True)
class Options:
    """How the circuits of a primitive are run; see ``markaz.quantum.run``.

    ``time_limit`` is in seconds for each pub, ``memory_limit`` in bytes.
    """

    engine: str = "auto"
    time_limit: float = 3600.0
    memory_limit: int | None = None
    threads: int | None = None
    min_fidelity: float = 1.0


class SamplerV2(BaseSamplerV2):  # type: ignore[misc]
    """Samples the classical registers of circuits, dynamic ones too.

    ``seed`` makes results repeatable: the same seed, pubs and engine versions give the
    same bits. Errors of a pub are raised by ``job.result()`` as ProgramError.
    """

    def __init__(
        self, *, default_shots: int = 1024, seed: Seed = None, options: Options | None = None
    ) -> None:
        self.default_shots = default_shots
        self.seed = seed
        self.options = options or Options()

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Start sampling ``pubs``: circuits, or (circuit, parameter values, shots)."""
        wanted = self.default_shots if shots is None else shots
        coerced = [SamplerPub.coerce(pub, wanted) for pub in pubs]
        if any(not pub.circuit.cregs for pub in coerced):
            warnings.warn(
                "a circuit has no classical register, so its result is empty; "
                "did you mean circuit.measure_all()?",
                stacklevel=2,
            )
        job: PrimitiveJob[Any] = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: Sequence[SamplerPub]) -> PrimitiveResult[SamplerPubResult]:
        rng = np.random.default_rng(self.seed)
        return PrimitiveResult([self._run_pub(p, rng) for p in pubs], metadata={"version": 2})

    def _run_pub(self, pub: SamplerPub, rng: np.random.Generator) -> SamplerPubResult:
        points = _Points(pub.circuit, pub.parameter_values, self.options, repeatable=True)
        bits = np.zeros((points.count, pub.shots, points.circuit.num_clbits), np.uint8)
        if any(i.operation.name == "measure" for i in pub.circuit.data) or points.is_dynamic:
            points.sample(bits, rng)
        data = {
            register.name: _bit_array(bits, pub.circuit, register, pub.shape)
            for register in pub.circuit.cregs
        }
        metadata = {"shots": pub.shots, "circuit_metadata": pub.circuit.metadata}
        return SamplerPubResult(
            DataBin(**data, shape=pub.shape), metadata={**metadata, "plan": points.plan}
        )


class EstimatorV2(BaseEstimatorV2):  # type: ignore[misc]
    """Expectation values of observables, exact unless a precision is asked for.

    With ``precision`` p > 0 every value gets independent Gaussian noise of standard
    deviation p, drawn with ``seed``, and ``stds`` are p: what a device would give that
    measures until its standard error is p. With 0 ``stds`` are those of the engine, 0 for
    an exact one. Without a seed a large sweep finds the quickest engine by timing, and
    values agree from run to run up to rounding only.
    """

    def __init__(
        self,
        *,
        default_precision: float = 0.0,
        seed: Seed = None,
        options: Options | None = None,
    ) -> None:
        self.default_precision = default_precision
        self.seed = seed
        self.options = options or Options()

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Start estimating ``pubs``: (circuit, observables, parameter values, precision)."""
        wanted = self.default_precision if precision is None else precision
        job: PrimitiveJob[Any] = PrimitiveJob(
            self._run, [EstimatorPub.coerce(pub, wanted) for pub in pubs]
        )
        job._submit()
        return job

    def _run(self, pubs: Sequence[EstimatorPub]) -> PrimitiveResult[PubResult]:
        rng = np.random.default_rng(self.seed)
        return PrimitiveResult([self._run_pub(p, rng) for p in pubs], metadata={"version": 2})

    def _run_pub(self, pub: EstimatorPub, rng: np.random.Generator) -> PubResult:
        seeded = self.seed is not None
        points = _Points(pub.circuit, pub.parameter_values, self.options, repeatable=seeded)
        observables = [PauliSum.of(dict(o)) for o in pub.observables.ravel()]
        which_point = _numbers(pub.parameter_values.shape, pub.shape)
        which_observable = _numbers(pub.observables.shape, pub.shape)
        evs, stds = points.estimate(observables, which_point, which_observable, rng)
        if pub.precision:
            evs = rng.normal(evs, pub.precision)
            stds = np.hypot(stds, pub.precision)
        data = DataBin(evs=evs.reshape(pub.shape), stds=stds.reshape(pub.shape), shape=pub.shape)
        metadata = {"target_precision": pub.precision, "circuit_metadata": pub.circuit.metadata}
        return PubResult(data, metadata={**metadata, "plan": points.plan})


def _numbers(shape: tuple[int, ...], broadcast: tuple[int, ...]) -> NDArray[np.int64]:
    """Flat index into an array of ``shape`` for every element of the broadcast shape."""
    size = int(np.prod(shape, dtype=np.int64))
    return np.broadcast_to(np.arange(size).reshape(shape), broadcast).ravel()


def _bit_array(
    bits: NDArray[np.uint8], circuit: QuantumCircuit, register: Any, shape: tuple[int, ...]
) -> BitArray:
    """One register of ``bits`` (points, shots, classical bits), packed as Qiskit does."""
    columns = [circuit.find_bit(bit).index for bit in register]
    mine = bits[:, :, columns[::-1]]
    padded = np.pad(mine, ((0, 0), (0, 0), (-len(columns) % 8, 0)))
    packed = np.packbits(padded, axis=-1)
    return BitArray(packed.reshape(*shape, *packed.shape[1:]), len(columns))


class _Points:
    """A circuit at all parameter values of its pub."""

    def __init__(
        self, circuit: QuantumCircuit, bindings: Any, options: Options, *, repeatable: bool
    ) -> None:
        self.circuit: Circuit = from_qiskit(circuit)
        self.repeatable = repeatable
        self.options = options
        self.names = [p.name for p in circuit.parameters]
        self.count = bindings.size
        self.values: Floats = np.asarray(bindings.as_array(circuit.parameters), np.float64).reshape(
            self.count, len(self.names)
        )
        self.plan: dict[str, Any] = {}
        self._deadline = time.monotonic() + options.time_limit

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether there is control flow, a reset or a measurement before the end."""
        return self.circuit.is_dynamic

    def sample(self, bits: NDArray[np.uint8], rng: np.random.Generator) -> None:
        """Fill ``bits`` (points, shots, classical bits)."""
        shots = bits.shape[1]
        batch = None if self.is_dynamic else self._sampling_batch(shots)
        if batch is not None:
            prepared, angles, places = batch
            for point, outcomes in enumerate(prepared.samples(angles, shots, rng)):
                for qubit, clbit in places:
                    bits[point, :, clbit] = (outcomes >> qubit) & 1
                self._check_time(point + 1)
            return
        for point, seed in enumerate(_seeds(rng, self.count)):
            found = self._run(point, seed, shots=shots, memory=True)
            text = "".join(found.memory or []).encode("ascii")
            rows = np.frombuffer(text, np.uint8).reshape(shots, -1)
            bits[point, :, : rows.shape[1]] = rows[:, ::-1] - 48

    def _sampling_batch(
        self, shots: int
    ) -> tuple[sweep.Sweep, Floats, list[tuple[int, int]]] | None:
        pairs = self.circuit.measurements()
        bare = remove_measurements(self.circuit)
        cone, numbers = sweep.light_cone(bare, [q for q, _ in pairs])
        if cone.num_qubits > SAMPLED_QUBITS or not self._batch_is_worth_it(cone, 0, shots=shots):
            return None
        prepared = sweep.prepare(cone, self.options.engine)
        if prepared is None:
            return None
        self._note_batch(prepared)
        angles = sweep.angles_of(cone, self.names, self.values)
        return prepared, angles, [(int(numbers[q]), c) for q, c in pairs]

    def estimate(
        self,
        observables: Sequence[PauliSum],
        which_point: NDArray[np.int64],
        which_observable: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Values and standard errors, one for each (point, observable) asked for."""
        evs, stds = np.zeros((2, len(which_point)))
        for points, wanted in _groups(which_point, which_observable):
            chosen = [observables[k] for k in wanted]
            values, errors = self._values(points, chosen, rng)
            rows = np.searchsorted(points, which_point)
            columns = np.searchsorted(wanted, which_observable)
            here = np.isin(which_point, points)
            evs[here] = values[rows[here], columns[here]]
            stds[here] = errors[rows[here], columns[here]]
        return evs, stds

    def _values(
        self, points: NDArray[np.int64], chosen: Sequence[PauliSum], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Values and standard errors, each of shape (points, observables)."""
        batch = self._batched_values(points, chosen)
        if batch is not None:
            return batch, np.zeros_like(batch)
        values, errors = np.zeros((2, len(points), len(chosen)))
        for row, (point, seed) in enumerate(zip(points, _seeds(rng, len(points)), strict=True)):
            found = self._run(int(point), seed, observables=chosen)
            values[row], errors[row] = found.values, found.standard_errors or 0.0
        return values, errors

    def _batched_values(
        self, points: NDArray[np.int64], chosen: Sequence[PauliSum]
    ) -> Floats | None:
        if len(points) < 2 or self.is_dynamic:
            return None
        paulis = list(dict.fromkeys(p for o in chosen for p in o.paulis))
        bare = remove_measurements(self.circuit)
        cone, numbers = sweep.light_cone(bare, sorted({q for p in paulis for q, _ in p.factors}))
        if not self._batch_is_worth_it(cone, len(paulis), observables=chosen):
            return None
        prepared = sweep.prepare(cone, self.options.engine, timed=not self.repeatable)
        if prepared is None:
            return None
        angles = sweep.angles_of(cone, self.names, self.values[points])
        inside = [Pauli(tuple((int(numbers[q]), c) for q, c in p.factors)) for p in paulis]
        weights = _weights(chosen, paulis)
        if len(chosen) == 1:
            terms = list(zip(weights[:, 0].tolist(), inside, strict=True))
            values = self._joined(prepared.sums(angles, terms))
        else:
            values = self._joined(prepared.expectations(angles, inside)) @ weights
        self._note_batch(prepared)
        return values

    def _joined(self, chunks: Iterator[Floats]) -> Floats:
        rows: list[Floats] = []
        for chunk in chunks:
            rows.append(chunk)
            self._check_time(sum(map(len, rows)))
        return np.concatenate(rows)

    def _batch_is_worth_it(self, cone: Circuit, paulis: int, **asked: Any) -> bool:
        """Whether a state vector is about the best plan for a point of this sweep."""
        if self.count < 2 or cone.num_qubits > sweep.MAX_QUBITS:
            return False
        if not sweep.suited(self.options.engine):
            return False
        plan = api.explain(sweep.generic(self.circuit), **asked)
        dense = sweep.predicted_seconds(cone, paulis, self.options.engine)
        return POINT_SECONDS + plan.predicted_seconds > 0.5 * dense

    def _run(self, point: int, seed: int, **asked: Any) -> Result:
        options = self.options
        found = api.run(
            self.circuit,
            parameters=self._bindings(point),
            seed=seed,
            engine=options.engine,
            time_limit=self._check_time(point),
            memory_limit=options.memory_limit,
            threads=options.threads,
            min_fidelity=options.min_fidelity,
            **asked,
        )
        self.plan = self.plan or found.plan.to_json()
        return found

    def _bindings(self, point: int) -> dict[str, float] | None:
        row = self.values[point].tolist()
        return dict(zip(self.names, row, strict=True)) or None

    def _note_batch(self, prepared: sweep.Sweep) -> None:
        width = prepared.circuit.num_qubits
        why = f"{self.count} points of one circuit with {width} qubits in its light cone"
        self.plan = {"engine": prepared.engine, "why": why, "points": self.count}

    def _check_time(self, done: int) -> float:
        """Seconds left; raises ProgramError ``limit-time`` where there are none."""
        left = self._deadline - time.monotonic()
        if left > 0 or done >= self.count:
            return max(left, 1e-3)
        raise ProgramError(
            "limit-time",
            f"{done} of {self.count} points ran in {self.options.time_limit:g} s; "
            "give Options(time_limit=…) or fewer points",
        )


def _seeds(rng: np.random.Generator, count: int) -> list[int]:
    return [int(x) for x in rng.integers(0, 1 << 31, size=count)]


def _groups(
    which_point: NDArray[np.int64], which_observable: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(points, observables), both sorted: the points that need the same observables."""
    needs: dict[int, set[int]] = {}
    for point, observable in zip(which_point.tolist(), which_observable.tolist(), strict=True):
        needs.setdefault(point, set()).add(observable)
    groups: dict[tuple[int, ...], list[int]] = {}
    for point in sorted(needs):
        groups.setdefault(tuple(sorted(needs[point])), []).append(point)
    for wanted, points in groups.items():
        yield np.array(points), np.array(wanted)


def _weights(chosen: Sequence[PauliSum], paulis: Sequence[Pauli]) -> Floats:
    """Coefficients (Pauli strings, observables)."""
    place = {pauli: k for k, pauli in enumerate(paulis)}
    weights = np.zeros((len(paulis), len(chosen)))
    for column, observable in enumerate(chosen):
        for coefficient, pauli in observable.terms:
            weights[place[pauli], column] += coefficient
    return weights
