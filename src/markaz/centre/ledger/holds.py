"""What a job does to the ledger: credits are set aside, then charged and given back.

These are no verbs: the job's own verbs call them inside their transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update

from markaz.centre.db.frequent import Frequent, listed, spread
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, conflict
from markaz.centre.ledger import notices
from markaz.centre.ledger.entries import FREE, MOST, entry, post, write
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
_RESERVE: Final = Frequent(
    update(allocations)
    .where(
        allocations.c.id == _CHOSEN.scalar_subquery(),
        allocations.c.state == "active",
        FREE >= bindparam("amount"),
    )
    .values(reserved=allocations.c.reserved + bindparam("amount"))
    .returning(allocations.c.id)
)
_HAS_ANY: Final = Frequent(_CHOSEN)
_SETTLE: Final = Frequent(
    update(allocations)
    .where(
        allocations.c.id == bindparam("allocation"),
        allocations.c.reserved >= bindparam("held"),
    )
    .values(
        reserved=allocations.c.reserved - bindparam("held"),
        charged=allocations.c.charged + bindparam("cost"),
    )
    .returning(allocations.c.state, allocations.c.granted, allocations.c.charged)
)


@listed
def _reserved(size: int) -> Select[Any]:
    """What each of some jobs has reserved, and where."""
    e = ledger_entries.c
    names = [bindparam(f"v{i}", type_=e.job_id.type) for i in range(size)]
    columns = e.job_id, e.allocation_id, e.amount
    return select(*columns).where(e.job_id.in_(names), e.kind == "reserve")


@dataclass(frozen=True, slots=True)
class Settlement:
    """A job that ended: micro-credits that it had ``reserved`` and that it costs."""

    job: str
    allocation: str
    reserved: int
    charge: int


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
        post(work, entry(work, allocation, "reserve", -amount, job=job))
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
    post(work, *(entry(work, allocation, "reserve", -n, job=job) for job, n in holds))
    return [allocation] * len(holds)


def settle(work: Work, *, job: str, allocation: str, reserved: int, charge: int) -> int:
    """Charge a job that ended, and give the rest of what it had ``reserved`` back.

    Returns the micro-credits that are free again: if there are any, held jobs of the project
    may go on, for which the caller cares. In an allocation that has ended they lapse.
    Raises CentreError ``conflict`` if the job has not reserved this, or is settled already.
    """
    return settle_many(work, [Settlement(job, allocation, reserved, charge)])[allocation]


def settle_many(work: Work, ended: Sequence[Settlement]) -> dict[str, int]:
    """As ``settle`` for different jobs at once: free micro-credits by allocation.

    All or, with an error, none.
    """
    for one in ended:
        assert 0 <= one.charge <= one.reserved, f"{one.job}: charge {one.charge} of {one.reserved}"
    if not ended:
        return {}
    _check_reserved(work, ended)
    found = _by_allocation(ended)
    rows = []
    for one in ended:
        rows.append(entry(work, one.allocation, "release", one.reserved, job=one.job))
        if one.charge:
            rows.append(entry(work, one.allocation, "charge", -one.charge, job=one.job))
    with unique(f"job {ended[0].job}, or one that ended with it, is settled already"):
        post(work, *rows)  # they go with the first change of an allocation
        for name, of in found.items():
            _SETTLE.ahead(work.connection, _sums(name, of))
        states = {name: _settle(work, name, of) for name, of in found.items()}
    return {
        name: sum(_returned(work, name, states[name], one.reserved - one.charge) for one in of)
        for name, of in found.items()
    }


def ask_reserved(work: Work, jobs: Sequence[str]) -> None:
    """Say that these jobs will be settled together (``Frequent.ahead``)."""
    _reserved(len(jobs)).ahead(work.connection, spread(jobs))


def _by_allocation(ended: Sequence[Settlement]) -> dict[str, list[Settlement]]:
    found: dict[str, list[Settlement]] = {}
    for one in ended:
        found.setdefault(one.allocation, []).append(one)
    return found


def _check_reserved(work: Work, ended: Sequence[Settlement]) -> None:
    """Entries are never changed, so that what they say holds until the end of the transaction."""
    jobs = [one.job for one in ended]
    rows = _reserved(len(jobs)).all(work.connection, spread(jobs))
    found = {row.job_id: (row.allocation_id, -row.amount) for row in rows}
    for one in ended:
        if found.get(one.job) != (one.allocation, one.reserved):
            raise _not_reserved(one)


def _settle(work: Work, allocation: str, ended: Sequence[Settlement]) -> str:
    """Change one allocation for all its jobs; its state."""
    values = _sums(allocation, ended)
    row = _SETTLE.first(work.connection, values)
    if row is None:
        raise _not_reserved(ended[0])
    if values["cost"] and row.state == "active":
        notices.used(work, allocation, row.granted, row.charged)
    return str(row.state)


def _sums(allocation: str, ended: Sequence[Settlement]) -> dict[str, Any]:
    held, cost = sum(one.reserved for one in ended), sum(one.charge for one in ended)
    return {"allocation": allocation, "held": held, "cost": cost}


def _not_reserved(one: Settlement) -> CentreError:
    message = f"job {one.job} has reserved no {one.reserved} micro-credits there"
    return conflict(message, job=one.job)


def release(work: Work, *, job: str, allocation: str, reserved: int) -> int:
    """Give everything back: the job was cancelled before it ran, or costs nothing."""
    return settle(work, job=job, allocation=allocation, reserved=reserved, charge=0)


def _take(work: Work, project: str, amount: int) -> str | None:
    assert amount >= 0, f"a reservation of {amount}"
    if amount > MOST:
        return None
    values = {"project": project, "amount": amount, "now": work.now}
    for _ in range(MOST_TRIES):
        row = _RESERVE.first(work.connection, values)
        if row is not None:
            return str(row.id)
        # Another server may have emptied the chosen one meanwhile; is there a next one?
        if _HAS_ANY.first(work.connection, values) is None:
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
