"""Contents of old jobs are given up; their rows, hashes and charges stay."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, cast, func, literal, select, text, update

from markaz.centre.access import system, verb
from markaz.centre.jobs.tables import KEPT, jobs
from markaz.centre.projects.tables import projects
from markaz.centre.storage import blobs
from markaz.centre.work import Work

DAY: Final = 86_400_000_000


@verb("jobs.sweep_contents", rule=system, scope=None)
def sweep_contents(work: Work, _: None, *, limit: int = 200) -> dict[str, Any]:
    """Give up inputs, circuits and results of up to ``limit`` jobs that are past retention.

    Retention is the project's, or the setting's; ``more`` says whether to come again.
    """
    days = func.coalesce(projects.c.retention_days, work.services.settings["retention_days"])
    kept = cast(days, BigInteger) * literal(DAY, BigInteger)
    c = jobs.c
    rows = work.all(
        select(c.id, c.project_id, c.input_hash, c.circuit_hash, c.result_hash)
        .join(projects, projects.c.id == c.project_id)
        .where(text(KEPT), c.ended_at < literal(work.now, BigInteger) - kept)
        .order_by(c.ended_at)
        .limit(limit)
    )
    for row in rows:
        give_up(work, row)
    if not rows:
        work.nothing_changed()
    return {"swept": len(rows), "more": len(rows) == limit}


def give_up(work: Work, row: Any) -> None:
    """Give up the contents of the job of this row."""
    kept = [row.input_hash, row.circuit_hash]
    if row.result_hash is not None:
        kept.append(row.result_hash)
    blobs.drop_many(work, kept, project=row.project_id)
    work.run(update(jobs).where(jobs.c.id == row.id).values(swept_at=work.now))
    work.record(row.id)
