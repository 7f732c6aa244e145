"""The columns of the queue in memory: NumPy arrays that grow, a row for each waiting group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from markaz.centre.jobs.groups import GroupKey
from markaz.centre.jobs.priority import NAMES, Weights

if TYPE_CHECKING:
    from markaz.centre.jobs.shares import Shares

_COLUMNS: Final[dict[str, Any]] = {
    "group": np.int64,
    "device": np.int32,
    "project": np.int32,
    "user": np.int32,
    "session": np.int32,
    "person": np.int32,  # index in the Fair Tree; −1: not in it
    "qos": np.int8,
    "boost": np.int8,
    "size": np.int16,
    "head": np.int64,
    "tail": np.int64,
    "count": np.int64,
    "work": np.float64,  # predicted seconds of all its jobs
    "base": np.float64,  # priority without age
    "allowed": np.bool_,  # waits, and neither project nor person are blocked
}


class Codes:
    """Small numbers for names."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self.names: list[str] = []

    def code(self, name: str) -> int:
        """The number of ``name``, a new one if it has none."""
        found = self._codes.setdefault(name, len(self.names))
        if found == len(self.names):
            self.names.append(name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __len__(self) -> int:
        return len(self.names)


class Rows:
    """The columns, one attribute each; rows below ``used`` that nobody has are not allowed."""

    group: Any
    device: Any
    project: Any
    user: Any
    session: Any
    person: Any
    qos: Any
    boost: Any
    size: Any
    head: Any
    tail: Any
    count: Any
    work: Any
    base: Any
    allowed: Any

    def __init__(self) -> None:
        self.at: dict[int, int] = {}  # row by group
        self.used = 0
        self.devices, self.projects, self.users = Codes(), Codes(), Codes()
        self.sessions = Codes()
        self.sessions.code("")
        self._free: list[int] = []
        self._room = 1024
        for name, kind in _COLUMNS.items():
            setattr(self, name, np.zeros(self._room, kind))

    def join(
        self, group: int, key: GroupKey, head: int, tail: int, count: int, seconds: float
    ) -> int:
        """``count`` more jobs of ``group`` wait; the row."""
        row = self.at.get(group)
        if row is None:
            row = self._new(group, key)
            self.head[row], self.tail[row] = head, tail
        self.head[row] = min(self.head[row], head)
        self.tail[row] = max(self.tail[row], tail)
        self.count[row] += count
        self.work[row] += seconds
        return row

    def leave(self, group: int, head: int | None, seconds: float, count: int) -> None:
        """``count`` jobs fewer wait, the first is at ``head`` now (None: nobody waits)."""
        row = self.at.get(group)
        if row is None:
            return
        if head is None:
            self.drop(group)
            return
        self.head[row] = head
        self.count[row] = max(0, self.count[row] - count)
        self.work[row] = max(0.0, self.work[row] - seconds)

    def drop(self, group: int) -> None:
        """Forget the group."""
        row = self.at.pop(group, None)
        if row is not None:
            self.allowed[row] = False
            self.count[row] = 0
            self.work[row] = 0.0
            self._free.append(row)

    def key(self, row: int) -> GroupKey:
        """What the row stands for."""
        return GroupKey(
            self.devices.names[self.device[row]],
            self.projects.names[self.project[row]],
            self.users.names[self.user[row]],
            NAMES[self.qos[row]],
            int(self.size[row]),
            self.sessions.names[self.session[row]],
            int(self.boost[row]),
        )

    def best(self, mask: Any, weights: Weights, now: int) -> int | None:
        """The group with the highest priority among ``mask``; of equals the one in front."""
        rows = np.flatnonzero(mask)
        if not len(rows):
            return None
        score = self.base[rows] + weights.age_points(self.head[rows], now)
        top = rows[score == score.max()]
        return int(self.group[top[np.argmin(self.head[top])]])

    def place_in_tree(self, shares: Shares) -> None:
        """Find every row's person in the tree, and whether they may run anything."""
        projects = [shares.by_user(name) for name in self.projects.names]
        active = np.array([name in shares.active_projects for name in self.projects.names], bool)
        blocked = np.array([name in shares.blocked_users for name in self.users.names], bool)
        users = self.users.names
        for row in self.at.values():
            self.person[row] = projects[self.project[row]].get(users[self.user[row]], -1)
        rows = np.fromiter(self.at.values(), np.int64, len(self.at))
        self.allowed[rows] = active[self.project[rows]] & ~blocked[self.user[rows]]

    def _new(self, group: int, key: GroupKey) -> int:
        row = self._free.pop() if self._free else self._append()
        self.at[group] = row
        self.group[row] = group
        self.device[row] = self.devices.code(key.device)
        self.project[row] = self.projects.code(key.project)
        self.user[row] = self.users.code(key.user)
        self.session[row] = self.sessions.code(key.session)
        self.qos[row] = NAMES.index(key.qos)
        self.boost[row], self.size[row] = key.boost, key.size_class
        self.count[row], self.work[row] = 0, 0.0
        return row

    def _append(self) -> int:
        if self.used == self._room:
            for name, kind in _COLUMNS.items():
                more = np.zeros(self._room, kind)
                setattr(self, name, np.concatenate((getattr(self, name), more)))
            self._room *= 2
        self.used += 1
        return self.used - 1
