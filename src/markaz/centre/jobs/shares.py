"""Who has used how much of their share: the Fair Tree of the centre, kept in memory."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from sqlalchemy import Connection, select

from markaz.centre.jobs.fairtree import Floats, Ints, Levels, Tree, decayed, fair_tree
from markaz.centre.jobs.tables import usage
from markaz.centre.people.tables import institutions, users
from markaz.centre.projects.tables import memberships, projects

# Ranks are computed anew when usage has changed, but only after this many times what the
# computation takes: so it costs 1 % of the time at most, and one claim in a hundred meets it,
# whether there are ten persons (every few milliseconds) or a hundred thousand (every two
# seconds, in which no share moves by much).
PATIENCE: Final = 100.0
CHEAP: Final = 0.0003  # seconds; a claim costs more, so that less needs no patience
INLINE: Final = 0.002  # seconds; a longer computation is done beside, so that no claim waits


class Shares:
    """Associations (person in project) with shares, decayed usage and fair-share factor.

    Usage counts from the moment a job starts, with its expected time, and is put right when
    it ends: otherwise one person could take every free slot before anything is counted.
    """

    def __init__(self, half_life: float, patience: float = PATIENCE) -> None:
        self.half_life = half_life  # seconds
        self._patience = patience
        self.active_projects: set[str] = set()
        self.blocked_users: set[str] = set()
        self.levels = fair_tree(_no_tree(), np.zeros(0))
        self.factors: Floats = self.levels.factors
        self.loads = 0  # how often the tree was read: indices are good for one reading
        self.stale = True  # shares or members changed: load again
        self._changed = False
        self._cost = self._due = 0.0
        self._load_due = 0.0
        self._rows: dict[str, dict[str, int]] = {}
        self.tree = _no_tree()
        self.amount: Floats = np.zeros(0)  # decayed usage of each person, QPU-seconds
        self.by_project: Floats = np.zeros(0)
        self.by_institution: Floats = np.zeros(0)
        self._as_of = 0
        self._running: dict[str, tuple[str, str, float]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[Levels] | None = None

    def row(self, project: str, user: str) -> int:
        """The association's index; −1 if there is none (its factor counts as 0)."""
        return self._rows.get(project, {}).get(user, -1)

    def by_user(self, project: str) -> dict[str, int]:
        """The indices of a project's members."""
        return self._rows.get(project, {})

    def load_if_due(self, connection: Connection, now: int) -> bool:
        """Read shares, members and usage if they changed, under a like rule of patience."""
        if not self.stale or time.monotonic() < self._load_due:
            return False
        started = time.monotonic()
        self.load(connection, now)
        patience = self._patience / 5  # a new member should not wait for too long
        self._load_due = time.monotonic() + patience * (time.monotonic() - started)
        return True

    def load(self, connection: Connection, now: int) -> None:
        """Read shares, members and usage."""
        self.stale, self._pending = False, None
        self.loads += 1
        fields = (projects.c.id, projects.c.institution_id, projects.c.shares)
        rows = connection.execute(select(*fields).where(projects.c.state == "active")).all()
        homes = {row.institution_id for row in rows}  # who has no project has no part
        known = connection.execute(select(institutions.c.id, institutions.c.shares))
        shares = {row.id: row.shares for row in known if row.id in homes}
        at = {one: i for i, one in enumerate(shares)}
        self.active_projects = {row[0] for row in rows}
        blocked = select(users.c.id).where(users.c.state != "active")
        self.blocked_users = set(connection.execute(blocked).scalars())
        project_at = {row[0]: i for i, row in enumerate(rows)}
        person_shares, project_of = self._load_members(connection, project_at)
        self.tree = Tree(
            np.array(list(shares.values()), float),
            np.array([row[2] for row in rows], float),
            np.array([at[row[1]] for row in rows], np.int64),
            person_shares,
            project_of,
        )
        self._load_usage(connection, now)
        self._compute()

    def _load_members(
        self, connection: Connection, project_at: dict[str, int]
    ) -> tuple[Floats, Ints]:
        columns = (memberships.c.project_id, memberships.c.user_id, memberships.c.shares)
        found: list[int] = []
        shares: list[int] = []
        self._rows = {project: {} for project in project_at}
        for project, user, share in connection.execute(select(*columns)):
            if project in project_at:
                self._rows[project][user] = len(found)
                found.append(project_at[project])
                shares.append(share)
        return np.array(shares, float), np.array(found, np.int64)

    def _load_usage(self, connection: Connection, now: int) -> None:
        self.amount = np.zeros(len(self.tree.persons))
        self._as_of = now
        columns = (usage.c.project_id, usage.c.user_id, usage.c.amount, usage.c.as_of)
        for project, user, amount, as_of in connection.execute(select(*columns)):
            row = self.row(project, user)
            if row >= 0:
                self.amount[row] = decayed(amount, as_of, now, self.half_life)
        for project, user, seconds in self._running.values():
            self._add(project, user, seconds, now)
        self._changed = False

    def begin(self, job: str, project: str, user: str, seconds: float, now: int) -> None:
        """``job`` starts and is expected to use ``seconds``."""
        if job not in self._running:
            self._running[job] = (project, user, seconds)
            self._add(project, user, seconds, now)

    def end(self, job: str, project: str, user: str, seconds: float, now: int) -> None:
        """``job`` has ended, or returned to the queue, and has used ``seconds``."""
        _, _, expected = self._running.pop(job, (project, user, 0.0))
        self._add(project, user, seconds - expected, now)

    def _add(self, project: str, user: str, seconds: float, now: int) -> None:
        row = self.row(project, user)
        if row < 0 or seconds == 0.0:
            return
        if now - self._as_of > 10e6 * self.half_life:  # keep the numbers near 1
            self.amount = decayed(self.amount, self._as_of, now, self.half_life)
            self._as_of = now
        grown = seconds / float(decayed(1.0, self._as_of, now, self.half_life))
        self.amount[row] = max(0.0, self.amount[row] + grown)
        self._changed = True

    def refresh(self) -> bool:
        """Compute ranks anew if usage has changed and it is time; True: factors are new."""
        if self._pending is not None:
            return self._collect()
        if not self._changed or (self._cost > CHEAP and time.monotonic() < self._due):
            return False
        self._changed = False
        if self._patience and self._cost > INLINE:
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="markaz-shares")
            self._pending = self._pool.submit(self._measured, self.tree, self.amount.copy())
            return False
        self._compute()
        return True

    def _compute(self) -> None:
        self._take(self._measured(self.tree, self.amount))

    def _collect(self) -> bool:
        assert self._pending is not None
        if not self._pending.done():
            return False
        levels, self._pending = self._pending.result(), None
        self._take(levels)
        return True

    def _measured(self, tree: Tree, amount: Floats) -> Levels:
        started = time.monotonic()
        levels = fair_tree(tree, amount)
        self._cost = time.monotonic() - started
        self._due = time.monotonic() + self._patience * self._cost
        return levels

    def _take(self, levels: Levels) -> None:
        self.factors = levels.factors
        self.levels = levels
        self.by_project, self.by_institution = levels.project_usage, levels.institution_usage

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._pool is not None:
            self._pool.shutdown()


def _no_tree() -> Tree:
    nothing, nobody = np.zeros(0), np.zeros(0, np.int64)
    return Tree(nothing, nothing, nobody, nothing, nobody)
