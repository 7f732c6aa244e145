"""What an engine is asked to do, in one shape for this process and for an engine child."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.engines.base import Engine, Expectation, Pauli
from markaz.quantum.simulate.samples import Samples

SAMPLE, DYNAMIC, EXPECT, STATE = "sample", "dynamic", "expect", "state"


@dataclass(frozen=True, slots=True)
class Task:
    """``kind`` is SAMPLE (``qubits``, ``shots``, ``seed``), DYNAMIC (``shots``, ``seed``),
    EXPECT (``paulis``) or STATE."""

    kind: str
    shots: int = 0
    seed: int = 0
    threads: int = 1
    qubits: tuple[int, ...] = ()
    paulis: tuple[Pauli, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of ``from_json``."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Task:
        """From what ``to_json`` gave."""
        paulis = tuple(
            Pauli(tuple((int(q), str(f)) for q, f in p["factors"])) for p in data["paulis"]
        )
        return Task(**{**data, "qubits": tuple(data["qubits"]), "paulis": paulis})


Answer = Samples | Expectation | NDArray[np.complex128]


def perform(engine: Engine, circuit: Circuit, task: Task) -> Answer:
    """Run a task; raises what the engine raises."""
    if task.kind == SAMPLE:
        return engine.sample(circuit, task.qubits, task.shots, task.seed, task.threads)
    if task.kind == DYNAMIC:
        return engine.sample_dynamic(circuit, task.shots, task.seed, task.threads)
    if task.kind == EXPECT:
        return engine.expectations(circuit, task.paulis, task.threads)
    return engine.statevector(circuit, task.threads)


def to_message(answer: Answer) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Header and arrays of an answer, for ``programs.wire.pack``."""
    if isinstance(answer, Samples):
        arrays: list[NDArray[Any]] = [answer.bits]
        if answer.weights is not None:
            arrays.append(answer.weights.astype(np.int64))
        return {"answer": "samples", "fidelity": float(answer.fidelity)}, arrays
    if isinstance(answer, Expectation):
        return {"answer": "values", "bound": float(answer.bound)}, [np.asarray(answer.values)]
    return {"answer": "state"}, [answer]


def from_message(header: dict[str, Any], arrays: list[NDArray[Any]]) -> Answer:
    """The answer that ``to_message`` wrote."""
    if header["answer"] == "samples":
        weights = arrays[1] if len(arrays) > 1 else None
        return Samples(arrays[0], weights, header["fidelity"])
    if header["answer"] == "values":
        return Expectation(arrays[0], header["bound"])
    return arrays[0]
