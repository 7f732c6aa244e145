"""Routes about jobs and sessions. Submitting and looking are what the centre does most."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import CentreError
from markaz.centre.jobs import fits
from markaz.centre.jobs.states import FINAL
from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.fields import Page
from markaz.interfaces.rest_api.jobs_models import (
    Accuracy,
    AccuracyQuery,
    Batch,
    BatchAnswer,
    Boost,
    Cancelled,
    Depth,
    Estimated,
    Item,
    Job,
    JobListing,
    JobSummary,
    Movement,
    Operated,
    Queue,
    QueueListing,
    Submission,
    Submitted,
    Waited,
    Waiting,
    WhyNow,
    Worker,
    WorkerListing,
)
from markaz.interfaces.rest_api.programs import Found, only, open_programs
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.routes_credits import Estimate
from markaz.interfaces.rest_api.sessions_models import (
    SessionDocument,
    SessionListing,
    SessionToOpen,
    SessionWithJobs,
)

_PLACE: Final = {"project", "device", "session", "qos"}
_ABOUT: Final = {"name", "tags", "private", "limit_seconds"}


async def submit(call: Call) -> Any:
    """Open the program, take the job in, and wait for its end if that was asked for."""
    body = call.body
    assert isinstance(body, Submission)
    data, opened = only(await open_programs(call, [body]))
    given = body.model_dump(include=_PLACE | _ABOUT, exclude_unset=True)
    answer: dict[str, Any] = await call.perform("jobs.submit", opened=opened, data=data, **given)
    call.headers["Location"] = f"/v1/jobs/{answer['job']}"
    seconds = _seconds(call)
    if not seconds:
        return answer
    found = await _until_final(call, answer["job"], seconds, "jobs.document", fresh=True)
    return found if found["state"] in FINAL else answer


async def submit_many(call: Call) -> Any:
    """Open the programs and take the jobs in, in one transaction."""
    body = call.body
    assert isinstance(body, Batch)
    found = await open_programs(call, body.items)
    items = [_item(item, one) for item, one in zip(body.items, found, strict=True)]
    given = body.model_dump(include=_PLACE, exclude_unset=True)
    return await call.perform("jobs.submit_many", items=items, **given)


def _item(item: Item, found: Found) -> dict[str, Any]:
    if isinstance(found, CentreError):
        return {"refused": found}
    data, opened = found
    about = item.model_dump(include=_ABOUT, exclude_unset=True)
    return {"opened": opened, "data": data, **about}


async def estimate(call: Call) -> Any:
    """Open the program, predict its run time, and price it."""
    body = call.body
    assert isinstance(body, Estimated)
    _, opened = only(await open_programs(call, [body]))
    given = body.model_dump(include={"device", "project", "limit_seconds"}, exclude_unset=True)
    settings = call.api.centre.services.settings
    limit = body.limit_seconds or body.options.time_limit or settings["default_job_seconds"]
    given["limit_seconds"] = limit = min(limit, settings["max_job_seconds"])
    device = await call.perform("devices.get", device=body.device)
    seconds = fits.likely_seconds(device["kind"], opened.predicted_seconds, limit)
    shots = int(opened.options["shots"] or 0)
    return await call.perform("ledger.estimate", seconds=seconds, shots=shots, **given)


async def show(call: Call) -> Any:
    """The job, once it has ended or the time is over."""
    job, seconds = call.path["job"], _seconds(call)
    if seconds:
        await _until_final(call, job, seconds, "jobs.poll")
    return await call.perform("jobs.document", job=job)


async def contents(call: Call) -> Any:
    """The bytes of a job's program, circuit or result."""
    data = await call.perform("jobs.contents", **call.arguments())
    return Response(data, media_type=BYTES)


async def as_items(call: Call) -> Any:
    """A whole list as a page."""
    return {"items": await call.perform(call.route.does, **call.arguments()), "next": None}


def _seconds(call: Call) -> int:
    return call.query.wait if isinstance(call.query, Waiting) else 0


async def _until_final(
    call: Call, job: str, seconds: int, asks: str, *, fresh: bool = False
) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        found: dict[str, Any] = await call.perform(asks, job=job)
        return found

    patience = call.api.patience
    return await patience.until_final(job, call.actor.id, seconds, look, fresh=fresh)


BYTES: Final = "application/octet-stream"
_JOB: Final = "/v1/jobs/{job}"
_SESSION: Final = "/v1/sessions/{session}"
ROUTES: Final = (
    Route("GET", _JOB, "jobs.document", Who.JOB_READER,
          "One job; waits for its end if asked to.",
          Job, query=Waiting, handler=show),
    Route("POST", "/v1/jobs", "jobs.submit", Who.SUBMITTER, "Submit a job.", Job | Submitted, 201,
          Submission, Waiting, large=True, handler=submit),
    Route("POST", "/v1/job-batches", "jobs.submit_many", Who.SUBMITTER,
          "Submit up to 100 jobs in one transaction.", BatchAnswer, body=Batch, large=True,
          handler=submit_many),
    Route("GET", "/v1/jobs", "jobs.list", Who.PERSON, "Jobs that one may see, newest first.",
          Page[JobSummary], query=JobListing),
    Route("GET", f"{_JOB}/why", "jobs.why", Who.JOB_READER, "Why a job waits.", Waited),
    Route("GET", f"{_JOB}/contents/{{which}}", "jobs.contents", Who.JOB_CONTENTS,
          "The bytes of its input, circuit or result; on a device also compiled (OpenQASM 3), "
          "compiled.qcis and compiled.svg.", bytes, handler=contents, media=BYTES),
    Route("POST", f"{_JOB}/cancel", "jobs.cancel", Who.JOB_OWNER, "Cancel a job.", Cancelled),
    Route("POST", "/v1/estimates", "ledger.estimate", Who.ACCOUNT,
          "What a program would cost.", Estimate, body=Estimated, large=True, once=False,
          handler=estimate),
    Route("POST", f"{_JOB}/hold", "jobs.hold", Who.OPERATOR,
          "Take a job out of the queue until it is released.", Operated, body=WhyNow),
    Route("POST", f"{_JOB}/release", "jobs.release", Who.OPERATOR,
          "Put a held job back into the queue.", Operated, body=WhyNow),
    Route("POST", f"{_JOB}/requeue", "jobs.requeue", Who.OPERATOR,
          "Take a running job from its worker and queue it again.", Operated, body=WhyNow),
    Route("POST", f"{_JOB}/move", "jobs.move", Who.OPERATOR, "Move a job to another device.",
          Operated, body=Movement),
    Route("POST", f"{_JOB}/boost", "jobs.override", Who.OPERATOR,
          "Put a job before or behind all others.", Operated, body=Boost),
    Route("GET", "/v1/queue", "jobs.queue", Who.OVERSEER, "Waiting jobs with their factors.",
          Queue, query=QueueListing),
    Route("GET", "/v1/queue/depths", "jobs.depths", Who.OVERSEER,
          "How much waits and runs on each device.", Page[Depth], handler=as_items),
    Route("GET", "/v1/queue/accuracy", "jobs.forecast_accuracy", Who.PERSON,
          "How good the stated waits were.", Page[Accuracy], query=AccuracyQuery,
          handler=as_items),
    Route("GET", "/v1/workers", "workers.list", Who.OVERSEER, "Workers.", Page[Worker],
          query=WorkerListing),
    Route("GET", "/v1/sessions", "sessions.list", Who.PERSON, "The own sessions.",
          Page[SessionDocument], query=SessionListing),
    Route("GET", _SESSION, "sessions.document", Who.SESSION, "One session.", SessionWithJobs),
    Route("POST", "/v1/sessions", "sessions.open", Who.SUBMITTER, "Open a session.",
          SessionDocument, 201, SessionToOpen),
    Route("POST", f"{_SESSION}/close", "sessions.close", Who.SESSION_CLOSER,
          "Take no more jobs into a session.", SessionDocument),
    Route("POST", f"{_SESSION}/cancel", "sessions.cancel", Who.SESSION_CLOSER,
          "Close a session at once and cancel its jobs.", SessionDocument),
)  # fmt: skip
