"""What can be done with projects: their life and their terms. Members are in ``members``."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import column, delete, insert, select, table, update

from markaz.centre.access import CentreRole, ProjectRole, holder_of, person, system, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.fields import block, choice, line, moment, number, whole
from markaz.centre.ids import is_id, new_id
from markaz.centre.people import post
from markaz.centre.people import rules as people
from markaz.centre.people.tables import users
from markaz.centre.projects import personal, rules
from markaz.centre.projects.documents import project_document
from markaz.centre.projects.lifecycle import STEPS, State
from markaz.centre.projects.members import (
    accept,
    add,
    change_role,
    invite,
    leave,
    put_member,
    remove,
    set_shares,
    withdraw,
)
from markaz.centre.projects.rules import Membership
from markaz.centre.projects.tables import invitations, memberships, project_devices, projects
from markaz.centre.work import Work

__all__ = [
    "accept",
    "add",
    "approve",
    "change",
    "change_role",
    "change_terms",
    "close",
    "create",
    "expire_due",
    "invite",
    "leave",
    "personal",
    "refuse",
    "remove",
    "renew",
    "request",
    "resume",
    "set_devices",
    "set_shares",
    "suspend",
    "withdraw",
]

MOST_SHARES: Final = 1_000_000
MOST_REQUESTS: Final = 10  # of one person that wait for approval
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_may_create: Final = holder_of(CentreRole.OPERATOR, CentreRole.ALLOCATOR)
_devices: Final = table("devices", column("id"))  # devices stand on projects: named, not imported


@verb("projects.request", rule=person, scope="projects:write")
def request(
    work: Work,
    _subject: None,
    *,
    slug: str,
    title: str,
    description: str = "",
    programme: str = "",
    institution: str | None = None,
    starts_at: int | None = None,
    ends_at: int | None = None,
) -> dict[str, Any]:
    """Ask for a project, as its PI. Operators or allocators approve it.

    Errors: ``conflict`` if the slug is taken, ``quota`` beyond ten open requests.
    """
    _unbound(work)
    _count_requests(work)
    row = _new(work, slug, title, description, programme, institution, starts_at, ends_at)
    _add(work, row | {"state": State.REQUESTED})
    put_member(work, row["id"], work.actor.id, ProjectRole.PI)
    return project_document(rules.find(work, row["id"]), ProjectRole.PI)


@verb("projects.create", rule=_may_create, scope="operate")
def create(
    work: Work,
    _subject: None,
    *,
    slug: str,
    title: str,
    pi: str,
    description: str = "",
    programme: str = "",
    institution: str | None = None,
    starts_at: int | None = None,
    ends_at: int | None = None,
) -> dict[str, Any]:
    """Make an active project with ``pi`` (login or id). Errors: ``conflict``, ``not-found``."""
    leader = people.find(work, pi)
    home = institution or leader.institution_id
    row = _new(work, slug, title, description, programme, home, starts_at, ends_at)
    _add(work, row | {"state": State.ACTIVE})
    put_member(work, row["id"], leader.id, ProjectRole.PI)
    return project_document(rules.find(work, row["id"]))


@verb("projects.approve", rule=rules.manager, scope="operate")
def approve(work: Work, found: Membership, *, project: str) -> dict[str, Any]:
    """Let a requested project begin; its PI hears by mail. Errors: ``conflict``."""
    _tell_leaders(work, found, "has been approved")
    return _take(work, found, "approve")


@verb("projects.refuse", rule=rules.manager, scope="operate")
def refuse(work: Work, found: Membership, *, project: str, reason: str) -> dict[str, Any]:
    """Refuse a requested project; its PI hears the reason by mail. Errors: ``conflict``."""
    _tell_leaders(work, found, f"was not approved: {line('reason', reason, most=500)}")
    return _take(work, found, "refuse")


@verb("projects.suspend", rule=rules.manager, scope="operate")
def suspend(work: Work, found: Membership, *, project: str, reason: str) -> dict[str, Any]:
    """Stop a project until it is resumed: nothing of it starts. Errors: ``conflict``."""
    _tell_leaders(work, found, f"is suspended: {line('reason', reason, most=500)}")
    return _take(work, found, "suspend")


@verb("projects.resume", rule=rules.manager, scope="operate")
def resume(work: Work, found: Membership, *, project: str) -> dict[str, Any]:
    """Undo a suspension. Errors: ``conflict``."""
    return _take(work, found, "resume")


@verb("projects.renew", rule=rules.manager, scope="operate")
def renew(work: Work, found: Membership, *, project: str, ends_at: int) -> dict[str, Any]:
    """Give an active or expired project a later end. Errors: ``conflict``, ``invalid``."""
    later = moment("ends_at", ends_at)
    if later <= max(work.now, found.row.ends_at or 0):
        raise invalid("ends_at", "ends_at must be later than now and than the present end")
    return _take(work, found, "renew", ends_at=later)


@verb("projects.close", rule=rules.lead, scope="projects:write")
def close(work: Work, found: Membership, *, project: str) -> dict[str, Any]:
    """End a project for good; what it has stays readable. Errors: ``conflict``."""
    return _take(work, found, "close")


@verb("projects.expire_due", rule=system, scope=None)
def expire_due(work: Work, _subject: None) -> dict[str, Any]:
    """Expire active and suspended projects whose end has come; the ids.

    Also forgets the mail addresses in invitations that have run out.
    """
    old = invitations.c.expires_at <= work.now, invitations.c.email.is_not(None)
    work.run(update(invitations).where(*old).values(email=None))
    before, after = STEPS["expire"]
    due = projects.c.state.in_(sorted(before)), projects.c.ends_at <= work.now
    expired = [row.id for row in work.all(select(projects.c.id).where(*due).limit(500))]
    for project in expired:
        changed = work.run(
            update(projects).where(projects.c.id == project, *due).values(state=after)
        )
        if changed:
            work.record(project, state=after)
    if expired:
        work.after(work.services.listener.rules_changed)
    else:
        work.nothing_changed()
    return {"expired": expired}


@verb("projects.change", rule=rules.lead, scope="projects:write")
def change(
    work: Work,
    found: Membership,
    *,
    project: str,
    title: str | None = None,
    description: str | None = None,
    job_visibility: str | None = None,
) -> dict[str, Any]:
    """Change what is given of what a project says of itself, and who sees whose jobs."""
    values: dict[str, Any] = {}
    if title is not None:
        values["title"] = line("title", title)
    if description is not None:
        values["description"] = block("description", description)
    if job_visibility is not None:
        values["job_visibility"] = choice("job_visibility", job_visibility, ("own", "all"))
    return _change(work, found, values)


@verb("projects.change_terms", rule=rules.manager, scope="operate")
def change_terms(
    work: Work,
    found: Membership,
    *,
    project: str,
    programme: str | None = None,
    shares: int | None = None,
    starts_at: int | None = None,
    ends_at: int | None = None,
    retention_days: int | None = None,
    quota_gib: float | None = None,
) -> dict[str, Any]:
    """Change what is given of a project's terms: shares, dates, retention and quota."""
    values: dict[str, Any] = {}
    if programme is not None:
        values["programme"] = line("programme", programme, least=0, most=64)
    if shares is not None:
        values["shares"] = whole("shares", shares, 0, MOST_SHARES)
    if retention_days is not None:
        values["retention_days"] = whole("retention_days", retention_days, 1, 36_500)
    if quota_gib is not None:
        values["quota_gib"] = number("quota_gib", quota_gib, 0, 1e9)
    starts = found.row.starts_at if starts_at is None else starts_at
    ends = found.row.ends_at if ends_at is None else ends_at
    if starts_at is not None or ends_at is not None:
        values |= _dates(starts, ends)
    return _change(work, found, values)


@verb("projects.set_devices", rule=rules.manager, scope="operate")
def set_devices(
    work: Work, found: Membership, *, project: str, devices: Collection[str] | None
) -> dict[str, Any]:
    """Say which devices a project may use; None means all. Errors: ``invalid``."""
    wanted = _known_devices(work, devices)
    work.run(delete(project_devices).where(project_devices.c.project_id == found.project_id))
    rows = [{"project_id": found.project_id, "device_id": one} for one in wanted]
    if rows:
        work.run(insert(project_devices), rows)
    answer = _change(work, found, {"any_device": devices is None})
    return answer | {"devices": None if devices is None else wanted}


def _take(work: Work, found: Membership, step: str, **values: Any) -> dict[str, Any]:
    """Take a step of a project's life. Raises CentreError ``conflict`` if it is not open."""
    before, after = STEPS[step]
    there = projects.c.id == found.project_id, projects.c.state.in_(sorted(before))
    if not work.run(update(projects).where(*there).values(state=after, **values)):
        row = found.row
        raise conflict(f"the project {row.slug!r} is {row.state}: no way to {step} it")
    work.record(found.project_id, state=after, **values)
    work.after(work.services.listener.rules_changed)
    return project_document(rules.find(work, found.project_id), found.role)


def _change(work: Work, found: Membership, values: dict[str, Any]) -> dict[str, Any]:
    if not values:
        raise invalid("project", "say what to change")
    there = projects.c.id == found.project_id, projects.c.state != State.CLOSED
    if not work.run(update(projects).where(*there).values(values)):
        raise conflict(f"the project {found.row.slug!r} is closed")
    plain = {k: v for k, v in values.items() if k not in ("title", "description")}
    work.record(found.project_id, changed=sorted(values), **plain)
    work.after(work.services.listener.rules_changed)
    return project_document(rules.find(work, found.project_id), found.role)


def _new(
    work: Work,
    slug: str,
    title: str,
    description: str,
    programme: str,
    institution: str | None,
    starts_at: int | None,
    ends_at: int | None,
) -> dict[str, Any]:
    home = institution or people.find(work, work.actor.id).institution_id
    return _dates(starts_at, ends_at) | {
        "id": new_id(work.now),
        "slug": _slug(slug),
        "title": line("title", title),
        "description": block("description", description),
        "programme": line("programme", programme, least=0, most=64),
        "institution_id": people.find_institution(work, home).id,
        "any_device": True,
        "created_at": work.now,
    }


def _slug(value: Any) -> str:
    text = line("slug", value, least=2, most=64)
    if not _SLUG.fullmatch(text) or is_id(text):
        raise invalid("slug", "slug must be a to z, digits and single hyphens, a letter first")
    return text


def _dates(starts_at: int | None, ends_at: int | None) -> dict[str, int | None]:
    starts = None if starts_at is None else moment("starts_at", starts_at)
    ends = None if ends_at is None else moment("ends_at", ends_at)
    if starts is not None and ends is not None and ends <= starts:
        raise invalid("ends_at", "ends_at must be later than starts_at")
    return {"starts_at": starts, "ends_at": ends}


def _add(work: Work, row: dict[str, Any]) -> None:
    with unique(f"the slug {row['slug']!r} is taken"):
        work.run(insert(projects).values(row))
    work.record(row["id"], state=row["state"], institution=row["institution_id"])


def _unbound(work: Work) -> None:
    if work.actor.project is not None:
        raise CentreError("forbidden", "a key of one project cannot ask for another")


def _count_requests(work: Work) -> None:
    mine = memberships.c.project_id == projects.c.id, memberships.c.user_id == work.actor.id
    waiting = select(projects.c.id).where(*mine, projects.c.state == State.REQUESTED)
    if len(work.all(waiting)) >= MOST_REQUESTS:
        raise CentreError("quota", f"{MOST_REQUESTS} of your requests wait for approval already")


def _known_devices(work: Work, devices: Collection[str] | None) -> list[str]:
    if devices is None:
        return []
    if not isinstance(devices, list | tuple | set | frozenset):
        raise invalid("devices", "devices must be a list of device names, or nothing for all")
    wanted = sorted({line("devices", one, most=40) for one in devices})
    known = {row.id for row in work.all(select(_devices.c.id).where(_devices.c.id.in_(wanted)))}
    for unknown in sorted(set(wanted) - known):
        raise invalid("devices", f"there is no device {unknown!r}")
    return wanted


def _tell_leaders(work: Work, found: Membership, what: str) -> None:
    """Mail the PIs of a project, if there is mail."""
    if not work.services.mailer.available:
        return
    leaders = (
        select(users.c.email)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.project_id == found.project_id)
        .where(memberships.c.role == ProjectRole.PI, users.c.email.is_not(None))
    )
    for row in work.all(leaders):
        text = f"The project {found.row.title} ({found.row.slug}) {what}."
        post.send_after(work, row.email, f"Project {found.row.slug}", text)
