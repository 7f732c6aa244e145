"""What the centre does with workers: take note of them, and hand jobs out with their circuits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select, text, update

from markaz.centre.access import Act, system, verb
from markaz.centre.devices import stations
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.jobs import dispatch
from markaz.centre.jobs.groups import expected
from markaz.centre.jobs.tables import ACTIVE, jobs
from markaz.centre.work import Work
from markaz.centre.workers import agents
from markaz.centre.workers.tables import workers

FORGOTTEN: Final = 86_400_000_000  # microseconds after which a lost worker is gone


@verb("workers.connect", rule=system, scope=None)
def connect(
    work: Work, _: None, *, worker: str, name: str, slots: int, facts: dict[str, Any]
) -> dict[str, Any]:
    """A worker came, or came back as ``worker``. Returns its id.

    Raises CentreError as ``agents.check`` for one that may not run the devices that it names.
    """
    agents.check(work, worker, facts)
    found = {"state": "connected", "seen_at": work.now, "ended_at": None}
    known = worker and work.run(
        update(workers)
        .where(workers.c.id == worker, workers.c.state != "gone")
        .values(**found, facts=json.dumps(facts))
    )
    if not known:
        worker = new_id(work.now)
        row = {"id": worker, "name": name[:100], "slots": slots, "facts": json.dumps(facts)}
        work.run(insert(workers).values(**row, connected_at=work.now, **found))
    work.record(worker, state="connected")
    return {"worker": worker}


@verb("workers.leave", rule=system, scope=None)
def leave(work: Work, _: None, *, worker: str, state: str) -> dict[str, Any]:
    """A worker is ``draining``, ``lost`` (it may come back) or ``gone``."""
    values: dict[str, Any] = {"state": state, "seen_at": work.now}
    if state == "gone":
        values["ended_at"] = work.now
    changed = workers.c.id == worker, workers.c.state != state, workers.c.state != "gone"
    if work.run(update(workers).where(*changed).values(values)):
        work.record(worker, state=state)
        if state != "draining":
            agents.gone_away(work, work.all(select(workers).where(workers.c.id == worker)))
    else:
        work.nothing_changed()
    return {"worker": worker, "state": state}


@verb("workers.restart", rule=system, scope=None)
def restart(work: Work, _: None) -> dict[str, Any]:
    """A dispatcher begins: no worker is connected to it yet, and some never came back."""
    connected = workers.c.state.in_(("connected", "draining"))
    agents.gone_away(work, work.all(select(workers).where(connected)))
    lost = work.run(update(workers).where(connected).values(state="lost", seen_at=work.now))
    holders = select(jobs.c.worker_id).where(text(ACTIVE), jobs.c.worker_id.is_not(None))
    never = (
        workers.c.state == "lost",
        workers.c.seen_at < work.now - FORGOTTEN,
        workers.c.id.not_in(holders),  # agents may be away for longer
    )
    lost += work.run(update(workers).where(*never).values(state="gone", ended_at=work.now))
    if lost:
        work.record("workers", lost=lost)
    else:
        work.nothing_changed()
    return {"lost": lost}


@verb("workers.exchange", rule=system, scope=None)
def exchange(
    work: Work,
    _: None,
    *,
    worker: str,
    finished: Sequence[Mapping[str, Any]],
    started: Sequence[Mapping[str, Any]],
    devices: Sequence[str],
    count: int,
    ahead: int,
    seconds: float,
) -> dict[str, Any]:
    """What a worker says of its jobs, and what it gets next, in one change.

    ``finished``: arguments of ``jobs.finish``; ``started``: of ``jobs.mark_running``; then
    ``jobs.claim`` for up to ``count`` jobs that begin at once and ``ahead`` that wait behind
    them, as long as all of these are expected to take less than ``seconds``. Returns
    ``accepted`` (whether, for each that finished; else it was stale), ``dry`` (whether the
    queue had less than that) and ``claimed``, where each job says whether it is ``ahead`` and
    has its circuit as the row holds it (``data``; None where only the store does), so that
    nobody looks again, its device as it is now (``station``; None for a simulator), and the
    time (``at``).
    """
    for one in started:
        _unless_stale(dispatch.mark_running, work, worker=worker, **one)
    accepted = dispatch.finish_many(work, worker, finished) if finished else []
    claimed, dry = _claimed(work, worker, devices, count, ahead, seconds)
    for job in claimed:
        job["at"] = work.now
        job["station"] = stations.of(work, job["device"], job["driver"])
    work.nothing_changed()  # what happened is in the audit under the verbs' own names
    return {"accepted": accepted, "claimed": claimed, "dry": dry}


def _claimed(
    work: Work, worker: str, devices: Sequence[str], count: int, ahead: int, seconds: float
) -> tuple[list[dict[str, Any]], bool]:
    """Jobs that begin at once, then those behind them; and whether nothing is left."""
    if not (count or ahead):
        return [], False
    now, behind = dispatch.claim_both(work, worker, devices, count, ahead, seconds)
    left = seconds - _seconds(now)
    dry = len(now) < count or (len(behind) < ahead and _seconds(behind) < left)
    return [*(j | {"ahead": False} for j in now), *(j | {"ahead": True} for j in behind)], dry


def _seconds(claimed: Sequence[Mapping[str, Any]]) -> float:
    """Seconds that jobs are expected to take together."""
    return sum(expected(job["predicted_seconds"]) for job in claimed)


def _unless_stale(act: Act, work: Work, **arguments: Any) -> bool:
    """Do it; False if another attempt owns the job: then nothing has been changed."""
    try:
        act(work, **arguments)
    except CentreError as error:
        if error.kind != "stale":
            raise
        return False
    return True
