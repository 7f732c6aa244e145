"""Sums of what ended jobs used, kept up by a chore, so that no report reads all jobs.

A job that has ended does not change any more in what is summed here. Ends are committed one
after the other, in the order of their times; the tally takes those before its own time, so
that it meets each job once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, text, update

from markaz.centre.access import system, verb
from markaz.centre.days import day_of
from markaz.centre.db import dialect
from markaz.centre.jobs.states import State
from markaz.centre.jobs.tables import KEPT, SWEPT, jobs, used_days, used_until
from markaz.centre.work import Work

AT_ONCE: Final = 5000  # jobs in one transaction
SUMS: Final = ("jobs", "completed", "failed", "shots", "micros", "charged")
_KEY: Final = ("day", "project_id", "user_id", "device_id")
_COLUMNS: Final = tuple(
    jobs.c[name]
    for name in (
        *("seq", "project_id", "user_id", "device_id", "state", "shots", "run_seconds"),
        *("charged", "ended_at"),
    )
)


@verb("jobs.tally", rule=system, scope=None)
def tally(work: Work, _: None, *, limit: int = AT_ONCE) -> dict[str, Any]:
    """Sum up jobs that ended since the last time; ``more`` says whether to come again.

    With another time zone than before all is summed up anew. Not audited: it says nothing
    that the jobs do not say.
    """
    zone = zone_of(work)
    mark = reached(work)
    if mark is None:
        work.run(delete(used_days))
        work.run(delete(used_until))
        work.run(insert(used_until).values(zone=zone.key, ended_at=-1, seq=0))
    since = (-1, 0) if mark is None else mark
    rows = first_ended(work, after(since) & (jobs.c.ended_at < work.now), limit)
    dialect.insert_or_change(work.connection, used_days, summed(rows, zone), _KEY, _added)
    if rows:
        last = {"ended_at": rows[-1].ended_at, "seq": rows[-1].seq}
        work.run(update(used_until).values(last))
    work.nothing_changed()
    return {"jobs": len(rows), "more": len(rows) == limit}


def zone_of(work: Work) -> ZoneInfo:
    """The centre's time zone."""
    return ZoneInfo(str(work.services.settings["time_zone"]))


def reached(work: Work) -> tuple[int, int] | None:
    """End and number of the last job that is summed up; None if none is, in this zone."""
    there = used_until.c.zone == zone_of(work).key
    row = work.one(select(used_until.c.ended_at, used_until.c.seq).where(there))
    return None if row is None else (row.ended_at, row.seq)


def after(mark: tuple[int, int]) -> ColumnElement[bool]:
    """The condition that a job ended after the one of ``mark``."""
    ended, seq = mark
    c = jobs.c
    return and_(c.ended_at >= ended, or_(c.ended_at > ended, c.seq > seq))


def first_ended(work: Work, condition: ColumnElement[bool], limit: int | None) -> list[Any]:
    """The first jobs by their end that meet ``condition``, whether or not retention has
    taken their contents; each kind by its own index."""
    found: list[Any] = []
    for kind in (KEPT, SWEPT):
        wanted = select(*_COLUMNS).where(text(kind), jobs.c.ended_at.is_not(None), condition)
        found += work.all(wanted.order_by(jobs.c.ended_at, jobs.c.seq).limit(limit))
    found.sort(key=lambda row: (row.ended_at, row.seq))
    return found[:limit]


def summed(rows: Iterable[Any], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Rows of ``used_days`` for jobs that ended."""
    sums: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in rows:
        key = (day_of(row.ended_at, zone), row.project_id, row.user_id, row.device_id)
        into = sums.setdefault(key, dict.fromkeys(SUMS, 0))
        for name, value in _amounts(row).items():
            into[name] += value
    return [dict(zip(_KEY, key, strict=True)) | sums[key] for key in sorted(sums)]


def _amounts(row: Any) -> dict[str, int]:
    return {
        "jobs": 1,
        "completed": int(row.state == State.COMPLETED),
        "failed": int(row.state == State.FAILED),
        "shots": row.shots,
        "micros": round((row.run_seconds or 0.0) * 1e6),
        "charged": row.charged or 0,
    }


def _added(new: Any) -> dict[str, Any]:
    return {name: used_days.c[name] + new[name] for name in SUMS}
