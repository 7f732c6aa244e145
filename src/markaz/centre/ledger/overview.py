"""All projects with their credits, for those who watch over them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, or_, select

from markaz.centre.access import ProjectRole, holder_of, query
from markaz.centre.fields import choice, line
from markaz.centre.ledger.rules import LOOKERS
from markaz.centre.ledger.tables import allocations
from markaz.centre.people.queries import page, paged
from markaz.centre.people.tables import institutions, users
from markaz.centre.projects.documents import project_document
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.work import Work

_SUMS = ("granted", "reserved", "charged")


@query("ledger.overview", rule=holder_of(*LOOKERS), scope="operate")
def overview(
    work: Work, _: None, *, state: str | None = None, search: str | None = None,
    limit: int = 50, after: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Projects, the oldest first, each with its institution, its PIs and its credits in force.

    ``search`` looks in the short name, the title and the programme.
    """
    wanted = select(projects, institutions.c.name.label("institution_name")).join(
        institutions, institutions.c.id == projects.c.institution_id
    )
    if state is not None:
        wanted = wanted.where(projects.c.state == choice("state", state, tuple(State)))
    if search is not None:
        part = line("search", search, most=100)
        columns = (projects.c.slug, projects.c.title, projects.c.programme)
        wanted = wanted.where(or_(*(c.icontains(part, autoescape=True) for c in columns)))
    rows = page(work, wanted, projects.c.id, limit, after)
    ids = [row.id for row in rows]
    credits = {row.project_id: row for row in work.all(_in_force(work, ids))}
    leads = _leads(work, ids)
    items = []
    for row in rows:
        found = credits.get(row.id)
        sums = {name: int(getattr(found, name)) if found else 0 for name in _SUMS}
        free = sums["granted"] - sums["reserved"] - sums["charged"]
        more = {"institution_name": row.institution_name, "leads": leads.get(row.id, [])}
        items.append(project_document(row) | more | sums | {"free": free})
    return paged(items, limit)


def _in_force(work: Work, ids: list[str]) -> Select[Any]:
    c = allocations.c
    return (
        select(c.project_id, *(func.sum(c[name]).label(name) for name in _SUMS))
        .where(c.project_id.in_(ids), c.state == "active")
        .where(c.starts_at <= work.now, c.ends_at > work.now)
        .group_by(c.project_id)
    )


def _leads(work: Work, ids: list[str]) -> dict[str, list[str]]:
    """The names of each project's PIs."""
    rows = work.all(
        select(memberships.c.project_id, users.c.name)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.project_id.in_(ids), memberships.c.role == ProjectRole.PI)
        .order_by(memberships.c.joined_at)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.project_id, []).append(row.name)
    return found
