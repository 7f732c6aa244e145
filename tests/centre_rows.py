"""People, projects and work for tests of the centre, put straight into its tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, insert, select

from markaz.centre.access import SYSTEM, CentreRole, Principal, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db import dialect
from markaz.centre.db.schema import devices, people, projects
from markaz.centre.devices.shipped import SIMULATOR
from markaz.centre.ids import new_id
from markaz.centre.work import Work

DAY = 86_400_000_000


def do(centre: Centre, action: Callable[[Work], Any], actor: Principal = SYSTEM) -> Any:
    """What ``action`` returns, done in a durable transaction (no verb, no audit)."""

    def change(connection: Any) -> Any:
        now = dialect.now(connection, centre.services.clock)
        return action(Work(connection, now, actor, centre.services))

    return centre.writer.submit(change).result()


def look(centre: Centre, action: Callable[[Work], Any], actor: Principal = SYSTEM) -> Any:
    """What ``action`` returns, from a snapshot."""
    with dialect.read_connection(centre.engine) as connection:
        return action(Work(connection, centre.services.clock.now(), actor, centre.services))


def put(centre: Centre, table: Table, /, **values: Any) -> None:
    do(centre, lambda work: work.run(insert(table).values(**values)))


def rows(centre: Centre, table: Table) -> list[dict[str, Any]]:
    """All rows, by primary key."""
    wanted = select(table).order_by(*table.primary_key.columns)
    return [dict(row._mapping) for row in look(centre, lambda work: work.all(wanted))]


def institution(centre: Centre, name: str = "University") -> str:
    now = centre.services.clock.now()
    put(centre, people.institutions, id=(key := new_id(now)), name=name, created_at=now)
    return key


def person(
    centre: Centre, login: str, *roles: CentreRole, at: str | None = None, **values: Any
) -> Principal:
    """A person with ``roles`` at the centre, at the institution ``at`` (a new one if None)."""
    now = centre.services.clock.now()
    put(
        centre, people.users, id=(key := new_id(now)), login=login,
        institution_id=at or institution(centre, f"University of {login}"), created_at=now,
        **{"name": login.title(), "state": "active", "email": f"{login}@example.org"} | values,
    )  # fmt: skip
    return Principal(key, "user", frozenset(roles))


def simulator(centre: Centre, **values: Any) -> None:
    """The simulator alone of the shipped devices; the others take much longer."""
    device = SIMULATOR | {"description": json.dumps(SIMULATOR["description"])}
    about = {"status": "idle", "accepting": True} | values
    put(centre, devices.devices, **device, **about, created_at=centre.services.clock.now())


def project(
    centre: Centre,
    slug: str = "physics",
    members: dict[Principal, ProjectRole] | None = None,
    at: str | None = None,
    **values: Any,
) -> str:
    """An active project with ``members``, at the institution ``at`` (a new one if None)."""
    now = centre.services.clock.now()
    put(
        centre, projects.projects, id=(key := new_id(now)), slug=slug, title=slug.title(),
        institution_id=at or institution(centre, f"Institute of {slug}"), created_at=now,
        **{"state": "active", "any_device": True} | values,
    )  # fmt: skip
    for member, role in (members or {}).items():
        put(
            centre, projects.memberships, project_id=key, user_id=member.id, role=role,
            joined_at=now,
        )  # fmt: skip
    return key
