"""People: who waits for approval, who is who, what an operator does for one of them."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import CentreError
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import REASON, again_for
from markaz.interfaces.portal.typed import cursor, filters
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.portal.words import WORDS

STATES: Final = ("pending", "active", "suspended", "erased")
LOST: Final = (("password", N_("a new password")), ("totp", N_("turning one-time codes off")))


async def people(visit: Visit, made: dict[str, Any] | None = None) -> Response:
    """Accounts; ``made``: a new one, with its code if that was not mailed."""
    given = filters(visit, "state", "search")
    found, institutions = await visit.ask_each(
        ("people.list", {**given, **cursor(visit)}),
        ("institutions.list", {"limit": 500}),
    )
    return visit.show(
        "operator-people.html",
        people=found["items"],
        next=found["next"],
        given=given,
        states=[(one, visit.word("account", one)) for one in STATES],
        institutions={one["id"]: one["name"] for one in institutions["items"]},
        made=made,
        operates=visit.has(CentreRole.OPERATOR),
    )


async def create(visit: Visit) -> Response:
    """Make an account; without mail the code for the first password is shown, this once."""
    made = await visit.do("people.create", **visit.values)
    visit.values = {}
    return await people(visit, made)


async def person(visit: Visit, code: dict[str, Any] | None = None) -> Response:
    """One person; ``code``: a new one-time code, shown once."""
    name = visit.names["person"]
    found = await visit.ask("people.show", user=name)
    home = await visit.ask("institutions.show", institution=found["institution"])
    return visit.show(
        "operator-person.html",
        person=found,
        institution=home["name"],
        keys=await _keys(visit, name),
        code=code,
        held=[(role, visit.word("role", role)) for role in found["roles"]],
        free=[(str(role), visit.word("role", role)) for role in CentreRole
              if str(role) not in found["roles"]],
        operates=visit.has(CentreRole.OPERATOR),
    )  # fmt: skip


async def _keys(visit: Visit, name: str) -> list[dict[str, Any]]:
    """The person's keys, for those who may see them."""
    try:
        found = await visit.ask("keys.list", user=name, limit=200)
    except CentreError:
        return []
    keys: list[dict[str, Any]] = found["items"]
    return keys


def _step(verb: str, done: str, back: str = "") -> Any:
    """A handler that does ``verb`` to the person of the address."""

    async def handler(visit: Visit) -> Response:
        name = visit.names["person"]
        given = {"role": visit.names["role"]} if "role" in visit.names else {}
        await visit.do(verb, user=name, **visit.values, **given)
        return visit.go(back or f"/operate/people/{name}", done)

    return handler


async def issue(visit: Visit) -> Response:
    """Make a one-time code to hand over; it is shown this once."""
    name = visit.names["person"]
    code = await visit.do("people.issue_code", user=name, **visit.values)
    visit.values = {}
    return await person(visit, code)


_PERSON: Final = "/operate/people/{person}"
_PEOPLE: Final = again_for(people, CentreRole.OPERATOR)
_AGAIN: Final = again_for(person, CentreRole.OPERATOR)
_ROLES: Final = tuple((str(role), WORDS["role"][role]) for role in CentreRole)
PAGES: Final = (
    Page("GET", "/operate/people", "people.list", Who.OVERSEER, people,
         ("state", "search", "after")),
    Page("POST", "/operate/people", "people.create", Who.OPERATOR, create, again=_PEOPLE, form=(
        Field("name", N_("Name")),
        Field("login", N_("Login name"), most=64, ltr=True,
              hint=N_("2 to 64 characters: a to z, digits, dot, hyphen, underscore.")),
        Field("email", N_("Mail address"), "email", required=False, most=254, ltr=True))),
    Page("GET", _PERSON, "people.show", Who.PROFILE, person),
    Page("POST", f"{_PERSON}/approve", "people.approve", Who.OPERATOR,
         _step("people.approve", "approved")),
    Page("POST", f"{_PERSON}/refuse", "people.refuse", Who.OPERATOR,
         _step("people.refuse", "not-approved", "/operate/people")),
    Page("POST", f"{_PERSON}/suspend", "people.suspend", Who.OPERATOR,
         _step("people.suspend", "suspended"), again=_AGAIN, form=(REASON,)),
    Page("POST", f"{_PERSON}/reactivate", "people.reactivate", Who.OPERATOR,
         _step("people.reactivate", "resumed")),
    Page("POST", f"{_PERSON}/roles", "people.grant_role", Who.OPERATOR,
         _step("people.grant_role", "role"), again=_AGAIN,
         form=(Field("role", N_("Role at the centre"), "select", choices=_ROLES),)),
    Page("POST", f"{_PERSON}/roles/{{role}}/revoke", "people.revoke_role", Who.OPERATOR,
         _step("people.revoke_role", "role")),
    Page("POST", f"{_PERSON}/codes", "people.issue_code", Who.OPERATOR, issue, again=_AGAIN,
         form=(Field("lost", N_("What it is for"), "select", choices=LOST),)),
)  # fmt: skip
