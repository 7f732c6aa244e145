"""POST /jobs: the program is opened in a child, then the job is taken in, once."""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.devices.rules import NAME
from markaz.centre.errors import CentreError, invalid, not_found
from markaz.centre.storage import blobs
from markaz.centre.workers.intake import Opened, Program, one
from markaz.interfaces.rest_api import bodies
from markaz.interfaces.rest_api.calls import aside
from markaz.interfaces.runtime_api import envelope
from markaz.interfaces.runtime_api.arrivals import Sign
from markaz.interfaces.runtime_api.calls import Call, answer, not_404, without_nones
from markaz.interfaces.runtime_api.envelope import Envelope
from markaz.interfaces.runtime_api.job_documents import PROGRAMS

LARGE: Final = 1 << 16  # bytes that are hashed and stored in a thread
PRIVATE: Final = b'{"private":true}'  # is kept in the place of a private job's input
# Programs of the client that are known here, and why they are not run.
NOT_RUN: Final = {
    "noise-learner": "a noise model is learned from a device's own measurements, which no device "
    "here offers to programs; use the sheet that the device publishes",
    "noiselearner": "see noise-learner",
    "calibrate": "devices are calibrated by the centre; their sheets say when",
    "circuit-runner": "it is of an older client; sampler runs the same circuits",
    "qasm3-runner": "it is of an older client; sampler runs the same circuits",
}


async def submit(call: Call) -> Response:
    """Take a job in; a repetition of a submission whose answer was lost is answered again."""
    most = int(call.api.centre.services.settings["max_body_mib"]) << 20
    data = await bodies.read(call.request, most)
    try:
        found, fingerprint = await aside(lambda: _read(call, data), len(data))
        # Only once it is known what it is: a refused submission is no earlier one.
        sign = call.runtime.arrivals.came(call.actor.id, fingerprint, call.connection, call.login)
        known = _known(call, sign)
        given = await _prepared(call, found, data)
        if found.start_session and found.session_id is None:
            given["session"] = await _session(call, found)
        made = await call.perform(
            "jobs.submit_again", fingerprint=fingerprint, **known, **_place(call, found), **given
        )
    except CentreError as error:
        raise error if error.details.get("program_id") else not_404(error) from None
    call.runtime.arrivals.became(call.actor.id, fingerprint, made["job"])
    document = {"id": made["job"], "backend": made["device"], "session_id": made["session"]}
    return answer(without_nones(document | {"private": found.private}))


def _known(call: Call, sign: Sign) -> dict[str, Any]:
    """What a first submission may repeat came before it, to a server that was restarted."""
    before = call.api.centre.services.clock.now() if sign is Sign.FIRST else None
    return {"anew": sign is Sign.ANOTHER, "before": before}


def _read(call: Call, data: bytes) -> tuple[Envelope, str]:
    """The parts of the body, and what names this submission."""
    found = envelope.read(data)
    if found.program_id not in PROGRAMS:
        raise _no_program(found.program_id)
    if found.calibration_id:
        raise invalid("calibration_id", "a job runs under the calibration in force, not another")
    # Length before text, so that no two submissions have the same bytes.
    place = (call.project or "").encode()
    digest = hashlib.sha256(b"%d %b" % (len(place), place))
    digest.update(data)
    return found, digest.hexdigest()


def _no_program(name: str) -> CentreError:
    reason = NOT_RUN.get(name)
    error = not_found(f"program as {name[:60]!r}")
    if reason is not None:
        error = CentreError("not-found", f"the program {name!r} is not run here: {reason}")
    error.details = {
        "program_id": name[:60],
        "solution": f"Programs that run here: {', '.join(PROGRAMS)}.",
    }
    return error


async def _prepared(call: Call, found: Envelope, data: bytes) -> dict[str, Any]:
    """What the verb needs: the opened program and its contents, ready to be kept."""
    options = _options(call, found) | await _device_kind(call, found)
    program = Program(found.params, options, found.program_id)
    with call.api.metrics.intake.time():
        asked = call.api.opener.submit(call.actor.id, [program])
        opened = one(await asyncio.wrap_future(asked))
    services = call.api.centre.services
    kept = PRIVATE if found.private else data

    def prepare() -> dict[str, Any]:
        circuit = blobs.prepare(services, _wire(opened))
        return {
            "opened": replace(opened, circuit=circuit),
            "data": blobs.prepare(services, kept),
            "tags": list(found.tags),
            "private": found.private,
        }

    ready: dict[str, Any] = await aside(prepare, len(data) + len(_wire(opened)), LARGE)
    return ready


async def _device_kind(call: Call, found: Envelope) -> dict[str, Any]:
    """What kind of device it is for, which decides what mitigation means; nothing for one
    that there is not: the verb says so."""
    if found.backend is None or not NAME.fullmatch(found.backend):
        return {}
    try:
        device = await call.perform("devices.get", device=found.backend)
    except CentreError:
        return {}
    return {"device_kind": device["kind"]}


def _wire(opened: Opened) -> bytes:
    circuit = opened.circuit
    return circuit if isinstance(circuit, bytes) else circuit.data


def _options(call: Call, found: Envelope) -> dict[str, Any]:
    """``cost`` is the longest that the user allows; the centre's own limit may be shorter."""
    if found.cost is None:
        return {}
    if not math.isfinite(found.cost) or found.cost <= 0:
        raise invalid("cost", "cost must be a number of seconds above 0")
    most = call.api.centre.services.settings["max_job_seconds"]
    return {"time_limit": min(float(found.cost), most)}


def _place(call: Call, found: Envelope) -> dict[str, Any]:
    place = {"project": call.project, "device": found.backend, "session": found.session_id}
    return without_nones(place)


async def _session(call: Call, found: Envelope) -> str:
    """Older clients open a session with its first job."""
    place = without_nones({"project": call.project, "device": found.backend})
    if found.session_time:
        place["max_seconds"] = found.session_time
    opened = await call.perform("sessions.open", **place)
    return str(opened["session"])
