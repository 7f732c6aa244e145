"""Jobs that are handed out, many in few statements: chosen one by one, changed together."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, case, func, literal, select, text, update

from markaz.centre.db.frequent import Frequent
from markaz.centre.db.line import asks_ahead
from markaz.centre.jobs import notify
from markaz.centre.jobs.groups import expected
from markaz.centre.jobs.index import Active, QueueIndex
from markaz.centre.jobs.states import Event
from markaz.centre.jobs.store import DatabaseJobs, find_claimed
from markaz.centre.jobs.tables import QUEUED, jobs, sessions
from markaz.centre.storage import blobs
from markaz.centre.work import Work

_ASKED: Final = (
    *("id", "kind", "project_id", "user_id", "device_id", "session_id", "attempt"),
    *("circuit_hash", "program_hash", "options", "shots", "qubits", "limit_seconds"),
    *("predicted_seconds", "predicted_bytes", "group_id", "place", "created_at", "eligible_at"),
    *("wait_raw", "wait_p50", "wait_p90"),
)
_HEADS: Final = Frequent(
    select(*(jobs.c[name] for name in _ASKED))
    .where(text(QUEUED), jobs.c.group_id == bindparam("group"))
    .order_by(jobs.c.place)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Up to ``count`` jobs, to wait behind others or to begin at once; none after one with
    which those of this claim are expected to take ``seconds`` or more."""

    count: int
    ahead: bool
    seconds: float = math.inf


class Heads:
    """The first jobs of groups: read once for each group, since all of a transaction's
    claims see the same queue."""

    def __init__(self, work: Work, most: int) -> None:
        self._work = work
        self._most = most + 1  # one more than are taken, to know who is first afterwards
        self._found: dict[int, deque[Any]] = {}

    def ask(self, group: int) -> None:
        """Ask ahead for those of ``group`` (``Frequent.ahead``)."""
        _HEADS.ahead(self._work.connection, {"group": group, "most": self._most})

    def take(self, group: int) -> tuple[Any, int | None]:
        """The first job of ``group`` (None: it is empty), and the place of the next one."""
        found = self._found.get(group)
        if found is None:
            values = {"group": group, "most": self._most}
            found = self._found[group] = deque(_HEADS.all(self._work.connection, values))
        if not found:
            return None, None
        return found.popleft(), found[0].place if found else None


def ask_heads(work: Work, queue: QueueIndex, devices: Sequence[str], heads: Heads) -> None:
    """Ask ahead for the first jobs of whoever is next, unless too much of theirs runs."""
    if asks_ahead(work.connection):
        group = queue.pick(work.now, devices, Active())
        if group is not None:
            heads.ask(group)


def choose(
    work: Work,
    queue: QueueIndex,
    active: Active,
    heads: Heads,
    devices: Sequence[str],
    parts: Sequence[Wanted],
) -> list[list[Any]]:
    """The rows of jobs for each of ``parts``, the best first, taken out of the queue in memory.

    Nothing is left for a part whose predecessor got less than it wanted.
    """
    found: list[list[Any]] = []
    passed: list[int] = []
    spent = 0.0
    for part in parts:
        rows: list[Any] = []
        found.append(rows)
        while len(rows) < part.count and spent < part.seconds:
            row = _next(work, queue, active, heads, devices, passed)
            if row is None:
                break
            spent += expected(row.predicted_seconds)
            rows.append(row)
        if len(rows) < part.count:
            break
    for group in passed:
        notify.forget(work, group)
    return found + [[] for _ in parts[len(found) :]]


def _next(
    work: Work,
    queue: QueueIndex,
    active: Active,
    heads: Heads,
    devices: Sequence[str],
    passed: list[int],
) -> Any:
    """The row of the best job; None: there is none. ``passed``: groups found empty, longer."""
    while (group := queue.pick(work.now, devices, active, passed)) is not None:
        row, following = heads.take(group)
        if row is not None:
            active.started(queue.key(group))
            queue.take(work, group, following, row.id, expected(row.predicted_seconds))
            return row
        passed.append(group)
    return None


def hand_out(
    work: Work, queue: QueueIndex, rows: Sequence[Any], worker: str, *, ahead: bool
) -> list[Any]:
    """Make the jobs of ``rows`` the worker's by one conditional change; those that are.

    For what another server took or cancelled meanwhile see ``forget``.
    """
    values: dict[str, Any] = {"worker_id": worker, "claimed_at": work.now}
    if not ahead:
        values["started_at"] = work.now
    event = Event.CLAIM if ahead else Event.START
    blobs.ask_rows(work, {row.circuit_hash for row in rows})  # for ``assignments``
    changes = [{"the_job": row.id, "the_attempt": None, **values} for row in rows]
    got = list(rows)
    if rows and DatabaseJobs(work).apply_many(event, changes) != len(rows):
        ours = find_claimed(work, worker)
        got = [row for row in rows if ours.get(row.id) == row.attempt + 1]
    for row in got:
        _note(work, queue, row, worker)
    return got


def forget(work: Work, queue: QueueIndex, lost: Sequence[Any]) -> None:
    """Chosen rows that somebody else changed: their groups are what the database says, once
    all that was chosen is handed out."""
    for row in lost:
        queue.ended(row.id, row.project_id, row.user_id, 0.0, work.now)
        queue.reread(work.connection, row.group_id)


def _note(work: Work, queue: QueueIndex, row: Any, worker: str) -> None:
    wait = (work.now - (row.eligible_at or row.created_at)) / 1e6
    if row.wait_raw is not None and row.attempt == 0:
        stated = (row.wait_p50, row.wait_p90)
        work.after(lambda: queue.forecasts.learn(row.device_id, row.wait_raw, wait, stated))
    if row.session_id is not None:
        _open_session(work, row.session_id)
    work.record(row.id, attempt=row.attempt + 1, worker=worker)


def _open_session(work: Work, session: str) -> None:
    """A session opens when its first job starts; a dedicated one holds its device from then."""
    s = sessions.c
    closed_to_it = (s.state == "pending") | s.opened_at.is_(None)
    values = {
        "state": case((s.state == "pending", "open"), else_=s.state),
        "opened_at": func.coalesce(s.opened_at, literal(work.now, BigInteger)),
        "last_job_at": work.now,
    }
    if work.run(update(sessions).where(s.id == session, closed_to_it).values(values)):
        notify.session_changed(work)


def assignments(work: Work, queue: QueueIndex, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """What the dispatcher is told of jobs that were handed out; ``data``: the circuit, None
    where only the store has it."""
    data = blobs.read_rows(work, {row.circuit_hash for row in rows})
    return [_assignment(queue, row) | {"data": data.get(row.circuit_hash)} for row in rows]


def _assignment(queue: QueueIndex, row: Any) -> dict[str, Any]:
    device = queue.rules.devices.get(row.device_id)
    return {
        "job": row.id,
        "attempt": row.attempt + 1,
        "kind": row.kind,
        "project": row.project_id,
        "user": row.user_id,
        "device": row.device_id,
        "driver": device.driver if device else "",
        "session": row.session_id,
        "circuit": row.circuit_hash,
        "program_hash": row.program_hash,
        "options": json.loads(row.options),
        "shots": row.shots,
        "qubits": row.qubits,
        "limit_seconds": row.limit_seconds,
        "predicted_seconds": row.predicted_seconds,
        "predicted_bytes": row.predicted_bytes,
    }
