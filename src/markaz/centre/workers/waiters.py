"""Who waits for which job to end: no thread and no database connection each."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Final

REMEMBERED: Final = 4096  # jobs that ended last


class Waiters:
    """Futures by job; thread-safe. ``expire`` is called now and then by whoever has a clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Future[bool]]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._ends: list[tuple[float, int, str, Future[bool]]] = []
        self._count = itertools.count()

    def wait(self, job: str, timeout: float) -> Future[bool]:
        """True once the job has ended, also if that was lately; False after ``timeout`` seconds.

        Ask first, then look whether the job has ended already; cancel what is not needed.
        """
        future: Future[bool] = Future()
        with self._lock:
            if job in self._ended:
                future.set_result(True)
                return future
            self._waiting.setdefault(job, set()).add(future)
            entry = (self._monotonic() + timeout, next(self._count), job, future)
            heapq.heappush(self._ends, entry)
        future.add_done_callback(lambda done: self._forget(job, done))
        return future

    def ended(self, job: str) -> None:
        """Wake whoever waits for ``job``."""
        with self._lock:
            woken = list(self._waiting.get(job, ()))
            self._ended[job] = None
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        for future in woken:
            _settle(future, True)

    def expire(self) -> None:
        """Let those go whose time is up."""
        now, late = self._monotonic(), []
        with self._lock:
            while self._ends and (self._ends[0][0] <= now or self._ends[0][3].done()):
                late.append(heapq.heappop(self._ends)[3])
        for future in late:
            _settle(future, False)

    def next_end(self) -> float:
        """When somebody's time is up."""
        with self._lock:
            return self._ends[0][0] if self._ends else float("inf")

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def _forget(self, job: str, future: Future[bool]) -> None:
        with self._lock:
            waiting = self._waiting.get(job)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[job]


def _settle(future: Future[bool], ended: bool) -> None:
    with contextlib.suppress(InvalidStateError):
        future.set_result(ended)
