"""The queue in memory: one row for each group that waits, and which of them is next.

The database decides; this only says where to look. A claim takes the best row, reads the
head of its group through a small index, and changes it conditionally, so that a row that is
out of date costs a look and never a job. Its cost depends on the number of groups, by a few
vectorised steps, and not on the number of jobs.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, bindparam, func, literal, select, text, union_all

from markaz.centre.db.frequent import Frequent
from markaz.centre.jobs import rulebook
from markaz.centre.jobs.fairtree import Floats, Ints
from markaz.centre.jobs.forecast import Forecasts
from markaz.centre.jobs.groups import EXPECTED, KEY_COLUMNS, GroupKey
from markaz.centre.jobs.priority import CALIBRATION, NAMES, Weights, class_seconds
from markaz.centre.jobs.rows import Rows
from markaz.centre.jobs.shares import PATIENCE, Shares
from markaz.centre.jobs.sharing import Crew
from markaz.centre.jobs.tables import ACTIVE, QUEUED, jobs, queue_groups
from markaz.centre.jobs.waits import Landscapes
from markaz.centre.work import Work

RULES_SECONDS: Final = 5.0  # the rules are read again this often even if nobody said so

_GROUPED: Final = (
    select(
        jobs.c.group_id,
        func.min(jobs.c.place).label("head"),
        func.max(jobs.c.place).label("tail"),
        func.count().label("jobs"),
        func.sum(func.coalesce(jobs.c.predicted_seconds, EXPECTED)).label("work"),
    )
    .where(text(QUEUED))
    .group_by(jobs.c.group_id)
)


@dataclass(slots=True)
class Active:
    """How many jobs are handed out, by device and by person (0 for whoever has few)."""

    devices: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)

    def started(self, key: GroupKey) -> None:
        """Count one more."""
        self.devices[key.device] += 1
        self.users[key.user] += 1


class QueueIndex:
    """Rows of waiting groups, the shares and rules that order them, and the forecasts.

    Changed in the writer's thread only, after the commit of what it follows (but see
    ``take``); readers take ``lock``. What costs time to compute is kept for ``patience``
    times as long.
    """

    def __init__(self, settings: Mapping[str, Any], patience: float = PATIENCE) -> None:
        self.lock = threading.RLock()
        self.weights = Weights.of(settings)
        self.max_running = int(settings["max_running_per_user"])
        self.shares = Shares(settings["half_life_days"] * 86400.0, patience)
        self.rules = rulebook.Rulebook()
        self.forecasts = Forecasts()
        self.rows = Rows()
        self.landscapes = Landscapes(self, patience / 5)
        self.running: dict[str, tuple[str, int]] = {}  # device and expected end of each job
        self.crews: Sequence[Crew] = ()  # workers that are connected; the dispatcher says so
        self.is_open = False
        self._taken_in: list[Any] = []  # transactions under way, once for each job
        self._rules_due = 0.0

    def rules_changed(self) -> None:
        """Shares, members, projects, people, devices or calendar changed: read them again."""
        self.shares.stale = True
        self.calendar_changed()

    def calendar_changed(self) -> None:
        """Devices, reservations or sessions changed: read them again."""
        self._rules_due = 0.0

    def key(self, group: int) -> GroupKey:
        """What the jobs of a waiting group have in common."""
        return self.rows.key(self.rows.at[group])

    def open(self, connection: Connection, now: int) -> None:
        """Read everything anew from the database."""
        with self.lock:
            self.rows = Rows()
            self.shares.load(connection, now)
            self._read_rules(connection, now)
            self._read_groups(connection)
            self.rows.place_in_tree(self.shares)
            self.rank_rows()
            self.forecasts.load(connection)
            self._taken_in.clear()
            self._read_running(connection, now)
            self.is_open = True

    def _read_running(self, connection: Connection, now: int) -> None:
        """What runs counts as usage at once, and takes a slot until its expected end."""
        self.running.clear()
        for row in connection.execute(_RUNNING):
            began = row.started_at or now
            self.running[row.id] = (row.device_id, began + int(row.seconds * 1e6))
            self.shares.begin(row.id, row.project_id, row.user_id, row.seconds, now)

    def started(self, job: str, key: GroupKey, seconds: float, now: int) -> None:
        """A job was handed out and is expected to take ``seconds``."""
        with self.lock:
            self.running[job] = (key.device, now + int(seconds * 1e6))
            self.shares.begin(job, key.project, key.user, seconds, now)

    def ended(self, job: str, project: str, user: str, seconds: float, now: int) -> None:
        """A job ended or returned to the queue, and used ``seconds`` of its device."""
        with self.lock:
            self.running.pop(job, None)
            self.shares.end(job, project, user, seconds, now)

    def busy(self, device: str, now: int) -> tuple[int, float]:
        """Jobs that a device runs, and the seconds that they are expected to take still.

        One that takes longer than expected will go on for about as long as it is late.
        """
        with self.lock:
            ends = [end for where, end in self.running.values() if where == device]
        return len(ends), sum(abs(end - now) for end in ends) / 1e6

    def _read_groups(self, connection: Connection) -> None:
        keys = {row[0]: GroupKey(*row[1:]) for row in connection.execute(_keys_of_waiting())}
        for row in connection.execute(_GROUPED):
            key = keys[row.group_id]
            self.rows.join(row.group_id, key, row.head, row.tail, row.jobs, float(row.work))

    def prepare(self, connection: Connection, now: int) -> None:
        """Before a claim or a forecast: take note of changed rules and shares.

        Reads everything anew if a transaction was undone that had taken jobs out already.
        """
        current = connection.get_transaction()
        if not self.is_open or any(one is not current for one in self._taken_in):
            self.open(connection, now)
        with self.lock:
            if time.monotonic() >= self._rules_due:
                self._read_rules(connection, now)
            if self.shares.load_if_due(connection, now):
                self.rows.place_in_tree(self.shares)
                self.rank_rows()

    def take(self, work: Work, group: int, head: int | None, job: str, seconds: float) -> None:
        """``job`` of ``group`` is handed out in the transaction of ``work``; ``head`` as for
        ``left``. Counts at once, for the claims that follow in the same transaction."""
        transaction = work.connection.get_transaction()
        key = self.key(group)
        self.left(group, head, seconds)
        self.started(job, key, seconds, work.now)
        self._taken_in.append(transaction)

        def committed() -> None:
            with suppress(ValueError):  # it was read anew meanwhile
                self._taken_in.remove(transaction)

        work.after(committed)

    def _read_rules(self, connection: Connection, now: int) -> None:
        self.rules = rulebook.load(connection, now)
        self._rules_due = time.monotonic() + RULES_SECONDS

    def rank_rows(self) -> None:
        """Standing of every row by the present fair-share factors."""
        rows = self.rows
        used = slice(rows.used)
        rows.base[used] = self.weights.standing(
            rows.boost[used], rows.qos[used], self._fair(rows.person[used]), rows.size[used]
        )

    def fair(self, project: str, user: str) -> float:
        """The fair-share factor of a person in a project; 0 for whoever has none."""
        return float(self._fair(self.shares.row(project, user)))

    def _fair(self, person: Any) -> Floats:
        factors = np.append(self.shares.factors, 0.0)  # −1, nobody's, takes the last
        return np.asarray(factors[person])

    def joined(
        self,
        group: int,
        key: GroupKey,
        place: int,
        seconds: float,
        count: int = 1,
        last: int | None = None,
    ) -> None:
        """``count`` jobs of ``key`` wait now, from ``place`` to ``last``, of ``seconds`` in all."""
        with self.lock:
            tail = place if last is None else last
            row = self.rows.join(group, key, place, tail, count, seconds)
            person = self.shares.row(key.project, key.user)
            if person < 0:
                self.shares.stale = True  # a member or project that is newer than the tree
            self.rows.person[row] = person
            self.rows.allowed[row] = self._may_run(key)
            fair = float(self._fair(person))
            self.rows.base[row] = self.weights.standing(
                key.boost, NAMES.index(key.qos), fair, key.size_class
            )

    def _may_run(self, key: GroupKey) -> bool:
        known = key.project in self.shares.active_projects or self.shares.stale
        return known and key.user not in self.shares.blocked_users

    def left(self, group: int, head: int | None, seconds: float, count: int = 1) -> None:
        """Jobs of ``group`` wait no more; ``head``: the first place now, None: nobody waits."""
        with self.lock:
            self.rows.leave(group, head, seconds, count)

    def reread(self, connection: Connection, group: int) -> None:
        """Take one group as the database has it; another server changed it."""
        key = connection.execute(select(*KEY_COLUMNS).where(queue_groups.c.id == group)).first()
        found = connection.execute(_GROUPED.where(jobs.c.group_id == group)).first()
        with self.lock:
            self.rows.drop(group)
            if key is not None and found is not None:
                head, tail = found.head, found.tail
                self.joined(group, GroupKey(*key), head, float(found.work), found.jobs, tail)

    def pick(
        self, now: int, devices: Iterable[str], active: Active, passed: Collection[int] = ()
    ) -> int | None:
        """The group whose head is to start next on one of ``devices``; None: none may.

        ``passed``: groups that turned out to be empty.
        """
        with self.lock:
            if self.shares.refresh():
                self.rank_rows()
            mask = self._eligible(now, devices, active)
            if mask is None:
                return None
            for group in passed:
                if (row := self.rows.at.get(group)) is not None:
                    mask[row] = False
            return self.rows.best(mask, self.weights, now)

    def ranked(self, now: int, device: str | None = None) -> list[int]:
        """Waiting groups, on ``device`` or on all, the highest priority first."""
        with self.lock:
            rows = np.flatnonzero(self.rows.allowed[: self.rows.used])
            if device is not None:
                rows = self.on(device)
            score = self.rows.base[rows] + self.weights.age_points(self.rows.head[rows], now)
            order = np.lexsort((self.rows.head[rows], -score))
            return [int(group) for group in self.rows.group[rows][order]]

    def on(self, device: str) -> Ints:
        """Rows that wait on a device and may run."""
        rows, used = self.rows, slice(self.rows.used)
        if device not in rows.devices:
            return np.zeros(0, np.int64)
        return np.flatnonzero(rows.allowed[used] & (rows.device[used] == rows.devices.code(device)))

    def _eligible(self, now: int, devices: Iterable[str], active: Active) -> Any:
        free = [d for d in map(self.rules.devices.get, devices) if d and _has_slot(d, active)]
        rows, used = self.rows, slice(self.rows.used)
        codes = [(d, rows.devices.code(d.id)) for d in free if d.id in rows.devices]
        if not codes:
            return None
        open_to = np.zeros(len(rows.devices), bool)
        open_to[[code for _, code in codes]] = True
        mask = open_to[rows.device[used]] & rows.allowed[used]
        for device, code in codes:
            self._apply_rules(mask, device, code, now)
        full = [u for u, n in active.users.items() if n >= self.max_running and u in rows.users]
        if full:
            capped = np.zeros(len(rows.users), bool)
            capped[[rows.users.code(user) for user in full]] = True
            mask &= ~capped[rows.user[used]]
        return mask

    def _apply_rules(self, mask: Any, device: rulebook.Device, code: int, now: int) -> None:
        """Take from ``mask`` what status, calendar or a session of this device forbid."""
        rows, used = self.rows, slice(self.rows.used)
        if not (device.tended or device.reservations or device.session):
            return
        here = rows.device[used] == code
        if device.tended:
            mask &= ~here | (rows.qos[used] == CALIBRATION)
        if device.session is not None:
            mask &= ~here | (rows.session[used] == rows.sessions.code(device.session))
        if device.reservations:
            longest = class_seconds(rows.size[used])
            fits = longest <= device.window(now)
            for project in device.bookers(now):
                own = rows.project[used] == rows.projects.code(project)
                fits = np.where(own, longest <= device.window(now, project), fits)
            mask &= ~here | fits


def _has_slot(device: rulebook.Device, active: Active) -> bool:
    return device.starts and (device.slots == 0 or active.devices[device.id] < device.slots)


def _keys_of_waiting() -> Any:
    waiting = select(jobs.c.group_id).where(text(QUEUED)).distinct()
    return select(queue_groups.c.id, *KEY_COLUMNS).where(queue_groups.c.id.in_(waiting))


def read_active(connection: Connection, least: int) -> Active:
    """Count what is handed out, from the database: by device, and for whoever has ``least``
    jobs or more; a small index holds as many rows as jobs run."""
    found = Active()
    for row in _COUNTED.all(connection, {"least": max(1, least)}):
        (found.devices if row.device else found.users)[row.device or row.user] = row.jobs
    return found


def _active() -> Any:
    # With a limit, since SQLite would else take an index of all jobs for the sake of the grouping.
    columns = (jobs.c.user_id, jobs.c.device_id)
    return select(*columns).where(text(ACTIVE)).limit(1_000_000).subquery().c


def _counted(device: Any, user: Any, by: Any) -> Any:
    return select(device.label("device"), user.label("user"), func.count().label("jobs")).group_by(
        by
    )


_ON, _OF, _NOBODY = _active().device_id, _active().user_id, literal("")
_COUNTED: Final = Frequent(
    union_all(
        _counted(_ON, _NOBODY, _ON),
        _counted(_NOBODY, _OF, _OF).having(func.count() >= bindparam("least")),
    ),
    replanned=True,
)
_RUNNING: Final = select(
    jobs.c.id,
    jobs.c.device_id,
    jobs.c.project_id,
    jobs.c.user_id,
    jobs.c.started_at,
    func.coalesce(jobs.c.predicted_seconds, EXPECTED).label("seconds"),
).where(text(ACTIVE))
