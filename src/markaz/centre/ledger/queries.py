"""What can be asked about credits and prices. Amounts are micro-credits, integers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, case, func, select

from markaz.centre.access import LEADS, person, query, system
from markaz.centre.devices.rules import device_row
from markaz.centre.fields import moment, number, whole
from markaz.centre.ledger.entries import document
from markaz.centre.ledger.prices import price
from markaz.centre.ledger.rules import Account, account, account_if_named
from markaz.centre.ledger.tables import allocations, ledger_entries, notices, rates
from markaz.centre.people.tables import users
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.work import Work

MOST_SECONDS: Final = 1e7
MOST_SHOTS: Final = 10**12
MOST_POINTS: Final = 366
_GIVEN: Final = ("grant", "transfer", "adjustment", "expiry", "settlement")
_SPENT: Final = ("charge", "refund")


@query("ledger.estimate", rule=account_if_named, scope="devices:read")
def estimate(
    work: Work, subject: Account | None, *, device: str, seconds: float, shots: int,
    limit_seconds: float | None = None, project: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a job would cost that is predicted to run for ``seconds`` with ``shots``.

    Returns the rate in force, ``cost`` if the prediction is right, ``reserve`` (what is set
    aside, and the most that it can cost); with a project what is ``free`` there, and whether
    it is ``enough``.
    """
    row = device_row(work, device)
    seconds = number("seconds", seconds, 0, MOST_SECONDS)
    shots = whole("shots", shots, 0, MOST_SHOTS)
    limit = number("limit_seconds", limit_seconds or MOST_SECONDS, 0, MOST_SECONDS)
    rate = price(work, device=row.id, at=work.now)
    reserve = rate.reservation(predicted=seconds, limit=limit, shots=shots)
    largest = max((a["free"] for a in _in_force(work, subject)), default=0) if subject else None
    return {
        "device": row.id,
        "rate": rate.document(),
        "seconds": seconds,
        "shots": shots,
        "cost": min(rate.cost(seconds, shots), reserve),
        "reserve": reserve,
        "free": largest,
        "enough": None if largest is None else largest >= reserve,
    }


@query("ledger.balance", rule=account, scope="projects:read")
def balance(work: Work, subject: Account, *, project: str) -> dict[str, Any]:
    """A project's allocations, and the sums over those in force now."""
    rows = work.all(_allocations(subject).order_by(allocations.c.ends_at, allocations.c.id))
    every = [document(row) for row in rows]
    current = _in_force(work, subject)
    return {
        "project": subject.project.id,
        **{k: sum(a[k] for a in current) for k in ("granted", "reserved", "charged", "free")},
        "allocations": every,
        "notices": _noted(work, subject),
    }


@query("ledger.statement", rule=account, scope="projects:read")
def statement(
    work: Work, subject: Account, *, project: str, limit: int = 50, after: int | None = None
) -> dict[str, Any]:
    """A project's ledger entries, the newest first; a member sees those of the own jobs.

    Entries that concern no job (grants, transfers, …) are for every member.
    """
    limit = whole("limit", limit, 1, 1000)
    wanted = _entries(work, subject).order_by(ledger_entries.c.seq.desc()).limit(limit + 1)
    if after is not None:
        wanted = wanted.where(ledger_entries.c.seq < whole("after", after, 0, 2**62))
    rows = work.all(wanted)
    items = [_entry(row) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["entry"] if len(rows) > limit else None}


@query("ledger.rates", rule=lambda work, **_: person(work), scope="devices:read")
def list_rates(work: Work, _: None, *, device: str) -> dict[str, Any]:
    """A device's prices, past and to come, the newest first; ``now`` is the one in force."""
    row = device_row(work, device)
    found = work.all(
        select(rates).where(rates.c.device_id == row.id).order_by(rates.c.starts_at.desc())
    )
    names = ("starts_at", "per_second", "per_shot", "per_job")
    return {
        "device": row.id,
        "now": price(work, device=row.id, at=work.now).document(),
        "items": [{name: one._mapping[name] for name in names} for one in found],
    }


@query("ledger.burn_down", rule=account, scope="projects:read")
def burn_down(
    work: Work, subject: Account, *, project: str, since: int, until: int, points: int = 30
) -> dict[str, Any]:
    """How a project's credits went: ``points`` sums, at equal steps after ``since``.

    Each is taken just before its time ``at``: what was ``granted`` until then (less what
    lapsed), ``charged`` (less refunds), and ``free``.
    """
    since, until = moment("since", since), moment("until", until)
    points = whole("points", points, 1, MOST_POINTS)
    width = max(1, -(-(until - since) // points))
    sums = {row.bucket: row for row in work.all(_buckets(subject, since, width, points))}
    granted = charged = free = 0
    series = []
    for bucket in range(points + 1):
        row = sums.get(bucket)
        if row is not None:
            granted, charged = granted + int(row.given), charged - int(row.spent)
            free += int(row.every)
        at = since + bucket * width
        series.append({"at": at, "granted": granted, "charged": charged, "free": free})
    return {"project": subject.project.id, "series": series[1:]}


@query("ledger.due_notices", rule=system, scope=None)
def due_notices(work: Work, _: None) -> list[dict[str, Any]]:
    """Notices that the leads have not been told of, with the words and their addresses."""
    rows = work.all(
        select(notices.c.allocation_id, notices.c.percent, allocations.c.project_id,
               projects.c.title)
        .join(allocations, allocations.c.id == notices.c.allocation_id)
        .join(projects, projects.c.id == allocations.c.project_id)
        .where(notices.c.mailed_at.is_(None))
        .order_by(notices.c.at, notices.c.percent)
        .limit(100)
    )  # fmt: skip
    return [_notice(work, row) for row in rows]


def _notice(work: Work, row: Any) -> dict[str, Any]:
    leads = work.all(
        select(users.c.email)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(
            memberships.c.project_id == row.project_id,
            memberships.c.role.in_(sorted(LEADS)),
            users.c.state == "active",
            users.c.email.is_not(None),
        )
        .order_by(users.c.email)
    )
    reached = "are used up" if row.percent == 100 else f"are used to {row.percent} %"
    return {
        "allocation": row.allocation_id,
        "percent": row.percent,
        "addresses": [lead.email for lead in leads],
        "subject": f"{row.title}: credits {reached}",
        "text": f"The credits of the project {row.title} {reached}.\n\n"
        "Running jobs end as usual. Jobs that find too few credits are held until the "
        "project gets more.\n",
    }


def _allocations(subject: Account) -> Select[Any]:
    return select(allocations).where(allocations.c.project_id == subject.project.id)


def _in_force(work: Work, subject: Account) -> list[dict[str, Any]]:
    rows = work.all(
        _allocations(subject).where(
            allocations.c.state == "active",
            allocations.c.starts_at <= work.now,
            allocations.c.ends_at > work.now,
        )
    )
    return [document(row) for row in rows]


def _noted(work: Work, subject: Account) -> list[dict[str, Any]]:
    rows = work.all(
        select(notices.c.allocation_id, notices.c.percent, notices.c.at)
        .join(allocations, allocations.c.id == notices.c.allocation_id)
        .where(allocations.c.project_id == subject.project.id)
        .order_by(notices.c.at, notices.c.percent)
    )
    return [{"allocation": r.allocation_id, "percent": r.percent, "at": r.at} for r in rows]


def _entries(work: Work, subject: Account) -> Select[Any]:
    wanted = (
        select(ledger_entries)
        .join(allocations, allocations.c.id == ledger_entries.c.allocation_id)
        .where(allocations.c.project_id == subject.project.id)
    )
    if subject.all_entries:
        return wanted
    reserves = ledger_entries.alias()
    own = select(reserves.c.job_id).where(
        reserves.c.kind == "reserve", reserves.c.actor == work.actor.id
    )
    return wanted.where(ledger_entries.c.job_id.is_(None) | ledger_entries.c.job_id.in_(own))


def _entry(row: Any) -> dict[str, Any]:
    return {
        "entry": row.seq,
        "allocation": row.allocation_id,
        "kind": row.kind,
        "amount": row.amount,
        "job": row.job_id,
        "at": row.at,
        "actor": row.actor,
        "reason": row.reason,
    }


def _buckets(subject: Account, since: int, width: int, points: int) -> Select[Any]:
    """Sums by step: 0 is all before ``since``, i what happened in the i-th step after it."""
    entries = ledger_entries.c
    # Without the sign of a negative dividend: databases round it differently.
    step = case((entries.at < since, 0), else_=(entries.at - since) // width + 1)
    bucket = step.label("bucket")

    def total(kinds: tuple[str, ...]) -> Any:
        return func.sum(case((entries.kind.in_(kinds), entries.amount), else_=0))

    return (
        select(
            bucket,
            total(_GIVEN).label("given"),
            total(_SPENT).label("spent"),
            func.sum(entries.amount).label("every"),
        )
        .join(allocations, allocations.c.id == entries.allocation_id)
        .where(allocations.c.project_id == subject.project.id, entries.at < since + width * points)
        .group_by(bucket)
    )
