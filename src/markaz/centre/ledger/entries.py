"""The ledger's two movements: a conditional change of an allocation, and its entry.

An allocation's columns are what its entries add up to. Each change of them is one UPDATE
whose WHERE holds the rule, so no interleaving of servers can break it, and each is followed
by the entries that explain it, in the same transaction.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, insert, select, update

from markaz.centre.db.frequent import Frequent
from markaz.centre.errors import conflict, not_found
from markaz.centre.ledger.tables import allocations, ledger_entries
from markaz.centre.work import Work

MOST: Final = 2**53  # micro-credits: exact in JSON, and no sum of allocations overflows
FREE: Final[ColumnElement[int]] = (
    allocations.c.granted - allocations.c.reserved - allocations.c.charged
)
_ENTRY: Final = Frequent(
    insert(ledger_entries),
    ("allocation_id", "kind", "amount", "job_id", "at", "actor", "reason"),
)


def entry(
    work: Work, allocation: str, kind: str, amount: int, *, job: str | None = None, reason: str = ""
) -> dict[str, Any]:
    """A ledger entry as a row; ``amount`` is what it adds to the free balance."""
    return {
        "allocation_id": allocation,
        "kind": kind,
        "amount": amount,
        "job_id": job,
        "at": work.now,
        "actor": work.actor.id,
        "reason": reason,
    }


def write(work: Work, *rows: dict[str, Any]) -> None:
    """Append entries. Raises IntegrityError for a second one of a job's and a kind."""
    _ENTRY.run_many(work.connection, rows)


def post(work: Work, *rows: dict[str, Any]) -> None:
    """As ``write``, where nobody catches the error: it may come with a later statement."""
    _ENTRY.post(work.connection, rows)


def find(work: Work, allocation: str) -> Any:
    """The row of an allocation. Raises CentreError ``not-found``."""
    row = work.one(select(allocations).where(allocations.c.id == allocation))
    if row is None:
        raise not_found("allocation")
    return row


def add(work: Work, allocation: str, amount: int) -> None:
    """Change what is granted by ``amount``, of either sign, on an allocation in force.

    Raises CentreError ``conflict`` if it has ended or less than nothing would be free.
    """
    granted = allocations.c.granted + amount
    done = work.run(
        update(allocations)
        .where(
            allocations.c.id == allocation,
            allocations.c.state == "active",
            allocations.c.ends_at > work.now,
            FREE + amount >= 0,
            granted <= MOST,
        )
        .values(granted=granted)
    )
    if not done:
        row = find(work, allocation)
        if row.state != "active" or row.ends_at <= work.now:
            raise conflict("the allocation has ended", allocation=allocation)
        free = row.granted - row.reserved - row.charged
        raise conflict(f"{free} micro-credits are free there", allocation=allocation, free=free)


def close(work: Work, row: Any, state: str, kind: str, reason: str = "") -> int | None:
    """End an allocation: what is free lapses, what jobs have reserved stays until they end.

    Returns the micro-credits that lapsed; None if the allocation changed under our hands
    (then nothing was done).
    """
    free = row.granted - row.reserved - row.charged
    done = work.run(
        update(allocations)
        .where(
            allocations.c.id == row.id,
            allocations.c.state == "active",
            *(allocations.c[name] == row._mapping[name] for name in _AMOUNTS),
        )
        .values(state=state, granted=row.granted - free)
    )
    if not done:
        return None
    if free:
        write(work, entry(work, row.id, kind, -free, reason=reason))
    return int(free)


_AMOUNTS: Final = ("granted", "reserved", "charged")


def document(row: Any) -> dict[str, Any]:
    """An allocation as JSON."""
    return {
        "allocation": row.id,
        "project": row.project_id,
        "state": row.state,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "granted": row.granted,
        "reserved": row.reserved,
        "charged": row.charged,
        "free": row.granted - row.reserved - row.charged,
        "created_at": row.created_at,
    }
