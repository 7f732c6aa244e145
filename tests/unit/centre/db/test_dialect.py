from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from markaz.centre.db import dialect
from markaz.centre.db.clock import Clock
from markaz.centre.db.schema import jobs
from markaz.centre.db.tables import meta
from markaz.centre.jobs.tables import ACTIVE
from markaz.centre.settings import Settings


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = dialect.open_engine(Settings({"database_url": database_url}).database_url)
    yield opened
    opened.dispose()


def test_what_only_looks_cannot_change_anything(engine: Engine) -> None:
    with dialect.read_connection(engine) as connection, pytest.raises(DBAPIError):
        connection.execute(insert(meta).values(name="a", value=""))

    with dialect.write_connection(engine) as connection, connection.begin():
        connection.execute(insert(meta).values(name="b", value=""))
    with dialect.read_connection(engine) as connection:
        assert connection.execute(select(meta.c.name)).scalars().all() == ["b"]


def test_a_reader_sees_one_state(engine: Engine) -> None:
    names = select(meta.c.name)
    with dialect.read_connection(engine) as reader:
        before = reader.execute(names).scalars().all()
        with dialect.write_connection(engine) as writer, writer.begin():
            writer.execute(insert(meta).values(name="a", value=""))
        assert (before, reader.execute(names).scalars().all()) == ([], [])


def test_the_writer_finds_what_runs_by_its_index_whatever_is_known_of_the_table(
    engine: Engine,
) -> None:
    explain = "EXPLAIN QUERY PLAN" if dialect.is_embedded(engine) else "EXPLAIN"
    query = str(select(jobs.jobs.c.user_id).where(text(ACTIVE)))
    with dialect.writer_connection(engine) as connection:
        plan = str(connection.exec_driver_sql(f"{explain} {query}").all())
        connection.rollback()
        connection.invalidate()
    assert "ix_jobs_active" in plan
    assert "Bitmap" not in plan


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_server_that_vanishes_as_the_writer_comes_is_an_outage(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(dialect, "_WRITER", "SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(DBAPIError) as caught:
            dialect.writer_connection(engine)
    assert dialect.is_outage(caught.value)
    with dialect.writer_connection(engine) as connection, connection.begin():
        connection.execute(insert(meta).values(name="back", value=""))


def test_more_threads_than_readers_get_a_connection(engine: Engine) -> None:
    barrier = threading.Barrier(12)
    seen = []

    def look() -> None:
        with dialect.read_connection(engine) as connection:
            seen.append(connection.execute(text("SELECT 1")).scalar())
            barrier.wait(10)

    threads = [threading.Thread(target=look) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 12


def test_insert_or_ignore_and_upsert(engine: Engine) -> None:
    with dialect.write_connection(engine) as connection, connection.begin():
        dialect.insert_or_ignore(connection, meta, [])
        dialect.insert_or_ignore(connection, meta, [{"name": "a", "value": "1"}])
        dialect.insert_or_ignore(
            connection, meta, [{"name": "a", "value": "2"}, {"name": "b", "value": "2"}]
        )
        dialect.upsert(connection, meta, {"name": "b", "value": "3"}, ["name"])
        dialect.upsert(connection, meta, {"name": "c", "value": "4"}, ["name"])
        found = connection.execute(select(meta.c.name, meta.c.value).order_by(meta.c.name))
        assert [tuple(row) for row in found] == [("a", "1"), ("b", "3"), ("c", "4")]


@pytest.mark.parametrize("database", ["postgresql"])
def test_postgresql_gives_the_time(engine: Engine) -> None:
    clock = Clock(at_least=0)
    clock._origin -= 3_600_000_000  # this server's wall clock is an hour slow
    with dialect.write_connection(engine) as connection:
        first, second = dialect.now(connection, clock), dialect.now(connection, clock)
    assert abs(first - time.time() * 1e6) < 5e6
    assert 0 < second - first < 5_000_000


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_writer_waits_for_another_process_and_then_gives_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 0.05)
    with dialect.write_connection(engine) as first, dialect.write_connection(engine) as second:
        with first.begin(), pytest.raises(OperationalError, match="locked") as error:
            second.begin()
        assert dialect.is_outage(error.value)
        assert dialect.translated(error.value).kind == "unavailable"
    with dialect.write_connection(engine) as third, third.begin():
        third.execute(insert(meta).values(name="a", value=""))


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_commit_of_the_embedded_database_is_durable(engine: Engine) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for connection in (dialect.write_connection(engine), dialect.read_connection(engine)):
        with connection:
            found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in wanted}
        assert found == wanted


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "storage-full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "storage-full"),
        (OSError(errno.EROFS, "Read-only file system"), "unavailable"),
        (OperationalError("x", {}, Exception("database or disk is full")), "storage-full"),
        (OperationalError("x", {}, Exception("could not extend file: No space")), "storage-full"),
        (OperationalError("x", {}, Exception("attempt to write a readonly database")),
         "unavailable"),
        (OperationalError("x", {}, Exception("server closed the connection")), "unavailable"),
    ],
)  # fmt: skip
def test_outages_are_explained_without_their_sql(error: DBAPIError | OSError, kind: str) -> None:
    told = dialect.translated(error)
    assert told.kind == kind
    assert "x" not in told.message.split()


@pytest.mark.parametrize("database", ["postgresql"])
def test_sequences_go_on_after_rows_were_copied(engine: Engine) -> None:
    with dialect.write_connection(engine) as connection, connection.begin() as transaction:
        dialect.continue_sequences(connection, meta.metadata)
        name = "SELECT nextval(pg_get_serial_sequence('jobs', 'seq'))"
        assert connection.execute(text(name)).scalar() == 1
        assert jobs.jobs.autoincrement_column is not None
        transaction.rollback()
