"""Heads of the chain, kept outside the database: ``audit-heads.log`` in the data directory.

A line for each: time, segment, sequence number, hash. Whoever cuts entries off the end of
the open segment must also find and cut this file; copied to another machine it proves the
trail up to its last line.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from markaz.centre.audit.chain import Chain, Head
from markaz.centre.errors import CentreError

_log = structlog.get_logger(__name__)

NAME: Final = "audit-heads.log"
EVERY_ENTRIES: Final = 1000
EVERY_SECONDS: Final = 10.0


class HeadLog:
    """Appends the chain's head now and then, and at the end."""

    def __init__(
        self, path: Path, chain: Chain, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._chain = chain
        self._clock = clock
        self._written: Head | None = None
        self._at = float("-inf")
        self._lock = threading.Lock()

    def committed(self) -> None:
        """Call after each commit, in the writer's thread: appends if it is time to."""
        head = self._chain.head()
        last = self._written
        many = last is None or last[0] != head[0] or head[1] - last[1] >= EVERY_ENTRIES
        if many or self._clock() - self._at >= EVERY_SECONDS:
            self._append(head)

    def close(self) -> None:
        """Append the last head, durably; the writer must have ended."""
        try:
            self._append(self._chain.head(), sync=True)
        except OSError as error:  # the trail itself is whole; only this copy of its end is not
            _log.warning("the last head of the audit chain was not written", error=str(error))

    def _append(self, head: Head, *, sync: bool = False) -> None:
        with self._lock:
            if head == self._written and not sync:
                return
            segment, seq, digest = head
            text = f"{time.time_ns() // 1000} {segment} {seq} {digest}\n"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, text.encode("ascii"))
                if sync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._written, self._at = head, self._clock()


def read(path: Path) -> list[Head]:
    """The heads in a file of that form. A last line that a crash cut short is passed over.

    Raises CentreError ``not-found`` if there is no such file, ``invalid`` for other lines.
    """
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        raise CentreError("not-found", f"there is no file {path}") from None
    return [_parsed(path, n, text) for n, text in enumerate(lines, 1) if text.endswith("\n")]


def _parsed(path: Path, number: int, text: str) -> Head:
    parts = text.split()
    if len(parts) != 4 or not parts[2].isdecimal() or len(parts[3]) != 64:
        raise CentreError("invalid", f"{path}, line {number}: not a head of the audit chain")
    return parts[1], int(parts[2]), parts[3]
