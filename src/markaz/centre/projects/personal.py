"""What projects hold about a person: exported and erased with the rest (people.personal)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from markaz.centre.errors import CentreError, conflict
from markaz.centre.people import personal
from markaz.centre.people.tables import users
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.members import keep_a_pi
from markaz.centre.projects.tables import invitations, memberships, projects
from markaz.centre.work import Work


def export(work: Work, user_id: str) -> dict[str, Any]:
    """Memberships, and invitations that the person made."""
    mine = (
        select(projects.c.slug, memberships)
        .join(memberships, memberships.c.project_id == projects.c.id)
        .where(memberships.c.user_id == user_id)
        .order_by(projects.c.slug)
    )
    shown = ("id", "project_id", "email", "role", "created_at", "expires_at", "accepted_at")
    made = select(*(invitations.c[name] for name in shown)).where(
        invitations.c.invited_by == user_id
    )
    return {
        "memberships": [dict(row._mapping) for row in work.all(mine)],
        "invitations": [dict(row._mapping) for row in work.all(made.order_by(invitations.c.id))],
    }


def erase(work: Work, user_id: str) -> None:
    """Leave every project; forget the address in invitations.

    Raises CentreError ``conflict`` for the last PI of a project that is not closed.
    """
    mine = select(projects.c.id, projects.c.slug, projects.c.state).join(
        memberships, memberships.c.project_id == projects.c.id
    )
    for row in work.all(mine.where(memberships.c.user_id == user_id)):
        if row.state != State.CLOSED:
            _may_leave(work, row, user_id)
    work.run(delete(memberships).where(memberships.c.user_id == user_id))
    address = select(users.c.email).where(users.c.id == user_id).scalar_subquery()
    work.run(update(invitations).where(invitations.c.email == address).values(email=None))
    work.after(work.services.listener.rules_changed)


def _may_leave(work: Work, project: Any, user_id: str) -> None:
    try:
        keep_a_pi(work, project.id, user_id)
    except CentreError:
        raise conflict(
            f"this person is the last PI of the project {project.slug!r}; "
            "make another member PI, or close it, first",
            project=project.id,
        ) from None


personal.register("projects", export, erase)
