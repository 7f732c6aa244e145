"""What the functions of this folder share: the service, the device, circuits, results as JSON."""

from __future__ import annotations

import os
from datetime import datetime
from functools import cache
from typing import Any

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import EstimatorV2, QiskitRuntimeService, SamplerV2
from qiskit_ibm_runtime.executor_estimator import EstimatorV2 as ClientEstimator
from qiskit_ibm_runtime.executor_sampler import SamplerV2 as ClientSampler

SAMPLERS = {"server": SamplerV2, "client": ClientSampler}
ESTIMATORS = {"server": EstimatorV2, "client": ClientEstimator}


@cache
def service() -> QiskitRuntimeService:
    """What a user writes: everything comes from the environment."""
    return QiskitRuntimeService()


@cache
def device(name: str | None = None) -> Any:
    """A backend, by default the one that the tests are about."""
    return service().backend(name or os.environ["TEST_DEVICE"])


def sampler(kind: str = "server", seed: int | None = None, mode: Any = None, **options: Any) -> Any:
    """A sampler; the client-side one knows no seed."""
    made = SAMPLERS[kind](mode=mode or device(), options=options or None)
    if seed is not None and kind == "server":
        made.options.simulator.seed_simulator = seed
    return made


def estimator(
    kind: str = "server", seed: int | None = None, mode: Any = None, **options: Any
) -> Any:
    """An estimator; the client-side one knows no seed."""
    made = ESTIMATORS[kind](mode=mode or device(), options=options or None)
    if seed is not None and kind == "server":
        made.options.simulator.seed_simulator = seed
    return made


def bell(measured: bool = True) -> QuantumCircuit:
    """A Bell pair."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return circuit


def fitted(circuit: QuantumCircuit, name: str | None) -> QuantumCircuit:
    """The circuit in the instructions of a device, which only a simulator needs not."""
    if name is None:
        return circuit
    made = generate_preset_pass_manager(optimization_level=1, backend=device(name))
    return made.run(circuit)


def micros(moment: datetime) -> int:
    """A time as the centre counts it: microseconds UTC."""
    return round(moment.timestamp() * 1e6)


def heavy(layers: int = 400, qubits: int = 20) -> QuantumCircuit:
    """A circuit that keeps a worker busy for long: no shortcut simulates it."""
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for q in range(qubits):
            circuit.rx(0.1 + 0.01 * layer + 0.1 * q, q)
            circuit.cp(0.1 + 0.1 * (layer % 9), q, (q + layer % (qubits - 1) + 1) % qubits)
    circuit.measure_all()
    return circuit


def counts(pub: Any) -> dict[str, dict[str, int]]:
    """Register -> counts of a pub's result."""
    return {name: bits.get_counts() for name, bits in pub.data.items()}
