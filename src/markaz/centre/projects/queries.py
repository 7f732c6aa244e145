"""What can be asked about projects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from markaz.centre.access import person, query
from markaz.centre.errors import forbidden
from markaz.centre.fields import choice, flag
from markaz.centre.people.queries import page, paged
from markaz.centre.people.tables import users
from markaz.centre.projects import rules
from markaz.centre.projects.documents import invitation_document, member_document, project_document
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.rules import Membership
from markaz.centre.projects.tables import invitations, memberships, project_devices, projects
from markaz.centre.work import Work


@query("projects.show", rule=rules.viewer, scope="projects:read")
def show(work: Work, found: Membership, *, project: str) -> dict[str, Any]:
    """One project, with the devices that it may use (None: all)."""
    listed = select(project_devices.c.device_id).where(
        project_devices.c.project_id == found.project_id
    )
    devices = None if found.row.any_device else sorted(r.device_id for r in work.all(listed))
    return project_document(found.row, found.role) | {"devices": devices}


@query("projects.list", rule=person, scope="projects:read")
def list_projects(
    work: Work,
    _subject: None,
    *,
    state: str | None = None,
    everybodys: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> dict[str, Any]:
    """The own projects, or, for those who may look at all, ``everybodys``.

    Errors: ``forbidden``.
    """
    if flag("everybodys", everybodys) and not work.actor.has(*rules.LOOKERS):
        raise forbidden("operators, directors and allocators see everybody's projects")
    mine = (memberships.c.project_id == projects.c.id) & (memberships.c.user_id == work.actor.id)
    wanted = select(projects, memberships.c.role)
    wanted = wanted.outerjoin(memberships, mine) if everybodys else wanted.join(memberships, mine)
    if work.actor.project is not None:
        wanted = wanted.where(projects.c.id == work.actor.project)
    if state is not None:
        wanted = wanted.where(projects.c.state == choice("state", state, tuple(State)))
    rows = page(work, wanted, projects.c.id, limit, after)
    return paged([project_document(row, row.role) for row in rows], limit)


@query("projects.members", rule=rules.viewer, scope="projects:read")
def list_members(
    work: Work, found: Membership, *, project: str, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """Members with their roles; mail addresses for leads and those who look at all."""
    wanted = (
        select(memberships, users.c.login, users.c.name, users.c.email)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.project_id == found.project_id)
    )
    contact = found.is_lead or work.actor.has(*rules.LOOKERS)
    rows = page(work, wanted, memberships.c.user_id, limit, after)
    return paged([member_document(row, contact=contact) for row in rows], limit, "user")


@query("projects.invitations", rule=rules.inviter, scope="projects:read")
def list_invitations(
    work: Work, found: Membership, *, project: str, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """Invitations to a project, without their tokens."""
    wanted = select(invitations).where(invitations.c.project_id == found.project_id)
    rows = page(work, wanted, invitations.c.id, limit, after)
    return paged([invitation_document(row, work.now) for row in rows], limit)
