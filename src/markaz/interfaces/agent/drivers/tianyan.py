"""Tianyan cloud: QCIS in, outcomes shot by shot out. Protocol-tested, not hardware-tested.

Learnt from the requests of the vendor's published client (version 1.3.11): a form with the
key gives an access token; one list has all machines; a program is an experiment, known by a
query id; the query is empty until the result is there. The cloud has no call that stops one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

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

LOGIN: Final = "/qccp-auth/oauth2/sdk/opnId"
MACHINES: Final = "/qccp-quantum/sdk/quantumComputer/list"
SUBMIT: Final = "/qccp-quantum/sdk/experiment/submit"
QUERY: Final = "/qccp-quantum/sdk/experiment/result/find"
_STATUS: Final = {
    0: Status.IDLE,
    1: Status.CALIBRATION,
    2: Status.MAINTENANCE,
    3: Status.OFFLINE,
}


class TianyanDriver:
    """Speaks to one machine of the cloud."""

    format = "qcis"
    names = False

    def __init__(self, wire: Wire, key: str, machine: str) -> None:
        self._wire, self._key, self._machine = wire, key, machine
        self._token = ""

    def status(self) -> Status:
        """How the machine is, by the list of all."""
        rows = self._ask("GET", MACHINES)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("code") == self._machine:
                return _STATUS.get(row.get("status", 3), Status.OFFLINE)
        raise DriverError(f"the cloud has no machine {self._machine}")

    def submit(self, program: Submission) -> str:
        """Hand a program over; its query id."""
        body = {
            "circuit": [program.text.strip()],
            "language": "qcis",
            "name": program.name,
            "lab_id": None,
            "lab_name": None,
            "shots": program.shots,
            "computerCode": self._machine,
            "is_verify": True,
        }
        said = self._ask("POST", SUBMIT, json=body)
        ids = said.get("query_ids") if isinstance(said, dict) else None
        if not isinstance(ids, list) or len(ids) != 1 or not isinstance(ids[0], str | int):
            raise DriverError(f"the cloud gave no query id: {said!r:.100}")
        return str(ids[0])

    def poll(self, key: str, program: Submission) -> Progress:
        """Its outcomes, once they are there; the cloud does not tell waiting from running."""
        said = self._ask("POST", QUERY, json={"query_ids": [key]})
        found = said.get("experimentResultModelList") if isinstance(said, dict) else None
        if not found:
            return Progress(Phase.QUEUED)
        if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
            raise DriverError(f"the cloud's answer is not of one program: {found!r:.100}")
        return Progress(Phase.COMPLETED, _counts(found[0].get("resultStatus"), program.qubits))

    def cancel(self, key: str) -> None:
        """The cloud cannot: it runs to its end, and nobody asks for its outcome."""

    def sheet(self) -> str | None:
        """None: the cloud's configuration has no times and no errors of measurement."""
        return None

    def close(self) -> None:
        """Let connections go."""
        self._wire.close()

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        """The ``data`` of an answer, with a new token where the old one is over."""
        if not self._token:
            self._login()
        for attempt in range(2):
            headers = {"basicToken": self._token, "Authorization": f"Bearer {self._token}"}
            code, said = self._wire.ask(method, path, headers=headers, **content)
            if code != 401 or attempt:
                break
            self._login()
        if code >= 500:
            raise Uncertain(f"{method} {path}: answered {code}")
        if code != 200 or not isinstance(said, dict):
            raise DriverError(f"{method} {path}: answered {code}")
        if said.get("code") != 0:
            why = words(said, "msg", "message") or f"code {said.get('code')!r:.20}"
            raise Refused(why) if path == SUBMIT else DriverError(f"{method} {path}: {why}")
        return said.get("data")

    def _login(self) -> None:
        form = {"grant_type": "openId", "openId": self._key, "account_type": "member"}
        code, said = self._wire.ask("POST", LOGIN, data=form)
        data = said.get("data") if isinstance(said, dict) else None
        token = data.get("access_token") if isinstance(data, dict) else None
        if code != 200 or not isinstance(token, str) or said.get("code") != 0:
            raise DriverError(f"the cloud refuses the key ({code})")
        self._token = token


def _counts(rows: Any, qubits: Sequence[int]) -> dict[str, int]:
    """Counts of a table whose first row names qubits, and each further one is a shot."""
    if not isinstance(rows, list) or not rows or not all(isinstance(r, list) for r in rows):
        raise DriverError(f"the cloud's outcomes are no table: {rows!r:.80}")
    try:
        places = [rows[0].index(qubit) for qubit in reversed(qubits)]
    except ValueError:
        raise DriverError(f"the cloud measured qubits {rows[0]!r:.80}") from None
    width = len(rows[0])
    if any(len(row) != width or any(b not in (0, 1) for b in row) for row in rows[1:]):
        raise DriverError("the cloud's outcomes are not all of the same bits")
    return dict(Counter("".join(str(int(row[k])) for k in places) for row in rows[1:]))


def make(model: DeviceModel, options: Mapping[str, Any]) -> TianyanDriver:
    """See ``base.Make``."""
    del model
    return TianyanDriver(open_wire(options), required_token(options), text(options, "machine"))
