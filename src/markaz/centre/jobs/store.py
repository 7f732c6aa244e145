"""Jobs in the database, changed by one conditional UPDATE for each event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import Any, Final

from sqlalchemy import Select, Update, bindparam, or_, select, text, update

from markaz.centre.db.frequent import Frequent, listed, spread
from markaz.centre.jobs.core import Ending, Rate, Snapshot
from markaz.centre.jobs.states import ACTIVE, TRANSITIONS, Event, State
from markaz.centre.jobs.tables import ACTIVE as ACTIVE_ROWS
from markaz.centre.jobs.tables import jobs
from markaz.centre.ledger import holds, prices
from markaz.centre.work import Work

_FIND: Final = Frequent(select(jobs).where(jobs.c.id == bindparam("job")))
# What is needed of a job that ends.
_ENDED: Final = (
    *("id", "project_id", "user_id", "session_id", "state", "attempt", "losses", "cancel_by"),
    *("claimed_at", "started_at", "shots", "price", "reserved", "allocation_id"),
)


@listed
def _find_many(size: int) -> Select[Any]:
    names = [bindparam(f"v{i}", type_=jobs.c.id.type) for i in range(size)]
    return select(*(jobs.c[name] for name in _ENDED)).where(jobs.c.id.in_(names))


class DatabaseJobs:
    """The jobs of one unit of work; ``rows`` keeps what ``find`` read.

    ``freed`` collects the projects to which credits returned.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.rows: dict[str, Any] = {}
        self.freed: set[str] = set()

    def find(self, job: str) -> Snapshot | None:
        """The job as it is now."""
        row = _FIND.first(self.work.connection, {"job": job})
        if row is None:
            return None
        self.rows[job] = row
        return snapshot(row)

    def find_many(self, jobs: Sequence[str]) -> dict[str, Snapshot]:
        """Those of ``jobs`` that there are; their ``rows`` have what is needed of an end."""
        if not jobs:
            return {}
        rows = _find_many(len(jobs)).all(self.work.connection, spread(jobs))
        self.rows.update({row.id: row for row in rows})
        return {row.id: snapshot(row) for row in rows}

    def apply(self, job: str, event: Event, attempt: int | None = None, **values: Any) -> bool:
        """Let ``event`` happen if it may follow; True if it did."""
        return self.apply_many(event, [{"the_job": job, "the_attempt": attempt, **values}]) == 1

    def apply_many(self, event: Event, rows: Sequence[dict[str, Any]]) -> int:
        """Let ``event`` happen to ``the_job`` of each row, if ``the_attempt`` is still its
        current one where that counts, writing the row's other values; how often it did."""
        names = tuple(sorted(rows[0].keys() - {"the_job", "the_attempt"}))
        return _change(event, names).run_many(self.work.connection, rows)

    def end_many(self, ended: Sequence[Ending]) -> int:
        """Let each happen if it may follow; how many did."""
        by_event: dict[Event, list[dict[str, Any]]] = {}
        for one in ended:
            row = {"the_job": one.job.id, "the_attempt": one.job.attempt, **one.values}
            by_event.setdefault(one.event, []).append(row)
        return sum(self.apply_many(event, rows) for event, rows in by_event.items())

    def want_cancel(self, job: Snapshot, by: str, now: int) -> bool:
        """Note that an active job is to be stopped; the first who asks counts."""
        c = jobs.c
        asked = update(jobs).where(c.id == job.id, c.state.in_(ACTIVE), c.cancel_by.is_(None))
        if self.work.run(asked.values(cancel_by=by, cancel_wanted_at=now)):
            return True
        return self.work.one(select(c.id).where(c.id == job.id, c.state.in_(ACTIVE))) is not None

    def settle(self, job: Snapshot, charge: int) -> None:
        """Charge and release in the ledger; nothing was reserved for a held or free job."""
        self._settle([(job, charge)])

    def settle_many(self, ended: Sequence[Ending]) -> None:
        """As ``settle`` for each."""
        self._settle((one.job, one.charge) for one in ended)

    def _settle(self, ended: Iterable[tuple[Snapshot, int]]) -> None:
        rows = [(self.rows[job.id], charge) for job, charge in ended]
        free = holds.settle_many(
            self.work,
            [
                holds.Settlement(row.id, row.allocation_id, row.reserved, charge)
                for row, charge in rows
                if row.allocation_id is not None
            ],
        )
        self.freed |= {row.project_id for row, _ in rows if free.get(row.allocation_id)}


_CLAIMED: Final = Frequent(
    select(jobs.c.id, jobs.c.attempt).where(
        text(ACTIVE_ROWS), jobs.c.worker_id == bindparam("worker")
    )
)


def find_claimed(work: Work, worker: str) -> dict[str, int]:
    """The attempts of the jobs that ``worker`` has."""
    rows = _CLAIMED.all(work.connection, {"worker": worker})
    return {row.id: row.attempt for row in rows}


def snapshot(row: Any) -> Snapshot:
    """What the decisions look at, of a row of ``jobs``."""
    return Snapshot(
        id=row.id,
        state=State(row.state),
        attempt=row.attempt,
        losses=row.losses,
        cancel_by=row.cancel_by,
        claimed_at=row.claimed_at,
        started_at=row.started_at,
        shots=row.shots,
        reserved=row.reserved,
        rate=rate_of(row),
    )


def rate_of(row: Any) -> Rate:
    """The price that was in force when the job was submitted."""
    return _rate(row.price)


@lru_cache(maxsize=256)  # of a device and a date: a few
def _rate(price: str) -> Rate:
    return prices.Rate(**json.loads(price))


@cache
def _change(event: Event, names: tuple[str, ...]) -> Frequent:
    kinds = {"the_job": jobs.c.id.type, "the_attempt": jobs.c.attempt.type}
    kinds |= {name: jobs.c[name].type for name in names}
    return Frequent.each(partial(_changed, event, names), kinds)


def _changed(event: Event, names: tuple[str, ...], value: Callable[[str], Any]) -> Update:
    step, c = TRANSITIONS[event], jobs.c
    sources = or_(*(text(f"state = '{state}'") for state in sorted(step.sources)))
    conditions = [c.id == value("the_job"), sources]
    if step.fenced:
        conditions.append(c.attempt == value("the_attempt"))
    values: dict[str, Any] = {name: value(name) for name in names}
    if step.target is not None:
        values["state"] = str(step.target)
    if step.raises:
        values["attempt"] = c.attempt + 1
    values |= dict.fromkeys(step.clears)
    return update(jobs).where(*conditions).values(values)
