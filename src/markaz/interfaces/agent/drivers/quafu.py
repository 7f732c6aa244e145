"""Quafu cloud: OpenQASM 2 in, counts out. Protocol-tested, not hardware-tested.

Learnt from the requests of the vendor's published client (version 0.4.5): forms with the
token in a header; a task is known by its id; its counts come as the text of a Python
dictionary, read here as a literal and never evaluated. The cloud has no call that stops one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Final

from markaz.interfaces.agent.drivers.base import (
    DriverError,
    Phase,
    Progress,
    Refused,
    Submission,
    Uncertain,
)
from markaz.interfaces.agent.drivers.registry import OptionError, text
from markaz.interfaces.agent.drivers.wire import Wire, open_wire, required_token, words
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.status import Status

BACKENDS: Final = "/qbackend/get_backends/"
SUBMIT: Final = "/qbackend/scq_kit_asyc/"
RECALL: Final = "/qbackend/scq_task_recall/"
PRIORITY: Final = 2
MOST_TEXT: Final = 16 << 20
_PHASES: Final = {
    0: Phase.QUEUED,
    1: Phase.RUNNING,
    2: Phase.COMPLETED,
    3: Phase.CANCELLED,
    4: Phase.FAILED,
    5: Phase.QUEUED,
}
_REFUSALS: Final = frozenset({201, 205, 400, 5001, 5004})  # the task is to blame
_ERRORS: Final = _REFUSALS | {5003}
_STATUS: Final = {
    "online": Status.IDLE,
    "maintenance": Status.MAINTENANCE,
    "calibration": Status.CALIBRATION,
}


class QuafuDriver:
    """Speaks to one system of the cloud."""

    format = "openqasm2"
    names = False

    def __init__(self, wire: Wire, machine: str, system: int, qubits: int) -> None:
        self._wire, self._machine, self._system, self._qubits = wire, machine, system, qubits

    def status(self) -> Status:
        """How the system is; words that are not known here count as offline."""
        said = self._ask(BACKENDS)
        rows = said.get("data")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("system_name") == self._machine:
                return _STATUS.get(str(row.get("status")).lower(), Status.OFFLINE)
        raise DriverError(f"the cloud has no system {self._machine}")

    def submit(self, program: Submission) -> str:
        """Hand a program over; its task id. It is compiled already."""
        form = {
            "qtasm": program.text,
            "shots": program.shots,
            "qubits": self._qubits,
            "scan": 0,
            "tomo": 0,
            "selected_server": self._system,
            "compile": 0,
            "priority": PRIORITY,
            "task_name": program.name,
            "runtime_job_id": "",
        }
        said = self._ask(SUBMIT, form)
        if said.get("status", said.get("code")) in _REFUSALS:
            raise Refused(words(said, "message", "msg") or "no reason")
        key = said.get("task_id")
        if not isinstance(key, str) or not key:
            raise DriverError(f"the cloud gave no task id: {said!r:.100}")
        return key

    def poll(self, key: str, program: Submission) -> Progress:
        """How far the task is."""
        said = self._ask(RECALL, {"task_id": key})
        phase = _PHASES.get(said.get("status", -1))
        if phase is None or said.get("task_id") != key:
            raise DriverError(f"status {said.get('status')!r:.40} of task "
                              f"{said.get('task_id')!r:.40}")  # fmt: skip
        counts = _counts(said.get("res")) if phase is Phase.COMPLETED else None
        return Progress(phase, counts, message=words(said, "message", "msg"))

    def cancel(self, key: str) -> None:
        """The cloud cannot: it runs to its end, and nobody asks for its outcome."""

    def sheet(self) -> str | None:
        """None: what the cloud says of its chips has no dates."""
        return None

    def close(self) -> None:
        """Let connections go."""
        self._wire.close()

    def _ask(self, path: str, form: Mapping[str, Any] | None = None) -> dict[str, Any]:
        code, said = self._wire.ask("POST", path, data=form)
        if code >= 500:
            raise Uncertain(f"POST {path}: answered {code}")
        if code != 200 or not isinstance(said, dict):
            raise DriverError(f"POST {path}: answered {code}")
        if said.get("status", said.get("code")) in _ERRORS - (_REFUSALS if form else set()):
            raise DriverError(f"POST {path}: {words(said, 'message', 'msg')}")
        return said


def _counts(said: Any) -> dict[Any, Any]:
    """Counts out of the text of a dictionary; its keys have the lowest bit left."""
    if not isinstance(said, str) or len(said) > MOST_TEXT:
        raise DriverError(f"the cloud's counts are no text: {said!r:.80}")
    try:
        found = ast.literal_eval(said)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise DriverError(f"the cloud's counts cannot be read: {said[:80]!r}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DriverError(f"the cloud's counts are no dictionary of texts: {said[:80]!r}")
    return {key[::-1]: count for key, count in found.items()}


def make(model: DeviceModel, options: Mapping[str, Any]) -> QuafuDriver:
    """See ``base.Make``."""
    system = options.get("system_id")
    if type(system) is not int:
        raise OptionError(f"system_id must be a whole number, not {system!r:.40}")
    wire = open_wire(options, {"api_token": required_token(options)})
    return QuafuDriver(wire, text(options, "machine"), system, model.num_qubits)
