"""Cancelling: a waiting job ends at once, a running one is asked to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markaz.centre.access import CentreRole, verb
from markaz.centre.errors import conflict
from markaz.centre.jobs import core, holds, notify
from markaz.centre.jobs.core import Cancelled, Snapshot
from markaz.centre.jobs.groups import expected
from markaz.centre.jobs.rules import Seen, canceller
from markaz.centre.jobs.states import State
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.work import Work


@verb("jobs.cancel", rule=canceller, scope="jobs:write")
def cancel(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """Cancel a job. Waiting: at once, free of charge. Running: its worker is told to stop it;
    the time until then is charged if its own project asked, and not if an operator did.

    Raises ``conflict`` if it has ended already.
    """
    by = "user" if _is_own(work, seen) else "operator"
    store = DatabaseJobs(work)
    done, before = core.cancel(store, seen.row.id, by, work.now)
    if done is Cancelled.TOO_LATE:
        raise conflict(f"job {before.id} is {before.state} already", state=str(before.state))
    _tell(work, store, done, before)
    holds.wake(work, store.freed)
    state = State.CANCELLED if done is Cancelled.NOW else before.state
    return {"job": before.id, "state": str(state), "cancel": str(done)}


def _is_own(work: Work, seen: Seen) -> bool:
    """Whether the job's project asks: its owner or one of its leads."""
    return seen.row.user_id == work.actor.id or not work.actor.has(CentreRole.OPERATOR)


def cancel_jobs(work: Work, jobs: Iterable[str], by: str) -> None:
    """Cancel each of ``jobs`` that has not ended, inside another verb's transaction."""
    store = DatabaseJobs(work)
    for job in jobs:
        done, before = core.cancel(store, job, by, work.now)
        if done is not Cancelled.TOO_LATE:
            _tell(work, store, done, before)
    holds.wake(work, store.freed)


def _tell(work: Work, store: DatabaseJobs, done: Cancelled, before: Snapshot) -> None:
    row, listener = store.rows[before.id], work.services.listener
    if done is Cancelled.WANTED:
        work.after(lambda: listener.cancel_wanted(before.id, before.attempt))
    else:
        if before.state is State.QUEUED:
            notify.unqueued(work, row.group_id, expected(row.predicted_seconds))
        work.after(lambda: listener.job_ended(before.id))
    work.record(before.id, cancel=str(done), attempt=before.attempt)
