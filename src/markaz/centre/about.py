"""What a centre says of itself."""

from __future__ import annotations

import shutil
from typing import Any, Final

from sqlalchemy import select

from markaz.centre import fields
from markaz.centre.access import CentreRole, holder_of, query
from markaz.centre.db import dialect
from markaz.centre.ids import is_id
from markaz.centre.people.tables import users
from markaz.centre.projects.tables import projects
from markaz.centre.work import Work

MOST_NAMES: Final = 500
_looker: Final = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)


@query("settings.list", rule=_looker, scope="operate")
def settings(work: Work, _subject: None) -> dict[str, Any]:
    """Every setting with its value; secrets are masked."""
    return {"items": work.services.settings.shown(), "next": None}


@query("centre.health", rule=_looker, scope="operate")
def health(work: Work, _subject: None) -> dict[str, Any]:
    """How the server fares: its chores with their last turns, the database, the disk.

    Sizes in bytes. Chores are known to the process that does them.
    """
    disk = shutil.disk_usage(work.services.settings.data)
    chores = work.services.chores
    return {
        "at": work.now,
        "chores": [
            {
                "chore": name,
                "every_seconds": turns.every_seconds,
                "last_at": turns.last_at,
                "error": turns.error,
                "failures": turns.failures,
            }
            for name, turns in list(chores.items())
        ],
        "database": {
            "kind": work.connection.dialect.name,
            "bytes": dialect.size(work.connection),
        },
        "disk": {"total": disk.total, "free": disk.free},
    }


@query("centre.names", rule=_looker, scope="operate")
def names(work: Work, _subject: None, *, ids: str) -> dict[str, Any]:
    """What the people and projects are called that ``ids`` (divided by commas) names."""
    wanted = set(fields.line("ids", ids, least=0, most=41 * MOST_NAMES).split(","))
    known = sorted(one for one in wanted if is_id(one))
    people = work.all(select(users.c.id, users.c.login, users.c.name).where(users.c.id.in_(known)))
    own = select(projects.c.id, projects.c.slug, projects.c.title)
    return {
        "people": {row.id: {"login": row.login, "name": row.name} for row in people},
        "projects": {
            row.id: {"slug": row.slug, "title": row.title}
            for row in work.all(own.where(projects.c.id.in_(known)))
        },
    }
