from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from markaz.centre.db import dialect
from markaz.centre.db import writer as writer_module
from markaz.centre.db.tables import meta
from markaz.centre.db.writer import Writer
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings


class Tape:
    """An observer that notes what happens and can be told to fail."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self.written: list[str] = []
        self.fail: Exception | None = None

    def add(self, note: str) -> None:
        self.pending.append(note)

    def save(self) -> int:
        return len(self.pending)

    def restore(self, mark: int) -> None:
        del self.pending[mark:]

    def flush(self, connection: Connection) -> None:
        if self.fail is not None:
            raise self.fail
        self.written += self.pending
        self.pending = []


class Bench:
    """A writer with a gate: changes queued while the gate is shut share one transaction."""

    def __init__(self, url: str) -> None:
        self.tape = Tape()
        self.engine = dialect.open_engine(url)
        self.greeted: list[int] = []
        self.writer = Writer(self.engine, self.tape, lambda connection: self.greeted.append(1))
        self._gate = threading.Event()

    def hold(self) -> None:
        """Keep the writer busy until ``go``."""
        started = threading.Event()

        def wait(connection: Connection) -> None:
            started.set()
            assert self._gate.wait(10)

        self.writer.submit(wait)
        assert started.wait(10)

    def go(self) -> None:
        self._gate.set()

    def names(self) -> list[str]:
        with self.engine.connect() as connection:
            return sorted(connection.execute(select(meta.c.name)).scalars())

    def close(self) -> None:
        self._gate.set()
        self.writer.close()
        self.engine.dispose()


@pytest.fixture
def bench(settings_for: Callable[..., Settings]) -> Iterator[Bench]:
    opened = Bench(settings_for().database_url)
    yield opened
    opened.close()


def put(bench: Bench, name: str, *, fail: Exception | None = None) -> Callable[[Connection], str]:
    def change(connection: Connection) -> str:
        bench.tape.add(name)
        connection.execute(insert(meta).values(name=name, value=""))
        if fail is not None:
            raise fail
        return name

    return change


def outage() -> OperationalError:
    return OperationalError("COMMIT", {}, Exception("database or disk is full"))


def test_a_change_is_there_when_its_future_is_done(bench: Bench) -> None:
    assert bench.writer.submit(put(bench, "a")).result(10) == "a"

    assert (bench.names(), bench.tape.written) == (["a"], ["a"])


def test_changes_that_wait_share_one_commit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_SECONDS", 30.0)  # however slow this machine is
    bench.hold()
    futures = [bench.writer.submit(put(bench, f"{i:03}")) for i in range(100)]
    before = bench.writer.stats.commits
    bench.go()

    assert [f.result(10) for f in futures] == bench.names()
    assert bench.writer.stats.commits - before <= 2
    assert bench.writer.stats.changes == 101


def test_a_failing_change_undoes_only_itself(bench: Bench) -> None:
    bench.hold()
    error = ValueError("no")
    futures = [bench.writer.submit(put(bench, n, fail=f)) for n, f in
               (("a", None), ("b", error), ("c", None))]  # fmt: skip
    bench.go()

    assert futures[0].result(10) == "a"
    assert futures[1].exception(10) is error
    assert futures[2].result(10) == "c"
    assert (bench.names(), bench.tape.written) == (["a", "c"], ["a", "c"])


def test_a_violated_constraint_undoes_only_its_change(bench: Bench) -> None:
    bench.hold()
    futures = [bench.writer.submit(put(bench, name)) for name in ("a", "a", "b")]
    bench.go()

    assert [type(f.exception(10)) for f in futures] == [type(None), IntegrityError, type(None)]
    assert (bench.names(), bench.tape.written) == (["a", "b"], ["a", "b"])


def test_a_full_store_fails_only_the_change_that_met_it(bench: Bench) -> None:
    bench.hold()
    full = OSError(errno.ENOSPC, "No space left on device")
    futures = [bench.writer.submit(put(bench, n, fail=f)) for n, f in (("a", full), ("b", None))]
    bench.go()

    error = futures[0].exception(10)
    assert (isinstance(error, CentreError) and error.kind, futures[1].result(10)) == (
        "storage-full",
        "b",
    )
    assert bench.names() == ["b"]


def test_a_commit_that_fails_reaches_every_caller_and_changes_nothing(bench: Bench) -> None:
    bench.writer.submit(put(bench, "before")).result(10)
    bench.hold()
    futures = [bench.writer.submit(put(bench, name)) for name in "abc"]
    bench.tape.fail = outage()
    bench.go()

    errors = [f.exception(10) for f in futures]
    assert [isinstance(e, CentreError) and e.kind for e in errors] == ["storage-full"] * 3
    assert (bench.names(), bench.tape.pending) == (["before"], [])

    bench.tape.fail = None
    assert bench.writer.submit(put(bench, "after")).result(10) == "after"
    assert bench.names() == ["after", "before"]
    assert bench.tape.written == ["before", "after"]
    assert len(bench.greeted) == 2


def test_a_cancelled_change_is_not_done(bench: Bench) -> None:
    bench.hold()
    first, second = bench.writer.submit(put(bench, "a")), bench.writer.submit(put(bench, "b"))
    assert first.cancel()
    bench.go()

    assert second.result(10) == "b"
    with pytest.raises(CancelledError):
        first.result(10)
    assert bench.names() == ["b"]


def test_closing_finishes_what_is_queued_and_refuses_more(bench: Bench) -> None:
    bench.hold()
    futures = [bench.writer.submit(put(bench, name)) for name in "ab"]
    bench.go()
    bench.writer.close()
    late = bench.writer.submit(put(bench, "late"))

    assert [f.result(0) for f in futures] == ["a", "b"]
    error = late.exception(0)
    assert isinstance(error, CentreError) and error.kind == "unavailable"
    bench.writer.close()


def test_no_change_is_forgotten_when_many_submit_while_it_closes(bench: Bench) -> None:
    futures: list[Any] = []

    def submit() -> None:
        futures.extend([bench.writer.submit(lambda connection: None) for _ in range(50)])

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    bench.writer.close()
    for thread in threads:
        thread.join()

    assert [f.done() for f in futures] == [True] * 200


def test_what_watches_commits_cannot_stop_them(bench: Bench) -> None:
    def broken(seconds: float, changes: int) -> None:
        raise RuntimeError("metrics are down")

    bench.writer.on_commit = broken

    assert bench.writer.submit(put(bench, "a")).result(10) == "a"
    assert bench.writer.submit(put(bench, "b")).result(10) == "b"


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_connection_lost_before_the_commit_is_replaced_unseen(bench: Bench) -> None:
    bench.writer.submit(put(bench, "a")).result(10)
    with bench.engine.connect() as connection:
        kill = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert connection.execute(kill).scalar() == 1

    assert bench.writer.submit(put(bench, "b")).result(10) == "b"
    assert (bench.names(), bench.tape.written) == (["a", "b"], ["a", "b"])
    assert (bench.writer.stats.reconnects, len(bench.greeted)) == (1, 2)


@pytest.mark.parametrize("database", ["postgresql"])
def test_two_servers_that_deadlock_both_succeed(bench: Bench, database_url: str) -> None:
    other = Bench(Settings({"database_url": database_url}).database_url)
    try:
        for name in ("x", "y"):
            bench.writer.submit(put(bench, name)).result(10)
        barrier = threading.Barrier(2)

        def touch(first: str, second: str) -> list[Callable[[Connection], None]]:
            """Two changes of one transaction that lock ``first``, then ``second``."""

            def lock(connection: Connection, name: str) -> None:
                connection.execute(text("UPDATE meta SET value = 'z' WHERE name = :n"), {"n": name})

            def begin(connection: Connection) -> None:
                lock(connection, first)
                if not barrier.broken:
                    barrier.wait(10)

            return [begin, lambda connection: lock(connection, second)]

        futures = []
        for one in (bench, other):
            one.hold()
        for one, order in ((bench, ("x", "y")), (other, ("y", "x"))):
            futures += [one.writer.submit(change) for change in touch(*order)]
        bench.go(), other.go()

        assert [f.result(30) for f in futures] == [None] * 4
        assert bench.writer.stats.conflicts + other.writer.stats.conflicts >= 1
    finally:
        other.close()


@pytest.mark.parametrize("database", ["sqlite"])
def test_all_that_waits_hears_that_there_is_no_database(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.writer.submit(put(bench, "a")).result(10)
    bench.hold()
    futures = [bench.writer.submit(put(bench, name)) for name in "bcd"]

    def refuse(engine: Any) -> Any:
        raise OperationalError("connect", {}, Exception("connection refused"))

    bench.tape.fail = outage()
    monkeypatch.setattr(dialect, "write_connection", refuse)
    bench.go()
    [f.exception(10) for f in futures]

    late = [bench.writer.submit(put(bench, name)) for name in "ef"]
    kinds = [getattr(f.exception(10), "kind", None) for f in late]
    assert kinds == ["unavailable", "unavailable"]
    monkeypatch.undo()
    bench.tape.fail = None
    assert bench.writer.submit(put(bench, "g")).result(10) == "g"
    assert bench.names() == ["a", "g"]
