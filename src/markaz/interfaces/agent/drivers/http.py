"""The reference driver: the local contract over HTTP (docs: reference, device contract)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

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
from markaz.interfaces.agent.drivers.wire import Wire, number_or_none, open_wire, token, words
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.status import Status

CONTRACT: Final = "markaz device 1"
OFFERED: Final = ("qcis", "openqasm3")
_STATES: Final = {p.value: p for p in Phase if p is not Phase.UNKNOWN}


class HttpDriver:
    """Speaks to a device that keeps the contract."""

    names = True

    def __init__(self, wire: Wire, model: DeviceModel, form: str = "") -> None:
        self._wire, self._model = wire, model
        self._format = form

    @property
    def format(self) -> str:
        """The format that was asked for, or the first that the device and we both know."""
        if not self._format:
            said = self.describe().get("formats")
            both = [f for f in said if f in OFFERED] if isinstance(said, list) else []
            if not both:
                raise DriverError(f"the device takes neither of {', '.join(OFFERED)}: {said!r:.80}")
            self._format = both[0]
        return self._format

    def describe(self) -> dict[str, Any]:
        """What the device says of itself; it must be the device of the agent's file."""
        code, said = self._wire.ask("GET", "/v1/device")
        if code != 200 or not isinstance(said, dict):
            raise DriverError(f"GET /v1/device: answered {code}")
        if said.get("contract") != CONTRACT:
            raise DriverError(f"the device speaks {said.get('contract')!r:.60}, not {CONTRACT!r}")
        if (said.get("name"), said.get("qubits")) != (self._model.name, self._model.num_qubits):
            is_it = f"{said.get('name')!r:.60} with {said.get('qubits')!r:.20} qubits"
            raise DriverError(
                f"the device is {is_it}, not {self._model.name} with {self._model.num_qubits}"
            )
        return said

    def status(self) -> Status:
        """How the device is."""
        said = self.describe().get("status")
        try:
            return Status(str(said))
        except ValueError:
            raise DriverError(f"status {said!r:.60} is none of QDMI's words") from None

    def submit(self, program: Submission) -> str:
        """Hand a program over, under its own name."""
        body = {
            "format": self.format,
            "program": program.text,
            "shots": program.shots,
            "bits": program.bits,
        }
        code, said = self._wire.ask("PUT", _path(program.name), json=body)
        if code in (200, 201):
            return program.name
        why = words(said, "error") or f"answered {code}"
        if code == 422:
            raise Refused(why)
        if code == 503:
            raise NotNow(why, _status_in(said))
        if code >= 500:
            raise Uncertain(f"PUT {_path(program.name)}: {why}")
        raise DriverError(f"PUT {_path(program.name)}: {why}")

    def poll(self, key: str, program: Submission) -> Progress:
        """How far it is."""
        code, said = self._wire.ask("GET", _path(key))
        if code == 404:
            return Progress(Phase.UNKNOWN)
        if code >= 500:
            raise Uncertain(f"GET {_path(key)}: answered {code}")
        if code != 200 or not isinstance(said, dict):
            raise DriverError(f"GET {_path(key)}: answered {code}")
        phase = _STATES.get(str(said.get("state")))
        if phase is None or said.get("id") != key:
            raise DriverError(f"GET {_path(key)}: state {said.get('state')!r:.40} of "
                              f"program {said.get('id')!r:.80}")  # fmt: skip
        seconds = number_or_none(said.get("seconds"))
        return Progress(phase, said.get("counts"), seconds, words(said, "error"))

    def cancel(self, key: str) -> None:
        """Have it stopped; one that the device does not know is stopped already."""
        code, _ = self._wire.ask("DELETE", _path(key))
        if code not in (200, 202, 204, 404, 409):
            raise DriverError(f"DELETE {_path(key)}: answered {code}")

    def sheet(self) -> str | None:
        """The device's calibration sheet."""
        code, said = self._wire.ask("GET", "/v1/calibration")
        if code == 404:
            return None
        if code != 200 or not isinstance(said, dict):
            raise DriverError(f"GET /v1/calibration: answered {code}")
        return json.dumps(said, ensure_ascii=False)

    def close(self) -> None:
        """Let connections go."""
        self._wire.close()


def _path(name: str) -> str:
    return f"/v1/jobs/{quote(name, safe='')}"


def _status_in(said: Any) -> Status:
    try:
        return Status(said["status"])
    except (TypeError, KeyError, ValueError):
        return Status.BUSY


def make(model: DeviceModel, options: Mapping[str, Any]) -> HttpDriver:
    """See ``base.Make``."""
    form = options.get("format", "")
    if form not in ("", *OFFERED):
        raise OptionError(f"format must be one of {', '.join(OFFERED)}, not {form!r:.60}")
    secret = token(options)
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    return HttpDriver(open_wire(options, headers), model, form)
