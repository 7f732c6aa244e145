"""Everything that a person runs in an instance: jobs, and sessions with theirs, in pages."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import invalid
from markaz.interfaces.runtime_api import job_documents
from markaz.interfaces.runtime_api.calls import Call, answer, without_nones
from markaz.interfaces.runtime_api.job_documents import iso
from markaz.interfaces.runtime_api.jobs import moment
from markaz.interfaces.runtime_api.sessions import STATES

MOST: Final = 50
MODES: Final = {"job": "job", "session": "dedicated", "batch": "batch"}
NOT_TAKEN: Final = ("search", "status", "previous")


async def listed(call: Call) -> Response:
    """Jobs outside of sessions, and sessions, the newest first; ``next`` continues."""
    limit, mode = call.whole("limit", 10, 1, MOST), call.query("mode")
    _check(call, mode)
    wanted = without_nones(
        {
            "project": call.project,
            "device": call.query("backend"),
            "before": call.query("next"),
            "since": moment(call, "created_after"),
            "until": moment(call, "created_before"),
            "limit": limit + 1,
        }
    )
    items: list[dict[str, Any]] = []
    total = 0
    if mode in (None, "job"):
        tags = call.request.query_params.getlist("tags")
        found = await call.perform("jobs.glances", alone=True, tags=tags, **wanted)
        items += [_of_job(row, call.instance) for row in found["items"]]
        total += found["count"]
    if mode != "job":
        of = {"mode": MODES[mode]} if mode else {}
        found = await call.perform("sessions.own", **of, **wanted)
        items += [_of_session(row, call.instance) for row in found["items"]]
        total += found["count"]
    items.sort(key=lambda one: str(one["id"]), reverse=True)  # ids begin with the time
    document: dict[str, Any] = {"workloads": items[:limit], "total_count": total, "limit": limit}
    if len(items) > limit:
        document["next"] = {"cursor": items[limit - 1]["id"]}
    return answer(document)


def _check(call: Call, mode: str | None) -> None:
    if mode is not None and mode not in MODES:
        raise invalid("mode", f"mode must be one of {', '.join(MODES)}")
    if call.query("sort") not in (None, "-createdAt"):
        raise invalid("sort", "workloads are listed the newest first: sort must be -createdAt")
    if call.query("user") not in (None, "me", call.actor.id):
        raise invalid("user", "only the own workloads are listed: user must be me")
    for name in NOT_TAKEN:
        if call.query(name) is not None:
            raise invalid(name, f"workloads cannot be filtered by {name}")


def _of_job(row: dict[str, Any], instance: str) -> dict[str, Any]:
    return without_nones(
        {
            "id": row["id"],
            "created": iso(row["created_at"]),
            "ended": iso(row["ended_at"]),
            "backend": row["device_id"],
            "instance": instance,
            "user_id": row["user_id"],
            "mode": "job",
            "status": job_documents.STATUS[row["state"]],
            "tags": job_documents.tags(row),
            "usage_seconds": job_documents.seconds(row),
            "estimated_running_time_seconds": row["predicted_seconds"],
        }
    )


def _of_session(row: dict[str, Any], instance: str) -> dict[str, Any]:
    return without_nones(
        {
            "id": row["id"],
            "created": iso(row["created_at"]),
            "ended": iso(row["closed_at"]),
            "backend": row["device_id"],
            "instance": instance,
            "user_id": row["user_id"],
            "mode": "batch" if row["mode"] == "batch" else "session",
            "status": STATES[row["state"]],
            "tags": [],
            "accepting_jobs": row["state"] in ("pending", "open"),
        }
    )
