"""Jobs in the database, changed by one conditional UPDATE for each event."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from sqlalchemy import bindparam, or_, select, text, update

from markaz.centre.jobs.core import Rate, Snapshot
from markaz.centre.jobs.states import ACTIVE, TRANSITIONS, Event, State
from markaz.centre.jobs.tables import jobs
from markaz.centre.ledger import holds, prices
from markaz.centre.work import Work

_FIND: Final = select(jobs).where(jobs.c.id == bindparam("job"))


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
        row = self.work.connection.execute(_FIND, {"job": job}).first()
        if row is None:
            return None
        self.rows[job] = row
        return snapshot(row)

    def apply(self, job: str, event: Event, attempt: int | None = None, **values: Any) -> bool:
        """Let ``event`` happen if it may follow; True if it did."""
        statement = _change(event, tuple(sorted(values)))
        known = {"the_job": job, "the_attempt": attempt, **values}
        return self.work.connection.execute(statement, known).rowcount == 1

    def want_cancel(self, job: Snapshot, by: str, now: int) -> bool:
        """Note that an active job is to be stopped; the first who asks counts."""
        c = jobs.c
        asked = update(jobs).where(c.id == job.id, c.state.in_(ACTIVE), c.cancel_by.is_(None))
        if self.work.run(asked.values(cancel_by=by, cancel_wanted_at=now)):
            return True
        return self.work.one(select(c.id).where(c.id == job.id, c.state.in_(ACTIVE))) is not None

    def settle(self, job: Snapshot, charge: int) -> None:
        """Charge and release in the ledger; nothing was reserved for a held or free job."""
        row = self.rows[job.id]
        if row.allocation_id is None:
            return
        free = holds.settle(
            self.work,
            job=job.id,
            allocation=row.allocation_id,
            reserved=row.reserved,
            charge=charge,
        )
        if free:
            self.freed.add(row.project_id)


def snapshot(row: Any) -> Snapshot:
    """What the decisions look at, of a row of ``jobs``."""
    return Snapshot(
        id=row.id,
        state=State(row.state),
        attempt=row.attempt,
        losses=row.losses,
        cancel_by=row.cancel_by,
        started_at=row.started_at,
        shots=row.shots,
        reserved=row.reserved,
        rate=rate_of(row),
    )


def rate_of(row: Any) -> Rate:
    """The price that was in force when the job was submitted."""
    return prices.Rate(**json.loads(row.price))


@cache
def _change(event: Event, names: tuple[str, ...]) -> Any:
    step, c = TRANSITIONS[event], jobs.c
    sources = or_(*(text(f"state = '{state}'") for state in sorted(step.sources)))
    conditions = [c.id == bindparam("the_job"), sources]
    if step.fenced:
        conditions.append(c.attempt == bindparam("the_attempt"))
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    if step.target is not None:
        values["state"] = str(step.target)
    if step.raises:
        values["attempt"] = c.attempt + 1
    values |= dict.fromkeys(step.clears)
    return update(jobs).where(*conditions).values(values)
