"""markaz-client in an environment with another version of Qiskit."""

from __future__ import annotations

from typing import Any

import qiskit
from markaz_client import Markaz
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.primitives import BackendEstimatorV2


def all_at_once(shots: int) -> dict[str, Any]:
    """What a user does in one sitting."""
    centre = Markaz()
    backend = centre.get_backend()
    pair = QuantumCircuit(2)
    pair.h(0)
    pair.cx(0, 1)
    two, one = ClassicalRegister(2, "two"), ClassicalRegister(1, "one")
    certain = QuantumCircuit(QuantumRegister(3, "q"), two, one)
    certain.x(1)
    certain.measure([0, 1], two)
    with certain.if_test((two, 2)):
        certain.x(2)
    certain.measure(2, one)
    circuits = transpile([pair.measure_all(inplace=False), certain], backend)
    job = backend.run(circuits, shots=shots)
    counts = job.result().get_counts()
    estimator = BackendEstimatorV2(backend=backend)
    pub = (pair, ["ZZ", "XX", "YY"])
    return {
        "qiskit": qiskit.__version__,
        "bell": counts[0],
        "certain": counts[1],
        "again": centre.job(job.job_id()).result().get_counts(0),
        "status": job.status().name,
        "estimated": estimator.run([pub], precision=0.05).result()[0].data.evs,
    }
