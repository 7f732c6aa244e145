"""How long a waiting job will wait: the queue replayed, then corrected by past errors.

The replay is the queue as a fluid. Fair Tree always serves the child with the least usage
for its shares, so that the backlogged children of a node fill up to a common level λ, like
water: while a child with shares s, usage u and backlog b receives x, each sibling receives
``min(b_k, max(0, λ·s_k − u_k))`` with ``λ = (u + x) / s``. Applied to the persons of a project,
the projects of an institution and the institutions, this gives in closed form the work that
is done before a given job starts, without stepping through the jobs; divided by the slots, it
is the raw wait.

What the replay cannot know (work that arrives later, predictions that are off) is learnt:
for each device and horizon the ratios of real to raw waits of the latest jobs are kept, and
their 50 % and 90 % quantiles scale the next raw wait (split conformal prediction). While the
load changes, the past is no sample of the future; so the quantiles that are taken follow
their own record, a little up after each wait that was longer than stated, down after each
that was not (adaptive conformal inference, Gibbs and Candès 2021). In the long run half of
the waits are then shorter than P50 and nine of ten than P90, whatever the load does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, exp, floor, inf, log
from typing import Final

import numpy as np
from sqlalchemy import Connection, select, text

from markaz.centre.jobs.fairtree import Floats
from markaz.centre.jobs.rulebook import Reservation
from markaz.centre.jobs.tables import KEPT, jobs

FLOOR: Final = 0.05  # seconds; below this nobody cares, and ratios would be noise
MEMORY: Final = 200  # waits that are remembered for each device and horizon
ENOUGH: Final = 20  # waits before which a horizon is not trusted
TARGETS: Final = (0.5, 0.9)
RATE: Final = 0.02  # by which a quantile follows its record
FIRST: Final = (0.0, log(2.5))  # log ratios before anything is known


@dataclass(frozen=True, slots=True)
class Backlog:
    """Siblings of one level: ``shares``, ``usage`` and waiting ``work``, (n,) each; who is mine."""

    shares: Floats
    usage: Floats
    work: Floats
    mine: int

    def done_when(self, received: float) -> float:
        """The work that all siblings have received when mine has received ``received``."""
        share = self.shares[self.mine]
        others = np.arange(len(self.shares)) != self.mine
        if share <= 0:  # served last
            return received + float(self.work[others & (self.shares > 0)].sum())
        level = (self.usage[self.mine] + received) / share
        got = np.clip(level * self.shares - self.usage, 0.0, self.work)
        return received + float(got[others].sum())


def work_before(first: float, own: float, levels: Sequence[Backlog]) -> float:
    """Seconds of work that are done before a job starts.

    ``first``: work of higher classes; ``own``: of the same person, before the job;
    ``levels``: persons of the project, projects of the institution, institutions.
    """
    received = own
    for level in levels:
        received = level.done_when(received)
    return first + received


def raw_wait(
    work: float,
    slots: int,
    busy: int,
    running: float,
    *,
    shared: float = 0.0,
    now: int = 0,
    limit: float = 0.0,
    reserved: Sequence[Reservation] = (),
) -> float:
    """Seconds until a slot takes the job up.

    ``work`` seconds come before it on ``slots``, of which ``busy`` run jobs with ``running``
    seconds left in all; ``shared``: what workers that also serve others make it wait at least.
    What cannot end before a reservation waits until that is over.
    """
    slots = max(1, slots)
    wait = max(shared, 0.0 if work <= 0 and busy < slots else (work + running) / slots)
    for one in reserved:
        begins, ends = (one.starts_at - now) / 1e6, (one.ends_at - now) / 1e6
        if wait + limit > begins and wait < ends:
            wait = ends + max(0.0, wait - max(0.0, begins))
    return wait


@dataclass(slots=True)
class _Record:
    """Log ratios of real to raw waits, and which of their quantiles are taken."""

    ratios: deque[float] = field(default_factory=lambda: deque(maxlen=MEMORY))
    levels: list[float] = field(default_factory=lambda: list(TARGETS))

    def score(self, real: float, stated: tuple[float, float]) -> None:
        """Move the levels by what came of a forecast."""
        for i, (target, bound) in enumerate(zip(TARGETS, stated, strict=True)):
            moved = self.levels[i] + RATE * (target - (real <= bound))
            self.levels[i] = min(0.99, max(0.02, moved))

    def quantiles(self) -> tuple[float, float]:
        """The ⌈(n + 1)·q⌉-th smallest ratios, as conformal prediction takes them."""
        known, count = sorted(self.ratios), len(self.ratios)
        low, high = (known[min(count, ceil((count + 1) * q)) - 1] for q in self.levels)
        return low, max(low, high)


@dataclass(slots=True)
class Forecasts:
    """Ratios of real to raw waits by device and horizon, and the ranges made of them."""

    _known: dict[tuple[str, int], _Record] = field(default_factory=dict)

    def learn(
        self, device: str, raw: float, real: float, stated: tuple[float, float] | None = None
    ) -> None:
        """A job with raw forecast ``raw``, of which P50 and P90 were ``stated``, started after
        ``real`` seconds."""
        record = self._known.setdefault((device, _horizon(raw)), _Record())
        record.ratios.append(log((max(0.0, real) + FLOOR) / (raw + FLOOR)))
        if stated is not None:
            record.score(real, stated)

    def range(self, device: str, raw: float) -> tuple[float, float]:
        """P50 and P90 of the wait, seconds."""
        low, high = self._quantiles(device, _horizon(raw))
        return tuple(max(0.0, (raw + FLOOR) * exp(q) - FLOOR) for q in (low, high))  # type: ignore[return-value]

    def _quantiles(self, device: str, horizon: int) -> tuple[float, float]:
        """Of this horizon, or of the nearest one of this device about which enough is known."""
        best, nearest = FIRST, inf
        for (whose, at), record in self._known.items():
            enough = whose == device and len(record.ratios) >= ENOUGH
            if enough and abs(at - horizon) < nearest:
                nearest = abs(at - horizon)
                best = record.quantiles()
        return best

    def load(self, connection: Connection) -> None:
        """Learn from the jobs that ended last."""
        self._known.clear()
        c = jobs.c
        columns = (c.device_id, c.wait_raw, c.wait_p50, c.wait_p90, c.eligible_at, c.started_at)
        statement = (
            select(*columns)
            .where(text(KEPT), jobs.c.wait_raw.is_not(None), jobs.c.started_at.is_not(None))
            .order_by(jobs.c.ended_at.desc())
            .limit(10 * MEMORY)
        )
        for row in reversed(connection.execute(statement).all()):
            real = (row.started_at - row.eligible_at) / 1e6
            self.learn(row.device_id, row.wait_raw, real, (row.wait_p50, row.wait_p90))


def _horizon(raw: float) -> int:
    """Waits within a factor of two of each other."""
    return floor(log((raw + FLOOR) / FLOOR, 2.0))
