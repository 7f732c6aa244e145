"""Who may see and change the ledger. Another tenant's ledger is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import or_, select

from markaz.centre.access import LEADS, CentreRole, ProjectRole, holder_of, person
from markaz.centre.errors import not_found
from markaz.centre.fields import known_id
from markaz.centre.ids import is_id
from markaz.centre.ledger.entries import find
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.work import Work

ALLOTTERS: Final = (CentreRole.OPERATOR, CentreRole.ALLOCATOR)
LOOKERS: Final = (*ALLOTTERS, CentreRole.DIRECTOR)
ACCOUNTANTS: Final = LEADS | {ProjectRole.ALLOCATOR}

allotter: Final = holder_of(*ALLOTTERS)


@dataclass(frozen=True, slots=True)
class Account:
    """A project whose ledger somebody may look at; all its entries, or only their own."""

    project: Any
    all_entries: bool


def account(work: Work, *, project: Any, **_: Any) -> Account:
    """Members of the project, and whoever watches over all credits; by id or short name."""
    person(work)
    row = project_row(work, project)
    bound = work.actor.project
    if bound is not None and bound != row.id:
        raise not_found("project")
    if work.actor.has(*LOOKERS):
        return Account(row, True)
    role = work.one(
        select(memberships.c.role).where(
            memberships.c.project_id == row.id, memberships.c.user_id == work.actor.id
        )
    )
    if role is None:
        raise not_found("project")
    return Account(row, role.role in ACCOUNTANTS or row.job_visibility == "all")


def account_if_named(work: Work, *, project: Any = None, **_: Any) -> Account | None:
    """Whoever is logged in; with a project, whoever may see its account."""
    person(work)
    return None if project is None else account(work, project=project)


def granted_project(work: Work, *, project: Any, **_: Any) -> Any:
    """Who allots credits; the project's row."""
    allotter(work)
    return project_row(work, project)


def allotted(work: Work, *, allocation: Any, **_: Any) -> Any:
    """Who allots credits; the allocation's row."""
    allotter(work)
    return find(work, known_id("allocation", allocation))


def project_row(work: Work, project: Any) -> Any:
    """A project by its id or its short name. Raises CentreError ``not-found``."""
    row = None
    if isinstance(project, str) and 0 < len(project) <= 64:
        mine = [projects.c.slug == project]
        if is_id(project):
            mine.append(projects.c.id == project)
        row = work.one(select(projects).where(or_(*mine)))
    if row is None:
        raise not_found("project")
    return row
