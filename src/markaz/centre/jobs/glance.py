"""Jobs as the runtime client asks for them: one indexed row, no join, nothing decoded.

Such a client asks for the state of each job of its user twice a second, for ever.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, select, text

from markaz.centre import fields
from markaz.centre.access import person, query
from markaz.centre.db.frequent import Frequent
from markaz.centre.errors import not_found
from markaz.centre.fields import known_id
from markaz.centre.jobs.listing import first_since
from markaz.centre.jobs.rules import Seen, seen
from markaz.centre.jobs.states import FINAL
from markaz.centre.jobs.tables import OPEN, jobs, sessions
from markaz.centre.projects import rules as project_rules
from markaz.centre.work import Work

MOST: Final = 200  # jobs of one answer
COUNTED: Final = 100_000  # jobs up to which all that match are counted
NAMES: Final = (
    "id", "kind", "state", "reason", "note", "device_id", "project_id", "user_id", "session_id",
    "tags", "private", "limit_seconds", "predicted_seconds", "run_seconds", "cancel_by",
    "error_kind", "error_message", "created_at", "started_at", "ended_at", "swept_at",
    "deleted_at",
)  # fmt: skip
COLUMNS: Final = tuple(jobs.c[name] for name in NAMES)
_ONE: Final = Frequent(select(*COLUMNS).where(jobs.c.id == bindparam("job")))


def glancer(work: Work, *, job: Any, **_: Any) -> Seen:
    """As ``rules.reader``, but the row has only ``NAMES``; a deleted job is not there."""
    person(work)
    row = _ONE.first(work.connection, {"job": known_id("job", job)})
    if row is None or row.deleted_at is not None:
        raise not_found("job")
    return seen(work, row)


@query("jobs.glance", rule=glancer, scope="jobs:read")
def glance(work: Work, found: Seen, *, job: Any) -> dict[str, Any]:
    """A job's row by the names of ``NAMES``; ``tags`` as JSON text, as they are stored."""
    return dict(found.row._asdict())


def own_in_project(work: Work, *, project: Any = None, **_: Any) -> str | None:
    """A member's own jobs in one project, or, without one, in all; the project's id."""
    person(work)
    if project is None:
        return work.actor.project
    return project_rules.member(work, project).project_id


@query("jobs.glances", rule=own_in_project, scope="jobs:read")
def glances(
    work: Work,
    within: str | None,
    *,
    project: Any = None,
    device: Any = None,
    session: Any = None,
    kind: Any = None,
    tags: Sequence[Any] = (),
    pending: bool | None = None,
    alone: bool = False,
    since: Any = None,
    until: Any = None,
    before: Any = None,
    oldest_first: bool = False,
    limit: Any = 10,
    offset: Any = 0,
) -> dict[str, Any]:
    """One's own jobs, the newest first or the oldest: rows as ``jobs.glance`` answers them.

    ``pending``: those that have not ended, or those that have; ``tags``: jobs that have all of
    them; ``alone``: those of no session; ``since``, ``until``: times of submission,
    microseconds UTC; ``before``: those with a smaller id. ``count``: how many there are
    without ``before``, counted up to ``COUNTED``.
    """
    size, skip = fields.whole("limit", limit, 1, MOST), fields.whole("offset", offset, 0, 2**31)
    c = jobs.c
    wanted: list[Any] = [c.user_id == work.actor.id, c.deleted_at.is_(None)]
    wanted += _equal((c.project_id, within), (c.device_id, device), (c.session_id, session))
    wanted += [*_equal((c.kind, kind)), *_having(tags), *_in_state(pending)]
    wanted += [c.session_id.is_(None)] if alone else []
    wanted += _handed_in(work, since, until)
    last = [] if before is None else [c.seq < _seq_of(work, known_id("job", before))]
    order = c.seq if oldest_first else c.seq.desc()
    rows = work.all(select(*COLUMNS).where(*wanted, *last).order_by(order).limit(size).offset(skip))
    return {"items": [dict(row._mapping) for row in rows], "count": _count(work, jobs, wanted)}


def _equal(*pairs: tuple[Any, Any]) -> list[Any]:
    """Conditions for what is given."""
    return [
        column == fields.line(column.name, value) for column, value in pairs if value is not None
    ]


def _having(tags: Sequence[Any]) -> list[Any]:
    written = (fields.line("tags", tag, most=86) for tag in tags)
    texts = (json.dumps(tag, ensure_ascii=False) for tag in written)
    return [jobs.c.tags.contains(text_, autoescape=True) for text_ in texts]


def _in_state(pending: bool | None) -> list[Any]:
    if pending is None:
        return []
    return [text(OPEN)] if pending else [jobs.c.state.in_(sorted(FINAL))]


def _handed_in(work: Work, since: Any, until: Any) -> list[Any]:
    found = []
    if since is not None:
        found.append(jobs.c.seq >= first_since(work, fields.moment("since", since)))
    if until is not None:
        found.append(jobs.c.seq < first_since(work, fields.moment("until", until) + 1))
    return found


def _seq_of(work: Work, job: str) -> int:
    """The number of the first job with this id or a later one."""
    found = select(jobs.c.seq).where(jobs.c.id >= job).order_by(jobs.c.id).limit(1)
    seq = work.connection.execute(found).scalar()
    return (1 << 62) if seq is None else int(seq)


def _count(work: Work, table: Any, wanted: list[Any]) -> int:
    some = select(table.c.id).where(*wanted).limit(COUNTED).subquery()
    return int(work.connection.execute(select(func.count()).select_from(some)).scalar_one())


@query("sessions.own", rule=own_in_project, scope="jobs:read")
def own_sessions(
    work: Work,
    within: str | None,
    *,
    project: Any = None,
    device: Any = None,
    mode: Any = None,
    since: Any = None,
    until: Any = None,
    before: Any = None,
    limit: Any = 10,
) -> dict[str, Any]:
    """One's own sessions, the newest first: rows; parameters and ``count`` as ``jobs.glances``."""
    s = sessions.c
    wanted: list[Any] = [s.user_id == work.actor.id]
    wanted += _equal((s.project_id, within), (s.device_id, device), (s.mode, mode))
    if since is not None:
        wanted.append(s.created_at >= fields.moment("since", since))
    if until is not None:
        wanted.append(s.created_at <= fields.moment("until", until))
    last = [] if before is None else [s.id < known_id("session", before)]
    size = fields.whole("limit", limit, 1, MOST)
    rows = work.all(select(sessions).where(*wanted, *last).order_by(s.id.desc()).limit(size))
    return {
        "items": [dict(row._mapping) for row in rows],
        "count": _count(work, sessions, wanted),
    }
