"""One thread to which everything that happens comes as a call, and the verbs it has done."""

from __future__ import annotations

import heapq
import itertools
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog

from markaz.centre.access import SYSTEM, Act
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.workers.waiters import Waiters

_log: Final = structlog.get_logger(__name__)

T = TypeVar("T")
LOOK_SECONDS: Final = 1.0  # between two calls of ``look`` when nothing else happens
RETRY_SECONDS: Final = 0.5  # until a change that the database did not take is tried again
OUTAGES: Final = frozenset({"unavailable", "storage-full"})


class Actor:
    """Runs calls one after another, now or later; never waits for the database itself.

    ``look`` is called now and then; ``monotonic`` gives seconds.
    """

    def __init__(
        self, centre: Centre, look: Callable[[], None], monotonic: Callable[[], float]
    ) -> None:
        self.centre, self.monotonic = centre, monotonic
        self.waiters = Waiters(monotonic)
        self.under_way = 0  # verbs that have not come back
        self.draining = False
        self._look = look
        lease = centre.services.settings["lease_seconds"]
        self._look_seconds = min(LOOK_SECONDS, lease / 4)
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._files = ThreadPoolExecutor(2, thread_name_prefix="markaz-store")
        self._thread = threading.Thread(target=self._run, name="markaz-dispatcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Do what was posted, then end."""
        self.draining = True
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._files.shutdown()

    def post(self, action: Callable[[], None]) -> None:
        """Have ``action`` called in the thread; from any thread."""
        self._inbox.put(action)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have ``action`` called in ``seconds``; from the thread."""
        moment = self.monotonic() + seconds
        heapq.heappush(self._later, (moment, next(self._count), action))

    def elsewhere(
        self, work: Callable[..., T], then: Callable[[Future[T]], None], *args: Any
    ) -> None:
        """Call ``work(*args)``, which may wait, in a thread of its own kind, then ``then``."""
        done = self._files.submit(work, *args)
        done.add_done_callback(lambda future: self.post(lambda: then(future)))

    def perform(
        self,
        act: Act,
        then: Callable[[Any], None],
        failed: Callable[[CentreError], None],
        **arguments: Any,
    ) -> None:
        """Have a verb done by the writer; afterwards one of the two is called."""
        self.under_way += 1

        def back(done: Future[Any]) -> None:
            self.under_way -= 1
            error = done.exception()
            if error is None:
                then(done.result())
            elif isinstance(error, CentreError):
                failed(error)
            else:
                _log.error("dispatcher.verb_failed", verb=act.name, error=repr(error))
                failed(CentreError("internal", str(error)))

        future = self.centre.perform_later(act, SYSTEM, **arguments)
        future.add_done_callback(lambda done: self.post(lambda: back(done)))

    def insist(self, act: Act, then: Callable[[Any], None] | None = None, **arguments: Any) -> None:
        """Have a verb done, again and again while the database cannot."""

        def failed(error: CentreError) -> None:
            if error.kind in OUTAGES and not self.draining:
                self.after(RETRY_SECONDS, lambda: self.insist(act, then, **arguments))
            else:
                _log.warning("dispatcher.verb_refused", verb=act.name, error=str(error))

        self.perform(act, then or _nothing, failed, **arguments)

    def _run(self) -> None:
        look = self.monotonic()
        while True:
            try:
                action = self._inbox.get(timeout=self._patience(look))
                if action is None:
                    return
                self._safely(action)
            except queue.Empty:
                pass
            now = self.monotonic()
            while self._later and self._later[0][0] <= now:
                self._safely(heapq.heappop(self._later)[2])
            self.waiters.expire()
            if now >= look:
                look = now + self._look_seconds
                self._safely(self._look)

    def _patience(self, look: float) -> float:
        later = self._later[0][0] if self._later else math.inf
        moment = min(look, self.waiters.next_end(), later)
        return min(max(0.0, moment - self.monotonic()), LOOK_SECONDS)

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            _log.exception("dispatcher.step_failed")

    def settle(self, timeout: float) -> bool:
        """Wait, elsewhere than in the thread, until it has done what was posted and no verb
        is under way; whether that was so in time."""
        until = time.monotonic() + timeout
        while self._thread.is_alive():
            done = threading.Event()
            self.post(done.set)
            if not done.wait(max(0.0, until - time.monotonic())):
                return False
            if not self.under_way:
                return True
            time.sleep(0.005)
        return True


def _nothing(_answer: Any) -> None:
    pass
