"""Verbs about the members of a project: invitations, roles, leaving."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from markaz.centre.access import LEADS, CentreRole, ProjectRole, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, conflict, forbidden, not_found
from markaz.centre.fields import choice, email, whole
from markaz.centre.ids import new_id
from markaz.centre.people import post, tokens
from markaz.centre.people import rules as people
from markaz.centre.projects import rules
from markaz.centre.projects.lifecycle import GROWING, State
from markaz.centre.projects.rules import Membership
from markaz.centre.projects.tables import invitations, memberships
from markaz.centre.work import Work

INVITED_FOR: Final = 14 * 86_400_000_000
MOST_OPEN: Final = 500  # invitations of one project
MOST_SHARES: Final = 1_000_000
# who -> which roles they may give and take
MAY_GIVE: Final[dict[ProjectRole, frozenset[ProjectRole]]] = {
    ProjectRole.PI: frozenset(ProjectRole),
    ProjectRole.CO_PI: frozenset(ProjectRole) - LEADS,
    ProjectRole.TRAINER: frozenset({ProjectRole.MEMBER}),
}
_take = email  # the verb below has an argument of that name


@verb("projects.invite", rule=rules.inviter, scope="projects:write")
def invite(
    work: Work, found: Membership, *, project: str, role: str = "member", email: str | None = None
) -> dict[str, Any]:
    """Invite somebody; whoever has the token may accept it once, within 14 days.

    It is mailed, or, without a mail server or an address, in ``secret``, shown this once.
    Errors: ``forbidden`` for a role that one may not give, ``conflict`` if the project
    takes nobody, ``quota``.
    """
    given = _given(work, found, role)
    _growing(found.row)
    _count(work, found.project_id)
    token, row = tokens.new("i"), _invitation(work, found, given)
    row["email"] = None if email is None else _take("email", email)
    work.run(insert(invitations).values(row | {"hash": token.hash}))
    work.record(found.project_id, invitation=row["id"], role=given)
    mailed = row["email"] is not None and work.services.mailer.available
    if mailed:
        _mail(work, found, row["email"], token.text)
    return row | {"mailed": mailed, "secret": None if mailed else token.text}


@verb("projects.withdraw_invitation", rule=rules.invitation, scope="projects:write")
def withdraw(work: Work, found: tuple[Membership, Any], *, invitation: str) -> dict[str, Any]:
    """End an open invitation. Errors: ``conflict`` if it was accepted."""
    row = found[1]
    still = invitations.c.id == row.id, invitations.c.accepted_at.is_(None)
    ended = {"withdrawn_at": work.now, "email": None}
    if not work.run(update(invitations).where(*still).values(ended)):
        raise conflict("this invitation was accepted")
    work.record(row.project_id, invitation=row.id)
    return {"id": row.id, "state": "withdrawn"}


@verb("projects.accept", rule=people.own, scope="projects:write")
def accept(work: Work, user: Any, *, invitation: str) -> dict[str, Any]:
    """Join a project with the token of an invitation.

    Errors: ``unauthenticated`` for a mistyped token, ``not-found`` for one that is unknown,
    used, withdrawn or expired; ``conflict`` for members and for projects that take nobody.
    """
    digest = tokens.hashed(tokens.check(invitation, "i"))
    still = (
        invitations.c.hash == digest,
        invitations.c.accepted_at.is_(None),
        invitations.c.withdrawn_at.is_(None),
        invitations.c.expires_at > work.now,
    )
    row = work.one(select(invitations).where(*still))
    used = {"accepted_at": work.now, "email": None}
    if row is None or not work.run(update(invitations).where(*still).values(used)):
        raise not_found("invitation")
    project = rules.find(work, row.project_id)
    _growing(project)
    put_member(work, project.id, user.id, ProjectRole(row.role))
    return {"project": project.id, "slug": project.slug, "role": row.role}


@verb("projects.add_member", rule=rules.operating, scope="operate")
def add(
    work: Work, found: Membership, *, project: str, user: str, role: str = "member"
) -> dict[str, Any]:
    """Put a person (login or id) into a project, as operators may. Errors: ``conflict``."""
    given = ProjectRole(choice("role", role, tuple(ProjectRole)))
    _growing(found.row)
    added = people.find(work, user)
    put_member(work, found.project_id, added.id, given)
    return {"project": found.project_id, "user": added.id, "role": given}


@verb("projects.leave", rule=rules.member, scope="projects:write")
def leave(work: Work, found: Membership, *, project: str) -> dict[str, Any]:
    """Leave a project. Errors: ``conflict`` for its last PI."""
    return _drop(work, found.project_id, found.user_id)


@verb("projects.remove_member", rule=rules.inviter, scope="projects:write")
def remove(work: Work, found: Membership, *, project: str, user: str) -> dict[str, Any]:
    """Take a member out. Errors: ``forbidden`` for a role one may not take, ``conflict``."""
    held = _held(work, found, user)
    _given(work, found, held.role)
    return _drop(work, found.project_id, held.user_id)


@verb("projects.change_role", rule=rules.lead, scope="projects:write")
def change_role(
    work: Work, found: Membership, *, project: str, user: str, role: str
) -> dict[str, Any]:
    """Give a member another role. Errors: ``forbidden``, ``conflict`` for the last PI."""
    held = _held(work, found, user)
    _given(work, found, held.role)
    given = _given(work, found, role)
    if given != ProjectRole.PI:
        keep_a_pi(work, found.project_id, held.user_id)
    there = _there(found.project_id, held.user_id)
    work.run(update(memberships).where(*there).values(role=given))
    work.record(found.project_id, user=held.user_id, role=given)
    return {"project": found.project_id, "user": held.user_id, "role": given}


@verb("projects.set_member_shares", rule=rules.sharer, scope="projects:write")
def set_shares(
    work: Work, found: Membership, *, project: str, user: str, shares: int
) -> dict[str, Any]:
    """Set a member's shares of the project's part of the machine. Errors: ``not-found``."""
    held = _held(work, found, user)
    wanted = whole("shares", shares, 0, MOST_SHARES)
    there = _there(found.project_id, held.user_id)
    work.run(update(memberships).where(*there).values(shares=wanted))
    work.record(found.project_id, user=held.user_id, shares=wanted)
    work.after(work.services.listener.rules_changed)
    return {"project": found.project_id, "user": held.user_id, "shares": wanted}


def put_member(work: Work, project_id: str, user_id: str, role: ProjectRole) -> None:
    """Make a person a member, with its audit entry. Raises CentreError ``conflict``."""
    row = {"project_id": project_id, "user_id": user_id, "role": role, "joined_at": work.now}
    with unique("this person is a member already"):
        work.run(insert(memberships).values(row))
    work.record(project_id, user=user_id, role=role)
    work.after(work.services.listener.rules_changed)


def keep_a_pi(work: Work, project_id: str, leaving: str) -> None:
    """Raise CentreError ``conflict`` if the project has no PI but ``leaving``.

    Locks the PIs' rows first: two of them cannot leave at once.
    """
    leaders = select(memberships.c.user_id).where(
        memberships.c.project_id == project_id, memberships.c.role == ProjectRole.PI
    )
    work.all(leaders.order_by("user_id").with_for_update())
    if [row.user_id for row in work.all(leaders)] == [leaving]:
        raise conflict("a project keeps at least one PI; make another member PI first")


def _drop(work: Work, project_id: str, user_id: str) -> dict[str, Any]:
    keep_a_pi(work, project_id, user_id)
    work.run(delete(memberships).where(*_there(project_id, user_id)))
    work.record(project_id, left=user_id)
    work.after(work.services.listener.rules_changed)
    return {"project": project_id, "user": user_id, "role": None}


def _given(work: Work, found: Membership, role: str) -> ProjectRole:
    """``role``, if the actor may give and take it in this project."""
    given = ProjectRole(choice("role", role, tuple(ProjectRole)))
    mine = MAY_GIVE.get(found.role, frozenset()) if found.role else frozenset()
    if given not in mine and not work.actor.has(CentreRole.OPERATOR):
        raise forbidden(f"you may not give or take the role {given!r} in this project")
    return given


def _held(work: Work, found: Membership, user: str) -> Any:
    """The membership of ``user`` (login or id). Raises CentreError ``not-found``."""
    try:
        wanted = people.find(work, user).id
    except CentreError:
        raise not_found("member") from None
    row = work.one(select(memberships).where(*_there(found.project_id, wanted)))
    if row is None:
        raise not_found("member")
    return row


def _there(project_id: str, user_id: str) -> tuple[Any, Any]:
    return memberships.c.project_id == project_id, memberships.c.user_id == user_id


def _growing(row: Any) -> None:
    if State(row.state) not in GROWING:
        raise conflict(f"the project {row.slug!r} is {row.state} and takes no members")


def _count(work: Work, project_id: str) -> None:
    still = (
        invitations.c.accepted_at.is_(None),
        invitations.c.withdrawn_at.is_(None),
        invitations.c.expires_at > work.now,
    )
    mine = select(invitations.c.id).where(invitations.c.project_id == project_id, *still)
    if len(work.all(mine.limit(MOST_OPEN))) == MOST_OPEN:
        raise CentreError("quota", f"{MOST_OPEN} invitations to this project are open already")


def _invitation(work: Work, found: Membership, role: ProjectRole) -> dict[str, Any]:
    return {
        "id": new_id(work.now),
        "project_id": found.project_id,
        "invited_by": work.actor.id,
        "role": role,
        "created_at": work.now,
        "expires_at": work.now + INVITED_FOR,
    }


def _mail(work: Work, found: Membership, to: str, token: str) -> None:
    post.send_after(
        work,
        to,
        f"Invitation to {found.row.slug}",
        f"You are invited to the project {found.row.title}.\n\n{token}\n\n"
        "Accept it with this token, once, within 14 days. You need an account first.",
    )
