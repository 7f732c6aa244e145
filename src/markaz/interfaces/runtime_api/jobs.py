"""Asking for jobs, their results and metrics; cancelling, deleting, tagging them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import CentreError, conflict, invalid, not_found
from markaz.centre.ids import is_id
from markaz.centre.jobs.core import Cancelled
from markaz.centre.jobs.upkeep import GONE
from markaz.interfaces.runtime_api import envelope, job_documents
from markaz.interfaces.runtime_api.calls import Call, answer, done, encoded, without_nones

MOST: Final = 200  # jobs of one answer
# Results are text even where they are JSON: strict clients take them as that.
TEXT: Final = "text/plain"


async def show(call: Call) -> Response:
    """One job, as it is now or, where it is about to end, in a moment; its input on request."""
    job = call.path["job"]
    call.runtime.arrivals.asked(job)
    text = await call.runtime.polls.document(
        job, call.actor, call.project, lambda: glance(call, job)
    )
    if call.flag("exclude_params"):
        return Response(text, media_type="application/json")
    params = await _params(call, job)
    if params is not None:
        text = text[:-1] + b',"params":' + params + b"}"
    return Response(text, media_type="application/json")


async def glance(call: Call, job: str) -> dict[str, Any]:
    """A job's row. Raises CentreError ``not-found``, in another instance too."""
    call.runtime.arrivals.asked(job)
    row: dict[str, Any] = await call.perform("jobs.glance", job=job)
    project = call.project
    if project is not None and is_id(project) and project != row["project_id"]:
        raise not_found("job")
    return row


async def _params(call: Call, job: str) -> bytes | None:
    """The input of a job as JSON text; None where it may not be seen or is not kept."""
    row = await glance(call, job)
    if row["private"] or row["swept_at"] is not None or row["kind"] == "run":
        return None
    return envelope.params_of(await call.perform("jobs.contents", job=job, which="input"))


async def listed(call: Call) -> Response:
    """The own jobs of the instance."""
    limit = min(call.whole("limit", MOST, 1, 10**6), MOST)
    offset = call.whole("offset", 0, 0, 2**31)
    wanted = {
        "project": call.project,
        "device": call.query("backend"),
        "session": call.query("session_id"),
        "kind": _kind(call.query("program")),
        "pending": call.flag("pending"),
        "since": moment(call, "created_after"),
        "until": moment(call, "created_before"),
    }
    tags = call.request.query_params.getlist("tags")
    found = await call.perform(
        "jobs.glances",
        tags=tags,
        oldest_first=(call.query("sort") or "").upper() == "ASC",
        limit=limit,
        offset=offset,
        **without_nones(wanted),
    )
    head = encoded({"count": found["count"], "limit": limit, "offset": offset})
    items = b",".join(job_documents.job(row) for row in found["items"])
    return Response(head[:-1] + b',"jobs":[' + items + b"]}", media_type="application/json")


def _kind(program: str | None) -> str | None:
    return "run" if program == job_documents.PLAIN else program


def moment(call: Call, name: str) -> int | None:
    """A time among the parameters, microseconds UTC. Raises CentreError ``invalid``."""
    text = call.query(name)
    if text is None:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return max(0, int(at.timestamp() * 1e6))
    except (ValueError, OverflowError):
        raise invalid(name, f"{name} must be a time such as 2026-01-31T12:00:00Z") from None


async def results(call: Call) -> Response:
    """The result as text, the reason of a failure, or nothing yet (204)."""
    job = call.path["job"]
    row = await glance(call, job)
    if row["state"] == "failed":
        return Response(job_documents.failure(row) + "\n", media_type=TEXT)
    if row["state"] != "completed":
        return done()
    if row["private"] and row["swept_at"] is not None:
        raise CentreError("not-found", GONE)
    data = await call.perform("jobs.payload", job=job)
    if row["private"]:
        # Whoever comes second finds nothing: only one of them gets past this.
        await call.perform("jobs.forget_private", job=job)
    return Response(data, media_type=TEXT)


async def logs(call: Call) -> Response:
    """What happened to a job, as text."""
    return Response(job_documents.log(await glance(call, call.path["job"])), media_type=TEXT)


async def metrics(call: Call) -> Response:
    """Times, use, and place in the queue."""
    row = await glance(call, call.path["job"])
    why: dict[str, Any] = {}
    if row["state"] == "queued":
        why = await call.perform("jobs.why", job=row["id"])
    return answer(job_documents.metrics(row, why))


async def cancel(call: Call) -> Response:
    """Cancel a job; 409 if it has ended, or ended before its worker could stop it."""
    job = (await glance(call, call.path["job"]))["id"]
    asked = await call.perform("jobs.cancel", job=job)
    answered = _changed(call, job)
    if asked["cancel"] == Cancelled.WANTED:
        row = await call.runtime.polls.stopped(job, call.actor, lambda: glance(call, job))
        if row["state"] in ("completed", "failed"):
            raise conflict(f"job {job} is {row['state']} already", state=row["state"])
    return answered


async def delete(call: Call) -> Response:
    """Delete a job that has ended."""
    job = (await glance(call, call.path["job"]))["id"]
    await call.perform("jobs.delete", job=job)
    return _changed(call, job)


async def retag(call: Call) -> Response:
    """Replace the tags of a job."""
    body = await call.body()
    tags = body.get("tags")
    if not isinstance(tags, list):
        raise invalid("tags", "tags must be a list of texts")
    job = (await glance(call, call.path["job"]))["id"]
    await call.perform("jobs.retag", job=job, tags=sorted(set(map(str, tags))))
    return _changed(call, job)


def _changed(call: Call, job: str) -> Response:
    call.runtime.polls.forget(job)
    return done()
