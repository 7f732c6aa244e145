"""One clock for all times that are stored: integer microseconds UTC.

It is carried on by the machine's monotonic clock, so that setting a wall clock neither
lengthens nor cuts a lease, and it never goes below a time that was stored before. It starts
from the server's wall time; with PostgreSQL it follows the database's (see ``dialect``), so
that several servers agree.
"""

from __future__ import annotations

import threading
import time
from typing import Final

FOLLOW_SECONDS: Final = 20.0  # between two looks at the clock that is followed
JUMP: Final = 2_000_000  # µs: two good clocks do not part this far between two looks


class Clock:
    """Monotonic microseconds UTC; ``now()`` never returns the same value twice."""

    def __init__(self, at_least: int = 0) -> None:
        wall = time.time_ns() // 1000
        self._origin = max(wall, at_least) - _monotonic()
        self._last = at_least
        self._followed: float | None = None
        self._lock = threading.Lock()

    def now(self) -> int:
        """Microseconds UTC."""
        with self._lock:
            self._last = max(self._last + 1, self._origin + _monotonic())
            return self._last

    def should_follow(self) -> bool:
        """Whether it is time to compare with the clock that is followed."""
        return self._followed is None or time.monotonic() - self._followed > FOLLOW_SECONDS

    def follow(self, moment: int) -> bool:
        """Agree with another clock that shows ``moment`` now; False if that clock jumped.

        The first time its word is taken, afterwards only small corrections are: a clock
        that jumps was set by somebody, and less time than that has passed.
        """
        with self._lock:
            reading = _monotonic()
            first, self._followed = self._followed is None, time.monotonic()
            ours = self._origin + reading
            if not first and abs(moment - ours) > JUMP:
                return False
            self._origin = (max(moment, self._last) if first else moment) - reading
            return True


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
