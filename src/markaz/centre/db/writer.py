"""The one writer: all changes pass through it, and many share one durable commit.

An fsync costs milliseconds and a change microseconds. Changes that wait while a commit is
under way are therefore put into the next transaction together, each in its own savepoint:
one that fails undoes only itself. A caller gets its answer after the commit that made it
durable, never before.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from markaz.centre.db import dialect
from markaz.centre.errors import CentreError

MAX_CHANGES: Final = 128  # in one transaction
MAX_SECONDS: Final = 0.05  # that a transaction collects changes, so that none waits for long


class Observer(Protocol):
    """Keeps what must follow the database's fate (the audit chain's head, metrics)."""

    def save(self) -> Any:
        """A mark to return to."""

    def restore(self, mark: Any) -> None:
        """Forget what came after ``mark``: the change was undone."""

    def flush(self, connection: Connection) -> None:
        """Write what was collected; the last thing before the commit."""


@dataclass(slots=True)
class _Change:
    action: Callable[[Connection], Any]
    future: Future[Any]
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class WriterStats:
    """Counters since the start, for metrics; seconds are of whole transactions."""

    changes: int = 0
    commits: int = 0
    failures: int = 0
    seconds: list[float] = field(default_factory=list)


class Writer:
    """A thread with the only write connection."""

    def __init__(self, engine: Engine, observer: Observer | None = None) -> None:
        self._engine = engine
        self._observer = observer
        self._queue: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._closed = False
        self.stats = WriterStats()
        self.on_commit: Callable[[float, int], None] = lambda seconds, changes: None
        self._thread = threading.Thread(target=self._run, name="markaz-writer", daemon=True)
        self._thread.start()

    def submit(self, action: Callable[[Connection], Any]) -> Future[Any]:
        """Have ``action`` done in a transaction; the future holds its result once durable.

        The future raises what the action raised (its changes are undone), or CentreError
        ``unavailable``/``storage-full`` when the transaction could not be committed.
        """
        change = _Change(action, Future())
        if self._closed:
            change.future.set_exception(CentreError("unavailable", "the centre is stopping"))
        else:
            self._queue.put(change)
        return change.future

    def waiting(self) -> int:
        """Changes that have not begun."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            started = time.monotonic()
            try:
                last = self._transaction(batch, started)
            except BaseException as error:
                self._fail(batch, error)
                last = False
            else:
                self._settle(batch, time.monotonic() - started)
            if last:
                break
        self._disconnect()

    def _transaction(self, batch: list[_Change], started: float) -> bool:
        """Do ``batch[0]`` and what else arrives, and commit; True if it is time to end."""
        connection = self._connect()
        mark = self._observer.save() if self._observer else None
        ended = False
        try:
            with connection.begin():
                self._do(connection, batch[0])
                while len(batch) < MAX_CHANGES and time.monotonic() - started < MAX_SECONDS:
                    try:
                        change = self._queue.get_nowait()
                    except queue.Empty:
                        break
                    if change is None:
                        ended = True
                        break
                    batch.append(change)
                    self._do(connection, change)
                if self._observer:
                    self._observer.flush(connection)
        except BaseException:
            if self._observer:
                self._observer.restore(mark)
            if ended:
                self._queue.put(None)
            raise
        return ended

    def _do(self, connection: Connection, change: _Change) -> None:
        if not change.future.set_running_or_notify_cancel():
            return
        mark = self._observer.save() if self._observer else None
        try:
            with connection.begin_nested():
                change.result = change.action(connection)
        except BaseException as error:
            if self._observer:
                self._observer.restore(mark)
            if dialect.is_outage(error):
                raise
            change.error = error

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = dialect.write_connection(self._engine)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError, OSError):
                self._connection.close()
            self._connection = None

    def _settle(self, batch: list[_Change], seconds: float) -> None:
        self.stats.commits += 1
        self.stats.changes += len(batch)
        self.on_commit(seconds, len(batch))
        for change in batch:
            if change.future.cancelled():
                continue
            if change.error is not None:
                change.future.set_exception(change.error)
            else:
                change.future.set_result(change.result)

    def _fail(self, batch: list[_Change], error: BaseException) -> None:
        self.stats.failures += 1
        if self._connection is not None:
            with contextlib.suppress(DBAPIError, OSError):
                self._connection.invalidate()
        self._disconnect()
        if dialect.is_outage(error):
            error = dialect.translated(error)  # type: ignore[arg-type]
        for change in batch:
            if not change.future.cancelled():
                change.future.set_exception(change.error or error)
