"""What the metrics say of the queue, asked for when somebody collects them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, func, select, text

from markaz.centre.access import query, system
from markaz.centre.jobs import notify
from markaz.centre.jobs.tables import KEPT, OPEN, jobs
from markaz.centre.work import Work

MOST: Final = 20_000  # ended jobs that are told at once
_OPEN: Final = (
    select(jobs.c.device_id, jobs.c.state, func.count())
    .where(text(OPEN), text("state <> 'queued'"))
    .group_by(jobs.c.device_id, jobs.c.state)
)
_ENDED: Final = (
    select(
        jobs.c.device_id,
        jobs.c.state,
        jobs.c.eligible_at,
        jobs.c.started_at,
        jobs.c.ended_at,
        jobs.c.run_seconds,
        jobs.c.predicted_seconds,
        jobs.c.wait_p50,
        jobs.c.wait_p90,
    )
    .where(text(KEPT), jobs.c.ended_at > bindparam("since"))
    .order_by(jobs.c.ended_at)
    .limit(MOST)
)


@query("jobs.measures", rule=system, scope=None)
def measures(work: Work, _: None, *, since: int) -> dict[str, Any]:
    """Jobs by device and state, and those that ended after ``since``, oldest first."""
    queue = notify.queue_of(work)
    depths = [(device, state, count) for device, state, count in work.all(_OPEN)]
    if queue is not None:
        with queue.lock:
            for device in sorted(queue.rules.devices):
                waiting = int(queue.rows.count[queue.on(device)].sum())
                depths.append((device, "queued", waiting))
    rows = work.connection.execute(_ENDED, {"since": since}).all()
    return {"depths": depths, "ended": [dict(row._mapping) for row in rows]}
