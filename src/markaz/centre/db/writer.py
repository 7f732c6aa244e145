"""The one writer: all changes pass through it, and many share one durable commit.

An fsync costs milliseconds and a change microseconds. Changes that wait while a commit is
under way are therefore put into the next transaction together, each in its own savepoint:
one that fails undoes only itself. A caller gets its answer after the commit that made it
durable, never before.

A change may be done again before it is answered: when the connection was lost before the
commit began, and when another server's transaction was in the way. It must therefore touch
nothing but its connection until it is durable. A commit that fails is never tried again,
since nobody can tell whether it happened.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from markaz.centre.db import dialect
from markaz.centre.db.line import (
    Undone,
    begin_change,
    can_send_commit,
    end_change,
    send_commit,
    send_posted,
    undo_change,
)
from markaz.centre.errors import CentreError

MAX_CHANGES: Final = 128  # in one transaction
MAX_SECONDS: Final = 0.05  # that a transaction collects changes, so that none waits for long
MAX_TRIES: Final = 5  # of a change that other servers' transactions keep getting in the way of

_log = structlog.get_logger(__name__)


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
    tries: int = 0
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class WriterStats:
    """Counters since the start, for metrics."""

    changes: int = 0
    commits: int = 0
    failures: int = 0
    conflicts: int = 0
    reconnects: int = 0


class Writer:
    """A thread with the only write connection.

    ``on_connect`` is called in the first transaction of every connection, before its
    changes: with it the observer finds out what the database really holds.
    """

    def __init__(
        self,
        engine: Engine,
        observer: Observer | None = None,
        on_connect: Callable[[Connection], None] = lambda connection: None,
    ) -> None:
        self._engine = engine
        self._observer = observer
        self._on_connect = on_connect
        self._queue: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._again: list[_Change] = []
        self._connection: Connection | None = None
        self._greeted = False
        self._committing = False
        self._careful = False
        self._failing = False
        self._closed = False
        self._closing = threading.Lock()
        self.stats = WriterStats()
        self.on_commit: Callable[[float, int], None] = lambda seconds, changes: None
        self._thread = threading.Thread(target=self._run, name="markaz-writer", daemon=True)
        self._thread.start()

    def submit(self, action: Callable[[Connection], Any]) -> Future[Any]:
        """Have ``action`` done in a transaction; the future holds its result once durable.

        The future raises what the action raised (its changes are undone), or CentreError
        ``unavailable``/``storage-full`` when the transaction could not be committed. A
        future that is cancelled in time is not done at all.
        """
        change = _Change(action, Future())
        with self._closing:
            if not self._closed:
                self._queue.put(change)
                return change.future
        change.future.set_exception(CentreError("unavailable", "the centre is stopping"))
        return change.future

    def waiting(self) -> int:
        """Changes that have not begun."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._next()) is not None:
            batch = [first]
            started = time.monotonic()
            try:
                self._attempt(batch, started)
            except BaseException as error:
                self._fail(batch, error)
            else:
                self._settle(batch, time.monotonic() - started)
        self._disconnect()

    def _next(self, block: bool = True) -> _Change | None:
        """The next change that its caller still wants; None at the end, or if none waits."""
        while True:
            if self._again:
                return self._again.pop()
            try:
                change = self._queue.get(block)
            except queue.Empty:
                return None
            if change is None:
                if not block:
                    self._queue.put(None)  # the end is for `_run` to see
                return None
            if change.future.set_running_or_notify_cancel():
                return change

    def _attempt(self, batch: list[_Change], started: float) -> None:
        """A transaction; a second one, with the same changes, if the first lost its line, or
        if it is to be found out which of them failed."""
        had_line = self._connection is not None
        try:
            self._transaction(batch, started)
        except Undone:
            self._careful = True
            try:
                self._transaction(batch, started)
            finally:
                self._careful = False
        except DBAPIError as error:
            if self._committing or not had_line or not dialect.is_lost(error):
                raise
            self._disconnect()
            self.stats.reconnects += 1
            self._transaction(batch, started)

    def _transaction(self, batch: list[_Change], started: float) -> None:
        """Do the changes in ``batch`` and what else arrives meanwhile, and commit."""
        self._committing = False
        mark = self._observer.save() if self._observer else None
        try:
            connection = self._connect()
            with connection.begin() as transaction:
                self._greet(connection)
                self._do_all(connection, batch, started)
                if self._observer:
                    self._observer.flush(connection)
                self._commit(connection, transaction)
                self._greeted = True
        except BaseException:
            if self._observer:
                self._observer.restore(mark)
            raise

    def _commit(self, connection: Connection, transaction: RootTransaction) -> None:
        together = not self._careful and can_send_commit(connection)
        if not together:
            send_posted(connection)
        self._committing = True
        if together:
            send_commit(connection, transaction)
        else:
            transaction.commit()

    def _greet(self, connection: Connection) -> None:
        if not self._greeted:
            self._on_connect(connection)

    def _do_all(self, connection: Connection, batch: list[_Change], started: float) -> None:
        done = 0
        while done < len(batch):
            if not self._do(connection, batch, done, started):
                # The other server may wait for a lock that we hold: let go of ours first.
                self._again = [*batch[:done:-1], batch[done]]
                del batch[done:]
                return
            done += 1

    def _has_more(self, batch: list[_Change], done: int, started: float) -> bool:
        """Whether a change follows the first ``done``: in ``batch``, or one that waits and
        still fits in. What those posted must be sent before it is begun."""
        if done == len(batch) < MAX_CHANGES and time.monotonic() - started < MAX_SECONDS:
            change = self._next(block=False)
            if change is not None:
                batch.append(change)
        return done < len(batch)

    def _do(
        self, connection: Connection, batch: list[_Change], number: int, started: float
    ) -> bool:
        """Do one change in its own savepoint; False if it must be tried again later.

        What the last one posted is sent with the commit; the others' errors must be their own.
        """
        change = batch[number]
        mark = self._observer.save() if self._observer else None
        change.error = change.result = None
        begin_change(connection)
        try:
            change.result = change.action(connection)
            end_change(connection)
            if self._careful or self._has_more(batch, number + 1, started):
                send_posted(connection)
        except BaseException as error:
            if self._observer:
                self._observer.restore(mark)
            if dialect.is_outage(error):
                raise  # the savepoint may be gone with the transaction
            undo_change(connection)
            if self._must_wait(change, error):
                return False
            self._has_more(batch, number + 1, started)
        return True

    def _must_wait(self, change: _Change, error: BaseException) -> bool:
        """Whether a failed change is to be tried again; else its error is noted."""
        change.tries += 1
        if dialect.is_conflict(error):
            self.stats.conflicts += 1
            if change.tries < MAX_TRIES:
                return True
        change.error = _explained(error)
        return False

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = dialect.writer_connection(self._engine)
            self._greeted = False
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.invalidate()
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None

    def _settle(self, batch: list[_Change], seconds: float) -> None:
        self.stats.commits += 1
        self.stats.changes += len(batch)
        if self._failing:
            _log.info("changes can be stored again")
        self._failing = False
        for change in batch:
            if change.error is not None:
                change.future.set_exception(change.error)
            else:
                change.future.set_result(change.result)
        try:
            self.on_commit(seconds, len(batch))
        except Exception:
            _log.exception("what watches the commits failed")

    def _fail(self, batch: list[_Change], error: BaseException) -> None:
        """Tell every caller of the transaction; of all that waits, if there is no database."""
        self.stats.failures += 1
        if not self._failing:  # once for each outage, however many ask meanwhile
            _log.error("a transaction failed", changes=len(batch), error=str(error))
        self._failing = True
        if self._connection is None:
            while (change := self._next(block=False)) is not None:
                batch.append(change)
        self._disconnect()
        explained = _explained(error)
        for change in batch:
            change.future.set_exception(change.error or explained)


def _explained(error: BaseException) -> BaseException:
    outage = dialect.is_outage(error) or dialect.is_conflict(error)
    if outage or isinstance(error, OSError):
        return dialect.translated(error)  # type: ignore[arg-type]
    return error
