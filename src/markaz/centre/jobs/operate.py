"""What operators do to waiting and running jobs, each time with a reason.

The job's owner reads the reason on the job. Whoever is delayed because a job was put before
theirs reads it in the explanation of their own job's wait, without learning whose it was.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert

from markaz.centre import fields
from markaz.centre.access import verb
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.jobs import notify
from markaz.centre.jobs.groups import GroupKey, expected, group_id, read_key
from markaz.centre.jobs.priority import MAX_BOOST
from markaz.centre.jobs.rules import find_device, operated
from markaz.centre.jobs.states import TRANSITIONS, WAITING, Event, State
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.jobs.tables import interventions
from markaz.centre.work import Work


@verb("jobs.hold", rule=operated, scope="operate")
def hold(work: Work, row: Any, *, job: Any, reason: Any) -> dict[str, Any]:
    """Take a queued job out of the queue until it is released. What it reserved stays so."""
    _apply(work, row, Event.HOLD, reason="operator", note=_note(reason))
    notify.unqueued(work, row.group_id, expected(row.predicted_seconds))
    return _done(work, row, "hold", reason, state="held")


@verb("jobs.release", rule=operated, scope="operate")
def release(work: Work, row: Any, *, job: Any, reason: Any) -> dict[str, Any]:
    """Put a job that an operator held back to its place in the queue."""
    if row.state == State.HELD and row.reason == "allocation":
        raise conflict("the job waits for credits; grant some to its project")
    _apply(work, row, Event.RELEASE, reason=None, note=_note(reason))
    _join(work, row, row.group_id, row.place)
    return _done(work, row, "release", reason, state="queued")


@verb("jobs.requeue", rule=operated, scope="operate")
def requeue(work: Work, row: Any, *, job: Any, reason: Any) -> dict[str, Any]:
    """Take a running job from its worker and put it back to its place; the attempt is over.

    It costs nothing so far; whatever the worker still reports of it is refused.
    """
    if row.cancel_by is not None:
        raise conflict(f"job {row.id} is being cancelled")
    _apply(work, row, Event.GIVE_BACK, row.attempt, note=_note(reason))
    listener = work.services.listener
    work.after(lambda: listener.cancel_wanted(row.id, row.attempt))
    notify.used(work, row.id, row.project_id, row.user_id, 0.0, ended=False)
    _join(work, row, row.group_id, row.place)
    return _done(work, row, "requeue", reason, state="queued")


@verb("jobs.move", rule=operated, scope="operate")
def move(work: Work, row: Any, *, job: Any, device: Any, reason: Any) -> dict[str, Any]:
    """Put a waiting job into the queue of another device, at the same place.

    The price stays the one that was told at submission.
    """
    found = find_device(work, device)
    if row.session_id is not None:
        raise conflict("a job of a session stays on the session's device")
    if found.kind != "simulator" and row.qubits > found.qubits:
        message = f"device {found.id} has {found.qubits} qubits, the job {row.qubits}"
        raise invalid("device", message)
    key = _key(work, row)._replace(device=found.id)
    _regroup(work, row, key, note=_note(reason), device_id=found.id)
    return _done(work, row, "move", reason, device=found.id, ahead=True)


@verb("jobs.override", rule=operated, scope="operate")
def override(work: Work, row: Any, *, job: Any, boost: Any, reason: Any) -> dict[str, Any]:
    """Put a waiting job before (``boost`` 1 to 9) or behind (−9 to −1) all others; 0 undoes it.

    A job with a higher boost is before one with a lower one, whatever its other factors.
    """
    level = fields.whole("boost", boost, -MAX_BOOST, MAX_BOOST)
    _regroup(work, row, _key(work, row)._replace(boost=level), note=_note(reason))
    return _done(work, row, "override", reason, boost=level, ahead=level > 0)


def _note(reason: Any) -> str:
    return fields.line("reason", reason, least=3, most=500)


def _key(work: Work, row: Any) -> GroupKey:
    key = read_key(work, row.group_id)
    assert key is not None, row.group_id
    return key


def _apply(work: Work, row: Any, event: Event, attempt: int | None = None, **values: Any) -> None:
    """Raises ``conflict`` if the job's state does not allow it."""
    if not DatabaseJobs(work).apply(row.id, event, attempt, **values):
        raise _impossible(row, event)


_WORDS: Final = {
    Event.HOLD: "held",
    Event.RELEASE: "released",
    Event.GIVE_BACK: "requeued",
    Event.MOVE: "moved or put before or behind others",
}
# What an operator can do to a job instead, by its state.
_INSTEAD: Final = {
    State.QUEUED: "it can be held, moved, put before or behind others, or cancelled",
    State.HELD: "it can be released, moved or cancelled",
    State.CLAIMED: "it can be requeued or cancelled",
    State.RUNNING: "it can be requeued or cancelled",
}


def _impossible(row: Any, event: Event) -> CentreError:
    which = " or ".join(sorted(TRANSITIONS[event].sources))
    text = f"job {row.id} is {row.state}, and only one that is {which} can be {_WORDS[event]}"
    instead = _INSTEAD.get(row.state, "it has ended")
    return conflict(f"{text}; {instead}", state=row.state)


def _regroup(work: Work, row: Any, key: GroupKey, **values: Any) -> None:
    if row.state not in WAITING:
        raise _impossible(row, Event.MOVE)
    group = group_id(work, key)
    _apply(work, row, Event.MOVE, group_id=group, **values)
    if row.state == State.QUEUED:
        notify.unqueued(work, row.group_id, expected(row.predicted_seconds))
        notify.queued(work, group, key, row.place, expected(row.predicted_seconds))


def _join(work: Work, row: Any, group: int, place: int) -> None:
    notify.queued(work, group, _key(work, row), place, expected(row.predicted_seconds))


def _done(work: Work, row: Any, what: str, reason: Any, **said: Any) -> dict[str, Any]:
    """Write down who did what and why; the answer."""
    ahead = bool(said.pop("ahead", False))
    work.run(
        insert(interventions).values(
            device_id=said.get("device", row.device_id),
            job_id=row.id,
            verb=what,
            ahead=ahead,
            reason=_note(reason),
            actor=work.actor.id,
            at=work.now,
        )
    )
    work.record(row.id, **said)
    return {"job": row.id, "state": said.get("state", row.state)} | said
