"""One clock for all times that are stored: integer microseconds UTC.

With SQLite the server's: wall time read once at start, then carried on by the monotonic
clock, so that setting the machine's clock neither lengthens nor cuts a lease. It never goes
below a time that was stored before. With PostgreSQL the database's own (see ``dialect``),
so that several servers agree.
"""

from __future__ import annotations

import threading
import time


class Clock:
    """Monotonic microseconds UTC; ``now()`` never returns the same value twice."""

    def __init__(self, at_least: int = 0) -> None:
        wall = time.time_ns() // 1000
        self._origin = max(wall, at_least) - time.monotonic_ns() // 1000
        self._last = at_least
        self._lock = threading.Lock()

    def now(self) -> int:
        """Microseconds UTC."""
        with self._lock:
            self._last = max(self._last + 1, self._origin + time.monotonic_ns() // 1000)
            return self._last

    def not_before(self, moment: int) -> None:
        """From now on return later times than ``moment`` (one that the database gave)."""
        with self._lock:
            if moment > self._last:
                self._origin += max(0, moment - (self._origin + time.monotonic_ns() // 1000))
                self._last = moment
