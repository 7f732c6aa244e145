"""One server for a data directory, one leader for a database.

SQLite has one writer, and the queue has one dispatcher. On one machine a lock on a file of
the data directory says who it is, with PostgreSQL an advisory lock that lasts as long as its
connection. Both vanish with their process, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from markaz.centre.db import dialect
from markaz.centre.errors import conflict

FILE: Final = "server.lock"


class ServerLock:
    """Held by the process that serves a data directory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _held.add(self)

    @classmethod
    def take(cls, data: Path) -> Self:
        """Lock the directory ``data``, which is made if need be.

        Raises CentreError ``conflict`` naming the process that holds it.
        """
        data.mkdir(parents=True, exist_ok=True)
        path = data / FILE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise conflict(
                f"another server (process {holder}) works on {data}; stop it, or choose another "
                "data directory",
                process=holder,
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return cls(descriptor)

    def release(self) -> None:
        """Let others in."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.drop()

    def drop(self) -> None:
        """Close the file only: a forked child shares the lock and must not undo it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


_held: Final[weakref.WeakSet[ServerLock]] = weakref.WeakSet()


def _drop_in_child() -> None:
    """A forked child must not keep the lock when its parent dies."""
    for lock in list(_held):
        lock.drop()


os.register_at_fork(after_in_child=_drop_in_child)


class Leadership:
    """The right to hand out jobs; of several servers on one PostgreSQL one has it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Whether this process leads now; takes the lead if nobody has it.

        To be called again and again: a lead is lost with its connection.
        """
        if dialect.is_embedded(self._engine):
            return True
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            return self._take()
        except DBAPIError:
            self.release()
            return False

    def release(self) -> None:
        """Let another server lead."""
        if self._connection is not None:
            self._connection.invalidate()  # closes it for good: the lock hangs on it
            self._connection.close()
            self._connection = None

    def _take(self) -> bool:
        connection = dialect.lone_connection(self._engine)
        if dialect.take_leadership(connection):
            self._connection = connection
            return True
        connection.close()
        return False
