"""Where SQLite and PostgreSQL differ; no other file may ask which of them it talks to."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from markaz.centre.db.clock import Clock
from markaz.centre.errors import CentreError

BUSY_SECONDS: Final = 5.0  # how long a writer tries to get SQLite's one write lock
_FULL: Final = ("disk is full", "no space left", "could not extend file")
_READ_ONLY: Final = ("readonly database", "read-only", "unable to open database")


def open_engine(url: str, *, readers: int = 4) -> Engine:
    """An engine whose connections are set up for durability; the file's folder is made."""
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, readers)
    return create_engine(url, pool_size=readers + 1, max_overflow=0, pool_pre_ping=True)


def _open_sqlite(url: str, readers: int) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=readers + 1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": 0},
    )
    event.listen(engine, "connect", _sqlite_connected)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where a driver guesses
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=0",
        "cache_size=-16000",
        "wal_autocheckpoint=4000",
    ):
        _patiently(lambda statement=pragma: connection.execute(f"PRAGMA {statement}"))


def _sqlite_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        _patiently(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        connection.exec_driver_sql("BEGIN")


def _patiently(action: Any) -> None:
    """Try until the lock is ours; random pauses, because SQLite's own waiting is unfair."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            action()
        except (OperationalError, sqlite3.OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.0005, 0.004))
        else:
            return


def write_connection(engine: Engine) -> Connection:
    """A connection whose transactions take the write lock at their beginning."""
    return engine.connect().execution_options(writes=True)


def is_embedded(engine: Engine) -> bool:
    """Whether the database lives in this process's files (one machine, one server)."""
    return engine.dialect.name == "sqlite"


def now(connection: Connection, clock: Clock) -> int:
    """The time of this transaction, microseconds UTC: PostgreSQL's, or the server's clock."""
    if connection.dialect.name == "postgresql":
        query = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        clock.not_before(int(connection.execute(query).scalar_one()))
    return clock.now()


def insert_or_ignore(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert ``rows``; those whose key is already there are left as they are."""
    if rows:
        statement = _insert(connection, table).on_conflict_do_nothing()
        connection.execute(statement, list(rows))


def upsert(connection: Connection, table: Table, row: dict[str, Any], keys: Sequence[str]) -> None:
    """Insert ``row``, or change the row with the same ``keys`` to it."""
    statement = _insert(connection, table).values(row)
    changes = {k: statement.excluded[k] for k in row if k not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changes))


def _insert(connection: Connection, table: Table) -> Any:
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    return module.insert(table)


def take_leadership(connection: Connection, name: int = 77_001) -> bool:
    """Become the one process that hands out jobs; held as long as ``connection`` is open.

    With SQLite the data directory's lock file does this (see ``db.lock``).
    """
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": name}).scalar())


def translated(error: DBAPIError | OSError) -> CentreError:
    """What a failed statement or commit means to the caller, without its SQL."""
    said = str(getattr(error, "orig", None) or error).lower()
    if any(part in said for part in _FULL) or getattr(error, "errno", None) == 28:
        return CentreError("storage-full", "the centre's disk is full; nothing was stored")
    if any(part in said for part in _READ_ONLY):
        return CentreError("unavailable", "the centre's storage is read-only", retry_after=30)
    return CentreError("unavailable", "the database does not answer; try again", retry_after=1)


def is_outage(error: BaseException) -> bool:
    """Whether the database failed, not the statement (a violated constraint is no outage)."""
    return isinstance(error, OSError) or (
        isinstance(error, DBAPIError) and not _is_constraint(error)
    )


def _is_constraint(error: DBAPIError) -> bool:
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")
