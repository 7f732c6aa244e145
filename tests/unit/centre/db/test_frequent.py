"""Statements at the driver give what SQLAlchemy gives, on both databases."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Select, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent, listed, spread
from markaz.centre.db.line import post, run, send_posted
from markaz.centre.db.schema import devices
from markaz.centre.db.tables import meta
from markaz.centre.db.writer import Writer

DEVICES = devices.devices
ADD = Frequent(insert(meta), ("name", "value"))
VALUE = Frequent(select(meta.c.name, meta.c.value).where(meta.c.name == bindparam("wanted")))
NAMES = Frequent(select(meta.c.name).order_by(meta.c.name).limit(bindparam("most")))


@listed
def some(size: int) -> Select[Any]:
    return select(meta.c.name).where(meta.c.name.in_([bindparam(f"v{i}") for i in range(size)]))


def test_rows_are_written_and_read_back(writing: Connection) -> None:
    assert ADD.run(writing, {"name": "a", "value": "1"}) == 1
    assert ADD.run_many(writing, [{"name": n, "value": "2"} for n in "cb"]) == 2
    assert ADD.run_many(writing, []) == 0
    assert [tuple(row) for row in NAMES.all(writing, {"most": 2})] == [("a",), ("b",)]
    row = VALUE.first(writing, {"wanted": "c"})
    assert (row.name, row.value, dict(row._mapping)) == ("c", "2", {"name": "c", "value": "2"})
    assert VALUE.first(writing, {"wanted": "none"}) is None


def test_what_a_statement_says_itself_need_not_be_given(writing: Connection) -> None:
    ADD.run_many(writing, [{"name": n, "value": "2"} for n in "ab"])
    change = Frequent(
        update(meta)
        .where(meta.c.name == bindparam("wanted"), meta.c.value == "2")
        .values(value="kept")
        .returning(meta.c.value)
    )
    assert change.first(writing, {"wanted": "a"}).value == "kept"
    assert change.first(writing, {"wanted": "a"}) is None
    assert VALUE.first(writing, {"wanted": "b"}).value == "2"


def test_null_and_truth_values_are_pythons_own(writing: Connection) -> None:
    row = {"id": "d", "title": "D", "kind": "simulator", "driver": "x", "qubits": 2}
    row |= {"status": "idle", "accepting": True, "is_default": False, "created_at": 0}
    columns = (*row, "description", "retired_at")
    Frequent(insert(DEVICES), columns).run(writing, row | {"description": "{}", "retired_at": None})
    asked = select(DEVICES.c.accepting, DEVICES.c.is_default, DEVICES.c.retired_at)
    found = Frequent(asked).first(writing)
    assert list(map(repr, found)) == ["True", "False", "None"]
    clear = Frequent(update(DEVICES).values(retired_at=None, qubits=3))
    assert clear.run(writing) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 9])
def test_a_list_of_any_length_finds_each_once(writing: Connection, count: int) -> None:
    names = [f"n{i}" for i in range(count)]
    ADD.run_many(writing, [{"name": n, "value": ""} for n in [*names, "other"]])
    assert sorted(r.name for r in some(count).all(writing, spread(names))) == sorted(names)


def test_a_taken_key_is_an_integrity_error_and_a_savepoint_survives_it(writing: Connection) -> None:
    ADD.run(writing, {"name": "a", "value": "1"})
    run(writing, "SAVEPOINT here")
    with pytest.raises(IntegrityError) as caught:
        ADD.run(writing, {"name": "a", "value": "secret"})
    assert "secret" not in str(caught.value).replace(str(caught.value.orig), "")
    assert not dialect.is_outage(caught.value)
    run(writing, "ROLLBACK TO SAVEPOINT here")
    assert VALUE.first(writing, {"wanted": "a"}).value == "1"


def test_a_parameter_that_is_missing_is_a_fault(writing: Connection) -> None:
    with pytest.raises((KeyError, DBAPIError)):
        VALUE.first(writing, {"want": "a"})


def test_a_look_sees_one_state_and_changes_nothing(engine: Engine) -> None:
    with dialect.read_connection(engine) as reader:
        assert NAMES.all(reader, {"most": 9}) == []
        with dialect.write_connection(engine) as writer, writer.begin():
            ADD.run(writer, {"name": "a", "value": ""})
        assert NAMES.all(reader, {"most": 9}) == []
    with dialect.read_connection(engine) as reader, pytest.raises(DBAPIError):
        ADD.run(reader, {"name": "b", "value": ""})


def test_what_is_posted_is_done_before_the_next_statement_in_its_order(writing: Connection) -> None:
    ADD.post(writing, [{"name": n, "value": "1"} for n in "ab"])
    ADD.post(writing, [])
    post(writing, "SAVEPOINT here")
    ADD.post(writing, [{"name": "c", "value": "1"}])
    assert [row.name for row in NAMES.all(writing, {"most": 9})] == ["a", "b", "c"]
    run(writing, "ROLLBACK TO SAVEPOINT here")
    ADD.post(writing, [{"name": "d", "value": "1"}])
    # A statement of SQLAlchemy's own is a next one too.
    assert writing.execute(select(meta.c.name).order_by(meta.c.name)).scalars().all() == [
        *("a", "b", "d")
    ]


def test_an_error_of_what_was_posted_comes_with_the_next_statement_at_the_latest(
    writing: Connection,
) -> None:
    ADD.run(writing, {"name": "a", "value": "1"})
    post(writing, "SAVEPOINT here")
    with pytest.raises(IntegrityError):
        ADD.post(writing, [{"name": "a", "value": "2"}])
        VALUE.first(writing, {"wanted": "a"})
    send_posted(writing)
    run(writing, "ROLLBACK TO SAVEPOINT here")
    assert VALUE.first(writing, {"wanted": "a"}).value == "1"


def test_what_is_posted_is_committed_or_undone_with_its_transaction(engine: Engine) -> None:
    with dialect.write_connection(engine) as writer:
        with writer.begin():
            ADD.post(writer, [{"name": "a", "value": "1"}])
        with pytest.raises(RuntimeError), writer.begin():
            ADD.post(writer, [{"name": "b", "value": "1"}])
            raise RuntimeError
        with writer.begin():
            assert [row.name for row in NAMES.all(writer, {"most": 9})] == ["a"]


def test_a_change_answers_for_what_it_posted_and_no_other_does(engine: Engine) -> None:
    writer = Writer(engine)
    try:
        held = writer.submit(lambda _: time.sleep(0.05))  # what follows shares a transaction
        first = writer.submit(lambda c: ADD.post(c, [{"name": "a", "value": "1"}]))
        twice = writer.submit(lambda c: ADD.post(c, [{"name": "a", "value": "2"}]))
        failed = writer.submit(lambda _: 1 // 0)
        last = writer.submit(lambda c: VALUE.first(c, {"wanted": "a"}).value)
        assert (held.result(), first.result(), last.result()) == (None, None, "1")
        with pytest.raises(IntegrityError):
            twice.result()
        with pytest.raises(ZeroDivisionError):
            failed.result()
    finally:
        writer.close()
