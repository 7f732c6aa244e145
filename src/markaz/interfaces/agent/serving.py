"""A reference device: the local contract over HTTP, in front of the emulator.

Vendors read it, tests use it, and a lab can rehearse with it before its hardware comes. It
is a device, not a service: one program at a time, plain HTTP, for a network of trust.
"""

from __future__ import annotations

import json
import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from markaz.interfaces.agent.drivers.http import CONTRACT, OFFERED
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.physical import check_native
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.devices.status import Status
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load

MOST_BYTES: Final = 64 << 20  # of a request
MOST_JOBS: Final = 100_000  # that are remembered
SEED_BITS: Final = 62

Counts = dict[str, int]
Execute = Callable[[Circuit, int, int], Counts]  # circuit, shots, seed


class HttpError(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.document = code, {"error": message, **more}


@dataclass(slots=True)
class Job:
    """A program that was handed over."""

    id: str
    body: dict[str, Any]
    circuit: Circuit = field(repr=False)
    state: str = "queued"
    counts: Counts | None = None
    seconds: float | None = None
    error: str = ""

    def document(self) -> dict[str, Any]:
        """What the contract says of a job."""
        found: dict[str, Any] = {"id": self.id, "state": self.state}
        if self.state == "completed":
            found |= {"counts": self.counts, "shots": self.body["shots"]}
        if self.seconds is not None:
            found["seconds"] = self.seconds
        return found | ({"error": self.error} if self.error else {})


class Device:
    """The device behind the server. ``execute`` runs a circuit on physical qubits."""

    def __init__(
        self, model: DeviceModel, execute: Execute, sheet: Callable[[], Sheet | None]
    ) -> None:
        self.model, self.execute, self.sheet = model, execute, sheet
        self.status = Status.IDLE
        self.jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="reference-device", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what runs, then end."""
        self._queue.put(None)
        self._thread.join()

    def describe(self) -> dict[str, Any]:
        """``GET /v1/device``."""
        return {
            "contract": CONTRACT,
            "name": self.model.name,
            "status": str(self.status),
            "formats": list(OFFERED),
            "qubits": self.model.num_qubits,
            "max_shots": self.model.max_shots,
        }

    def calibration(self) -> dict[str, Any]:
        """``GET /v1/calibration``."""
        found = self.sheet()
        if found is None:
            raise HttpError(404, "the device was never calibrated")
        return found.document()

    def put(self, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        """``PUT /v1/jobs/{id}``: a program that was taken before is not taken again."""
        with self._lock:
            known = self.jobs.get(name)
        if known is not None:
            if known.body != body:
                raise HttpError(409, "there is another program of this id")
            return 200, known.document()
        if self.status not in (Status.IDLE, Status.BUSY):
            text = f"the device is in status {self.status}"
            raise HttpError(503, text, status=str(self.status))
        job = Job(name, body, self._circuit(body))
        with self._lock:
            if len(self.jobs) >= MOST_JOBS:
                del self.jobs[next(iter(self.jobs))]
            self.jobs[name] = job
        self._queue.put(job)
        return 201, job.document()

    def get(self, name: str) -> dict[str, Any]:
        """``GET /v1/jobs/{id}``."""
        return self._known(name).document()

    def delete(self, name: str) -> dict[str, Any]:
        """``DELETE /v1/jobs/{id}``: stop it if it waits still."""
        job = self._known(name)
        with self._lock:
            if job.state == "queued":
                job.state, job.seconds = "cancelled", 0.0
        return job.document()

    def _known(self, name: str) -> Job:
        job = self.jobs.get(name)
        if job is None:
            raise HttpError(404, "there is no program of this id")
        return job

    def _circuit(self, body: Any) -> Circuit:
        """The program of a request. Raises HttpError 400 or 422."""
        _check(body, {"format": str, "program": str, "shots": int, "bits": int})
        if body["format"] not in OFFERED:
            raise HttpError(422, f"format must be one of {', '.join(OFFERED)}")
        if not 1 <= body["shots"] <= self.model.max_shots:
            raise HttpError(422, f"shots must be from 1 to {self.model.max_shots}")
        try:
            circuit = physical(body["program"], self.model)
            check_native(circuit, self.model)
        except (ProgramError, CompileError) as error:
            raise HttpError(422, str(error)) from None
        if circuit.visible_clbits != body["bits"]:
            given = circuit.visible_clbits
            raise HttpError(422, f"the program gives {given} bits, not {body['bits']}")
        return circuit

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                if job.state != "queued":
                    continue
                job.state = "running"
            self._execute(job)

    def _execute(self, job: Job) -> None:
        begun = time.monotonic()
        try:
            job.counts = self.execute(job.circuit, job.body["shots"], secrets.randbits(SEED_BITS))
            state = "completed"
        except (ProgramError, ValueError) as error:
            job.error, state = str(error), "failed"
        job.seconds = round(time.monotonic() - begun, 6)
        job.state = state  # last: whoever sees it sees the rest


def physical(text: str, model: DeviceModel) -> Circuit:
    """A program whose qubits are physical ones, on all qubits of the device.

    Raises ProgramError.
    """
    found, size = load(text), model.num_qubits
    if found.num_qubits > size:
        raise ProgramError("unsupported", f"qubit {found.num_qubits - 1} is not there")
    return found.with_arrays(num_qubits=size, qregs=(Register("q", size, 0),))


def _check(body: Any, fields: dict[str, type]) -> None:
    if not isinstance(body, dict) or set(body) != set(fields):
        raise HttpError(400, f"a program has the fields {', '.join(fields)}")
    for name, kind in fields.items():
        if type(body[name]) is not kind:
            raise HttpError(400, f"{name} must be of type {kind.__name__}")


class _Http(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no news; anything else is a fault of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Server:
    """Serves ``device`` at ``host``; ``port`` 0 takes a free one. Start it, close it."""

    def __init__(
        self, device: Device, host: str = "127.0.0.1", port: int = 0, token: str = ""
    ) -> None:
        handler = type("Handler", (Handler,), {"device": device, "token": token})
        self._server = _Http((host, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,),
                                        name="reference-http", daemon=True)  # fmt: skip

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; requests under way are cut off."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """One request; tests derive from it what goes wrong."""

    device: Device
    token = ""
    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def do_GET(self) -> None:
        """The device, its sheet, or a job."""
        self._answer()

    def do_PUT(self) -> None:
        """A program."""
        self._answer()

    def do_DELETE(self) -> None:
        """Stop a program."""
        self._answer()

    def _answer(self) -> None:
        try:
            body = self._body()
            if self.token and self.headers.get("authorization") != f"Bearer {self.token}":
                raise HttpError(401, "a token is wanted")
            code, document = self.route(body)
        except HttpError as error:
            code, document = error.code, error.document
        self.reply(code, json.dumps(document).encode())

    def route(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and document for this request."""
        parts = self.path.partition("?")[0].split("/")[1:]
        if self.command == "GET" and parts == ["v1", "device"]:
            return 200, self.device.describe()
        if self.command == "GET" and parts == ["v1", "calibration"]:
            return 200, self.device.calibration()
        if len(parts) != 3 or parts[:2] != ["v1", "jobs"]:
            raise HttpError(404, "there is nothing here")
        name = unquote(parts[2])
        if self.command == "PUT":
            return self.device.put(name, _json(body))
        if self.command == "DELETE":
            return 200, self.device.delete(name)
        return 200, self.device.get(name)

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            raise HttpError(413, f"a request has at most {MOST_BYTES >> 20} MiB")
        return self.rfile.read(int(length))

    def reply(self, code: int, data: bytes) -> None:
        """Send an answer."""
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the agent logs what matters."""


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise HttpError(400, "the body is no JSON") from None


def emulated(model: DeviceModel, seed: int, sheet: Sheet | None) -> Device:
    """The emulator of ``model`` as a device; ``seed`` makes its hidden truth.

    Raises ValueError for a device file without an emulator's table, or with a wrong one.
    """
    from markaz.quantum.devices.emulator.fields import Physics  # noqa: PLC0415 - the emulator
    from markaz.quantum.operate.driver import Emulated  # noqa: PLC0415

    if not model.emulator:
        raise ValueError(f"{model.name} has no table [emulator]")
    Physics(model)
    lock = threading.Lock()

    def execute(circuit: Circuit, shots: int, drawn: int) -> Counts:
        with lock:
            driver = Emulated(model, seed, 0, 0)
            return dict(driver.execute(circuit, shots, drawn).counts or {})

    return Device(model, execute, lambda: sheet)
