"""Origin Quantum cloud: OriginIR in, counts out. Protocol-tested, not hardware-tested.

Learnt from the requests of the vendor's published library (QPanda 2, C++ sources, and its Python
packages up to 3.8.5): a task is posted as JSON and known by its id; its state is a digit; its
outcomes are a text of JSON with hexadecimal keys. Mapping, optimisation and amended readout are
turned off: the program is compiled already, and mitigation is the centre's.

The vendor documents none of this as an interface. Not known in public: what the words of a
chip's state mean, in which units and of which day its configuration's numbers are (so no sheet is
made of them), and any call that stops a task. Its newer library (pyqpanda3) speaks to other
addresses in a binary form, which this driver does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markaz.interfaces.agent.drivers.base import (
    DriverError,
    NotNow,
    Phase,
    Progress,
    Refused,
    Submission,
    Uncertain,
)
from markaz.interfaces.agent.drivers.registry import OptionError
from markaz.interfaces.agent.drivers.wire import (
    Wire,
    open_wire,
    required_token,
    strict_json,
    words,
)
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.status import Status

SUBMIT: Final = "/api/taskApi/submitTask.json"
QUERY: Final = "/api/taskApi/getTaskDetail.json"
CHIP: Final = "/api/taskApi/getFullConfig.json"
REAL_CHIP: Final = 5
MEASURE: Final = 1
FROM_LIBRARY: Final = 4
MOST_NAME: Final = 31  # characters of a task's name
MAINTENANCE: Final = 20045  # also said of a chip that the cloud does not have
NO_ENTRY: Final = frozenset({401, 403})
_PHASES: Final = {
    "1": Phase.QUEUED,
    "2": Phase.RUNNING,
    "3": Phase.COMPLETED,
    "4": Phase.FAILED,
    "5": Phase.QUEUED,
    "6": Phase.QUEUED,  # sent to be built
    "7": Phase.FAILED,  # it could not be built
    "8": Phase.FAILED,  # its sequence is too long
    "9": Phase.RUNNING,
    "35": Phase.FAILED,
}
_ROUNDING: Final = 0.01  # by which shots times a frequency may miss a whole number


class OriginDriver:
    """Speaks to one chip of the cloud."""

    format = "originir"
    names = False

    def __init__(self, wire: Wire, key: str, chip: int, qubits: int) -> None:
        self._wire, self._key, self._chip, self._qubits = wire, key, chip, qubits

    def status(self) -> Status:
        """Idle if the cloud gives the chip's configuration; what more it says is not known."""
        said = self._ask("GET", CHIP, params={"chipId": self._chip})
        if said.get("success") is True:
            return Status.IDLE
        return Status.MAINTENANCE if said.get("code") == MAINTENANCE else Status.OFFLINE

    def submit(self, program: Submission) -> str:
        """Hand a program over; its task id."""
        body = {
            "apiKey": self._key,
            "code": program.text,
            "codeLen": len(program.text),
            "taskFrom": FROM_LIBRARY,
            "qubitNum": self._qubits,
            "classicalbitNum": program.bits,
            "taskName": program.name[-MOST_NAME:],
            "chipId": self._chip,
            "isAmend": False,
            "mappingFlag": False,
            "circuitOptimization": False,
            "measureType": MEASURE,
            "QMachineType": REAL_CHIP,
            "shot": program.shots,
        }
        said = self._ask("POST", SUBMIT, json=body)
        if said.get("success") is not True:
            why = words(said, "message") or f"code {said.get('code')!r:.20}"
            if said.get("code") == MAINTENANCE:
                raise NotNow(why, Status.MAINTENANCE)
            raise Refused(why)
        found = said.get("obj")
        key = found.get("taskId") if isinstance(found, dict) else None
        if not isinstance(key, str) or not key:
            raise DriverError(f"the cloud gave no task id: {said!r:.100}")
        return key

    def poll(self, key: str, program: Submission) -> Progress:
        """How far the task is."""
        said = self._ask("POST", QUERY, json={"taskId": key, "apiKey": self._key})
        if said.get("success") is not True:
            raise DriverError(f"POST {QUERY}: {words(said, 'message') or 'no success'}")
        found = _record(said.get("obj"))
        phase = _PHASES.get(str(found.get("taskState")))
        if phase is None:
            raise DriverError(f"state {found.get('taskState')!r:.40} of task {key:.40}")
        if phase is Phase.COMPLETED:
            return Progress(phase, _counts(found, program.shots, program.bits))
        message = words(found, "errorMessage", "errorDetail") if phase is Phase.FAILED else ""
        return Progress(phase, message=message)

    def cancel(self, key: str) -> None:
        """No call is known: it runs to its end, and nobody asks for its outcome."""

    def sheet(self) -> str | None:
        """None: the configuration's numbers have neither units nor dates."""
        return None

    def close(self) -> None:
        """Let connections go."""
        self._wire.close()

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        code, said = self._wire.ask(method, path, **content)
        if code >= 500:
            raise Uncertain(f"{method} {path}: answered {code}")
        found = said if isinstance(said, dict) else {}
        if code in NO_ENTRY or found.get("code") in NO_ENTRY:
            raise DriverError(f"{method} {path}: the cloud refuses the key")
        if code != 200 or not found:
            raise DriverError(f"{method} {path}: answered {code}, {said!r:.80}")
        return found


def _record(found: Any) -> dict[str, Any]:
    """The only task of an answer."""
    task = found.get("qcodeTaskNewVo") if isinstance(found, dict) else None
    rows = task.get("taskResultList") if isinstance(task, dict) else None
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        raise DriverError(f"the cloud's answer is not of one task: {found!r:.100}")
    return rows[0]


def _counts(found: Mapping[str, Any], shots: int, bits: int) -> dict[str, int]:
    """Counts as they were measured, or out of frequencies that are whole numbers of shots."""
    if found.get("probCount"):
        return {_key(k, bits): v for k, v in _table(found["probCount"])}
    counts: dict[str, int] = {}
    for key, share in _table(found.get("taskResult")):
        count = share * shots
        if abs(count - round(count)) > _ROUNDING:
            raise DriverError(f"{share!r:.40} of {shots} shots is no count: amended outcomes")
        if round(count):
            counts[_key(key, bits)] = round(count)
    return counts


def _table(said: Any) -> list[tuple[str, Any]]:
    """Keys and numbers of outcomes, which come as an object or as its text."""
    try:
        table = strict_json(said) if isinstance(said, str) else said
    except ValueError as error:
        raise DriverError(f"the cloud's outcomes are no JSON ({error}): {said!r:.80}") from None
    if not isinstance(table, dict) or not _is_table(table.get("key"), table.get("value")):
        raise DriverError(f"the cloud's outcomes are no table: {said!r:.80}")
    return list(zip(table["key"], table["value"], strict=True))


def _is_table(keys: Any, values: Any) -> bool:
    """Whether these are as many different texts as plain numbers."""
    if not (isinstance(keys, list) and isinstance(values, list)) or len(keys) != len(values):
        return False
    texts = all(isinstance(k, str) for k in keys) and len(set(keys)) == len(keys)
    return texts and all(type(v) in (int, float) for v in values)


def _key(word: str, bits: int) -> str:
    """A hexadecimal key as bits, that of ``c[0]`` right."""
    try:
        value = int(word, 16)
    except ValueError:
        raise DriverError(f"the key {word!r:.40} is not hexadecimal") from None
    if not 0 <= value < 1 << bits:
        raise DriverError(f"the key {word!r:.40} has more than {bits} bits")
    return f"{value:0{bits}b}"


def make(model: DeviceModel, options: Mapping[str, Any]) -> OriginDriver:
    """See ``base.Make``."""
    chip = options.get("chip_id")
    if type(chip) is not int:
        raise OptionError(f"chip_id must be a whole number, not {chip!r:.40}")
    key = required_token(options)
    wire = open_wire(options, {"authorization": f"oqcs_auth={key}", "origin-language": "en"})
    return OriginDriver(wire, key, chip, model.num_qubits)
