"""Estimators: expectation values that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import bell, device, estimator, fitted
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp


def values(pub: Any) -> dict[str, Any]:
    """Values and errors of a pub."""
    return {"evs": pub.data.evs, "stds": pub.data.stds}


def bell_values(kind: str, precision: float, seed: int | None = None) -> dict[str, Any]:
    """Correlations of a Bell pair, and one sum of them."""
    observables = ["ZZ", "XX", "YY", "ZI", SparsePauliOp(["ZZ", "XX", "IY"], [0.5, -2.0, 3.0])]
    made = estimator(kind, seed)
    (pub,) = made.run([(bell(measured=False), observables)], precision=precision).result()
    return values(pub)


def broadcast(kind: str, precision: float, seed: int | None = None) -> dict[str, Any]:
    """Two observables against five angles: a table of cosines and sines."""
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit = transpile(circuit, basis_gates=["rz", "sx"])  # what the client can twirl
    angles = np.linspace(0, np.pi, 5)
    pub = (circuit, [["Z"], ["X"]], angles[:, None])
    return values(estimator(kind, seed).run([pub], precision=precision).result()[0])


def projectors(kind: str, precision: float) -> dict[str, Any]:
    """Observables made of projectors onto eigenstates."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.ry(0.8, 1)
    circuit = transpile(circuit, basis_gates=["rz", "sx"])
    observables = [{"0+": 1.0}, {"I1": 1.0}, {"1I": 1.0}, {"+r": 2.0}, {"Z-": 1.0}]
    made = estimator(kind)
    if kind == "client":
        made.options.resilience.measure_mitigation = False  # it cannot do both
    return values(made.run([(circuit, observables)], precision=precision).result()[0])


def precisions() -> list[float]:
    """A pub's own precision goes before that of the run, that before the option's."""
    circuit, observable = bell(measured=False), "ZI"
    by_option = estimator(default_precision=0.1)
    pubs = [(circuit, observable), (circuit, observable, None, 0.05)]
    first = by_option.run(pubs).result()
    second = by_option.run(pubs, precision=0.2).result()
    return [pub.metadata["target_precision"] for result in (first, second) for pub in result]


def leveled(name: str, level: int, precision: float) -> dict[str, Any]:
    """ZZ + XX of a Bell pair at a resilience level, and what the result says was done."""
    circuit = fitted(bell(measured=False), name)
    observable = SparsePauliOp(["ZZ", "XX"]).apply_layout(circuit.layout)
    made = estimator(mode=device(name), resilience_level=level)
    result = made.run([(circuit, observable)], precision=precision).result()
    (said,) = result[0].metadata.get("mitigation", [{}])
    return {
        "value": float(result[0].data.evs),
        "error": float(result[0].data.stds),
        "asked": result.metadata["asked"],
        "level": said.get("level", 0),
        "done": said.get("applied", []),
    }


def mitigation(**resilience: bool) -> dict[str, Any]:
    """Ask for a mitigation by name."""
    made = estimator()
    for name, value in resilience.items():
        setattr(made.options.resilience, name, value)
    return values(made.run([(bell(measured=False), "ZZ")]).result()[0])
