"""All projects: which wait for approval, their terms, their credits; and institutions."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import CentreError
from markaz.centre.projects.lifecycle import State
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import DAY, REASON, again_for
from markaz.interfaces.portal.typed import cursor, filters, micro, moment, moments, shown_moment
from markaz.interfaces.portal.visit import Visit

YEAR: Final = 365 * DAY


async def projects(visit: Visit) -> Response:
    """All projects with their credits, and institutions with their shares."""
    given = filters(visit, "state", "search")
    found, institutions = await visit.ask_each(
        ("ledger.overview", {**given, **cursor(visit)}),
        ("institutions.list", {"limit": 500}),
    )
    return visit.show(
        "operator-projects.html",
        projects=found["items"],
        next=found["next"],
        given=given,
        states=[(str(one), visit.word("state", one)) for one in State],
        institutions=institutions["items"],
        operates=visit.has(CentreRole.OPERATOR),
        manages=_manages(visit),
    )


async def project(visit: Visit) -> Response:
    """One project as those see it who watch over credits."""
    name = visit.names["project"]
    balance, document = await visit.ask_each(
        ("ledger.balance", {"project": name}), ("projects.show", {"project": name})
    )
    devices = await visit.ask("devices.list")
    return visit.show(
        "operator-project.html",
        project=document,
        balance=balance,
        steps=document["steps"] if _manages(visit) else [],
        manages=_manages(visit),
        devices=[(one["device"], one["title"]) for one in devices["items"]],
        terms=_terms(visit, document),
        grant={
            "starts_at": shown_moment(visit, visit.now),
            "ends_at": shown_moment(visit, document["ends_at"] or visit.now + YEAR),
        },
        renewed=shown_moment(visit, max(visit.now, document["ends_at"] or 0) + YEAR),
    )


def _manages(visit: Visit) -> bool:
    return visit.has(CentreRole.OPERATOR, CentreRole.ALLOCATOR)


def _terms(visit: Visit, document: dict[str, Any]) -> dict[str, Any]:
    """What a project's terms are, as their form shows them."""
    days = {
        name: shown_moment(visit, document[name]) if document[name] else ""
        for name in ("starts_at", "ends_at")
    }
    kept = document["retention_days"]
    shares = {"programme": document["programme"], "shares": document["shares"]}
    return shares | days | {"retention_days": "" if kept is None else kept}


def _step(verb: str, done: str) -> Any:
    """A handler that does ``verb`` to the project of the address."""

    async def handler(visit: Visit) -> Response:
        await visit.do(verb, project=visit.names["project"], **visit.values)
        return _back(visit, done)

    return handler


def _back(visit: Visit, done: str) -> Response:
    return visit.go(f"/operate/projects/{visit.names['project']}", done)


async def renew(visit: Visit) -> Response:
    """Give it a later end."""
    ends = moment(visit, "ends_at")
    await visit.do("projects.renew", project=visit.names["project"], ends_at=ends)
    return _back(visit, "saved")


async def change_terms(visit: Visit) -> Response:
    """Change programme, shares, dates and retention."""
    dates = moments(visit, "starts_at", "ends_at")
    given = {k: v for k, v in visit.values.items() if k not in ("starts_at", "ends_at")}
    given.setdefault("programme", "")
    await visit.do("projects.change_terms", project=visit.names["project"], **given, **dates)
    return _back(visit, "saved")


async def set_devices(visit: Visit) -> Response:
    """Say which devices it may use; none chosen: all."""
    chosen = visit.values.get("devices") or None
    await visit.do("projects.set_devices", project=visit.names["project"], devices=chosen)
    return _back(visit, "saved")


async def grant(visit: Visit) -> Response:
    """Give it credits over dates."""
    span = {name: moment(visit, name) for name in ("starts_at", "ends_at")}
    given = {"amount": micro(visit, "amount"), "reason": visit.values.get("reason", "")}
    await visit.do("ledger.grant", project=visit.names["project"], **given, **span)
    return _back(visit, "granted")


async def adjust(visit: Visit) -> Response:
    """Correct an allocation."""
    given = {"amount": micro(visit, "amount"), "reason": visit.values["reason"]}
    return await _credited(visit, "ledger.adjust", **given)


async def transfer(visit: Visit) -> Response:
    """Move free credits into another allocation."""
    given = {"amount": micro(visit, "amount"), "reason": visit.values["reason"]}
    return await _credited(visit, "ledger.transfer", to=visit.values["to"], **given)


async def revoke(visit: Visit) -> Response:
    """End an allocation before its time."""
    return await _credited(visit, "ledger.revoke", reason=visit.values["reason"])


async def _credited(visit: Visit, verb: str, **given: Any) -> Response:
    await visit.do(verb, allocation=visit.names["allocation"], **given)
    return visit.go(f"/operate/projects/{visit.values['project']}", "saved")


async def again(visit: Visit) -> Response:
    """The project's page after a form about one of its allocations was refused."""
    name = visit.values.get("project")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise CentreError("not-found", "there is no such project")
    visit.request.path_params["project"] = name
    return await project(visit)


async def create_institution(visit: Visit) -> Response:
    """Add an institution."""
    await visit.do("institutions.create", **visit.values)
    return visit.go("/operate/projects", "saved")


async def change_institution(visit: Visit) -> Response:
    """Change its name and its part of the machine."""
    await visit.do("institutions.change", institution=visit.names["institution"], **visit.values)
    return visit.go("/operate/projects", "saved")


_MANAGERS: Final = (CentreRole.OPERATOR, CentreRole.ALLOCATOR)
_PROJECTS: Final = again_for(projects, *_MANAGERS)
_SHOWN: Final = again_for(project, *_MANAGERS)
_AGAIN: Final = again_for(again, *_MANAGERS)
_PROJECT: Final = "/operate/projects/{project}"
_ALLOCATION: Final = "/operate/allocations/{allocation}"
_AMOUNT: Final = Field("amount", N_("Credits"), most=20, ltr=True)
_STARTS: Final = Field("starts_at", N_("From"), "datetime-local", most=30, ltr=True)
_ENDS: Final = Field("ends_at", N_("Until"), "datetime-local", most=30, ltr=True)
_FROM: Final = Field("starts_at", N_("From"), "datetime-local", required=False, most=30, ltr=True)
_TO: Final = Field("ends_at", N_("Until"), "datetime-local", required=False, most=30, ltr=True)
_OF: Final = Field("project", kind="hidden", most=64)
_SHARES: Final = Field("shares", N_("Shares"), "number", most=7, ltr=True)
_NAME: Final = Field("name", N_("Name"))
PAGES: Final = (
    Page("GET", "/operate/projects", "ledger.overview", Who.VIEWER, projects,
         ("state", "search", "after")),
    Page("GET", _PROJECT, "ledger.balance", Who.ACCOUNT, project),
    Page("POST", f"{_PROJECT}/approve", "projects.approve", Who.MANAGER,
         _step("projects.approve", "approved")),
    Page("POST", f"{_PROJECT}/refuse", "projects.refuse", Who.MANAGER,
         _step("projects.refuse", "not-approved"), again=_SHOWN, form=(REASON,)),
    Page("POST", f"{_PROJECT}/suspend", "projects.suspend", Who.MANAGER,
         _step("projects.suspend", "suspended"), again=_SHOWN, form=(REASON,)),
    Page("POST", f"{_PROJECT}/resume", "projects.resume", Who.MANAGER,
         _step("projects.resume", "resumed")),
    Page("POST", f"{_PROJECT}/renew", "projects.renew", Who.MANAGER, renew, again=_SHOWN,
         form=(_ENDS,)),
    Page("POST", f"{_PROJECT}/terms", "projects.change_terms", Who.MANAGER, change_terms,
         again=_SHOWN, form=(
             Field("programme", N_("Programme"), required=False, most=64), _SHARES, _FROM, _TO,
             Field("retention_days", N_("Days that contents of jobs are kept"), "number",
                   required=False, most=5, ltr=True))),
    Page("POST", f"{_PROJECT}/devices", "projects.set_devices", Who.MANAGER, set_devices,
         again=_SHOWN, form=(
             Field("devices", N_("Devices that it may use"), "checkboxes", required=False,
                   hint=N_("None chosen: all.")),)),
    Page("POST", f"{_PROJECT}/grant", "ledger.grant", Who.ALLOCATOR, grant, again=_SHOWN, form=(
        _AMOUNT, _STARTS, _ENDS,
        Field("reason", N_("Reason"), required=False, most=1000))),
    Page("POST", f"{_ALLOCATION}/adjust", "ledger.adjust", Who.ALLOCATOR, adjust, again=_AGAIN,
         form=(Field("amount", N_("Credits more or less"), most=20, ltr=True,
                     hint=N_("Such as 100 or -100.")), REASON, _OF)),
    Page("POST", f"{_ALLOCATION}/transfer", "ledger.transfer", Who.ALLOCATOR, transfer,
         again=_AGAIN, form=(
             Field("to", N_("Into the allocation"), most=40, ltr=True,
                   hint=N_("Its identifier, from the page of its project.")),
             _AMOUNT, REASON, _OF)),
    Page("POST", f"{_ALLOCATION}/revoke", "ledger.revoke", Who.ALLOCATOR, revoke, again=_AGAIN,
         form=(REASON, _OF)),
    Page("POST", "/operate/institutions", "institutions.create", Who.OPERATOR,
         create_institution, again=_PROJECTS, form=(
             _NAME, Field("country", N_("Country"), required=False, most=2, ltr=True,
                          hint=N_("Two letters, such as PK or CN.")), _SHARES)),
    Page("POST", "/operate/institutions/{institution}/change", "institutions.change",
         Who.ALLOCATOR, change_institution, again=_PROJECTS, form=(_NAME, _SHARES)),
)  # fmt: skip
