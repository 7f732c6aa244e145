"""What travels together on a connection: posted changes, reads asked ahead, the commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, insert, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from markaz.centre.access import SYSTEM, Act, anyone
from markaz.centre.centre import Centre
from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent
from markaz.centre.db.line import Overtaken, line_of, post, run, send_posted
from markaz.centre.db.tables import meta
from markaz.centre.db.writer import Writer
from markaz.centre.work import Work

ADD = Frequent(insert(meta), ("name", "value"))
VALUE = Frequent(select(meta.c.value).where(meta.c.name == bindparam("wanted")))
KINDS = {"wanted": meta.c.name.type, "new": meta.c.value.type}
CHANGE = Frequent.each(
    lambda value: update(meta).where(meta.c.name == value("wanted")).values(value=value("new")),
    KINDS,
)


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    opened = Writer(engine)
    yield opened
    opened.close()


def row(name: str, value: str = "1") -> dict[str, str]:
    return {"name": name, "value": value}


def put(name: str, value: str = "1") -> Callable[[Connection], None]:
    """A change that looks first and then only posts."""

    def change(connection: Connection) -> None:
        VALUE.first(connection, {"wanted": name})
        ADD.post(connection, [row(name, value)])

    return change


def names(engine: Engine) -> dict[str, str]:
    with dialect.read_connection(engine) as connection:
        found = connection.execute(select(meta.c.name, meta.c.value))
        return {row.name: row.value for row in found}


def together(writer: Writer, *changes: Callable[[Connection], Any]) -> list[BaseException | None]:
    """How changes of one transaction fare."""
    gate, started = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        started.set()
        assert gate.wait(10)

    writer.submit(wait)
    assert started.wait(10)
    futures = [writer.submit(change) for change in changes]
    gate.set()
    return [future.exception(10) for future in futures]


def test_what_was_asked_ahead_is_read_once_and_in_its_place(writing: Connection) -> None:
    ADD.post(writing, [row("a")])
    VALUE.ahead(writing, {"wanted": "a"})
    VALUE.ahead(writing, {"wanted": "b"})
    assert VALUE.first(writing, {"wanted": "a"}).value == "1"
    CHANGE.run(writing, {"wanted": "a", "new": "2"})
    assert VALUE.first(writing, {"wanted": "a"}).value == "2"
    assert VALUE.all(writing, {"wanted": "b"}) == []


@pytest.mark.parametrize("database", ["postgresql"])
def test_what_was_asked_ahead_costs_no_further_round_trip(
    writing: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(writing)
    assert line is not None
    sent, send = [], line.wire.send

    def counted(statements: Any) -> Any:
        listed = list(statements)
        sent.append(len(listed))
        return send(listed)

    monkeypatch.setattr(type(line.wire), "send", lambda self, statements: counted(statements))
    for name in "abc":
        VALUE.ahead(writing, {"wanted": name})
    assert [VALUE.first(writing, {"wanted": name}) for name in "abc"] == [None] * 3
    assert sent == [4]  # with the transaction's begin


def test_what_another_change_asked_is_forgotten(writer: Writer) -> None:
    def asks(connection: Connection) -> None:
        VALUE.ahead(connection, {"wanted": "a"})
        VALUE.first(connection, {"wanted": "other"})
        ADD.post(connection, [row("a")])

    seen: list[Any] = []
    failed = together(
        writer, asks, lambda c: seen.append(VALUE.first(c, {"wanted": "a"})), put("b")
    )
    assert (failed, [one.value for one in seen]) == ([None] * 3, ["1"])


def test_a_posted_change_must_touch_what_it_says(writing: Connection) -> None:
    ADD.run_many(writing, [row("a"), row("b")])
    CHANGE.post(writing, [{"wanted": "a", "new": "2"}], touching=1)
    send_posted(writing)
    with pytest.raises(Overtaken):
        CHANGE.post(writing, [{"wanted": "b", "new": "2"}, {"wanted": "c", "new": "2"}], touching=2)
        send_posted(writing)


def test_a_change_that_was_overtaken_is_done_again(writer: Writer, engine: Engine) -> None:
    tries = []

    def change(connection: Connection) -> None:
        tries.append(1)
        if len(tries) > 1:
            ADD.post(connection, [row("a")])
        CHANGE.post(connection, [{"wanted": "a", "new": "2"}], touching=1)

    assert together(writer, put("x"), change, put("y")) == [None] * 3
    assert (len(tries), writer.stats.conflicts) == (2, 1)
    assert names(engine) == {"x": "1", "a": "2", "y": "1"}


@pytest.mark.parametrize("last", [0, 1, 2])
def test_an_error_at_the_commit_is_that_of_the_change_that_posted_it(
    writer: Writer, engine: Engine, last: int
) -> None:
    writer.submit(put("taken")).result(10)
    changes = [put("b"), put("c")]
    changes.insert(last, put("taken", "2"))
    failed = [type(error) for error in together(writer, *changes)]
    wanted = [type(None)] * 2
    wanted.insert(last, IntegrityError)
    assert failed == wanted
    assert names(engine) == {"taken": "1", "b": "1", "c": "1"}


def test_many_rows_are_inserted_and_changed_as_one_by_one(writing: Connection) -> None:
    odd = ['quote "', "back\\slash", "{}", ",", "NULL", "", "π", "a\nb", " x ", "'"]
    rows = [row(f"n{i}", value) for i, value in enumerate(odd)]
    assert ADD.run_many(writing, rows) == len(odd)
    assert [VALUE.first(writing, {"wanted": f"n{i}"}).value for i in range(len(odd))] == odd
    changes = [{"wanted": f"n{i}", "new": value} for i, value in enumerate(reversed(odd))]
    assert CHANGE.run_many(writing, [*changes, {"wanted": "none", "new": ""}]) == len(odd)
    found = [VALUE.first(writing, {"wanted": f"n{i}"}).value for i in range(len(odd))]
    assert found == odd[::-1]


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_too_long_is_refused_and_not_cut(writing: Connection, count: int) -> None:
    rows = [row(f"n{i}") for i in range(count - 1)]
    with pytest.raises(DataError, match="too long"):
        ADD.run_many(writing, [*rows, row("n" * 65)])


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("value", ["a\0b", {"a": 1}])
def test_what_is_no_parameter_is_refused_and_the_connection_goes_on(
    writing: Connection, value: Any
) -> None:
    ADD.run(writing, row("a"))
    with pytest.raises(DBAPIError):
        VALUE.first(writing, {"wanted": value})
    run(writing, "SAVEPOINT here")
    post(writing, "ROLLBACK TO SAVEPOINT here")
    assert VALUE.first(writing, {"wanted": "a"}).value == "1"


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_text_that_libpq_would_cut_is_refused_among_others_too(writing: Connection) -> None:
    with pytest.raises(DataError, match="NUL"):
        ADD.run_many(writing, [row("a"), row("b", "cut\0here")])


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_pipeline_larger_than_all_buffers_passes(writing: Connection) -> None:
    ADD.run(writing, row("a", "x" * 200_000))
    for _ in range(60):
        VALUE.ahead(writing, {"wanted": "a"})
        CHANGE.post(writing, [{"wanted": "a", "new": "y" * 200_000}])
    send_posted(writing)
    found = [VALUE.first(writing, {"wanted": "a"}).value[0] for _ in range(60)]
    assert found == ["x", *["y"] * 59]


def found_value(work: Work, _: None, *, wanted: str) -> Any:
    return VALUE.first(work.connection, {"wanted": wanted})


# Not registered: what is registered has a route.
value_of = Act("tests.value_of", anyone, None, found_value, changes=False)


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_query_survives_that_all_connections_are_lost(centre: Centre) -> None:
    assert centre.ask(value_of, SYSTEM, wanted="a") is None
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND application_name = 'markaz'"
    )
    for _ in range(2):
        with centre.engine.connect() as connection:
            connection.execute(kill)
        assert centre.ask(value_of, SYSTEM, wanted="a") is None
        assert centre.ask_later(value_of, SYSTEM, wanted="a").result(10) is None
