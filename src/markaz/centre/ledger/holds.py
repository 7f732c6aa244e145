"""What a job does to the ledger: credits are set aside, then charged and given back.

These are no verbs: the job's own verbs call them inside their transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, exists, select, update

from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, conflict
from markaz.centre.ledger import notices
from markaz.centre.ledger.entries import FREE, MOST, entry, write
from markaz.centre.ledger.tables import allocations, ledger_entries
from markaz.centre.work import Work

MOST_TRIES: Final = 100  # each lost one is another server's success

_other: Final = allocations.alias()
# The allocation that ends first among those with enough.
_CHOSEN: Final = (
    select(_other.c.id)
    .where(
        _other.c.project_id == bindparam("project"),
        _other.c.state == "active",
        _other.c.starts_at <= bindparam("now"),
        _other.c.ends_at > bindparam("now"),
        _other.c.granted - _other.c.reserved - _other.c.charged >= bindparam("amount"),
    )
    .order_by(_other.c.ends_at, _other.c.id)
    .limit(1)
)
_RESERVE: Final = (
    update(allocations)
    .where(
        allocations.c.id == _CHOSEN.scalar_subquery(),
        allocations.c.state == "active",
        FREE >= bindparam("amount"),
    )
    .values(reserved=allocations.c.reserved + bindparam("amount"))
    .returning(allocations.c.id)
)
_hold: Final = ledger_entries.alias()
_SETTLE: Final = (
    update(allocations)
    .where(
        allocations.c.id == bindparam("allocation"),
        allocations.c.reserved >= bindparam("held"),
        exists().where(
            _hold.c.job_id == bindparam("job"),
            _hold.c.kind == "reserve",
            _hold.c.allocation_id == allocations.c.id,
            _hold.c.amount == -bindparam("held"),
        ),
    )
    .values(
        reserved=allocations.c.reserved - bindparam("held"),
        charged=allocations.c.charged + bindparam("cost"),
    )
    .returning(allocations.c.state, allocations.c.granted, allocations.c.charged)
)


def reserve(work: Work, *, project: str, job: str, amount: int) -> str | None:
    """Set ``amount`` micro-credits aside for ``job``; the allocation that they come from.

    Of several allocations in force the one that ends first and has enough. None if no
    allocation of the project has enough (a job that costs nothing needs one in force too):
    then nothing is reserved, and the project's leads are told that the end is reached.
    """
    allocation = _take(work, project, amount)
    if allocation is None:
        notices.exhausted(work, project)
    else:
        write(work, entry(work, allocation, "reserve", -amount, job=job))
    return allocation


def reserve_many(work: Work, *, project: str, holds: Sequence[tuple[str, int]]) -> list[str | None]:
    """As ``reserve`` for many jobs, pairs of id and amount, in their order.

    One change suffices if one allocation has enough for all. Otherwise each job gets what
    it would get if they came one after the other.
    """
    if not holds:
        return []
    allocation = _take(work, project, sum(amount for _, amount in holds))
    if allocation is None:
        return [reserve(work, project=project, job=job, amount=n) for job, n in holds]
    write(work, *(entry(work, allocation, "reserve", -n, job=job) for job, n in holds))
    return [allocation] * len(holds)


def settle(work: Work, *, job: str, allocation: str, reserved: int, charge: int) -> int:
    """Charge a job that ended, and give the rest of what it had ``reserved`` back.

    Returns the micro-credits that are free again: if there are any, held jobs of the project
    may go on, for which the caller cares. In an allocation that has ended they lapse.
    Raises CentreError ``conflict`` if the job has not reserved this, or is settled already.
    """
    assert 0 <= charge <= reserved, f"job {job}: charge {charge} of {reserved} reserved"
    values = {"allocation": allocation, "job": job, "held": reserved, "cost": charge}
    row: Any = work.connection.execute(_SETTLE, values).first()
    if row is None:
        raise conflict(f"job {job} has reserved no {reserved} micro-credits there", job=job)
    entries = [entry(work, allocation, "release", reserved, job=job)]
    if charge:
        entries.append(entry(work, allocation, "charge", -charge, job=job))
    with unique(f"job {job} is settled already"):
        write(work, *entries)
    if charge and row.state == "active":
        notices.used(work, allocation, row.granted, row.charged)
    return _returned(work, allocation, row.state, reserved - charge)


def release(work: Work, *, job: str, allocation: str, reserved: int) -> int:
    """Give everything back: the job was cancelled before it ran, or costs nothing."""
    return settle(work, job=job, allocation=allocation, reserved=reserved, charge=0)


def _take(work: Work, project: str, amount: int) -> str | None:
    assert amount >= 0, f"a reservation of {amount}"
    if amount > MOST:
        return None
    values = {"project": project, "amount": amount, "now": work.now}
    for _ in range(MOST_TRIES):
        row: Any = work.connection.execute(_RESERVE, values).first()
        if row is not None:
            return str(row.id)
        # Another server may have emptied the chosen one meanwhile; is there a next one?
        if work.connection.execute(_CHOSEN, values).first() is None:
            return None
    raise CentreError("unavailable", "too many reserve at once; try again", retry_after=1)


def _returned(work: Work, allocation: str, state: str, amount: int) -> int:
    if state == "active" or not amount:
        return amount
    work.run(
        update(allocations)
        .where(allocations.c.id == allocation)
        .values(granted=allocations.c.granted - amount)
    )
    write(work, entry(work, allocation, "expiry", -amount))
    return 0
