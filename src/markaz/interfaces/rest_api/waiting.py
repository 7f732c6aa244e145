"""Requests that wait for a job to end: no thread and no database connection each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from markaz.centre.jobs.states import FINAL

MAX_SECONDS: Final = 30
MAX_EACH: Final = 256  # requests of one person that wait at once; more are answered at once
FRESH_SECONDS: Final = 0.2  # in which nobody looks whether a job has ended that was just taken in
LOOK_AGAIN: Final = 2.0  # another server's worker may have ended the job: nobody tells us

Look = Callable[[], Awaitable[dict[str, Any]]]


class Ends(Protocol):
    """Who tells that a job has ended (``centre.workers.dispatcher``)."""

    def wait_for_end(self, job: str, timeout: float) -> Future[bool]:
        """True once the job has ended, also if that was lately, False after ``timeout`` seconds;
        may be cancelled."""


class Patience:
    """Holds requests until their jobs end."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._of_person: Counter[str] = Counter()
        self._held: set[asyncio.Future[bool]] = set()
        self._closed = False

    def __len__(self) -> int:
        return self._of_person.total()

    def close(self) -> None:
        """Let everybody go, since the server stops; from the server's loop."""
        self._closed = True
        for held in list(self._held):
            held.cancel()

    async def until_final(
        self, job: str, person: str, seconds: float, look: Look, *, fresh: bool = False
    ) -> dict[str, Any]:
        """What ``look`` returns once the job is in a final state, at latest after ``seconds``.

        ``fresh``: the job was taken in just now, so that a first look would be too early.
        """
        if seconds <= 0 or self._closed or self._of_person[person] >= MAX_EACH:
            return await look()
        self._of_person[person] += 1
        try:
            until = asyncio.get_running_loop().time() + seconds
            return await self._wait(job, until, look, fresh)
        finally:
            self._of_person[person] -= 1
            if not self._of_person[person]:
                del self._of_person[person]

    async def _wait(self, job: str, until: float, look: Look, fresh: bool) -> dict[str, Any]:
        time = asyncio.get_running_loop().time
        while True:
            # Signed in before looking, so that an end in between is not missed.
            ended = asyncio.wrap_future(self._ends.wait_for_end(job, LOOK_AGAIN))
            self._held.add(ended)
            try:
                if fresh:
                    fresh = False
                    await asyncio.wait((ended,), timeout=min(until - time(), FRESH_SECONDS))
                document = await look()
                left = until - time()
                if document["state"] in FINAL or left <= 0 or self._closed:
                    return document
                await asyncio.wait((ended,), timeout=min(left, LOOK_AGAIN))
            finally:
                self._held.discard(ended)
                ended.cancel()
