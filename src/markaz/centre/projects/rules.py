"""Who may do what in a project. Whoever may not see one is told that there is none.

Other parts of the centre ask here too: ``member``, ``working_member``, ``lead``,
``may_use_device``, ``visible_jobs``, ``may_see_contents``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from markaz.centre.access import LEADS, CentreRole, ProjectRole, person
from markaz.centre.db.frequent import Frequent
from markaz.centre.errors import conflict, forbidden, not_found
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.tables import invitations, memberships, project_devices, projects
from markaz.centre.work import Work

# A slug, which ids have the form of too (but no slug has the form of an id).
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
SEE_ALL_JOBS: Final = LEADS | {ProjectRole.TRAINER}
SET_SHARES: Final = LEADS | {ProjectRole.ALLOCATOR}
INVITE: Final = LEADS | {ProjectRole.TRAINER}
LOOKERS: Final = (CentreRole.OPERATOR, CentreRole.DIRECTOR, CentreRole.ALLOCATOR)
MANAGERS: Final = (CentreRole.OPERATOR, CentreRole.ALLOCATOR)


@dataclass(frozen=True, slots=True)
class Membership:
    """What a person is in a project; ``role`` None: not in it, but allowed to look.

    ``row`` is the project's row.
    """

    row: Any
    user_id: str
    role: ProjectRole | None
    shares: int = 0

    @property
    def project_id(self) -> str:
        """The project's id."""
        return str(self.row.id)

    @property
    def is_lead(self) -> bool:
        """Whether this is the PI or a co-PI."""
        return self.role in LEADS


def member(work: Work, project: Any, **_: Any) -> Membership:
    """The membership of whoever asks. Raises CentreError ``not-found`` for outsiders."""
    found = _membership(work, project)
    if found.role is None:
        raise not_found("project")
    return found


def viewer(work: Work, project: Any, **_: Any) -> Membership:
    """A member, or who may look at every project: operators, directors, allocators."""
    found = _membership(work, project)
    if found.role is None and not work.actor.has(*LOOKERS):
        raise not_found("project")
    return found


def ask_member(work: Work, project: Any) -> None:
    """Say that ``member`` or ``working_member`` will be called (``Frequent.ahead``)."""
    if _is_name(project):
        _MEMBERSHIP.ahead(work.connection, {"user": work.actor.id, "name": project})


def working_member(work: Work, project: Any, **_: Any) -> Membership:
    """A member of a project that is active now: who may submit jobs and open sessions.

    Raises CentreError ``not-found`` for outsiders, ``conflict`` if the project does not run.
    """
    found = member(work, project)
    row = found.row
    if row.state != State.ACTIVE:
        raise conflict(f"the project {row.slug!r} is {row.state}", state=row.state)
    if row.starts_at is not None and work.now < row.starts_at:
        raise conflict(f"the project {row.slug!r} has not begun", starts_at=row.starts_at)
    if row.ends_at is not None and work.now >= row.ends_at:
        raise conflict(f"the project {row.slug!r} has ended", ends_at=row.ends_at)
    return found


def lead(work: Work, project: Any, **_: Any) -> Membership:
    """The PI, a co-PI, or an operator. ``forbidden`` for other members."""
    return _with_role(work, project, LEADS, "the PI or a co-PI")


def inviter(work: Work, project: Any, **_: Any) -> Membership:
    """Who may bring members in: leads, trainers, operators."""
    return _with_role(work, project, INVITE, "the PI, a co-PI or a trainer")


def sharer(work: Work, project: Any, **_: Any) -> Membership:
    """Who may set members' shares: leads, the project's allocator, operators."""
    return _with_role(work, project, SET_SHARES, "the PI, a co-PI or the resource allocator")


def manager(work: Work, project: Any, **_: Any) -> Membership:
    """An operator or resource allocator of the centre; outsiders learn nothing."""
    found = viewer(work, project)
    if not work.actor.has(*MANAGERS):
        raise forbidden("operators and resource allocators of the centre do this")
    return found


def operating(work: Work, project: Any, **_: Any) -> Membership:
    """An operator; outsiders learn nothing."""
    found = viewer(work, project)
    if not work.actor.has(CentreRole.OPERATOR):
        raise forbidden("operators do this")
    return found


def invitation(work: Work, *, invitation: str, **_: Any) -> tuple[Membership, Any]:
    """Who may withdraw an invitation, and its row."""
    person(work)
    row = None
    if isinstance(invitation, str) and NAME.fullmatch(invitation):
        row = work.one(select(invitations).where(invitations.c.id == invitation))
    if row is None:
        raise not_found("invitation")
    found = _membership(work, row.project_id)
    if found.role not in INVITE and not work.actor.has(CentreRole.OPERATOR):
        raise not_found("invitation")
    return found, row


def may_use_device(work: Work, membership: Membership, device: str) -> None:
    """Raise CentreError ``forbidden`` unless the project may use the device (an id)."""
    if membership.row.any_device:
        return
    listed = select(project_devices.c.device_id).where(
        project_devices.c.project_id == membership.project_id,
        project_devices.c.device_id == device,
    )
    if work.one(listed) is None:
        raise forbidden(f"the project {membership.row.slug!r} may not use the device {device!r}")


def visible_jobs(work: Work, membership: Membership) -> str | None:
    """Whose jobs of the project may be seen: one person's (an id), or None for all."""
    everybody = membership.row.job_visibility == "all" or membership.role in SEE_ALL_JOBS
    looks = work.actor.has(CentreRole.OPERATOR, CentreRole.DIRECTOR)
    return None if everybody or looks else membership.user_id


def may_see_contents(work: Work, membership: Membership, owner: str, private: bool) -> bool:
    """Whether program and result of a job may be seen; a private one's by its owner only."""
    if owner == membership.user_id:
        return True
    return not private and visible_jobs(work, membership) is None


def find(work: Work, project: Any) -> Any:
    """The row of a project, by id or slug, whoever asks. Raises CentreError ``not-found``."""
    row = work.one(_named(select(projects), project)) if _is_name(project) else None
    if row is None:
        raise not_found("project")
    return row


def _is_name(project: Any) -> bool:
    return isinstance(project, str) and NAME.fullmatch(project) is not None


def _named(statement: Select[Any], project: str) -> Select[Any]:
    return statement.where((projects.c.id == project) | (projects.c.slug == project))


_MEMBERSHIP: Final = Frequent(
    select(projects, memberships.c.role, memberships.c.shares.label("member_shares"))
    .outerjoin(
        memberships,
        (memberships.c.project_id == projects.c.id) & (memberships.c.user_id == bindparam("user")),
    )
    .where((projects.c.id == bindparam("name")) | (projects.c.slug == bindparam("name")))
)


def _membership(work: Work, project: Any) -> Membership:
    """What the actor is in the project, if anything; one indexed read.

    A key that is bound to another project sees none but its own.
    """
    person(work)
    asked = {"user": work.actor.id, "name": project}
    row = _MEMBERSHIP.first(work.connection, asked) if _is_name(project) else None
    if row is None or work.actor.project not in (None, row.id):
        raise not_found("project")
    role = None if row.role is None else ProjectRole(row.role)
    return Membership(row, work.actor.id, role, row.member_shares or 0)


def _with_role(work: Work, project: Any, roles: frozenset[ProjectRole], words: str) -> Membership:
    found = viewer(work, project)
    if found.role not in roles and not work.actor.has(CentreRole.OPERATOR):
        raise forbidden(f"{words} of the project may do this")
    return found
