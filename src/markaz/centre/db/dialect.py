"""Where SQLite and PostgreSQL differ; no other file may ask which of them it talks to."""

from __future__ import annotations

import errno
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import QueuePool

from markaz.centre.db.clock import Clock
from markaz.centre.db.frequent import Frequent
from markaz.centre.db.line import LINE, Line, Overtaken, forget_posted, post, send_posted
from markaz.centre.errors import CentreError

BUSY_SECONDS: Final = 5.0  # how long a change waits for a lock
SCHEMA_SECONDS: Final = 600.0  # how long a server waits while another changes the schema
EXTRA_READERS: Final = 12  # connections beyond the readers' own, for threads that ask directly
LEADER: Final = 77_001  # numbers of PostgreSQL's advisory locks
SCHEMA: Final = 77_002
_MODULES: Final[dict[str, Any]] = {"postgresql": postgresql, "sqlite": sqlite}
_FULL: Final = ("disk is full", "no space left", "could not extend file")
_READ_ONLY: Final = ("readonly database", "read-only", "unable to open database")
_CONFLICTS: Final = ("40001", "40P01", "55P03")  # serialisation, deadlock, lock not available
_IDLE_SECONDS: Final = 1.0  # after which a connection is tried before it is used
_USED: Final = "used"
# A server that has vanished is noticed within seconds. Transactions begin where we say, so
# that their begin travels with their first statements, and ``wire`` prepares what is frequent.
_POSTGRESQL: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    "application_name": "markaz",
    "client_encoding": "utf8",
    "autocommit": True,
    "prepare_threshold": None,
}
# Tables of a queue change faster than what is known of them: after a burst of jobs, plans made
# for the table of a minute ago read it, or all that has left a partial index, from end to end.
# Only plain index scans also forget, as they pass, what has left it.
_WRITER: Final = "SELECT " + ", ".join(
    f"set_config('{name}', 'off', false)" for name in ("enable_seqscan", "enable_bitmapscan", "jit")
)
_WORDING: Final = postgresql.psycopg.PGDialect_psycopg(  # type: ignore[no-untyped-call]
    paramstyle="numeric_dollar"
)

_log = structlog.get_logger(__name__)


def open_engine(url: str, *, readers: int = 4) -> Engine:
    """An engine whose connections are set up for durability; the file's folder is made."""
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, readers)
    engine = create_engine(
        url, pool_size=readers + 1, max_overflow=EXTRA_READERS, connect_args=_POSTGRESQL
    )
    event.listen(engine, "connect", _postgresql_connected)
    event.listen(engine, "checkout", partial(_postgresql_checked, engine))
    event.listen(engine, "checkin", _postgresql_used)
    event.listen(engine, "begin", _postgresql_begin)
    event.listen(engine, "before_cursor_execute", lambda connection, *_: send_posted(connection))
    event.listen(engine, "commit", send_posted)
    event.listen(engine, "rollback", forget_posted)
    return engine


def _postgresql_connected(connection: Any, record: Any) -> None:
    # Imported here, since an embedded centre has no use for its driver.
    from markaz.centre.db.wire import Wire  # noqa: PLC0415

    record.info[LINE] = Line(Wire(connection), _WORDING)
    # A lock that somebody forgot must not hold up every change for ever.
    connection.execute(f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")


def _postgresql_used(_connection: Any, record: Any) -> None:
    record.info[_USED] = time.monotonic()


def _postgresql_checked(engine: Engine, connection: Any, record: Any, _proxy: Any) -> None:
    """Try a connection that was idle; if it is gone, so are those beside it."""
    used = record.info.get(_USED)
    if used is None or time.monotonic() - used < _IDLE_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _postgresql_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("reads"):
        post(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    elif not options.get("alone"):
        post(connection, "BEGIN")


def _open_sqlite(url: str, readers: int) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=readers + 1,
        max_overflow=EXTRA_READERS,
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
        "journal_size_limit=67108864",
    ):
        _patiently(lambda statement=pragma: connection.execute(f"PRAGMA {statement}"))


def _sqlite_begin(connection: Connection) -> None:
    options, info = connection.get_execution_options(), connection.info
    writes = bool(options.get("writes"))
    if info.get("writes") is not writes:  # what only looks cannot change anything by mistake
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        info["writes"] = writes
    if writes:
        patience = options.get("patience")
        _patiently(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), patience)
    else:
        connection.exec_driver_sql("BEGIN")


def _patiently(action: Any, seconds: float | None = None) -> None:
    """Try until the lock is ours; random pauses, because SQLite's own waiting is unfair."""
    deadline = time.monotonic() + (BUSY_SECONDS if seconds is None else seconds)
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


def writer_connection(engine: Engine) -> Connection:
    """As ``write_connection``, for who does many small changes; not to be given back."""
    connection = write_connection(engine)
    if is_embedded(engine):
        return connection
    try:
        with connection.begin():
            connection.exec_driver_sql(_WRITER)
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    return connection


def read_connection(engine: Engine) -> Connection:
    """A connection whose transactions see one state of the database and change nothing."""
    return engine.connect().execution_options(reads=True)


def lone_connection(engine: Engine) -> Connection:
    """A connection of a server in another process that makes no transactions."""
    return engine.connect().execution_options(alone=True)


@contextmanager
def schema_connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes the schema; the only one of all servers' that does.

    SQLite alters a table by making it anew, so foreign keys rest meanwhile and are checked
    at the end. Raises CentreError ``conflict`` if one of them leads nowhere then.
    """
    with write_connection(engine).execution_options(patience=SCHEMA_SECONDS) as connection:
        if not is_embedded(engine):
            with connection.begin():
                _wait_for_schema(connection)
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise CentreError("conflict", f"a row of {broken[0]} refers to nothing")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def _wait_for_schema(connection: Connection) -> None:
    set_timeout = "SET LOCAL lock_timeout = {:.0f}"
    connection.exec_driver_sql(set_timeout.format(SCHEMA_SECONDS * 1000))
    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": SCHEMA})
    connection.exec_driver_sql(set_timeout.format(BUSY_SECONDS * 1000))


def is_embedded(engine: Engine) -> bool:
    """Whether the database lives in this process's files (one machine, one server)."""
    return engine.dialect.name == "sqlite"


def now(connection: Connection, clock: Clock) -> int:
    """The time of this transaction, microseconds UTC: PostgreSQL's, or the server's clock.

    PostgreSQL is asked every few seconds only; between, the monotonic clock carries on.
    """
    if connection.dialect.name == "postgresql" and clock.should_follow():
        query = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        if not clock.follow(int(connection.execute(query).scalar_one())):
            _log.warning("the database's clock jumped; this server keeps its own count")
    return clock.now()


def size(connection: Connection) -> int:
    """Bytes of the database, as it counts them itself."""
    query = "SELECT pg_database_size(current_database())"
    if connection.dialect.name == "sqlite":
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return int(connection.execute(text(query)).scalar_one())


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


def insert_or_change(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    keys: Sequence[str],
    changes: Callable[[Any], dict[str, Any]],
) -> None:
    """Insert ``rows``; where a row with the same ``keys`` is there, change it as
    ``changes(new row)`` says. ``changes`` is a function of a module: its statement is kept.
    Posted (see ``Frequent.post``)."""
    if rows:
        columns = tuple(rows[0])
        statement = _changing(connection.dialect.name, table, tuple(keys), changes, columns)
        statement.post(connection, rows)


@cache
def _changing(
    name: str,
    table: Table,
    keys: tuple[str, ...],
    changes: Callable[..., Any],
    columns: tuple[str, ...],
) -> Frequent:
    statement = _MODULES[name].insert(table)
    changed = changes(statement.excluded)
    return Frequent(
        statement.on_conflict_do_update(index_elements=list(keys), set_=changed), columns
    )


def _insert(connection: Connection, table: Table) -> Any:
    return _MODULES[connection.dialect.name].insert(table)


def continue_sequences(connection: Connection, metadata: MetaData) -> None:
    """After rows were copied with their numbers: have the database count on from there."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            last = connection.execute(select(func.max(column))).scalar()
            sequence = text("SELECT setval(pg_get_serial_sequence(:t, :c), :n, :used)")
            values = {"t": table.name, "c": column.name, "n": last or 1, "used": last is not None}
            connection.execute(sequence, values)


def take_leadership(connection: Connection) -> bool:
    """Become the one process that hands out jobs; held as long as ``connection`` is open.

    With SQLite the data directory's lock file does this (see ``db.lock``).
    """
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": LEADER}).scalar())


def translated(error: DBAPIError | OSError | Overtaken) -> CentreError:
    """What a failed statement or commit means to the caller, without its SQL."""
    said = str(getattr(error, "orig", None) or error).lower()
    number = getattr(error, "errno", None)
    if any(part in said for part in _FULL) or number in (errno.ENOSPC, errno.EDQUOT):
        return CentreError("storage-full", "the centre's disk is full; nothing was stored")
    if any(part in said for part in _READ_ONLY) or number == errno.EROFS:
        return CentreError("unavailable", "the centre's storage is read-only", retry_after=30)
    return CentreError("unavailable", "the database does not answer; try again", retry_after=1)


def is_outage(error: BaseException) -> bool:
    """Whether the database failed, not the statement (a violated constraint is no outage)."""
    return isinstance(error, DBAPIError) and not _is_constraint(error) and not is_conflict(error)


def is_conflict(error: BaseException) -> bool:
    """Whether another server's transaction was in the way, so that a second try may do."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, Overtaken) or (isinstance(error, DBAPIError) and state in _CONFLICTS)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone: what was not committed on it never happened."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _is_constraint(error: DBAPIError) -> bool:
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")
