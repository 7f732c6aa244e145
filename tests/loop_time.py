"""An event loop whose time is made up: it passes only while everybody waits for it.

What takes a second takes none here, and lasts exactly a second by the loop's clock, however
slow or busy the machine is; what comes at once takes no time at all.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Does not wait until a time: if there is nothing to read, that time has come."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer: only another thread can go on
            return super().select(None)
        found = super().select(0)
        if not found:
            self.skipped += max(timeout, 0.0)
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds since it was made."""
        return self._skipping.skipped


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run(main)`` in such a loop.

    While another thread is to wake somebody, keep the loop busy (``waiting.soon``), or the
    time for which that one would wait at most has come.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


def now() -> float:
    """Seconds by the clock of the loop that runs."""
    return asyncio.get_running_loop().time()
