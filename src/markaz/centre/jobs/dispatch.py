"""What the centre itself does with jobs: hand out, end, return, recover."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import BigInteger, bindparam, case, func, literal, select, text, update

from markaz.centre.access import system, verb
from markaz.centre.errors import CentreError, invalid
from markaz.centre.jobs import core, holds, notify, usage
from markaz.centre.jobs.groups import expected, read_key
from markaz.centre.jobs.index import QueueIndex, read_active
from markaz.centre.jobs.states import Event, State
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.jobs.tables import ACTIVE, QUEUED, jobs, sessions
from markaz.centre.storage import blobs
from markaz.centre.work import Work

_log: Final = structlog.get_logger(__name__)
_HEAD: Final = (
    select(jobs)
    .where(text(QUEUED), jobs.c.group_id == bindparam("group"))
    .order_by(jobs.c.place)
    .limit(1)
)


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
) -> list[dict[str, Any]]:
    """Hand up to ``count`` jobs for ``devices`` to ``worker``, the best first.

    Each is running at once, or, with ``ahead``, claimed until ``mark_running``. Its attempt
    is raised by a conditional UPDATE, so that no other claim can get it.
    """
    began = time.perf_counter()
    queue = _queue(work)
    queue.prepare(work.connection, work.now)
    active = read_active(work.connection, queue.max_running - count + 1)
    found: list[dict[str, Any]] = []
    passed: list[int] = []
    while len(found) < count:
        group = queue.pick(work.now, devices, active, passed)
        if group is None:
            break
        key = queue.key(group)
        row = _start_head(work, group, worker, ahead)
        if row is None:
            passed.append(group)
            continue
        _handed_out(work, queue, row, worker)
        active.started(key)
        found.append(_assignment(queue, row))
    for group in passed:
        notify.forget(work, group)
    if not found:
        work.nothing_changed()
    work.services.observe("claim", time.perf_counter() - began)
    return found


def _start_head(work: Work, group: int, worker: str, ahead: bool) -> Any:
    """The row of the job that was handed out, as it was before; None: the group is empty."""
    store = DatabaseJobs(work)
    event = Event.CLAIM if ahead else Event.START
    values: dict[str, Any] = {"worker_id": worker, "claimed_at": work.now}
    if not ahead:
        values["started_at"] = work.now
    while True:
        row = work.connection.execute(_HEAD, {"group": group}).first()
        if row is None or store.apply(row.id, event, **values):
            return row


def _handed_out(work: Work, queue: QueueIndex, row: Any, worker: str) -> None:
    wait = (work.now - (row.eligible_at or row.created_at)) / 1e6
    head = notify.head_of(work, row.group_id)
    queue.take(work, row.group_id, head, row.id, expected(row.predicted_seconds))
    if row.wait_raw is not None and row.attempt == 0:
        stated = (row.wait_p50, row.wait_p90)
        work.after(lambda: queue.forecasts.learn(row.device_id, row.wait_raw, wait, stated))
    if row.session_id is not None:
        _open_session(work, row.session_id)
    work.record(row.id, attempt=row.attempt + 1, worker=worker)


def _open_session(work: Work, session: str) -> None:
    """A session opens when its first job starts; a dedicated one holds its device from then."""
    s = sessions.c
    closed_to_it = (s.state == "pending") | s.opened_at.is_(None)
    values = {
        "state": case((s.state == "pending", "open"), else_=s.state),
        "opened_at": func.coalesce(s.opened_at, literal(work.now, BigInteger)),
        "last_job_at": work.now,
    }
    if work.run(update(sessions).where(s.id == session, closed_to_it).values(values)):
        notify.session_changed(work)


def _assignment(queue: QueueIndex, row: Any) -> dict[str, Any]:
    device = queue.rules.devices.get(row.device_id)
    return {
        "job": row.id,
        "attempt": row.attempt + 1,
        "kind": row.kind,
        "project": row.project_id,
        "user": row.user_id,
        "device": row.device_id,
        "driver": device.driver if device else "",
        "session": row.session_id,
        "circuit": row.circuit_hash,
        "program_hash": row.program_hash,
        "options": json.loads(row.options),
        "shots": row.shots,
        "qubits": row.qubits,
        "limit_seconds": row.limit_seconds,
        "predicted_seconds": row.predicted_seconds,
        "predicted_bytes": row.predicted_bytes,
    }


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
    completed one), ``error`` ({"kind", "message"}), ``seconds`` as the worker measured.
    Raises ``stale`` if another attempt owns the job or it ended: then nothing is changed.
    """
    store = DatabaseJobs(work)
    said = _outcome(outcome)
    before, charge = core.finish(store, job, attempt, said, work.now)
    row = store.rows[job]
    if said.result_hash is not None:
        blobs.keep(work, outcome["result"], project=row.project_id)
    seconds = core.charged_seconds(before, said, work.now)
    usage.add(work, row.project_id, row.user_id, seconds)
    notify.used(work, job, row.project_id, row.user_id, seconds)
    _session_used(work, row.session_id)
    holds.wake(work, store.freed)
    work.record(job, attempt=attempt, worker=worker, state=str(said.state), charge=charge)
    return {"job": job, "state": str(said.state), "charge": charge}


def _outcome(outcome: Mapping[str, Any]) -> core.Outcome:
    state = State(outcome["state"])
    if state not in (State.COMPLETED, State.FAILED, State.CANCELLED):
        raise invalid("outcome/state", f"no attempt ends {state}")
    error = outcome.get("error") or {}
    result = outcome.get("result") if state is State.COMPLETED else None
    return core.Outcome(
        state=state,
        error_kind=error.get("kind"),
        error_message=error.get("message"),
        seconds=outcome.get("seconds"),
        result_hash=None if result is None else _digest(result),
    )


def _digest(contents: blobs.Prepared | bytes) -> str:
    if isinstance(contents, blobs.Prepared):
        return contents.digest
    return hashlib.sha256(contents).hexdigest()


def _session_used(work: Work, session: str | None) -> None:
    """Idleness of a session counts from the end of its last job."""
    if session is not None:
        work.run(update(sessions).where(sessions.c.id == session).values(last_job_at=work.now))


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
