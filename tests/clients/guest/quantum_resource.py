"""QRMI: what a Slurm job does with a quantum resource."""

from __future__ import annotations

import json
import os
import time
from functools import cache
from typing import Any

import qrmi
from common import bell
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qrmi.primitives.ibm import EstimatorV2, SamplerV2

KIND = qrmi.ResourceType.IBMQuantumComputeService


@cache
def resource() -> Any:
    """The device as a resource; the environment says where it is."""
    return qrmi.QuantumResource(os.environ["TEST_DEVICE"], KIND)


def life(shots: int) -> dict[str, Any]:
    """Acquire, run a Bell pair written in OpenQASM 3, look at all there is, release."""
    found: dict[str, Any] = {"status": str(resource().status().status)}
    token = resource().acquire()
    target = json.loads(resource().target().value)
    program = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c;'
    program += "h q[0]; cx q[0], q[1]; c = measure q;"
    body = {"pubs": [[program, None, shots]], "version": 2, "support_qiskit": True, "options": {}}
    payload = qrmi.Payload.QiskitPrimitive(input=json.dumps(body), program_id="sampler")
    task = resource().task_start(payload)
    states = {str(resource().task_status(task))}
    while resource().task_status(task) in (qrmi.TaskStatus.Queued, qrmi.TaskStatus.Running):
        time.sleep(0.05)
    found |= {
        "token": token,
        "target": sorted(target),
        "qubits": target["configuration"]["n_qubits"],
        "seen": sorted(states),
        "state": str(resource().task_status(task)),
        "result": json.loads(resource().task_result(task).value),
        "logs": resource().task_logs(task),
        "metadata": dict(resource().metadata()),
        "task": task,
    }
    resource().release(token)
    return found


def primitives(shots: int, precision: float) -> dict[str, Any]:
    """QRMI's own Qiskit primitives: a sampler, a sweep and an estimator."""
    token = resource().acquire()
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    measured = circuit.measure_all(inplace=False)
    try:
        sampler = SamplerV2(resource())
        pair = sampler.run([(bell(), None)], shots=shots).result()[0]
        sweep = sampler.run([(measured, [[0.0], [3.141592653589793]])], shots=shots).result()[0]
        estimator = EstimatorV2(resource())
        values = estimator.run([(circuit, "Z", [0.5])], precision=precision).result()[0]
    finally:
        resource().release(token)
    return {
        "bell": pair.data.meas.get_counts(),
        "sweep": [sweep.data.meas.get_counts(i) for i in range(2)],
        "evs": values.data.evs,
    }


def stopped() -> str:
    """A long task, stopped."""
    from common import heavy
    from qiskit import qasm3

    token = resource().acquire()
    body = {"pubs": [[qasm3.dumps(heavy()), None, 10]], "version": 2, "options": {}}
    payload = qrmi.Payload.QiskitPrimitive(input=json.dumps(body), program_id="sampler")
    try:
        task = resource().task_start(payload)
        resource().task_stop(task)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            state = str(resource().task_status(task))
            if state.rpartition(".")[2] not in ("Queued", "Running"):
                break
            time.sleep(0.05)
    finally:
        resource().release(token)
    return state


def discovery() -> dict[str, list[str]]:
    """Resources by filter, as a provider lists them."""
    names = [
        variable.removeprefix(f"{os.environ['TEST_DEVICE']}_")
        for variable in os.environ
        if "_QRMI_" in variable
    ]
    place = {name: os.environ[f"{os.environ['TEST_DEVICE']}_{name}"] for name in names}
    provider = qrmi.ResourceProvider(KIND, place)

    def listed(text: str | None = None) -> list[str]:
        return [one.resource_id() for one in provider.resources(text)]

    return {
        "usual": listed(),
        "online": listed("is_simulator=true&status=online&num_qubits=5"),
        "huge": listed("is_simulator=true&num_qubits=100000000"),
        "named": listed("is_simulator=true&name=sim*"),
    }
