"""What can be asked about announcements."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select

from markaz.centre.access import CentreRole, anyone, query
from markaz.centre.announcements.documents import document
from markaz.centre.announcements.tables import announcements
from markaz.centre.errors import CentreError, forbidden, invalid
from markaz.centre.fields import flag, known_id, whole
from markaz.centre.work import Work


@query("announcements.list", rule=anyone, scope=None)
def list_announcements(
    work: Work, _subject: None, *, every: bool = False, limit: int = 20, after: str | None = None
) -> dict[str, Any]:
    """What is announced now, the newest first; with ``every``, for operators, all there was."""
    size = whole("limit", limit, 1, 200)
    columns = announcements.c
    wanted = select(announcements).order_by(columns.id.desc()).limit(size + 1)
    if flag("every", every):
        if not work.actor.has(CentreRole.OPERATOR):
            raise forbidden("operators see announcements that are not shown")
    else:
        open_end = or_(columns.ends_at.is_(None), columns.ends_at > work.now)
        wanted = wanted.where(columns.starts_at <= work.now, open_end)
    if after is not None:
        wanted = wanted.where(columns.id < _cursor(after))
    rows = work.all(wanted)
    items = [document(row) for row in rows[:size]]
    return {"items": items, "next": items[-1]["announcement"] if len(rows) > size else None}


def _cursor(after: str) -> str:
    try:
        return known_id("announcement", after)
    except CentreError:
        raise invalid("after", "this is no cursor of a list of announcements") from None
