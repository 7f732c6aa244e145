"""The queue's index driven by a seeded load on a virtual clock; nothing takes real time."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import create_engine, insert

from markaz.centre.db.schema import devices, metadata, people, projects
from markaz.centre.jobs import waits
from markaz.centre.jobs.groups import GroupKey, key_of
from markaz.centre.jobs.index import Active, QueueIndex
from markaz.centre.jobs.sharing import Crew
from markaz.centre.settings import Settings

START = 1_800_000_000_000_000
SECOND = 1_000_000


@dataclass(slots=True)
class Job:
    """A simulated job; times in microseconds, work in seconds."""

    name: str
    key: GroupKey
    arrives: int
    seconds: float
    predicted: float
    raw: float = 0.0
    low: float = 0.0
    high: float = 0.0
    started: int | None = None
    ended: int | None = None

    @property
    def wait(self) -> float:
        assert self.started is not None, self.name
        return (self.started - self.arrives) / SECOND


def index_of(
    tree: dict[str, tuple[int, dict[str, tuple[int, dict[str, int]]]]],
    slots: int,
    beside: dict[str, int] | None = None,
    **settings: Any,
) -> QueueIndex:
    """An index over {institution: (shares, {project: (shares, {person: shares})})}, with one
    device ``sim`` of ``slots`` slots; ranks are always up to date. ``beside``: slots of further
    devices on the same workers, of which there are ``slots`` too."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for device, most in {"sim": slots, **(beside or {})}.items():
            connection.execute(
                insert(devices.devices).values(
                    id=device, title="", kind="simulator", driver="", qubits=1, status="idle",
                    accepting=True, slots=most, is_default=device == "sim", description="",
                    created_at=0,
                )
            )  # fmt: skip
        for name, (shares, children) in tree.items():
            row = {"id": name, "name": name, "shares": shares, "created_at": 0}
            connection.execute(insert(people.institutions).values(row))
            for project, (own, members) in children.items():
                row = {
                    "id": project, "slug": project, "title": "", "institution_id": name,
                    "state": "active", "any_device": True, "shares": own, "created_at": 0,
                }  # fmt: skip
                connection.execute(insert(projects.projects).values(row))
                for person, share in members.items():
                    row = {
                        "project_id": project, "user_id": person, "role": "member",
                        "shares": share, "joined_at": 0,
                    }  # fmt: skip
                    connection.execute(insert(projects.memberships).values(row))
        index = QueueIndex(Settings(settings), patience=0.0)
        index.crews = (Crew(slots),)
        index.open(connection, START)
    engine.dispose()
    return index


@dataclass
class Simulation:
    """Runs jobs through an index; ``done`` are the jobs in the order in which they ended."""

    index: QueueIndex
    now: int = START
    done: list[Job] = field(default_factory=list)
    _groups: dict[GroupKey, int] = field(default_factory=dict)
    _queues: dict[int, deque[Job]] = field(default_factory=dict)
    _running: list[tuple[int, str, Job]] = field(default_factory=list)
    _active: Active = field(default_factory=Active)

    def run(self, load: Iterable[Job]) -> list[Job]:
        """All of ``load``, which comes in the order of arrival, to its end."""
        for job in load:
            self.until(job.arrives)
            self.submit(job)
            self.start()
        self.until(None)
        return self.done

    def until(self, moment: int | None) -> None:
        """Let running jobs end up to ``moment`` (None: until nothing runs)."""
        while self._running and (moment is None or self._running[0][0] <= moment):
            end, _, job = heapq.heappop(self._running)
            self.now = end
            job.ended = end
            key = job.key
            self._active.devices[key.device] -= 1
            self._active.users[key.user] -= 1
            self.index.ended(job.name, key.project, key.user, job.seconds, end)
            self.done.append(job)
            self.start()
        if moment is not None:
            self.now = moment

    def submit(self, job: Job) -> None:
        """Queue one job, with a forecast of its wait."""
        group = self._groups.setdefault(job.key, len(self._groups) + 1)
        job.raw = waits.raw(self.index, job.key, None, self.now)
        job.low, job.high = self.index.forecasts.range(job.key.device, job.raw)
        self._queues.setdefault(group, deque()).append(job)
        self.index.joined(group, job.key, job.arrives, job.predicted)

    def start(self) -> None:
        """Start what may start."""
        devices = list(self.index.rules.devices)
        while len(self._running) < sum(crew.slots for crew in self.index.crews):
            group = self.index.pick(self.now, devices, self._active)
            if group is None:
                return
            queue = self._queues[group]
            job = queue.popleft()
            self.index.left(group, queue[0].arrives if queue else None, job.predicted)
            self.index.started(job.name, job.key, job.predicted, self.now)
            wait = (self.now - job.arrives) / SECOND
            self.index.forecasts.learn(job.key.device, job.raw, wait, (job.low, job.high))
            self._active.started(job.key)
            job.started = self.now
            heapq.heappush(self._running, (self.now + int(job.seconds * SECOND), job.name, job))


def job(
    number: int,
    random: Random,
    project: str,
    person: str,
    arrives: int,
    mean: float,
    device: str = "sim",
) -> Job:
    """A job of random length whose prediction is off by a random factor."""
    seconds = random.lognormvariate(0.0, 0.8) * mean
    predicted = seconds * random.lognormvariate(0.0, 0.5)
    key = key_of(device, project, person, "normal", 60.0, None)
    return Job(f"j{number}", key, arrives, seconds, predicted)
