"""Software that others built on the client, working through it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from common import bell, device, sampler
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp


def m3(shots: int) -> dict[str, Any]:
    """Matrix-free measurement mitigation: calibrate, measure, correct."""
    import mthree
    from runningman import RunningManBackend

    backend = RunningManBackend(device())
    mitigation = mthree.M3Mitigation(backend)
    mitigation.cals_from_system([0, 1], shots=shots, async_cal=False)
    counts = sampler().run([bell()], shots=shots).result()[0].data.meas.get_counts()
    quasi = mitigation.apply_correction(counts, [0, 1])
    return {
        "calibrations": [mitigation.single_qubit_cals[q] for q in (0, 1)],
        "counts": counts,
        "quasi": {str(bits): float(p) for bits, p in quasi.items()},
    }


def cutting(shots: int, seed: int) -> dict[str, float]:
    """A four-qubit circuit cut in two, run in halves, and its expectation value put together."""
    from qiskit_addon_cutting import (
        generate_cutting_experiments,
        partition_problem,
        reconstruct_expectation_values,
    )

    circuit = QuantumCircuit(4)
    for q, angle in enumerate((0.3, 0.7, 1.1, 0.5)):
        circuit.ry(angle, q)
    for q in range(3):
        circuit.cx(q, q + 1)
    observable = SparsePauliOp(["ZZII", "IZZI", "IIZZ", "XIXX"])
    parts = partition_problem(circuit, "AABB", observable.paulis)
    experiments, coefficients = generate_cutting_experiments(
        parts.subcircuits, parts.subobservables, num_samples=np.inf
    )
    run = sampler(seed=seed).run
    results = {half: run(cut, shots=shots).result() for half, cut in experiments.items()}
    terms = reconstruct_expectation_values(results, coefficients, parts.subobservables)
    from qiskit.quantum_info import Statevector

    exact = Statevector(circuit).expectation_value(observable).real
    return {"value": float(np.dot(terms, observable.coeffs).real), "exact": float(exact)}


def t1(name: str, delays: list[float], shots: int) -> dict[str, Any]:
    """A T1 experiment: the probabilities that it measured."""
    from qiskit_experiments.library import T1

    experiment = T1([0], delays=delays, backend=device(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a flat line cannot be fitted; that is not the point
        data = experiment.run(shots=shots).block_for_results()
    fits = [one.value for one in data.analysis_results(dataframe=False) if one.name == "T1"]
    sheet = device(name).properties()
    found = [(one["metadata"]["xval"], one["counts"]) for one in data.data()]
    return {
        "delays": [x for x, _ in found],
        "ones": [counts.get("1", 0) for _, counts in found],
        "shots": [sum(counts.values()) for _, counts in found],
        "fitted": float(fits[0].nominal_value) if fits else None,
        "published": sheet.t1(0) if sheet and sheet.qubits[0] else None,
    }


def readout(name: str, shots: int) -> dict[str, Any]:
    """A readout experiment: its assignment matrices."""
    from qiskit_experiments.library import LocalReadoutError

    data = LocalReadoutError([0, 1, 2], backend=device(name)).run(shots=shots)
    data.block_for_results()
    mitigator = data.analysis_results("Local Readout Mitigator", dataframe=False).value
    return {
        "matrices": [mitigator.assignment_matrix(q) for q in (0, 1, 2)],
        "shots": [sum(one["counts"].values()) for one in data.data()],
    }
