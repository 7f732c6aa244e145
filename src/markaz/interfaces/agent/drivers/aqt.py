"""AQT-style clouds: RZ, R and RXX in, outcomes shot by shot out. Protocol-tested, not
hardware-tested.

Learnt from the requests of the vendor's published clients (version 2.0.1 of its Qiskit
provider): a job of up to 50 circuits is posted to a workspace's resource and known by its id;
all qubits are measured at the end. The clients have no call that stops one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from markaz.interfaces.agent.drivers.base import (
    DriverError,
    Phase,
    Progress,
    Refused,
    Submission,
    Uncertain,
)
from markaz.interfaces.agent.drivers.registry import text
from markaz.interfaces.agent.drivers.wire import Wire, open_wire, required_token, words
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.status import Status

MOST_SHOTS: Final = 2000
MOST_OPERATIONS: Final = 2000
MOST_QUBITS: Final = 31
_PHASES: Final = {
    "queued": Phase.QUEUED,
    "ongoing": Phase.RUNNING,
    "finished": Phase.COMPLETED,
    "error": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
}
_STATUS: Final = {
    "online": Status.IDLE,
    "maintenance": Status.MAINTENANCE,
}


class AqtDriver:
    """Speaks to one resource of a workspace."""

    format = "aqt"
    names = False

    def __init__(self, wire: Wire, workspace: str, resource: str, qubits: int) -> None:
        self._wire, self._qubits = wire, qubits
        self._submit = f"/v1/submit/{quote(workspace, safe='')}/{quote(resource, safe='')}"
        self._resource = f"/v1/resources/{quote(resource, safe='')}"

    def status(self) -> Status:
        """How the resource is."""
        code, said = self._ask("GET", self._resource)
        if code != 200:
            raise DriverError(f"GET {self._resource}: answered {code}")
        return _STATUS.get(str(said.get("status")), Status.OFFLINE)

    def submit(self, program: Submission) -> str:
        """Hand a program over; the job's id."""
        operations = json.loads(program.text)
        too_much = (
            (program.shots, MOST_SHOTS, "shots"),
            (len(operations), MOST_OPERATIONS, "operations"),
            (self._qubits, MOST_QUBITS, "qubits"),
        )
        for has, most, what in too_much:
            if has > most:
                raise Refused(f"a circuit has at most {most} {what} there, not {has}")
        circuit = {"repetitions": program.shots, "quantum_circuit": operations,
                   "number_of_qubits": self._qubits}  # fmt: skip
        body = {"job_type": "quantum_circuit", "label": program.name,
                "payload": {"circuits": [circuit]}}  # fmt: skip
        code, said = self._ask("POST", self._submit, json=body)
        if code in (400, 413, 422):
            raise Refused(words(said, "detail", "message") or f"answered {code}")
        job = said.get("job") if code in (200, 201) else None
        key = job.get("job_id") if isinstance(job, dict) else None
        if not isinstance(key, str):
            raise DriverError(f"POST {self._submit}: answered {code} without a job's id")
        return key

    def poll(self, key: str, program: Submission) -> Progress:
        """How far the job is."""
        path = f"/v1/result/{quote(key, safe='')}"
        code, said = self._ask("GET", path)
        if code == 404:
            return Progress(Phase.UNKNOWN)
        found = said.get("response") if code == 200 else None
        phase = _PHASES.get(str(found.get("status"))) if isinstance(found, dict) else None
        if found is None or phase is None:
            raise DriverError(f"GET {path}: answered {code}, {said!r:.80}")
        counts = None
        if phase is Phase.COMPLETED:
            counts = _counts(found.get("result"), program.qubits, self._qubits)
        return Progress(phase, counts, message=words(found, "message"))

    def cancel(self, key: str) -> None:
        """The clients know no way: it runs to its end, and nobody asks for its outcome."""

    def sheet(self) -> str | None:
        """None: the resource's characterisation is of means and bounds, not of measurements."""
        return None

    def close(self) -> None:
        """Let connections go."""
        self._wire.close()

    def _ask(self, method: str, path: str, **content: Any) -> tuple[int, dict[str, Any]]:
        code, said = self._wire.ask(method, path, **content)
        if code >= 500:
            raise Uncertain(f"{method} {path}: answered {code}")
        if code in (401, 403):
            raise DriverError(f"{method} {path}: the token is refused ({code})")
        return code, said if isinstance(said, dict) else {}


def _counts(result: Any, qubits: Sequence[int], width: int) -> dict[str, int]:
    """Counts of the first circuit's samples, which hold a bit for every qubit."""
    samples = result.get("0") if isinstance(result, dict) and len(result) == 1 else None
    if not isinstance(samples, list):
        raise DriverError(f"the result is not of one circuit: {result!r:.80}")
    for row in samples:
        plain = isinstance(row, list) and len(row) == width
        if not plain or any(type(bit) is not int or bit not in (0, 1) for bit in row):
            raise DriverError(f"the result has an outcome that is no {width} bits: {row!r:.80}")
    return dict(Counter("".join(str(row[q]) for q in reversed(qubits)) for row in samples))


def make(model: DeviceModel, options: Mapping[str, Any]) -> AqtDriver:
    """See ``base.Make``."""
    wire = open_wire(options, {"authorization": f"Bearer {required_token(options)}"})
    workspace, resource = text(options, "workspace"), text(options, "resource")
    return AqtDriver(wire, workspace, resource, model.num_qubits)
