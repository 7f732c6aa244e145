"""Who may announce: operators. Who may read: everybody."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from markaz.centre.access import operator
from markaz.centre.announcements.tables import announcements
from markaz.centre.errors import not_found
from markaz.centre.fields import known_id
from markaz.centre.work import Work


def managed(work: Work, *, announcement: Any, **_: Any) -> Any:
    """An operator; the announcement's row."""
    operator(work)
    wanted = known_id("announcement", announcement)
    row = work.one(select(announcements).where(announcements.c.id == wanted))
    if row is None:
        raise not_found("announcement")
    return row
