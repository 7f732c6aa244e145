"""Bodies as a real client writes them: ``python make.py`` where qiskit-ibm-runtime is installed.

Writes ``params`` of requests beside this file, with the client's version in their names, and
``expected.json``: exact expectation values, and probabilities of each outcome of a register.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import qiskit_ibm_runtime
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorEstimator
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_ibm_runtime.executor_estimator.prepare import prepare as prepare_estimator
from qiskit_ibm_runtime.executor_sampler.prepare import prepare as prepare_sampler
from qiskit_ibm_runtime.json import RuntimeEncoder
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
from qiskit_ibm_runtime.quantum_program.params_converters import (
    QUANTUM_PROGRAM_PARAMS_CONVERTERS as CONVERTERS,
)

HERE = Path(__file__).parent
VERSION = qiskit_ibm_runtime.__version__.rpartition(".")[0].replace(".", "_")


def ansatz() -> QuantumCircuit:
    angles = ParameterVector("t", 12)  # t[10] and t[11] sort behind t[9]
    circuit = QuantumCircuit(3, metadata={"name": ["ansatz", 1]})
    for k in (11, 0, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9):
        circuit.rx(angles[k], k % 3)
        circuit.rz(0.5 * angles[k] + 0.1, (k + 1) % 3)
        circuit.cx(k % 3, (k + 2) % 3)
    return circuit


def dynamic() -> QuantumCircuit:
    q, a, b = QuantumRegister(3, "q"), ClassicalRegister(1, "a"), ClassicalRegister(10, "b")
    circuit = QuantumCircuit(q, a, b)
    circuit.x(0)
    circuit.measure(0, a[0])
    with circuit.if_test((a, 1)):
        circuit.x(1)
    circuit.measure(1, b[9])
    circuit.measure(2, b[0])
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    copy = circuit.copy()
    copy.measure_all()
    return copy


VALUES = np.random.default_rng(4).uniform(-3, 3, (2, 3, 12))
SUM = SparsePauliOp(["ZZI", "IXY"], [1, 0.5])
NATIVE = transpile(ansatz(), basis_gates=["cx", "rz", "sx", "x"], optimization_level=0)


def write(name: str, params: Any) -> None:
    text = json.dumps(params, cls=RuntimeEncoder)
    (HERE / f"{name}_{VERSION}.json").write_text(text + "\n")


def legacy() -> None:
    more = {"version": 2, "support_qiskit": True}
    pubs = [
        (measured(ansatz()), VALUES, 500),
        (dynamic(), None, 40),
        (measured(ansatz()), VALUES[0]),
    ]
    options = {"default_shots": 123, "simulator": {"seed_simulator": 7},
               "twirling": {"enable_gates": True}}  # fmt: skip
    write("sampler", {"pubs": [SamplerPub.coerce(p) for p in pubs], "options": options} | more)
    pubs = [(ansatz(), SUM, VALUES[0, 0]), (ansatz(), [["ZZI"], ["XXX"]], VALUES[0], 0.01),
            (ansatz(), {"0+r": 1.0, "I1l": 2}, VALUES)]  # fmt: skip
    params = {"pubs": [EstimatorPub.coerce(p) for p in pubs], "resilience_level": 1}
    write("estimator", params | {"options": {"seed_estimator": 3}} | more)


def executor() -> None:
    # 0.49 takes shots where its successors take a precision.
    plain, twirled, estimator = SamplerOptions(), SamplerOptions(), EstimatorOptions()
    plain.twirling.enable_gates = plain.twirling.enable_measure = False
    twirled.twirling.enable_gates = twirled.twirling.enable_measure = True
    estimator.twirling.enable_gates, estimator.twirling.enable_measure = False, True
    programs = {
        "executor_circuits": ("sampler_v2", prepare_sampler(
            [SamplerPub.coerce(p) for p in ((measured(ansatz()), VALUES, 500),
                                            (dynamic(), None, 500))], plain, 500)),
        "executor_twirled": ("sampler_v2", prepare_sampler(
            [SamplerPub.coerce((measured(NATIVE), VALUES[0], 64_000))], twirled, 64_000)),
        "executor_estimator": ("estimator_v2", prepare_estimator(
            [EstimatorPub.coerce((NATIVE, [["ZZI"], ["XXX"]], VALUES[0], 0.05))],
            estimator, 400 if VERSION == "0_49" else 0.05)),
    }  # fmt: skip
    for name, (role, (program, options)) in programs.items():
        program._semantic_role = role
        model = CONVERTERS["v2.0"].encoder(program, options)
        write(name, model.model_dump(mode="json"))


def expected() -> None:
    pubs = [(ansatz(), SUM, VALUES[0, 0]), (ansatz(), [["ZZI"], ["XXX"]], VALUES[0])]
    values = [r.data.evs.tolist() for r in StatevectorEstimator().run(pubs).result()]
    states = [Statevector(ansatz().assign_parameters(v)) for v in VALUES.reshape(6, 12)]
    chances = [s.probabilities().round(15).tolist() for s in states]
    (HERE / "expected.json").write_text(json.dumps({"values": values, "chances": chances}) + "\n")


if __name__ == "__main__":
    legacy()
    executor()
    expected()
