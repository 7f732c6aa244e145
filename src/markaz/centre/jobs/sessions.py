"""Sessions and batches: jobs of one person that belong together.

A dedicated session holds its device from the start of its first job: only its jobs start
there, until it has been idle for ``idle_seconds`` (then others may run, and its next job
queues as any) or ``max_seconds`` have passed. Simulators are held by nobody, since they run
as many jobs as there are workers. A batch holds nothing.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, insert, select, text, update

from markaz.centre import fields
from markaz.centre.access import CentreRole, system, verb
from markaz.centre.errors import conflict, forbidden
from markaz.centre.ids import new_id
from markaz.centre.jobs import cancelling, notify
from markaz.centre.jobs.rules import Place, kept_session, submitter
from markaz.centre.jobs.tables import OPEN, jobs, sessions
from markaz.centre.work import Work

MODES: Final = ("dedicated", "batch")
STATES: Final[dict[str, str]] = {
    "pending": "No job of it has started, or it was idle: it holds no device.",
    "open": "Its jobs run; a dedicated one holds its device.",
    "draining": "It takes no more jobs; those that it has go on.",
    "closed": "It is over.",
}
MAX_SECONDS: Final = 8 * 3600.0
IDLE_SECONDS: Final = 60.0


@verb("sessions.open", rule=submitter, scope="jobs:write")
def open_session(
    work: Work,
    place: Place,
    *,
    project: Any = None,
    device: Any = None,
    mode: Any = "dedicated",
    max_seconds: Any = None,
    idle_seconds: Any = None,
) -> dict[str, Any]:
    """Open a session; jobs are put into it by naming it. Its device is held later.

    Raises ``invalid`` for times that are not positive or longer than eight hours.
    """
    row = {
        "id": new_id(work.now),
        "project_id": place.project.id,
        "user_id": work.actor.id,
        "device_id": place.device.id,
        "mode": fields.choice("mode", mode, MODES),
        "state": "pending",
        "max_seconds": _seconds("max_seconds", max_seconds, MAX_SECONDS),
        "idle_seconds": _seconds("idle_seconds", idle_seconds, IDLE_SECONDS),
        "created_at": work.now,
        "last_job_at": work.now,
    }
    work.run(insert(sessions).values(row))
    work.record(row["id"], project=row["project_id"], device=row["device_id"], mode=row["mode"])
    return document(work.one(select(sessions).where(sessions.c.id == row["id"])))


def _seconds(field: str, value: Any, default: float) -> float:
    return default if value is None else fields.number(field, value, 1.0, MAX_SECONDS)


def document(row: Any) -> dict[str, Any]:
    """A session as JSON."""
    return {
        "session": row.id,
        "project": row.project_id,
        "user": row.user_id,
        "device": row.device_id,
        "mode": row.mode,
        "state": row.state,
        "accepting": row.state in ("pending", "open"),
        "max_seconds": row.max_seconds,
        "idle_seconds": row.idle_seconds,
        "created_at": row.created_at,
        "opened_at": row.opened_at,
        "last_job_at": row.last_job_at,
        "closed_at": row.closed_at,
    }


def closer(work: Work, *, session: Any, **_: Any) -> Any:
    """The session's owner, a lead of its project, or an operator; its row."""
    row = kept_session(work, session=session)
    mine = row.user_id == work.actor.id or work.actor.has(CentreRole.OPERATOR)
    if not mine and work.actor.has(CentreRole.DIRECTOR):
        raise forbidden("a director looks at sessions, but does not close them")
    return row


@verb("sessions.close", rule=closer, scope="jobs:write")
def close_session(work: Work, row: Any, *, session: Any) -> dict[str, Any]:
    """Take no more jobs into it; those that it has go on, then it is closed."""
    if row.state in ("draining", "closed"):
        work.nothing_changed()
        return document(row)
    _set(work, row, "draining" if _open_jobs(work, row.id) else "closed")
    return document(work.one(select(sessions).where(sessions.c.id == row.id)))


@verb("sessions.cancel", rule=closer, scope="jobs:write")
def cancel_session(work: Work, row: Any, *, session: Any) -> dict[str, Any]:
    """Close it at once: waiting jobs are cancelled, running ones are stopped."""
    if row.state == "closed":
        raise conflict(f"session {row.id} is closed already")
    _cancel_jobs(work, row.id, "user" if row.user_id == work.actor.id else "operator", all_=True)
    _set(work, row, "closed")
    return document(work.one(select(sessions).where(sessions.c.id == row.id)))


@verb("sessions.expire", rule=system, scope=None)
def expire_sessions(work: Work, _: None) -> dict[str, Any]:
    """Give devices back that idle sessions hold; end those whose time is over, or that are
    drained. What still waits in a session whose time is over is cancelled."""
    changed: dict[str, str] = {}
    for row in work.all(select(sessions).where(text("state <> 'closed'"))):
        state = _due(work, row)
        if state is not None:
            if state == "closed":
                _cancel_jobs(work, row.id, "operator", all_=False)
            _set(work, row, state)
            changed[row.id] = state
    if not changed:
        work.nothing_changed()
    return changed


def _due(work: Work, row: Any) -> str | None:
    """The state that a session has come to by the passing of time; None: as it is."""
    if work.now >= (row.opened_at or row.created_at) + row.max_seconds * 1e6:
        return "closed"
    if _open_jobs(work, row.id):
        return None
    if row.state == "draining":
        return "closed"
    idle = work.now >= (row.last_job_at or row.created_at) + row.idle_seconds * 1e6
    return "pending" if idle and row.state == "open" else None


def _open_jobs(work: Work, session: str) -> int:
    count = select(func.count()).where(jobs.c.session_id == session, text(OPEN))
    return int(work.connection.execute(count).scalar_one())


def _set(work: Work, row: Any, state: str) -> None:
    values: dict[str, Any] = {"state": state}
    if state == "closed":
        values["closed_at"] = work.now
    work.run(update(sessions).where(sessions.c.id == row.id).values(values))
    notify.session_changed(work)
    work.record(row.id, state=state)


def _cancel_jobs(work: Work, session: str, by: str, *, all_: bool) -> None:
    """Cancel what waits in a session; with ``all_`` also stop what runs."""
    which = OPEN if all_ else "(state = 'held' OR state = 'queued')"
    found = select(jobs.c.id).where(jobs.c.session_id == session, text(which))
    cancelling.cancel_jobs(work, [row.id for row in work.all(found)], by)
