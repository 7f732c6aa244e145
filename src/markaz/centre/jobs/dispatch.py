"""What the centre itself does with jobs: hand out, end, return, recover."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import select, text

from markaz.centre.access import system, verb
from markaz.centre.errors import CentreError
from markaz.centre.jobs import claims, core, endings, holds, notify
from markaz.centre.jobs.groups import expected, read_key
from markaz.centre.jobs.index import QueueIndex, read_active
from markaz.centre.jobs.states import Event, State
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.jobs.tables import ACTIVE, jobs
from markaz.centre.work import Work

_log: Final = structlog.get_logger(__name__)


@verb("jobs.open_queue", rule=system, scope=None)
def open_queue(work: Work, _: None) -> dict[str, Any]:
    """Read the queue of ``services.queue`` anew from the database; harmless again."""
    queue = _queue(work)
    queue.open(work.connection, work.now)
    work.nothing_changed()
    return {"groups": len(queue.rows.at)}


@verb("jobs.reread_group", rule=system, scope=None)
def reread_group(work: Work, _: None, *, group: int) -> None:
    """Take one group as the database has it: another server changed it."""
    _queue(work).reread(work.connection, group)
    work.nothing_changed()


def _queue(work: Work) -> QueueIndex:
    queue: QueueIndex | None = work.services.queue
    if queue is None:
        raise CentreError("internal", "this process does not hand out jobs")
    return queue


@verb("jobs.claim", rule=system, scope=None)
def claim(
    work: Work,
    _: None,
    *,
    worker: str,
    devices: Sequence[str],
    count: int = 1,
    ahead: bool = False,
    seconds: float = math.inf,
) -> list[dict[str, Any]]:
    """Hand up to ``count`` jobs for ``devices`` to ``worker``, the best first.

    Each is running at once, or, with ``ahead``, claimed until ``mark_running`` or its end.
    Its attempt is raised by a conditional UPDATE, so that no other claim can get it. None
    follows one with which all of them are expected to take ``seconds`` or more.
    """
    [claimed] = _claim(work, worker, devices, [claims.Wanted(count, ahead, seconds)])
    return claimed


def claim_both(
    work: Work, worker: str, devices: Sequence[str], count: int, ahead: int, seconds: float
) -> list[list[dict[str, Any]]]:
    """As ``claim``, inside another verb: up to ``count`` jobs that begin at once, whatever they
    take, and up to ``ahead`` that wait behind them, within ``seconds`` for all together."""
    parts = [claims.Wanted(count, False), claims.Wanted(ahead, True, seconds)]
    with work.doing(claim.name):
        return _claim(work, worker, devices, parts)


def _claim(
    work: Work, worker: str, devices: Sequence[str], parts: Sequence[claims.Wanted]
) -> list[list[dict[str, Any]]]:
    began = time.perf_counter()
    queue = _queue(work)
    queue.prepare(work.connection, work.now)
    most = sum(part.count for part in parts)
    heads = claims.Heads(work, most)
    claims.ask_heads(work, queue, devices, heads)
    active = read_active(work.connection, queue.max_running - most)
    chosen = claims.choose(work, queue, active, heads, devices, parts)
    rows = [
        claims.hand_out(work, queue, some, worker, ahead=part.ahead)
        for some, part in zip(chosen, parts, strict=True)
    ]
    for some, got in zip(chosen, rows, strict=True):
        if len(got) < len(some):
            claims.forget(work, queue, [row for row in some if row not in got])
    if not any(rows):
        work.nothing_changed()
    assigned = [claims.assignments(work, queue, some) for some in rows]
    work.services.observe("claim", time.perf_counter() - began)
    return assigned


@verb("jobs.mark_running", rule=system, scope=None)
def mark_running(work: Work, _: None, *, job: str, attempt: int, worker: str) -> dict[str, Any]:
    """A job that was handed out ahead has begun. Raises ``stale`` if it was taken back."""
    if not DatabaseJobs(work).apply(job, Event.BEGIN, attempt, started_at=work.now):
        raise core.stale(job, attempt)
    work.record(job, attempt=attempt, worker=worker)
    return {"job": job, "state": str(State.RUNNING)}


@verb("jobs.finish", rule=system, scope=None)
def finish(
    work: Work, _: None, *, job: str, attempt: int, worker: str, outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """End an attempt: state, result, charge, usage and audit entry in one transaction.

    ``outcome``: ``state`` (completed, failed, cancelled), ``result`` (bytes or Prepared, of a
    completed one), ``error`` ({"kind", "message"}), ``seconds`` as the worker measured,
    ``began_at`` if the centre heard when a job began that was handed out ahead (else it
    counts from its claim). Raises ``stale`` if another attempt owns the job or it ended:
    then nothing is changed.
    """
    report = {"job": job, "attempt": attempt, "outcome": outcome}
    [ended] = endings.end(work, worker, [report])
    if ended is None:
        raise core.stale(job, attempt)
    return {"job": job, "state": str(State(outcome["state"])), "charge": ended.charge}


def finish_many(work: Work, worker: str, reports: Sequence[Mapping[str, Any]]) -> list[bool]:
    """As ``finish`` for each of ``reports`` (its arguments), inside another verb; whether it
    was not stale. Raises CentreError ``conflict``: see ``endings.end``."""
    with work.doing(finish.name):
        ended = endings.end(work, worker, reports)
        work.nothing_changed()  # where all were stale
    return [one is not None for one in ended]


@verb("jobs.give_back", rule=system, scope=None)
def give_back(
    work: Work, _: None, *, worker: str, jobs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A worker that drains returns jobs ({"job", "attempt"}) to their places in the queue.

    It counts as no loss. A job that was to be cancelled is cancelled.
    """
    store = DatabaseJobs(work)
    done = {"requeued": list[str](), "cancelled": list[str]()}
    for one in jobs:
        found = store.find(one["job"])
        if found is None:
            continue
        if found.cancel_by is not None:
            ended = {"charged": 0, "ended_at": work.now}
            if store.apply(found.id, Event.STOP, one["attempt"], **ended):
                store.settle(found, 0)
                _ended(work, store.rows[found.id], done["cancelled"], State.CANCELLED)
        elif store.apply(found.id, Event.GIVE_BACK, one["attempt"]):
            _returned(work, store.rows[found.id], done["requeued"])
    holds.wake(work, store.freed)
    if not any(done.values()):
        work.nothing_changed()
    return done


@verb("jobs.recover", rule=system, scope=None)
def recover(work: Work, _: None, *, worker: str) -> dict[str, Any]:
    """A worker is lost: its jobs go back to their places in the queue.

    One that has taken ``max_attempts`` workers down fails, and costs nothing.
    """
    lost = select(jobs.c.id, jobs.c.attempt).where(text(ACTIVE), jobs.c.worker_id == worker)
    return _recover(work, work.all(lost))


@verb("jobs.recover_orphans", rule=system, scope=None)
def recover_orphans(work: Work, _: None, *, known: Sequence[str] = ()) -> dict[str, Any]:
    """As ``recover`` for the jobs of all workers but ``known``; when a server starts."""
    active = work.all(select(jobs.c.id, jobs.c.attempt, jobs.c.worker_id).where(text(ACTIVE)))
    return _recover(work, [row for row in active if row.worker_id not in known])


_SORTED: Final = {
    Event.GIVE_BACK: "requeued",
    Event.FAIL: "failed",
    Event.STOP: "cancelled",
}


def _recover(work: Work, lost: Sequence[Any]) -> dict[str, Any]:
    store = DatabaseJobs(work)
    most = int(work.services.settings["max_attempts"])
    done: dict[str, list[str]] = {name: [] for name in _SORTED.values()}
    for one in lost:
        event = core.lost(store, one.id, one.attempt, most, work.now)
        if event is Event.GIVE_BACK:
            _returned(work, store.rows[one.id], done["requeued"])
        elif event is not None:
            state = State.FAILED if event is Event.FAIL else State.CANCELLED
            _ended(work, store.rows[one.id], done[_SORTED[event]], state)
    holds.wake(work, store.freed)
    if not any(done.values()):
        work.nothing_changed()
    else:
        _log.warning("jobs recovered", **{name: len(ids) for name, ids in done.items()})
    return done


def _returned(work: Work, row: Any, into: list[str]) -> None:
    """Put the job back into the queue in memory; what it used counts for nobody."""
    key = read_key(work, row.group_id)
    assert key is not None, row.group_id
    notify.used(work, row.id, row.project_id, row.user_id, 0.0, ended=False)
    notify.queued(work, row.group_id, key, row.place, expected(row.predicted_seconds))
    work.record(row.id, attempt=row.attempt, state="queued")
    into.append(row.id)


def _ended(work: Work, row: Any, into: list[str], state: State) -> None:
    notify.used(work, row.id, row.project_id, row.user_id, 0.0)
    work.record(row.id, attempt=row.attempt, state=str(state), charge=0)
    into.append(row.id)
