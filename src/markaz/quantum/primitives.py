"""Qiskit's primitives on this machine: one changed line, no centre needed.

    from markaz.quantum.primitives import SamplerV2, EstimatorV2

A pub's circuit is read once, and runs at all its parameter values as ``points`` says.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
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

from markaz.quantum.observables import PauliSum
from markaz.quantum.points import Options, Points, noisy, numbers, packed
from markaz.quantum.programs.qiskit_bridge import from_qiskit

__all__ = ["EstimatorV2", "Options", "SamplerV2"]

Seed = int | np.random.Generator | None


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
        points = _points(pub.circuit, pub.parameter_values, self.options, True)
        data = _bit_arrays(pub, points, rng)
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
        """Start estimating ``pubs``: (circuit, observables, parameter values, precision).

        Raises ValueError for a precision that is negative or no finite number.
        """
        wanted = self.default_precision if precision is None else precision
        coerced = [EstimatorPub.coerce(pub, wanted) for pub in pubs]
        odd = [pub.precision for pub in coerced if not math.isfinite(pub.precision)]
        if odd:
            raise ValueError(f"precision must be a finite number, not {odd[0]}")
        job: PrimitiveJob[Any] = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: Sequence[EstimatorPub]) -> PrimitiveResult[PubResult]:
        rng = np.random.default_rng(self.seed)
        return PrimitiveResult([self._run_pub(p, rng) for p in pubs], metadata={"version": 2})

    def _run_pub(self, pub: EstimatorPub, rng: np.random.Generator) -> PubResult:
        seeded = self.seed is not None
        points = _points(pub.circuit, pub.parameter_values, self.options, seeded)
        observables = [PauliSum.of(dict(o)) for o in pub.observables.ravel()]
        which_point = numbers(pub.parameter_values.shape, pub.shape)
        which_observable = numbers(pub.observables.shape, pub.shape)
        evs, stds = points.estimate(observables, which_point, which_observable, rng)
        evs, stds = noisy(evs, stds, pub.precision, rng)
        data = DataBin(evs=evs.reshape(pub.shape), stds=stds.reshape(pub.shape), shape=pub.shape)
        metadata = {"target_precision": pub.precision, "circuit_metadata": pub.circuit.metadata}
        return PubResult(data, metadata={**metadata, "plan": points.plan})


def _bit_arrays(pub: SamplerPub, points: Points, rng: np.random.Generator) -> dict[str, BitArray]:
    """The outcomes by classical register."""
    circuit = pub.circuit
    columns = {r.name: [circuit.find_bit(bit).index for bit in r] for r in circuit.cregs}
    shape = (points.count, pub.shots)
    found = {name: np.zeros((*shape, -(-len(c) // 8)), np.uint8) for name, c in columns.items()}
    for point, bits in enumerate(points.samples(pub.shots, rng)):
        for name, places in columns.items():
            found[name][point] = packed(bits, places)
    return {
        name: BitArray(rows.reshape(*pub.shape, *rows.shape[1:]), len(columns[name]))
        for name, rows in found.items()
    }


def _points(circuit: QuantumCircuit, bindings: Any, options: Options, repeatable: bool) -> Points:
    flat = from_qiskit(circuit)
    values = np.asarray(bindings.as_array(circuit.parameters), np.float64)
    rows = values.reshape(bindings.size, len(flat.parameters))
    return Points(flat, rows, options, repeatable=repeatable)
