"""Sessions and batches, and lists of everything that a person runs."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.runtime_api.calls import Call, answer, done, not_404, without_nones
from markaz.interfaces.runtime_api.job_documents import iso

# What the client calls the states of `centre.jobs.sessions`.
STATES: Final = {"pending": "open", "open": "active", "draining": "active", "closed": "closed"}


async def open_session(call: Call) -> Response:
    """Open a session; devices of every kind take them."""
    body = await call.body()
    asked = {
        "project": call.project,
        "device": body.get("backend") or body.get("backend_name"),
        "mode": body.get("mode"),
        "max_seconds": body.get("max_ttl"),
        "idle_seconds": body.get("interactive_ttl"),
    }
    try:
        made = await call.perform("sessions.open", **without_nones(asked))
    except CentreError as error:
        raise not_404(error) from None
    return answer(document(made, now_of(call)))


async def show(call: Call) -> Response:
    """One session."""
    found = await call.perform("sessions.document", session=call.path["session"])
    return answer(document(found, now_of(call)))


async def close(call: Call) -> Response:
    """Take no more jobs into a session; those that it has go on."""
    body = await call.body()
    if body.get("accepting_jobs") is not False:
        raise invalid("accepting_jobs", "only accepting_jobs false can be set: it closes a session")
    await call.perform("sessions.close", session=call.path["session"])
    return done()


async def cancel(call: Call) -> Response:
    """Close a session at once and cancel its jobs; again is harmless."""
    try:
        await call.perform("sessions.cancel", session=call.path["session"])
    except CentreError as error:
        if error.kind != "conflict":
            raise
    return done()


def now_of(call: Call) -> int:
    """The centre's time, microseconds UTC."""
    return call.api.centre.services.clock.now()


def document(found: dict[str, Any], now: int) -> dict[str, Any]:
    """A session as the client reads it."""
    state = STATES[found["state"]]
    times = (
        ("open", found["created_at"]),
        ("active", found["opened_at"]),
        ("closed", found["closed_at"]),
    )
    return without_nones(
        {
            "id": found["session"],
            "backend_name": found["device"],
            "mode": found["mode"],
            "state": state,
            "accepting_jobs": found["accepting"],
            "max_ttl": int(found["max_seconds"]),
            "interactive_ttl": int(found["idle_seconds"]),
            "active_ttl": int(found["max_seconds"]),
            "started_at": iso(found["created_at"]),
            "activated_at": iso(found["opened_at"]),
            "closed_at": iso(found["closed_at"]),
            "elapsed_time": _elapsed(found, now),
            "timestamps": [{"status": s, "timestamp": iso(at)} for s, at in times if at],
            "user_id": found["user"],
        }
    )


def _elapsed(found: dict[str, Any], now: int) -> int:
    """Whole seconds that it has been or was active; ``now`` in microseconds UTC."""
    start, end = found["opened_at"], found["closed_at"] or now
    return 0 if start is None else max(0, (end - start) // 1_000_000)
