"""Answers to "how is the job?", which every waiting client asks twice a second, for ever.

What was read of a job is remembered until it ends, which this process is told, or for a few
seconds. A poll of a young job, of one that is about to end, or that follows another at once
(a client's loop) is held for a moment until the job ends: it holds a future in the loop, no
thread and no database connection. Anybody else who asks is answered at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from markaz.centre.access import Principal, check_scope
from markaz.interfaces.runtime_api import job_documents

FRESH: Final = 3.0  # seconds that what was read of a job that has not ended is shown
YOUNG: Final = 3.0  # seconds after its submission in which a job is young
YOUNG_HOLD: Final = 1.0
LOOP: Final = 0.8  # a client that asks again within this asks in a loop
LOOP_HOLD: Final = 2.0
STOPPING: Final = 5.0  # seconds that a cancel waits until a worker has stopped the job
MAX_EACH: Final = 4096  # polls of one person that are held at once
REMEMBERED: Final = 50_000

Read = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class _Known:
    """A job as it was read, for its owner; ``stale`` once it is known to have changed."""

    row: dict[str, Any]
    text: bytes
    final: bool
    at: float
    stale: bool = False
    answered: float = float("-inf")
    held: set[asyncio.Future[None]] = field(default_factory=set)


@dataclass(slots=True)
class _Reading:
    """A job that is being read; ``changed`` if it ended meanwhile."""

    readers: int = 0
    changed: bool = False


class Polls:
    """One for a server. ``clock`` gives microseconds UTC as the centre counts them."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._reading: dict[str, _Reading] = {}
        self._of_person: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __len__(self) -> int:
        return self._of_person.total()

    def ended(self, job: str) -> None:
        """A job has ended; from any thread."""
        loop = self._loop
        if (job in self._known or job in self._reading) and loop and not loop.is_closed():
            loop.call_soon_threadsafe(self.forget, job)

    def forget(self, job: str) -> None:
        """Read a job anew, and let go whoever waits for it; in the server's loop."""
        if job in self._reading:
            self._reading[job].changed = True
        known = self._known.get(job)
        if known is not None:
            known.stale = True
            for future in known.held:
                if not future.done():
                    future.set_result(None)

    def close(self) -> None:
        """Hold nobody any more, since the server stops; in the server's loop."""
        self._closed = True
        for job in list(self._known):
            self.forget(job)

    async def document(self, job: str, actor: Principal, project: str | None, read: Read) -> bytes:
        """The job as JSON text. ``read`` answers its row, or raises that there is none in
        ``project``."""
        self._loop = asyncio.get_running_loop()
        known = self._remembered(job, actor, project)
        if known is None:
            known = await self._read(job, actor, read)
        seconds = self._patience(known, actor.id)
        if seconds > 0:
            await self._hold(known, actor.id, seconds)
            if not _is_fresh(known):
                known = await self._read(job, actor, read)
        known.answered = time.monotonic()
        return known.text

    async def stopped(self, job: str, actor: Principal, read: Read) -> dict[str, Any]:
        """The row of an own job that was asked to stop: once it has, or after ``STOPPING``.

        Whoever lists jobs after the answer to a cancel then finds it among those that ended.
        """
        self._loop = asyncio.get_running_loop()
        known = await self._read(job, actor, read)
        if known.final or known.row["user_id"] != actor.id or not self._may_hold(actor.id):
            return known.row
        await self._hold(known, actor.id, STOPPING)
        return (await self._read(job, actor, read)).row

    def _may_hold(self, person: str) -> bool:
        return not self._closed and self._of_person[person] < MAX_EACH

    def _remembered(self, job: str, actor: Principal, project: str | None) -> _Known | None:
        known = self._known.get(job)
        if known is None or known.row["user_id"] != actor.id or not _is_fresh(known):
            return None
        of = known.row["project_id"]
        if actor.project not in (None, of) or project not in (None, of):
            return None
        check_scope(actor, "jobs:read")
        return known

    async def _read(self, job: str, actor: Principal, read: Read) -> _Known:
        # Signed in before reading, so that an end in between is not missed.
        mark = self._reading.setdefault(job, _Reading())
        mark.readers += 1
        try:
            row = await read()
            if mark.changed and not job_documents.is_final(row):
                row = await read()
        finally:
            mark.readers -= 1
            if not mark.readers:
                del self._reading[job]
        return self._learned(job, actor, row)

    def _learned(self, job: str, actor: Principal, row: dict[str, Any]) -> _Known:
        known = _Known(row, job_documents.job(row), job_documents.is_final(row), time.monotonic())
        if row["user_id"] != actor.id:
            return known  # what others may see is asked each time
        before = self._known.get(job)
        if before is not None:
            known.answered, known.held = before.answered, before.held
        self._known[job] = known
        self._known.move_to_end(job)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _patience(self, known: _Known, person: str) -> float:
        """How long to hold a poll."""
        others = known.row["user_id"] != person
        if known.final or others or not self._may_hold(person):
            return 0.0
        if time.monotonic() - known.answered < LOOP:
            return LOOP_HOLD
        now, row = self._clock(), known.row
        if now - row["created_at"] < YOUNG * 1e6:
            return YOUNG_HOLD
        if row["started_at"] is None or row["predicted_seconds"] is None:
            return 0.0
        left = row["started_at"] / 1e6 + row["predicted_seconds"] - now / 1e6
        return LOOP_HOLD if -LOOP_HOLD < left < LOOP_HOLD else 0.0

    async def _hold(self, known: _Known, person: str, seconds: float) -> None:
        """Until the job is said to have ended, at most ``seconds``."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        known.held.add(future)
        self._of_person[person] += 1
        try:
            await asyncio.wait((future,), timeout=seconds)
        finally:
            known.held.discard(future)
            self._of_person[person] -= 1
            if not self._of_person[person]:
                del self._of_person[person]


def _is_fresh(known: _Known) -> bool:
    return not known.stale and (known.final or time.monotonic() - known.at < FRESH)
