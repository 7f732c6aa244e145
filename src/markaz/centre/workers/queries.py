"""What can be asked about workers."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select, text

from markaz.centre.access import CentreRole, holder_of, query, system
from markaz.centre.devices.tables import devices
from markaz.centre.jobs.tables import ACTIVE, jobs
from markaz.centre.work import Work
from markaz.centre.workers.tables import workers

_looker = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)


@query("workers.list", rule=_looker, scope="operate")
def list_workers(
    work: Work, _: None, *, gone: bool = False, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """Workers, newest first; with ``gone`` those too that have ended."""
    found = select(workers).order_by(workers.c.id.desc()).limit(limit + 1)
    if not gone:
        found = found.where(workers.c.state != "gone")
    if after is not None:
        found = found.where(workers.c.id < after)
    rows = work.all(found)
    items = [_shown(row) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def _shown(row: Any) -> dict[str, Any]:
    shown = {"id": row.id, "name": row.name, "state": row.state, "slots": row.slots}
    times = {k: getattr(row, k) for k in ("connected_at", "seen_at", "ended_at")}
    return {**shown, **times, **json.loads(row.facts)}


@query("workers.active_jobs", rule=system, scope=None)
def active_jobs(work: Work, _: None) -> list[tuple[str, str, int, bool]]:
    """(worker, job, attempt, whether it is to be stopped) of every job that somebody holds."""
    c = jobs.c
    rows = work.all(select(c.worker_id, c.id, c.attempt, c.cancel_by).where(text(ACTIVE)))
    return [(row.worker_id, row.id, row.attempt, row.cancel_by is not None) for row in rows]


@query("workers.devices_of_drivers", rule=system, scope=None)
def devices_of_drivers(work: Work, _: None) -> dict[str, list[str]]:
    """Ids of the devices that are not retired, by the driver that serves them."""
    found: dict[str, list[str]] = {}
    c = devices.c
    for row in work.all(select(c.id, c.driver).where(c.retired_at.is_(None)).order_by(c.id)):
        found.setdefault(row.driver, []).append(row.id)
    return found
