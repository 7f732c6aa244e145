"""Rate limits: the generic cell rate algorithm, one number for each caller.

A caller may use a minute's worth at once and gets it back evenly. Written out because it
is thirty lines: the usual library starts a thread every ten milliseconds to tidy up and
costs ten times as much for each request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 60.0  # seconds that a quota is for
TIDY_AT: Final = 10_000  # callers remembered before those with full quotas are forgotten


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left to a caller: requests, seconds until the quota is full again, and, if
    this request is refused, seconds until the next is not."""

    quota: int
    left: int
    reset: float
    retry_after: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether the request exceeds the quota."""
        return self.retry_after > 0

    def headers(self, name: str) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10 for the policy ``name``."""
        return {
            "RateLimit-Policy": f'"{name}";q={self.quota};w={WINDOW:.0f}',
            "RateLimit": f'"{name}";r={self.left};t={math.ceil(self.reset)}',
        }


class Limit:
    """At most ``quota`` events a minute for each key."""

    def __init__(self, quota: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self._step = WINDOW / quota
        self._clock = clock
        self._full_at: dict[str, float] = {}  # when a key's quota is whole again

    def take(self, key: str) -> Standing:
        """Count one event of ``key``, unless it exceeds the quota."""
        return self._take(key, self._step)

    def look(self, key: str) -> Standing:
        """What ``take`` would say, counting nothing."""
        now = self._clock()
        used = max(self._full_at.get(key, now) - now, 0.0)
        over = used + self._step - WINDOW
        return Standing(self.quota, self._left(used), used, over if over > 1e-9 else 0.0)

    def _take(self, key: str, step: float) -> Standing:
        now = self._clock()
        used = max(self._full_at.get(key, now) - now, 0.0) + step
        if used - WINDOW > 1e-9:
            return Standing(self.quota, 0, used - step, used - WINDOW)
        if len(self._full_at) >= TIDY_AT and key not in self._full_at:
            self._full_at = {k: t for k, t in self._full_at.items() if t > now}
        self._full_at[key] = now + used
        return Standing(self.quota, self._left(used), used)

    def _left(self, used: float) -> int:
        return int((WINDOW - used) / self._step + 1e-6)
