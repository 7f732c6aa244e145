"""What persons have used of the devices, decayed: one row for each person in a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update

from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent, listed, spread
from markaz.centre.jobs.fairtree import decayed
from markaz.centre.jobs.tables import jobs, usage
from markaz.centre.work import Work


@listed
def _rows(size: int) -> Select[Any]:
    """The rows of whoever some jobs belong to."""
    names = [bindparam(f"v{i}", type_=jobs.c.id.type) for i in range(size)]
    owner = (jobs.c.project_id == usage.c.project_id) & (jobs.c.user_id == usage.c.user_id)
    return select(usage).join(jobs, owner).where(jobs.c.id.in_(names))


_CHANGE: Final = Frequent(
    update(usage)
    .where(
        usage.c.project_id == bindparam("project"),
        usage.c.user_id == bindparam("user"),
        usage.c.as_of == bindparam("before"),
        usage.c.amount == bindparam("old"),
    )
    .values(amount=bindparam("new"), as_of=bindparam("now"))
)


def ask(work: Work, ended: Sequence[str]) -> None:
    """Say that ``add`` will be called for these jobs (``Frequent.ahead``)."""
    _rows(len(ended)).ahead(work.connection, spread(ended))


def add(work: Work, ended: Sequence[str], used: Mapping[tuple[str, str], float]) -> None:
    """Count seconds of a device that jobs which end now used, by project and user.

    If another server changes a row in between, the change is done again (``line.Overtaken``).
    """
    rows = _rows(len(ended)).all(work.connection, spread(ended))
    found = {(row.project_id, row.user_id): (row.amount, row.as_of) for row in rows}
    half_life = work.services.settings["half_life_days"] * 86400.0
    for project, user in sorted(used):
        if (seconds := used[project, user]) <= 0:
            continue
        old, before = found.get((project, user)) or _begun(work, project, user)
        new = float(decayed(old, before, work.now, half_life)) + seconds
        change = {"before": before, "old": old, "new": new, "now": work.now}
        row = {"project": project, "user": user, **change}
        _CHANGE.post(work.connection, [row], touching=1)


def _begun(work: Work, project: str, user: str) -> tuple[float, int]:
    row = {"project_id": project, "user_id": user, "amount": 0.0, "as_of": work.now}
    dialect.insert_or_ignore(work.connection, usage, [row])
    return 0.0, work.now
