"""The queue: who is next and why, and what operators do about it, always with a reason."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import CentreError
from markaz.centre.jobs.priority import MAX_BOOST
from markaz.centre.jobs.states import State
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import REASON, again_for
from markaz.interfaces.portal.typed import cursor, filters, micro, shown_credits
from markaz.interfaces.portal.visit import Visit

WAITING: Final = frozenset({State.HELD, State.QUEUED})
ACTIVE: Final = frozenset({State.CLAIMED, State.RUNNING})


async def queue(visit: Visit) -> Response:
    """Waiting jobs in the order of their priority, with its parts."""
    given = filters(visit, "device")
    found, depths, held, running = await visit.ask_each(
        ("jobs.queue", {**given, **cursor(visit)}),
        ("jobs.depths", {}),
        ("jobs.list", {"everyone": True, "state": "held", "limit": 200}),
        ("jobs.list", {"everyone": True, "state": "active", "limit": 200}),
    )
    others = {
        name: [one for one in listed["items"] if given.get("device") in (None, one["device"])]
        for name, listed in (("held", held), ("running", running))
    }
    jobs = [*found["items"], *others["held"], *others["running"]]
    return visit.show(
        "operator-queue.html",
        jobs=[one | {"points": sum(f["points"] for f in one["factors"])} for one in found["items"]],
        next=found["next"],
        given=given,
        depths=depths,
        running=others["running"],
        held=others["held"],
        names=await named(visit, jobs),
    )


async def named(visit: Visit, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the people and projects of ``jobs`` are called, for those who may know all."""
    ids = sorted({one[name] for one in jobs for name in ("user", "project")})
    names: dict[str, Any] = await visit.ask("centre.names", ids=",".join(ids[:500]))
    return names


async def job(visit: Visit) -> Response:
    """One job as an operator sees it: its place, why, and what can be done about it."""
    document = await visit.ask("jobs.document", job=visit.names["job"])
    devices = await visit.ask("devices.list")
    others = [one for one in devices["items"] if one["device"] != document["device"]]
    charge = document["charge"] or 0
    return visit.show(
        "operator-job.html",
        job=document,
        names=await _names_if_known(visit, document),
        steps=_steps(document) if visit.has(CentreRole.OPERATOR) else set(),
        refunds=charge > 0 and visit.has(CentreRole.OPERATOR, CentreRole.ALLOCATOR),
        charge=shown_credits(charge),
        others=[(one["device"], one["title"]) for one in others],
        boosts=[(str(n), f"{n:+d}" if n else "0") for n in range(MAX_BOOST, -MAX_BOOST - 1, -1)],
    )


async def _names_if_known(visit: Visit, document: dict[str, Any]) -> dict[str, Any]:
    try:
        return await named(visit, [document])
    except CentreError:
        return {"people": {}, "projects": {}}


def _steps(document: dict[str, Any]) -> set[str]:
    """What the job's state lets an operator do."""
    state = document["state"]
    steps = {"move", "boost"} if state in WAITING else set()
    if state == State.QUEUED:
        steps.add("hold")
    if state == State.HELD and document["reason"] != "allocation":
        steps.add("release")
    if state in ACTIVE and document["cancel_wanted_at"] is None:
        steps.add("requeue")
    return steps


def _step(verb: str, done: str) -> Any:
    """A handler that does ``verb`` to the job of the address, for a reason."""

    async def handler(visit: Visit) -> Response:
        name = visit.names["job"]
        await visit.do(verb, job=name, **visit.values)
        return visit.go(f"/operate/jobs/{name}", done)

    return handler


async def boost(visit: Visit) -> Response:
    """Put a job before or behind all others."""
    name = visit.names["job"]
    given = visit.values | {"boost": int(visit.values["boost"])}
    await visit.do("jobs.override", job=name, **given)
    return visit.go(f"/operate/jobs/{name}", "boosted")


async def refund(visit: Visit) -> Response:
    """Give back a charge, or a part of it."""
    name, amount = visit.names["job"], micro(visit, "amount")
    await visit.do("ledger.refund", job=name, amount=amount, reason=visit.values["reason"])
    return visit.go(f"/operate/jobs/{name}", "refunded")


_AGAIN: Final = again_for(job, CentreRole.OPERATOR)
_JOB: Final = "/operate/jobs/{job}"
_BOOSTS: Final = tuple((str(n), f"{n:+d}" if n else "0") for n in range(-MAX_BOOST, MAX_BOOST + 1))
PAGES: Final = (
    Page("GET", "/operate/queue", "jobs.queue", Who.OVERSEER, queue, ("device", "after")),
    Page("GET", _JOB, "jobs.document", Who.JOB_READER, job),
    *(Page("POST", f"{_JOB}/{verb}", f"jobs.{verb}", Who.OPERATOR, _step(f"jobs.{verb}", done),
           again=_AGAIN, form=(REASON,))
      for verb, done in (("hold", "held"), ("release", "released"), ("requeue", "requeued"))),
    Page("POST", f"{_JOB}/move", "jobs.move", Who.OPERATOR, _step("jobs.move", "moved"),
         again=_AGAIN, form=(Field("device", N_("Other device"), "select"), REASON)),
    Page("POST", f"{_JOB}/boost", "jobs.override", Who.OPERATOR, boost, again=_AGAIN, form=(
        Field("boost", N_("Before or behind others"), "select", choices=_BOOSTS, ltr=True,
              hint=N_("+9 is before all, −9 behind all; 0 gives back its own place.")),
        REASON)),
    Page("POST", f"{_JOB}/refund", "ledger.refund", Who.ALLOCATOR, refund, again=_AGAIN, form=(
        Field("amount", N_("Credits"), most=20, ltr=True), REASON)),
)  # fmt: skip
