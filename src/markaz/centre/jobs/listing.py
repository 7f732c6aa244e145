"""Lists of jobs, in pages, whatever is filtered and however many are stored.

The newest first, by an index on whose jobs they are. Filters that no index serves look at
``WINDOW`` jobs for a page, so that a page costs the same with a million jobs stored; it may
then hold fewer jobs than were asked for although more follow, and ``next`` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select, text

from markaz.centre import fields
from markaz.centre.access import CentreRole, person
from markaz.centre.errors import invalid
from markaz.centre.ids import ALPHABET
from markaz.centre.jobs.documents import COLUMNS, summary
from markaz.centre.jobs.states import FINAL, State
from markaz.centre.jobs.tables import OPEN, jobs
from markaz.centre.projects import rules as project_rules
from markaz.centre.work import Work

WINDOW: Final = 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose jobs may be listed: of one person, of one project, of both; None: no bound."""

    user: str | None
    project: str | None


def scope(
    work: Work, *, project: Any = None, user: Any = None, everyone: Any = False, **_: Any
) -> Scope:
    """One's own jobs; with ``project`` those that its members may see; with ``everyone``,
    for operators and directors, all."""
    person(work)
    bound = work.actor.project
    if project is not None:
        membership = project_rules.viewer(work, project)
        only = project_rules.visible_jobs(work, membership)
        return Scope(only if only is not None else user, membership.project_id)
    if fields.flag("everyone", everyone):
        looks = work.actor.has(CentreRole.OPERATOR, CentreRole.DIRECTOR)
        return Scope(user if looks else work.actor.id, bound)
    return Scope(work.actor.id, bound)


def page(
    work: Work,
    whose: Scope,
    *,
    project: Any = None,
    user: Any = None,
    everyone: Any = False,
    state: Any = None,
    device: Any = None,
    session: Any = None,
    tag: Any = None,
    name: Any = None,
    since: Any = None,
    until: Any = None,
    limit: Any = 50,
    after: Any = None,
) -> dict[str, Any]:
    """Jobs, the newest first. ``state``: one, or "waiting", "active", "final"; ``name``: a
    part of it; ``since``, ``until``: times of submission in microseconds UTC."""
    size = fields.whole("limit", limit, 1, 200)
    bounds = _bounds(work, whose, since, until, after)
    if session is not None:
        bounds.append(jobs.c.session_id == fields.known_id("session", session))
    states = _states(state)
    filters = _filters(device, tag, name)
    few = whose.user is not None or states <= _FEW
    if few and states and not states & FINAL and not filters:
        return _open(work, bounds, states, size)
    if states:
        filters.append(lambda table: table.c.state.in_(sorted(states)))
    window = select(*COLUMNS).where(*bounds).order_by(jobs.c.seq.desc())
    if filters:
        return _filtered(work, window, filters, size)
    return _cut(work.all(window.limit(size + 1)), size)


def _open(work: Work, bounds: list[Any], states: frozenset[State], size: int) -> dict[str, Any]:
    """Jobs that are not final: a small index holds them, those of each person in order."""
    rows: list[Any] = []
    for state in sorted(states):
        found = select(*COLUMNS).where(*bounds, text(OPEN), text(f"state = '{state}'"))
        # Of everybody, what is open is sorted: in the order of all jobs it is hard to find.
        order = jobs.c.seq if bounds else jobs.c.seq + 0
        rows += work.all(found.order_by(order.desc()).limit(size + 1))
    return _cut(sorted(rows, key=lambda row: row.seq, reverse=True), size)


def _bounds(work: Work, whose: Scope, since: Any, until: Any, after: Any) -> list[Any]:
    """Conditions that an index serves."""
    c = jobs.c
    found: list[Any] = []
    if whose.user is not None:
        found.append(c.user_id == whose.user)
    if whose.project is not None:
        found.append(c.project_id == whose.project)
    if since is not None:
        found.append(c.seq >= first_since(work, fields.moment("since", since)))
    if until is not None:
        found.append(c.seq < first_since(work, fields.moment("until", until)))
    if after is not None:
        found.append(c.seq < _cursor(after))
    return found


def _cursor(after: Any) -> int:
    if not isinstance(after, str) or not after.isdecimal() or len(after) > 18:
        raise invalid("after", "this is no cursor of a list of jobs")
    return int(after)


def first_since(work: Work, moment: int) -> int:
    """The number of the first job handed in at ``moment`` or later; ids begin with the time."""
    units = moment >> 10
    prefix = "".join(ALPHABET[units >> shift & 31] for shift in range(40, -1, -5))
    found = select(jobs.c.seq).where(jobs.c.id >= prefix).order_by(jobs.c.id).limit(1)
    seq = work.connection.execute(found).scalar()
    return (1 << 62) if seq is None else int(seq)


# States that few jobs are in at a time, of everybody.
_FEW: Final = frozenset({State.HELD, State.CLAIMED, State.RUNNING})
_KINDS: Final[dict[str, frozenset[State]]] = {
    "waiting": frozenset({State.HELD, State.QUEUED}),
    "active": frozenset({State.CLAIMED, State.RUNNING}),
    "final": FINAL,
}


def _states(state: Any) -> frozenset[State]:
    if state is None:
        return frozenset()
    fields.choice("state", state, (*State, *_KINDS))
    return _KINDS.get(state) or frozenset({State(state)})


def _filters(device: Any, tag: Any, name: Any) -> list[Any]:
    """Conditions on what the window holds."""
    found: list[Any] = []
    if device is not None:
        wanted = fields.line("device", device)
        found.append(lambda t: t.c.device_id == wanted)
    if tag is not None:
        written = json.dumps(fields.line("tag", tag, most=86), ensure_ascii=False)
        found.append(lambda t: t.c.tags.contains(written, autoescape=True))
    if name is not None:
        part = fields.line("name", name).lower()
        found.append(lambda t: func.lower(t.c.name).contains(part, autoescape=True))
    return found


def _filtered(work: Work, window: Select[Any], filters: list[Any], size: int) -> dict[str, Any]:
    inner = window.limit(WINDOW).subquery()
    matching = select(inner).where(*(make(inner) for make in filters))
    rows = work.all(matching.order_by(inner.c.seq.desc()).limit(size + 1))
    if len(rows) > size:
        return _cut(rows, size)
    seqs = window.with_only_columns(jobs.c.seq).offset(WINDOW - 1).limit(1)
    last = work.connection.execute(seqs).scalar()
    return _answer(rows, last)


def _cut(rows: list[Any], size: int) -> dict[str, Any]:
    """A page of ``rows``, which hold one more if there is one."""
    return _answer(rows[:size], rows[size - 1].seq if len(rows) > size else None)


def _answer(rows: list[Any], following: int | None) -> dict[str, Any]:
    """``following``: the number after which the next page begins."""
    items = [summary(row) for row in rows]
    return {"items": items, "next": None if following is None else str(following)}
