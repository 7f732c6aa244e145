"""Pages of projects: what they are, who is in them, their credits and ledger."""

from __future__ import annotations

import math
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import LEADS, CentreRole, ProjectRole
from markaz.centre.projects.rules import INVITE, SET_SHARES
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.portal.words import WORDS

DAY: Final = 86_400_000_000
PERIODS: Final = (30, 90, 365)  # days of a burn-down
POINTS: Final = 60
MOST_MEMBERS: Final = 500


async def projects(visit: Visit) -> Response:
    """The own projects."""
    after = visit.asked("after")
    found = await visit.ask("projects.list", **({"after": after} if after else {}))
    return visit.show("projects.html", projects=found["items"], next=found["next"])


async def ask_for(visit: Visit) -> Response:
    """What a new project needs to say."""
    return visit.show("project-request.html")


async def request(visit: Visit) -> Response:
    """Ask for a project, as its PI."""
    made = await visit.do("projects.request", **visit.values)
    return visit.go(f"/projects/{made['slug']}", "requested")


async def project(visit: Visit) -> Response:
    """One project: what it is, and its credits over time."""
    name = visit.names["project"]
    asked = visit.asked("days")
    days = int(asked) if asked in map(str, PERIODS) else PERIODS[1]
    span = {"since": visit.now - days * DAY, "until": visit.now, "points": POINTS}
    document, balance, burned = await visit.ask_each(
        ("projects.show", {"project": name}),
        ("ledger.balance", {"project": name}),
        ("ledger.burn_down", {"project": name, **span}),
    )
    return visit.show(
        "project.html",
        project=document,
        balance=balance,
        series=burned["series"],
        ends_in=_ends_in(balance, burned["series"], visit.now),
        days=days,
        periods=PERIODS,
        rights=rights(visit, document),
    )


def _ends_in(balance: dict[str, Any], series: list[dict[str, Any]], now: int) -> int | None:
    """When the credits will be used up if they go on as in the last period (None: not)."""
    spent = series[-1]["charged"] - series[0]["charged"]
    span = series[-1]["at"] - series[0]["at"]
    if spent <= 0 or span <= 0 or balance["free"] <= 0:
        return None
    left = math.ceil(balance["free"] / spent * span)
    return now + left if left < 3650 * DAY else None


def rights(visit: Visit, project: dict[str, Any]) -> dict[str, bool]:
    """What the pages offer; the centre's rules decide when it is done."""
    role, operates = project["role"], visit.has(CentreRole.OPERATOR)
    return {
        "lead": operates or role in LEADS,
        "invite": operates or role in INVITE,
        "share": operates or role in SET_SHARES,
        "member": role is not None,
    }


async def members(visit: Visit, secret: str = "") -> Response:
    """Who is in it, and who is invited; ``secret``: a new invitation's token, shown once."""
    name = visit.names["project"]
    document, found = await visit.ask_each(
        ("projects.show", {"project": name}),
        ("projects.members", {"project": name, "limit": MOST_MEMBERS}),
    )
    may = rights(visit, document)
    invited = await visit.ask("projects.invitations", project=name) if may["invite"] else None
    roles = [(str(role), visit.word("role", role)) for role in ProjectRole]
    return visit.show(
        "project-members.html",
        project=document,
        members=found["items"],
        invited=[one for one in invited["items"] if one["state"] == "open"] if invited else [],
        roles=roles,
        rights=may,
        secret=secret,
    )


async def ledger(visit: Visit) -> Response:
    """Every entry of its ledger that one may see."""
    name, after = visit.names["project"], visit.asked("after")
    more = {"after": int(after)} if after.isascii() and after.isdigit() and len(after) < 18 else {}
    document, found = await visit.ask_each(
        ("projects.show", {"project": name}),
        ("ledger.statement", {"project": name, "limit": 100, **more}),
    )
    return visit.show(
        "project-ledger.html",
        project=document,
        entries=found["items"],
        next=found["next"],
        rights=rights(visit, document),
    )


async def change(visit: Visit) -> Response:
    """Change what it says of itself."""
    return await _done(visit, "projects.change", "", "project", **visit.values)


async def close(visit: Visit) -> Response:
    """End it for good."""
    return await _done(visit, "projects.close", "", "project-closed")


async def leave(visit: Visit) -> Response:
    """Leave it."""
    await visit.do("projects.leave", project=visit.names["project"])
    return visit.go("/projects", "left")


async def invite(visit: Visit) -> Response:
    """Invite somebody; without mail the token is shown, this once."""
    made = await visit.do("projects.invite", project=visit.names["project"], **visit.values)
    if made["mailed"]:
        return visit.go(f"/projects/{visit.names['project']}/members", "invited")
    visit.values = {}
    return await members(visit, secret=made["secret"])


async def withdraw(visit: Visit) -> Response:
    """End an invitation."""
    await visit.do("projects.withdraw_invitation", invitation=visit.names["invitation"])
    return visit.go(f"/projects/{visit.values['project']}/members", "withdrawn")


async def remove(visit: Visit) -> Response:
    """Take a member out."""
    who = {"user": visit.names["user"]}
    return await _done(visit, "projects.remove_member", "/members", "removed", **who)


async def change_role(visit: Visit) -> Response:
    """Give a member another role."""
    given = {"user": visit.names["user"], **visit.values}
    return await _done(visit, "projects.change_role", "/members", "role", **given)


async def set_shares(visit: Visit) -> Response:
    """Set a member's part of the project's part."""
    given = {"user": visit.names["user"], **visit.values}
    return await _done(visit, "projects.set_member_shares", "/members", "shares", **given)


async def _done(visit: Visit, verb: str, place: str, done: str, **given: Any) -> Response:
    name = visit.names["project"]
    await visit.do(verb, project=name, **given)
    return visit.go(f"/projects/{name}{place}", done)


_PROJECT: Final = "/projects/{project}"
_MEMBER: Final = f"{_PROJECT}/members/{{user}}"
_ROLES: Final = tuple((str(role), WORDS["role"][role]) for role in ProjectRole)
TITLE: Final = Field("title", N_("Title"))
ABOUT: Final = Field("description", N_("What it is about"), "textarea", required=False, most=10_000)
PAGES: Final = (
    Page("GET", "/projects", "projects.list", Who.PERSON, projects, ("after",)),
    Page("GET", "/request-project", "", Who.PERSON, ask_for),
    Page("POST", "/request-project", "projects.request", Who.PERSON, request, again=ask_for,
         form=(TITLE, Field("slug", N_("Short name"), most=40, ltr=True,
                            hint=N_("a to z, digits and hyphens; it stands in addresses")), ABOUT)),
    Page("GET", _PROJECT, "projects.show", Who.MEMBER, project, ("days",)),
    Page("POST", f"{_PROJECT}/change", "projects.change", Who.LEAD, change, again=project, form=(
        TITLE, ABOUT,
        Field("job_visibility", N_("Members see"), "select",
              choices=(("own", N_("their own jobs")), ("all", N_("all jobs of the project")))))),
    Page("POST", f"{_PROJECT}/close", "projects.close", Who.LEAD, close),
    Page("POST", f"{_PROJECT}/leave", "projects.leave", Who.INSIDER, leave),
    Page("GET", f"{_PROJECT}/members", "projects.members", Who.MEMBER, members),
    Page("POST", f"{_PROJECT}/invite", "projects.invite", Who.INVITER, invite, again=members,
         form=(Field("email", N_("Mail address"), "email", required=False, most=254, ltr=True,
                     hint=N_("Without one you get a token to hand over.")),
               Field("role", N_("Role"), "select", choices=_ROLES))),
    Page("POST", "/invitations/{invitation}/withdraw", "projects.withdraw_invitation",
         Who.INVITATION, withdraw, form=(Field("project", kind="hidden", most=64),)),
    Page("POST", f"{_MEMBER}/remove", "projects.remove_member", Who.INVITER, remove,
         again=members),
    Page("POST", f"{_MEMBER}/role", "projects.change_role", Who.LEAD, change_role, again=members,
         form=(Field("role", N_("Role"), "select", choices=_ROLES),)),
    Page("POST", f"{_MEMBER}/shares", "projects.set_member_shares", Who.SHARER, set_shares,
         again=members, form=(Field("shares", N_("Shares"), "number", most=7, ltr=True),)),
    Page("GET", f"{_PROJECT}/ledger", "ledger.statement", Who.ACCOUNT, ledger, ("after",)),
)  # fmt: skip
