"""Held jobs go on when credits return."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import bindparam, select, text

from markaz.centre.access import system, verb
from markaz.centre.db.frequent import Frequent
from markaz.centre.jobs import notify
from markaz.centre.jobs.groups import expected, read_key
from markaz.centre.jobs.states import Event
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.jobs.tables import jobs
from markaz.centre.ledger import holds, prices
from markaz.centre.work import Work

BATCH: Final = 200  # jobs in one transaction; the rest follow with the next credits
_HELD: Final = Frequent(
    select(jobs)
    .where(
        text("state = 'held'"),
        jobs.c.project_id == bindparam("project"),
        jobs.c.reason == "allocation",
    )
    .order_by(jobs.c.place)
    .limit(BATCH)
)
_WAITING_FOR_CREDITS: Final = (
    select(jobs.c.project_id)
    .where(text("state = 'held'"), jobs.c.reason == "allocation")
    .distinct()
)


@verb("jobs.release_held", rule=system, scope=None)
def release_held(work: Work, _: None, *, project: str | None = None) -> dict[str, Any]:
    """Queue the held jobs of ``project`` (None: of all) for which there are credits now.

    In the order in which they were handed in; the first that is too dear stops its project,
    so that no stream of small jobs keeps it waiting for ever. A dispatcher calls this when
    it hears that rules changed; so the queue in memory reads its shares and rules again too.
    """
    queue = notify.queue_of(work)
    if queue is not None:
        queue.rules_changed()
    waiting = work.connection.execute(_WAITING_FOR_CREDITS).scalars()
    released = wake(work, [project] if project else list(waiting))
    if not released:
        work.nothing_changed()
    return {"released": released}


def ask_held(work: Work, projects: Iterable[str]) -> None:
    """Say that ``wake`` may be called for these (``Frequent.ahead``)."""
    for project in projects:
        _HELD.ahead(work.connection, {"project": project})


def wake(work: Work, projects: Iterable[str]) -> list[str]:
    """As ``release_held``, inside another verb's transaction; the jobs that are queued now."""
    released: list[str] = []
    for project in projects:
        for row in _HELD.all(work.connection, {"project": project}):
            if not _released(work, row):
                break
            released.append(row.id)
    return released


def _released(work: Work, row: Any) -> bool:
    rate = prices.Rate(**json.loads(row.price))
    amount = rate.reservation(
        predicted=row.predicted_seconds, limit=row.limit_seconds, shots=row.shots
    )
    allocation = holds.reserve(work, project=row.project_id, job=row.id, amount=amount)
    if allocation is None:
        return False
    place = work.services.clock.now()
    values: dict[str, Any] = {
        "reason": None,
        "allocation_id": allocation,
        "reserved": amount,
        "place": place,
        "eligible_at": place,
    }
    if not DatabaseJobs(work).apply(row.id, Event.RELEASE, **values):
        holds.release(work, job=row.id, allocation=allocation, reserved=amount)
        return True
    key = read_key(work, row.group_id)
    assert key is not None, row.group_id
    notify.queued(work, row.group_id, key, place, expected(row.predicted_seconds))
    work.record(row.id, state="queued", reserved=amount)
    return True
