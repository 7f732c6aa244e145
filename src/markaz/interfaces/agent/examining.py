"""The contract's tester: each clause with what the device did, for vendors to run alone."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from markaz.interfaces.agent.counts import checked
from markaz.interfaces.agent.drivers.base import DriverError, Unreachable
from markaz.interfaces.agent.drivers.http import CONTRACT, OFFERED
from markaz.interfaces.agent.drivers.wire import Wire, number_or_none
from markaz.quantum.calibrate import circuits
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.status import Status
from markaz.quantum.operate import native
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import NANOSECONDS

SHOTS: Final = 200
WAIT_NS: Final = 120.0
STATES: Final = ("queued", "running", "completed", "failed", "cancelled")
_ENDED: Final = STATES[2:]
POLL_SECONDS: Final = 0.02


class Broken(Exception):
    """A clause that does not hold; the message says what the device did."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clause of the contract, whether it holds, and what was seen."""

    clause: str
    text: str
    ok: bool
    seen: str


Clause = Callable[["Examiner"], str]
CLAUSES: Final[dict[str, tuple[str, Clause]]] = {}


def clause(number: str, text: str) -> Callable[[Clause], Clause]:
    """Put a check into the table; it returns what was seen, or raises Broken."""

    def put(check: Clause) -> Clause:
        CLAUSES[number] = text, check
        return check

    return put


class Examiner:
    """Tests the device behind ``wire`` against the contract and its device file.

    ``seconds``: how long a program may take. Programs that it hands over are small.
    """

    def __init__(self, wire: Wire, model: DeviceModel, seconds: float = 60.0) -> None:
        self.wire, self.model, self.seconds = wire, model, seconds
        self.prefix = f"check-{secrets.token_hex(8)}"
        self.device: dict[str, Any] = {}

    def run(self) -> Iterator[Verdict]:
        """All clauses, one after another."""
        for number, (text, check) in CLAUSES.items():
            try:
                ok, seen = True, check(self)
            except (Broken, DriverError) as error:
                ok, seen = False, str(error)
            yield Verdict(number, text, ok, seen)

    def ask(self, method: str, path: str, *codes: int, **content: Any) -> Any:
        """The document of an answer with one of ``codes``."""
        code, said = self.wire.ask(method, path, **content)
        if code not in codes:
            wanted = " or ".join(map(str, codes))
            raise Broken(f"{method} {path} answers {code}, not {wanted}: {said!r:.200}")
        return said

    def body(self, form: str, circuit: Circuit, shots: int = SHOTS) -> dict[str, Any]:
        """A request for a compiled circuit."""
        made = native.program(circuit, form)
        return {"format": form, "program": made.text, "shots": shots, "bits": made.bits}

    def ended(self, name: str) -> dict[str, Any]:
        """The program's document once it has ended."""
        until = time.monotonic() + self.seconds
        while True:
            found = self.ask("GET", path(name), 200)
            self.checked_document(found, name)
            if found["state"] in _ENDED:
                return dict(found)
            if time.monotonic() > until:
                raise Broken(f"program {name} has not ended after {self.seconds:g} s")
            time.sleep(POLL_SECONDS)

    def checked_document(self, found: Any, name: str) -> None:
        """Raise Broken for a document that is none of the program ``name``."""
        if not isinstance(found, dict) or found.get("id") != name:
            raise Broken(f"the document is not of program {name}: {found!r:.200}")
        if found.get("state") not in STATES:
            raise Broken(f"state {found.get('state')!r:.60} is none of {', '.join(STATES)}")

    def completed(self, name: str, body: dict[str, Any]) -> dict[str, int]:
        """The counts of a program, handed over and run."""
        self.ask("PUT", path(name), 201, json=body)
        found = self.ended(name)
        if found["state"] != "completed":
            raise Broken(f"the program {found['state']}: {found.get('error')!r:.200}")
        if number_or_none(found.get("seconds")) is None:
            raise Broken(f"seconds is {found.get('seconds')!r:.60}, no number from 0")
        return checked(found.get("counts"), body["bits"], body["shots"])

    def line(self) -> list[int]:
        """Two qubits with a coupler that works; one where there is none."""
        return list(self.model.live_couplers[0]) if self.model.live_couplers else [0]

    def flipped(self, ones: list[int], measured: list[int]) -> Circuit:
        """Native pulses that turn some qubits over; then a measurement, bit by bit."""
        builder = circuits.start(self.model)
        for qubit in ones:
            circuits.pulse(builder, qubit, 2)
        return circuits.finish(builder, measured)


def path(name: str) -> str:
    """Where a program is."""
    return f"/v1/jobs/{name}"


def _formats(examiner: Examiner) -> list[str]:
    said = examiner.device.get("formats")
    found = [f for f in said if f in OFFERED] if isinstance(said, list) else []
    if not found:
        raise Broken(f"formats is {said!r:.100}, with neither of {', '.join(OFFERED)}")
    return found


def _mostly(counts: dict[str, int], wanted: str, what: str) -> str:
    """Noise may be there; the wanted outcome must be more frequent than all others together."""
    seen = counts.get(wanted, 0)
    total = sum(counts.values())
    if 2 * seen <= total:
        most = max(counts, key=lambda k: counts[k])
        raise Broken(f"{what}: {wanted} in {seen} of {total} shots; most frequent is {most}")
    return f"{wanted} in {seen} of {total} shots"


@clause("1.1", "GET /v1/device describes the device of the file")
def _describes(examiner: Examiner) -> str:
    found = examiner.ask("GET", "/v1/device", 200)
    if not isinstance(found, dict) or found.get("contract") != CONTRACT:
        raise Broken(f"contract is not {CONTRACT!r}: {found!r:.200}")
    examiner.device = found
    model = examiner.model
    wanted = {"name": model.name, "qubits": model.num_qubits, "max_shots": model.max_shots}
    for key, value in wanted.items():
        if found.get(key) != value:
            raise Broken(f"{key} is {found.get(key)!r:.60}; the device file says {value!r}")
    return f"{model.name}, {model.num_qubits} qubits"


@clause("1.2", "status is one of QDMI's words")
def _status(examiner: Examiner) -> str:
    said = examiner.device.get("status")
    if said not in {str(s) for s in Status}:
        raise Broken(f"status is {said!r:.60}, none of {', '.join(Status)}")
    return str(said)


@clause("1.3", "formats names qcis or openqasm3")
def _offers(examiner: Examiner) -> str:
    return ", ".join(_formats(examiner))


@clause("2.1", "GET /v1/calibration is a calibration sheet of the device, or 404")
def _calibration(examiner: Examiner) -> str:
    code, found = examiner.wire.ask("GET", "/v1/calibration")
    if code == 404:
        return "none yet"
    if code != 200:
        raise Broken(f"answers {code}, neither 200 nor 404")
    try:
        sheet = from_json(json.dumps(found))
    except DescriptionError as error:
        raise Broken(str(error)) from None
    if sheet.device != examiner.model.name:
        raise Broken(f"the sheet is of device {sheet.device}")
    return f"{sum(row.value is not None for row in sheet.rows)} values"


@clause("3.1", "a program of each format runs; counts have the right width and shots")
def _runs(examiner: Examiner) -> str:
    seen = []
    for form in _formats(examiner):
        qubits = examiner.line()
        body = examiner.body(form, examiner.flipped([], qubits))
        counts = examiner.completed(f"{examiner.prefix}-{form}", body)
        seen.append(f"{form}: {_mostly(counts, '0' * len(qubits), form)}")
    return "; ".join(seen)


@clause("3.2", "bit k of a key, from the right, is the k-th measured qubit")
def _order(examiner: Examiner) -> str:
    seen = []
    for form in _formats(examiner):
        for turn, measured in enumerate((examiner.line(), examiner.line()[::-1])):
            wanted = "".join("1" if q == examiner.line()[0] else "0" for q in reversed(measured))
            body = examiner.body(form, examiner.flipped(examiner.line()[:1], measured))
            counts = examiner.completed(f"{examiner.prefix}-order-{form}-{turn}", body)
            shown = " ".join(f"Q{q}" for q in measured)
            seen.append(_mostly(counts, wanted, f"{form}, M {shown} with Q{examiner.line()[0]} on"))
    return "; ".join(seen)


@clause("3.3", "all qubits can be measured at once")
def _all(examiner: Examiner) -> str:
    qubits = list(range(examiner.model.num_qubits))
    body = examiner.body(_formats(examiner)[0], examiner.flipped([], qubits), shots=10)
    counts = examiner.completed(f"{examiner.prefix}-all", body)
    return f"{len(counts)} different outcomes of {len(qubits)} bits in 10 shots"


@clause("3.4", "one shot, and the most that the device takes")
def _shots(examiner: Examiner) -> str:
    seen = []
    for shots in (1, examiner.model.max_shots):
        body = examiner.body(_formats(examiner)[0], examiner.flipped([], examiner.line()), shots)
        examiner.completed(f"{examiner.prefix}-shots-{shots}", body)
        seen.append(str(shots))
    return " and ".join(seen)


@clause("3.5", "waits of a stated length, if the device file names the feature delay")
def _waits(examiner: Examiner) -> str:
    if "delay" not in examiner.model.features:
        return "it does not"
    seen = []
    for form in _formats(examiner):
        builder = circuits.start(examiner.model)
        for qubit in examiner.line():
            builder.delay(qubit, WAIT_NS, NANOSECONDS)
        body = examiner.body(form, circuits.finish(builder, examiner.line()))
        counts = examiner.completed(f"{examiner.prefix}-wait-{form}", body)
        seen.append(f"{form}: {_mostly(counts, '0' * len(examiner.line()), form)}")
    return "; ".join(seen)


@clause("4.1", "the same program put again runs once, and keeps its outcome")
def _again(examiner: Examiner) -> str:
    name = f"{examiner.prefix}-again"
    body = examiner.body(_formats(examiner)[0], examiner.flipped([], examiner.line()))
    first = examiner.completed(name, body)
    examiner.checked_document(examiner.ask("PUT", path(name), 200, json=body), name)
    second = examiner.ended(name).get("counts")
    if second != first:
        raise Broken("its counts are others now: it ran twice")
    return "200, the same counts"


@clause("4.2", "another program under a known id is refused with 409")
def _other(examiner: Examiner) -> str:
    name = f"{examiner.prefix}-other"
    form = _formats(examiner)[0]
    examiner.completed(name, examiner.body(form, examiner.flipped([], examiner.line())))
    body = examiner.body(form, examiner.flipped(examiner.line()[:1], examiner.line()))
    examiner.ask("PUT", path(name), 409, json=body)
    return "409"


@clause("4.3", "an unknown id is answered with 404")
def _unknown(examiner: Examiner) -> str:
    for method in ("GET", "DELETE"):
        examiner.ask(method, path(f"{examiner.prefix}-never"), 404)
    return "404"


@clause("5.1", "what cannot run is refused with 422 and an error in words")
def _refuses(examiner: Examiner) -> str:
    form = _formats(examiner)[0]
    good = examiner.body(form, examiner.flipped([], examiner.line()))
    beyond = examiner.model.num_qubits
    text = f"X2P Q{beyond}\nM Q{beyond}\n" if form == "qcis" else f"bit[1] c; sx ${beyond};"
    bad = {
        "no program": good | {"program": "this is no program"},
        "a qubit that is not there": good | {"program": text, "bits": 1},
        "too many shots": good | {"shots": examiner.model.max_shots + 1},
        "no shots": good | {"shots": 0},
        "an unknown format": good | {"format": "punched cards"},
    }
    for n, (what, body) in enumerate(bad.items()):
        said = examiner.ask("PUT", path(f"{examiner.prefix}-bad-{n}"), 422, json=body)
        if not isinstance(said, dict) or not isinstance(said.get("error"), str):
            raise Broken(f"{what}: 422 without an error in words: {said!r:.200}")
    return f"{len(bad)} of {len(bad)} refused"


@clause("6.1", "two programs at a time each get their own outcome")
def _two(examiner: Examiner) -> str:
    form, qubits = _formats(examiner)[0], examiner.line()
    wanted = {"0" * len(qubits): [], "1".rjust(len(qubits), "0"): qubits[:1]}
    for key, ones in wanted.items():
        body = examiner.body(form, examiner.flipped(ones, qubits))
        examiner.ask("PUT", path(f"{examiner.prefix}-two-{key}"), 201, json=body)
    for key in wanted:
        found = examiner.ended(f"{examiner.prefix}-two-{key}")
        _mostly(checked(found.get("counts"), len(qubits), SHOTS), key, "of two")
    return "both"


@clause("6.2", "DELETE ends a program: cancelled, or completed if it was too late")
def _cancels(examiner: Examiner) -> str:
    form, qubits = _formats(examiner)[0], examiner.line()
    name = f"{examiner.prefix}-cancel"
    body = examiner.body(form, examiner.flipped([], qubits), examiner.model.max_shots)
    examiner.ask("PUT", path(name), 201, json=body)
    examiner.ask("DELETE", path(name), 200, 202, 204)
    state = str(examiner.ended(name)["state"])
    if state == "failed":
        raise Broken("the program failed")
    examiner.ask("DELETE", path(name), 200, 202, 204, 409)
    if (after := examiner.ended(name)["state"]) != state:
        raise Broken(f"it was {state}, and {after} after a second DELETE")
    return state


def reachable(wire: Wire) -> bool:
    """Whether anything answers at all."""
    try:
        wire.ask("GET", "/v1/device")
    except Unreachable:
        return False
    except DriverError:
        return True
    return True
