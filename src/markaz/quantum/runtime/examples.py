"""Small bodies, as the client writes them, with which a child goes every way once."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from markaz.quantum.runtime import encoding, tensors

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@cache
def examples() -> tuple[tuple[str, bytes], ...]:
    """(kind, body), written by Qiskit when first asked for."""
    circuit = _circuit()
    values = encoding.ndarray(np.array([[0.1], [0.2]]))
    text = "OPENQASM 3.0; qubit q; bit c; c = measure q;"
    sampler: list[Any] = [[circuit, values, 100], [text]]
    estimator: list[Any] = [[circuit, [{"XZ": 1.0, "0I": 0.5}], values, 0.1]]
    bodies = {
        "sampler": {"pubs": sampler, "options": {}, "version": 2},
        "estimator": {"pubs": estimator, "options": {}, "version": 2},
        "executor": _twirled(),
    }
    return tuple((kind, json.dumps(body).encode()) for kind, body in bodies.items())


def _twirled() -> dict[str, Any]:
    """A program of one samplex item."""
    import samplomatic
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from samplomatic.serialization import samplex_to_json

    circuit = QuantumCircuit(2)
    with circuit.box([samplomatic.Twirl()]):
        circuit.rx(Parameter("a"), 0)
        circuit.cx(0, 1)
    with circuit.box([samplomatic.Twirl()]):
        circuit.measure_all()
    template, samplex = samplomatic.build(circuit)
    arguments = {"parameter_values": tensors.encoded(np.array([0.1]), compressed=True)}
    item = {
        "item_type": "samplex",
        "samplex": {"ssv": 4, "samplex_json": samplex_to_json(samplex, ssv=4)},
        "samplex_arguments": arguments,
        "shape": [4],
    }
    program = {"shots": 16, "circuits": {"b64_data": _qpy(template)}, "items": [item]}
    return {"schema_version": "v2.0", "quantum_program": program, "options": {}}


def _circuit() -> dict[str, str]:
    """A rotation, a Bell pair, its measurement."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return {"__type__": "QuantumCircuit", "__value__": _qpy(circuit)}


def _qpy(circuit: QuantumCircuit) -> str:
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file, version=min(qpy.common.QPY_VERSION, 17))
    return encoding.text_of(file.getvalue())
