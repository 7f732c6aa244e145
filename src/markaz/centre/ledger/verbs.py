"""What can be done to credits and prices. Amounts are micro-credits, integers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.access import operator, system, verb
from markaz.centre.db import dialect
from markaz.centre.db.unique import unique
from markaz.centre.devices.rules import device_row
from markaz.centre.errors import conflict, invalid
from markaz.centre.fields import block, line, moment, whole
from markaz.centre.ids import new_id
from markaz.centre.ledger import notices as noticing
from markaz.centre.ledger.entries import add, close, document, entry, find, write
from markaz.centre.ledger.rules import allotted, allotter, granted_project
from markaz.centre.ledger.tables import allocations, ledger_entries, notices, rates
from markaz.centre.work import Work

MOST_AT_ONCE: Final = 10**15  # micro-credits: a thousand million credits
MOST_RATE: Final = 10**12  # micro-credits for a second, a shot or a job
EXPIRIES: Final = 500  # allocations in one transaction


@verb("ledger.grant", rule=granted_project, scope="operate")
def grant(
    work: Work, subject: Any, *, project: str, amount: int, starts_at: int, ends_at: int,
    reason: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Give a project an allocation of ``amount`` from ``starts_at`` until ``ends_at``.

    Work that waits for credits looks again. Returns the allocation. Raises CentreError
    ``invalid`` for dates that end before they begin, or before now, and ``conflict`` for a
    project that is closed.
    """
    amount = whole("amount", amount, 1, MOST_AT_ONCE)
    starts_at, ends_at = moment("starts_at", starts_at), moment("ends_at", ends_at)
    reason = block("reason", reason, most=1000)
    if ends_at <= max(starts_at, work.now):
        raise invalid("ends_at", "an allocation ends after its beginning, and in the future")
    if subject.state == "closed":
        raise conflict("the project is closed", project=subject.id)
    allocation = new_id(work.now)
    work.run(
        insert(allocations).values(
            id=allocation, project_id=subject.id, starts_at=starts_at, ends_at=ends_at,
            state="active", granted=amount, created_at=work.now,
        )
    )  # fmt: skip
    write(work, entry(work, allocation, "grant", amount, reason=reason))
    work.record(allocation, project=subject.id, amount=amount, ends_at=ends_at)
    work.after(work.services.listener.rules_changed)
    return document(find(work, allocation))


@verb("ledger.transfer", rule=allotted, scope="operate")
def transfer(
    work: Work, subject: Any, *, allocation: str, to: str, amount: int, reason: str
) -> dict[str, Any]:
    """Move free credits from one allocation to another, of any project.

    Returns ``{"from": …, "to": …}``, both allocations. Raises CentreError ``conflict`` if one
    of them has ended or fewer credits are free, ``not-found`` for an unknown target.
    """
    amount = whole("amount", amount, 1, MOST_AT_ONCE)
    reason = line("reason", reason, most=1000)
    target = allotted(work, allocation=to)
    if target.id == subject.id:
        raise invalid("to", "credits move between two different allocations")
    add(work, subject.id, -amount)
    add(work, target.id, amount)
    write(
        work,
        entry(work, subject.id, "transfer", -amount, reason=reason),
        entry(work, target.id, "transfer", amount, reason=reason),
    )
    noticing.forget(work, target.id)
    work.record(subject.id, to=target.id, amount=amount)
    work.after(work.services.listener.rules_changed)
    return {"from": document(find(work, subject.id)), "to": document(find(work, target.id))}


@verb("ledger.adjust", rule=allotted, scope="operate")
def adjust(
    work: Work, subject: Any, *, allocation: str, amount: int, reason: str
) -> dict[str, Any]:
    """Correct an allocation by ``amount``, more or less, for a stated reason.

    Returns the allocation. Raises CentreError ``conflict`` if it has ended or fewer credits
    are free than are to be taken away.
    """
    amount = whole("amount", amount, -MOST_AT_ONCE, MOST_AT_ONCE)
    reason = line("reason", reason, most=1000)
    if amount == 0:
        raise invalid("amount", "an adjustment of nothing")
    add(work, subject.id, amount)
    write(work, entry(work, subject.id, "adjustment", amount, reason=reason))
    if amount > 0:
        noticing.forget(work, subject.id)
        work.after(work.services.listener.rules_changed)
    work.record(subject.id, amount=amount)
    return document(find(work, subject.id))


@verb("ledger.revoke", rule=allotted, scope="operate")
def revoke(work: Work, subject: Any, *, allocation: str, reason: str) -> dict[str, Any]:
    """End an allocation before its time; running jobs keep what they have reserved.

    Returns the allocation. Raises CentreError ``conflict`` if it has ended already.
    """
    reason = line("reason", reason, most=1000)
    if close(work, subject, "revoked", "adjustment", reason) is None:
        raise conflict("the allocation has ended or is in use this moment", allocation=subject.id)
    work.record(subject.id)
    return document(find(work, subject.id))


@verb("ledger.refund", rule=lambda work, **_: allotter(work), scope="operate")
def refund(work: Work, _: None, *, job: str, amount: int, reason: str) -> dict[str, Any]:
    """Give back a part of a job's charge, or all of it; once for each job.

    Returns the allocation. Raises CentreError ``invalid`` for more than the charge,
    ``conflict`` if the job was not charged, was refunded before, or its allocation has
    ended (then grant the project credits instead).
    """
    amount = whole("amount", amount, 1, MOST_AT_ONCE)
    reason = line("reason", reason, most=1000)
    charge = work.one(
        select(ledger_entries.c.allocation_id, ledger_entries.c.amount).where(
            ledger_entries.c.job_id == line("job", job, most=40),
            ledger_entries.c.kind == "charge",
        )
    )
    if charge is None:
        raise conflict("nothing was charged for this job")
    if amount > -charge.amount:
        raise invalid("amount", f"the job was charged {-charge.amount} micro-credits")
    _uncharge(work, charge.allocation_id, amount)
    with unique("this job's charge was refunded before"):
        write(work, entry(work, charge.allocation_id, "refund", amount, job=job, reason=reason))
    noticing.forget(work, charge.allocation_id)
    work.record(job, allocation=charge.allocation_id, amount=amount)
    work.after(work.services.listener.rules_changed)
    return document(find(work, charge.allocation_id))


def _uncharge(work: Work, allocation: str, amount: int) -> None:
    done = work.run(
        update(allocations)
        .where(
            allocations.c.id == allocation,
            allocations.c.state == "active",
            allocations.c.ends_at > work.now,
            allocations.c.charged >= amount,
        )
        .values(charged=allocations.c.charged - amount)
    )
    if not done:
        raise conflict("the job's allocation has ended: grant the project credits instead")


@verb("ledger.expire_due", rule=system, scope=None)
def expire_due(work: Work, _: None) -> dict[str, Any]:
    """End the allocations whose time is over; their free credits lapse.

    What running jobs have reserved stays until they end. Returns the ids.
    """
    rows = work.all(
        select(allocations)
        .where(allocations.c.state == "active", allocations.c.ends_at <= work.now)
        .order_by(allocations.c.ends_at)
        .limit(EXPIRIES)
    )
    ended = []
    for row in rows:
        lapsed = close(work, row, "expired", "expiry")
        if lapsed is not None:
            work.record(row.id, project=row.project_id, lapsed=lapsed)
            ended.append(row.id)
    if not ended:
        work.nothing_changed()
    return {"allocations": ended}


@verb("ledger.set_rate", rule=operator, scope="operate")
def set_rate(
    work: Work, _: None, *, device: str, per_second: int = 0, per_shot: int = 0, per_job: int = 0,
    starts_at: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Set a device's price from ``starts_at`` on (now if not given).

    A price that has been in force is never changed; jobs keep the one that they were
    submitted under. Returns the rate. Raises CentreError ``invalid`` for a time in the past.
    """
    row = device_row(work, device)
    begins = work.now if starts_at is None else moment("starts_at", starts_at)
    if begins < work.now:
        raise invalid("starts_at", "a price begins now or later")
    values = {
        "device_id": row.id,
        "starts_at": begins,
        "per_second": whole("per_second", per_second, 0, MOST_RATE),
        "per_shot": whole("per_shot", per_shot, 0, MOST_RATE),
        "per_job": whole("per_job", per_job, 0, MOST_RATE),
    }
    dialect.upsert(work.connection, rates, values, ("device_id", "starts_at"))
    work.record(row.id, **{k: v for k, v in values.items() if k != "device_id"})
    return {"device": values.pop("device_id"), **values}


@verb("ledger.notice_mailed", rule=system, scope=None)
def notice_mailed(work: Work, _: None, *, allocation: str, percent: int) -> dict[str, Any]:
    """Note that the leads were told."""
    done = work.run(
        update(notices)
        .where(
            notices.c.allocation_id == allocation,
            notices.c.percent == percent,
            notices.c.mailed_at.is_(None),
        )
        .values(mailed_at=work.now)
    )
    if done:
        work.record(allocation, percent=percent)
    else:
        work.nothing_changed()
    return {"allocation": allocation, "percent": percent}
