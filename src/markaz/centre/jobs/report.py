"""What was used, by whom and when; and the jobs behind every number.

Sums come from ``jobs.tally`` and, for jobs that ended since, from the jobs themselves, so that
they are those of the lists at any moment. A job counts on the day of its end, with what it
was charged then; a later refund stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select, text

from markaz.centre import fields
from markaz.centre.access import CentreRole, holder_of, query
from markaz.centre.days import day_of, midnight, read_day, written
from markaz.centre.errors import invalid
from markaz.centre.jobs import tally
from markaz.centre.jobs.documents import COLUMNS, summary
from markaz.centre.jobs.states import FINAL, State
from markaz.centre.jobs.tables import CANCELLED, FAILED, KEPT, SWEPT, jobs, used_days
from markaz.centre.people.tables import institutions, users
from markaz.centre.projects.tables import projects
from markaz.centre.work import Work

MOST_DAYS: Final = 3660
NO_PROGRAMME: Final = "(none)"  # in filters: projects that belong to no programme
_looker: Final = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)
_days: Final = used_days.c
_KEYS: Final[dict[str, Any]] = {
    "institution": projects.c.institution_id,
    "programme": projects.c.programme,
    "project": projects.c.id,
    "person": _days.user_id,
    "device": _days.device_id,
    "day": _days.day,
}
_LAST: Final = 2**53  # microseconds: what times may be
# state -> what days must have that have such a job
_STATES: Final[dict[str, tuple[ColumnElement[bool], ...]]] = {
    "completed": (_days.completed > 0,),
    "failed": (_days.failed > 0,),
    "cancelled": (_days.jobs > _days.completed + _days.failed,),
}
_RARE: Final = {str(State.FAILED): (FAILED,), str(State.CANCELLED): (CANCELLED,)}
_FILTERS: Final = ("institution", "programme", "project", "person", "device")


@query("usage.report", rule=_looker, scope="operate")
def report(
    work: Work, _: None, *, first: Any, last: Any, by: Any = "institution",
    institution: Any = None, programme: Any = None, project: Any = None, person: Any = None,
    device: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Use from the day ``first`` to the day ``last`` (``2026-11-22``, in the centre's zone),
    summed up ``by`` institution, programme, project, person, device or day.

    An institution's use is that of its projects. ``since`` and ``until`` are the times of the
    same span, for ``jobs.ended``. Amounts in micro-credits, run time in seconds.
    """
    days = _span(first, last)
    fields.choice("by", by, tuple(_KEYS))
    given = (institution, programme, project, person, device)
    wanted = _wanted(dict(zip(_FILTERS, given, strict=True)))
    groups: dict[Any, _Group] = {}
    total = _Group()
    for key, row in _rows(work, by, days, wanted):
        for group in (groups.setdefault(key, _Group()), total):
            group.add(row)
    zone = tally.zone_of(work)
    names = _names(work, by, list(groups))
    items = [{"key": _shown(by, k), **names.get(k, {}), **groups[k].document()} for k in groups]
    items.sort(key=_order(by))
    return {
        "first": first,
        "last": last,
        "zone": zone.key,
        "since": midnight(days[0], zone),
        "until": midnight(days[1] + 1, zone),
        "items": items,
        "total": total.document(),
    }


@query("jobs.ended", rule=_looker, scope="operate")
def ended(
    work: Work, _: None, *, since: Any, until: Any, state: Any = None, institution: Any = None,
    programme: Any = None, project: Any = None, person: Any = None, device: Any = None,
    limit: Any = 50, after: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Jobs that ended from ``since`` to before ``until``, the last first: those that
    ``usage.report`` sums up with the same filters, and the state besides."""
    size = fields.whole("limit", limit, 1, 500)
    span = fields.moment("since", since), fields.moment("until", until)
    given = (institution, programme, project, person, device)
    wanted = _wanted(dict(zip(_FILTERS, given, strict=True)))
    conditions = _of_jobs(wanted)
    if state is not None:
        fields.choice("state", state, sorted(FINAL))
    if after is not None:
        conditions.append(_before(after))
    rows: list[Any] = []
    for part in _parts(work, span, wanted, state):
        rows += _last_ended(work, state, [*part, *conditions], size + 1)
        if len(rows) > size:
            break
    last = rows[size - 1] if len(rows) > size else None
    items = [summary(row) for row in rows[:size]]
    return {"items": items, "next": f"{last.ended_at}.{last.seq}" if last else None}


def _parts(
    work: Work, span: tuple[int, int], wanted: dict[str, Any], state: str | None
) -> Iterator[list[ColumnElement[bool]]]:
    """The span in parts, the last first: what is not summed up yet, and then each day that
    has such a job, so that those that have none are not looked through."""
    mark, zone = tally.reached(work), tally.zone_of(work)
    if mark is None:
        yield _within(*span)
        return
    yield [*_within(max(span[0], mark[0]), span[1]), tally.after(mark)]
    days = day_of(min(span[0], _LAST), zone), day_of(min(span[1], _LAST), zone)
    held = select(_days.day).join(projects, projects.c.id == _days.project_id).distinct()
    held = held.where(_days.day.between(*days), *_of_days(wanted), *_STATES.get(state or "", ()))
    for row in work.all(held.order_by(_days.day.desc())):
        begins, ends = midnight(row.day, zone), midnight(row.day + 1, zone)
        part = _within(max(span[0], begins), min(span[1], ends, mark[0] + 1))
        yield [*part, or_(jobs.c.ended_at < mark[0], jobs.c.seq <= mark[1])]


def _within(since: int, until: int) -> list[ColumnElement[bool]]:
    return [jobs.c.ended_at >= since, jobs.c.ended_at < until]


def _last_ended(
    work: Work, state: str | None, conditions: list[ColumnElement[bool]], limit: int
) -> list[Any]:
    """The last jobs by their end, whether or not retention has taken their contents; each
    kind by its own index, and in a state that few jobs come to by the index of that."""
    c = jobs.c
    kinds = _RARE.get(state or "", (KEPT, SWEPT))
    if state == State.COMPLETED:
        conditions = [*conditions, c.state == state]
    rows: list[Any] = []
    for kind in kinds:
        found = select(*COLUMNS).where(text(kind), *conditions)
        rows += work.all(found.order_by(c.ended_at.desc(), c.seq.desc()).limit(limit))
    rows.sort(key=lambda row: (row.ended_at, row.seq), reverse=True)
    return rows[:limit]


class _Group:
    """Sums, and who and which projects were in them."""

    def __init__(self) -> None:
        self.sums = dict.fromkeys(tally.SUMS, 0)
        self.people: set[str] = set()
        self.projects: set[str] = set()

    def add(self, row: dict[str, Any]) -> None:
        for name in tally.SUMS:
            self.sums[name] += int(row[name])
        self.people.add(row["user_id"])
        self.projects.add(row["project_id"])

    def document(self) -> dict[str, Any]:
        counts = {name: self.sums[name] for name in ("jobs", "completed", "failed", "shots")}
        return counts | {
            "seconds": self.sums["micros"] / 1e6,
            "charged": self.sums["charged"],
            "people": len(self.people),
            "projects": len(self.projects),
        }


def _rows(
    work: Work, by: str, days: tuple[int, int], wanted: dict[str, Any]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(key, sums of one person in one project), from the tally and from what is not in it."""
    mark = tally.reached(work)
    if mark is not None:
        for row in work.all(_stored(by, days, wanted)):
            yield row.key, dict(row._mapping)
    zone = tally.zone_of(work)
    since = max(mark or (-1, 0), (midnight(days[0], zone) - 1, 1 << 62))
    condition = tally.after(since) & (jobs.c.ended_at < midnight(days[1] + 1, zone))
    for part in _of_jobs(wanted):
        condition &= part
    fresh = tally.summed(tally.first_ended(work, condition, None), zone)
    keys = _keys_of_projects(work, by, {row["project_id"] for row in fresh})
    for row in fresh:
        yield keys[row["project_id"]] if keys else _own_key(by, row), row


def _stored(by: str, days: tuple[int, int], wanted: dict[str, Any]) -> Any:
    key = _KEYS[by].label("key")
    sums = [func.sum(_days[name]).label(name) for name in tally.SUMS]
    columns = (key, _days.project_id, _days.user_id)
    return (
        select(*columns, *sums)
        .join(projects, projects.c.id == _days.project_id)
        .where(_days.day.between(*days), *_of_days(wanted))
        .group_by(*columns)
    )


def _of_days(wanted: dict[str, Any]) -> list[ColumnElement[bool]]:
    """The filters as conditions on sums of days."""
    found: list[ColumnElement[bool]] = [_KEYS[name] == value for name, value in wanted.items()]
    return found


def _of_jobs(wanted: dict[str, Any]) -> list[ColumnElement[bool]]:
    """The filters as conditions on jobs; written so that the index of ends serves, since
    sorting all jobs of a project or a person by their ends takes longer."""
    project, person = (func.coalesce(c, "") for c in (jobs.c.project_id, jobs.c.user_id))
    own = {"project": project, "person": person, "device": jobs.c.device_id}
    found = [own[name] == value for name, value in wanted.items() if name in own]
    of = [_KEYS[k] == v for k, v in wanted.items() if k in ("institution", "programme")]
    if of:
        found.append(project.in_(select(projects.c.id).where(*of)))
    return found


def _keys_of_projects(work: Work, by: str, ids: set[str]) -> dict[str, Any]:
    if by not in ("institution", "programme") or not ids:
        return {}
    rows = work.all(select(projects.c.id, _KEYS[by].label("key")).where(projects.c.id.in_(ids)))
    return {row.id: row.key for row in rows}


def _own_key(by: str, row: dict[str, Any]) -> Any:
    return row[{"project": "project_id", "person": "user_id", "device": "device_id"}.get(by, by)]


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """The filters that were given, checked."""
    wanted = {k: fields.line(k, v) for k, v in given.items() if v is not None}
    if wanted.get("programme") == NO_PROGRAMME:
        wanted["programme"] = ""
    return wanted


def _span(first: Any, last: Any) -> tuple[int, int]:
    begins, ends = read_day("first", first), read_day("last", last)
    if not begins <= ends < begins + MOST_DAYS:
        raise invalid("last", f"last is not before first, and at most {MOST_DAYS} days after it")
    return begins, ends


def _before(cursor: Any) -> ColumnElement[bool]:
    parts = fields.line("after", cursor, most=40).split(".")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 19 for part in parts):
        raise invalid("after", "after must be the `next` of a page")
    at, seq = int(parts[0]), int(parts[1])
    c = jobs.c
    return (c.ended_at <= at) & ((c.ended_at < at) | (c.seq < seq))


def _shown(by: str, key: Any) -> str:
    if by == "day":
        return written(key)
    return NO_PROGRAMME if by == "programme" and not key else str(key)


def _names(work: Work, by: str, keys: list[Any]) -> dict[Any, dict[str, Any]]:
    """What people call the things of the report."""
    match by:
        case "institution":
            columns: Any = (institutions.c.id, institutions.c.name, institutions.c.shares)
        case "project":
            columns = (projects.c.id, projects.c.title.label("name"), projects.c.slug)
        case "person":
            columns = (users.c.id, users.c.name, users.c.login)
        case _:
            return {}
    rows = work.all(select(*columns).where(columns[0].in_(keys)))
    return {row.id: {k: v for k, v in row._mapping.items() if k != "id"} for row in rows}


def _order(by: str) -> Any:
    if by == "day":
        return lambda item: item["key"]
    return lambda item: (-item["charged"], -item["jobs"], item["key"])
