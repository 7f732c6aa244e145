"""Groups of waiting jobs that every rule treats alike: same device, person in project, QoS,
size class, session and override. The order among groups changes with time and usage; inside
one it does not, so that the queue in memory needs a row for each group and none for a job."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import bindparam, select

from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent
from markaz.centre.jobs.priority import size_class
from markaz.centre.jobs.tables import queue_groups
from markaz.centre.work import Work

EXPECTED: Final = 1.0  # seconds of a job without a prediction


class GroupKey(NamedTuple):
    """What the jobs of a group have in common."""

    device: str
    project: str
    user: str
    qos: str
    size_class: int
    session: str = ""
    boost: int = 0


_COLUMNS = {
    "device": queue_groups.c.device_id,
    "project": queue_groups.c.project_id,
    "user": queue_groups.c.user_id,
    "qos": queue_groups.c.qos,
    "size_class": queue_groups.c.size_class,
    "session": queue_groups.c.session_id,
    "boost": queue_groups.c.boost,
}
KEY_COLUMNS = tuple(_COLUMNS.values())
_FIND = Frequent(
    select(queue_groups.c.id).where(
        *(column == bindparam(name) for name, column in _COLUMNS.items())
    )
)


def key_of(
    device: str, project: str, user: str, qos: str, limit_seconds: float, session: str | None
) -> GroupKey:
    """The group that a new job belongs to."""
    return GroupKey(device, project, user, qos, size_class(limit_seconds), session or "")


def ask_group(work: Work, key: GroupKey) -> None:
    """Say that ``group_id`` will be called (``Frequent.ahead``)."""
    _FIND.ahead(work.connection, key._asdict())


def group_id(work: Work, key: GroupKey) -> int:
    """The number of the group, made if there is none yet."""
    found = _FIND.first(work.connection, key._asdict())
    if found is None:
        values = {_COLUMNS[name].name: value for name, value in key._asdict().items()}
        dialect.insert_or_ignore(work.connection, queue_groups, [values])
        found = _FIND.first(work.connection, key._asdict())
    return int(found.id)


def expected(predicted_seconds: float | None) -> float:
    """Run time that the queue reckons with, seconds; the index's sums say the same."""
    return EXPECTED if predicted_seconds is None else predicted_seconds


def read_key(work: Work, group: int) -> GroupKey | None:
    """The key of group number ``group``."""
    row = work.one(select(*KEY_COLUMNS).where(queue_groups.c.id == group))
    return None if row is None else GroupKey(*row)
