"""Waiting for what another thread, process or task does: never longer than it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.01


def until(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true value of ``condition``. Raises AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(LOOK_SECONDS)
    return found


async def soon(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """The same for what other tasks of this loop do."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not so after {seconds} s"
        await asyncio.sleep(0)
    return found
