"""What persons have used of the devices, decayed: one row for each person in a project."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, update

from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent
from markaz.centre.jobs.fairtree import decayed
from markaz.centre.jobs.tables import usage
from markaz.centre.work import Work

_ROW: Final = Frequent(
    select(usage.c.amount, usage.c.as_of).where(
        usage.c.project_id == bindparam("project"), usage.c.user_id == bindparam("user")
    )
)
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


def add(work: Work, project: str, user: str, seconds: float) -> None:
    """Count ``seconds`` of a device, used until now.

    If another server changes the row in between, look again.
    """
    if seconds <= 0:
        return
    half_life = work.services.settings["half_life_days"] * 86400.0
    who = {"project": project, "user": user}
    while True:
        row = _ROW.first(work.connection, who)
        if row is None:
            new = {"project_id": project, "user_id": user, "amount": 0.0, "as_of": work.now}
            dialect.insert_or_ignore(work.connection, usage, [new])
            continue
        amount = float(decayed(row.amount, row.as_of, work.now, half_life)) + seconds
        change = {"before": row.as_of, "old": row.amount, "new": amount, "now": work.now}
        if _CHANGE.run(work.connection, who | change):
            return
