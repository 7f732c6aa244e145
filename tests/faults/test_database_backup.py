"""Back up, restore, move: nothing is lost and nothing changes on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from markaz.centre.access import SYSTEM, CentreRole, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db import backup as tools
from markaz.centre.db import copy as copying
from markaz.centre.db import dialect
from markaz.centre.db.backup import backup, check_file, copy_to, restore, upgrade_url
from markaz.centre.db.schema import jobs, ledger, metadata, storage
from markaz.centre.db.tables import meta
from markaz.centre.devices import verbs as device_verbs
from markaz.centre.errors import CentreError
from markaz.centre.jobs.states import State
from markaz.centre.ledger import holds
from markaz.centre.settings import Settings
from tests.centre_rows import do, person, project, put, rows
from tests.ledger_accounts import Bank, check_books

KINDS = ["sqlite", "postgresql"]


def fill(centre: Centre, count: int = 30) -> None:
    """People, credits, and jobs in all states, with odd texts, floats and bytes."""
    bank = Bank(centre)
    centre.perform(device_verbs.install_shipped, SYSTEM)
    member = person(centre, "member", CentreRole.REVIEWER, name="Ṣādiqa «quote» \\ 'x' 量子")
    home = project(centre, members={member: ProjectRole.PI}, description="line\nline\t☃")
    bank.grant(home, 10**15)
    for number in range(count):
        put_job(centre, home, member.id, number)
    put(
        centre, storage.blobs, hash="b" * 64, size=256, data=bytes(range(256)), created_at=1, uses=1
    )
    put(centre, meta, name="empty", value="")


def put_job(centre: Centre, home: str, user: str, number: int) -> None:
    states = list(State)
    job = f"job{number:017}"
    held = do(centre, lambda w: holds.reserve(w, project=home, job=job, amount=10**9 + number))
    put(
        centre, jobs.jobs, id=job, project_id=home, user_id=user, device_id="simulator",
        kind="run", private=number % 2 == 0, state=states[number % len(states)], place=number,
        qos="normal", input_hash="a" * 64, circuit_hash="b" * 64, program_hash="c" * 64,
        options=json.dumps({"shots": 1}), shots=2**40 + number, qubits=5,
        limit_seconds=0.1 + number / 3, predicted_seconds=1e-300 * number, price="{}",
        reserved=10**9 + number, allocation_id=held, created_at=2**52 + number,
        run_seconds=None if number % 3 else 1 / 7,
    )  # fmt: skip


def everything(url: str) -> dict[str, list[Any]]:
    """All rows of all tables, by primary key; the strictest comparison there is."""
    engine = dialect.open_engine(url)
    with dialect.read_connection(engine) as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


@pytest.fixture
def filled(centre: Centre) -> Centre:
    fill(centre)
    return centre


def url_of(centre: Centre) -> str:
    return str(centre.services.settings.database_url)


@pytest.mark.parametrize("target", KINDS)
def test_a_restored_backup_equals_the_database(
    filled: Centre, target: str, tmp_path: Path, blank_url: Callable[[str], str]
) -> None:
    url = blank_url(target)
    before = everything(url_of(filled))

    held = backup(url_of(filled), tmp_path / "b.db")
    restored = restore(tmp_path / "b.db", url)

    assert everything(url) == before
    assert held == restored
    assert {name: held[name].rows for name in held} == {n: len(r) for n, r in before.items()}
    assert held["jobs"].rows == 30
    assert [p.name for p in tmp_path.glob("b.db*")] == ["b.db"]


@pytest.mark.parametrize("target", KINDS)
def test_a_copy_equals_the_original_and_goes_on(
    filled: Centre, target: str, tmp_path: Path, blank_url: Callable[[str], str]
) -> None:
    url = blank_url(target)
    before = everything(url_of(filled))

    copied = copy_to(url_of(filled), url)

    assert everything(url) == before
    assert copied["jobs"].rows == 30
    with Centre.open(Settings({"database_url": url, "data": str(tmp_path / "new")})) as moved:
        home = rows(moved, ledger.allocations)[0]["project_id"]
        user = rows(moved, jobs.jobs)[0]["user_id"]
        put_job(moved, home, user, 30)
        numbers = [row["seq"] for row in rows(moved, jobs.jobs)]
        assert numbers == list(range(1, 32))
        check_books(moved)


def test_a_target_that_is_not_empty_is_left_alone(
    filled: Centre, tmp_path: Path, blank_url: Callable[[str], str], database: str
) -> None:
    backup(url_of(filled), tmp_path / "b.db")
    url = blank_url(database)
    upgrade_url(url)
    engine = dialect.open_engine(url)
    with dialect.write_connection(engine) as connection, connection.begin():
        connection.execute(insert(meta).values(name="mine", value="1"))
    engine.dispose()
    before = everything(url)

    for action in (lambda: copy_to(url_of(filled), url), lambda: restore(tmp_path / "b.db", url)):
        with pytest.raises(CentreError, match="not empty: meta has rows") as refused:
            action()
        assert refused.value.kind == "conflict"
    assert everything(url) == before


def test_a_copy_that_differs_is_undone_and_named(
    filled: Centre, blank_url: Callable[[str], str], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = copying.contents

    def damaged(connection: Any) -> Any:
        table = jobs.jobs
        connection.execute(update(table).where(table.c.seq == 7).values(run_seconds=0.142857))
        return honest(connection)

    monkeypatch.setattr(copying, "contents", damaged)
    url = blank_url(database)

    with pytest.raises(CentreError, match="copying changed what is in jobs"):
        copy_to(url_of(filled), url)
    assert {len(found) for found in everything(url).values()} == {0}


def test_a_backup_is_whole_while_the_centre_works(centre: Centre, tmp_path: Path) -> None:
    bank = Bank(centre)
    homes = [project(centre, f"p{i}") for i in range(2)]
    keys = [bank.grant(home, 10**6) for home in homes]
    stop = threading.Event()

    def spend() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            job, turn = f"j{number}", number % 2

            def both(work: Any, job: str = job, turn: int = turn) -> None:
                holds.reserve(work, project=homes[turn], job=job, amount=10)
                holds.settle(work, job=job, allocation=keys[turn], reserved=10, charge=3)

            do(centre, both)

    thread = threading.Thread(target=spend, daemon=True)
    thread.start()
    try:
        for number in range(3):
            path = tmp_path / f"{number}.db"
            backup(url_of(centre), path)
            place = {"database_url": f"sqlite:///{path}", "data": str(tmp_path / f"d{number}")}
            check_file(path)
            with Centre.open(Settings(place)) as copy:
                check_books(copy)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("database", ["sqlite"])
def test_no_existing_file_is_overwritten(filled: Centre, tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    path.write_text("precious")
    with pytest.raises(CentreError, match="exists already"):
        backup(url_of(filled), path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_backup_that_fails_leaves_no_file(
    filled: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise CentreError("storage-full", "full")

    monkeypatch.setattr(tools, "check_file", fails)
    with pytest.raises(CentreError, match="full"):
        backup(url_of(filled), tmp_path / "b.db")
    with pytest.raises(CentreError):
        backup(url_of(filled), tmp_path / "no folder" / "b.db")
    assert list(tmp_path.glob("*b.db*")) == []


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("damage", ["text", "truncated", "flipped", "missing"])
def test_a_damaged_backup_is_refused_before_anything_is_restored(
    filled: Centre, tmp_path: Path, blank_url: Callable[[str], str], damage: str
) -> None:
    path = tmp_path / "b.db"
    backup(url_of(filled), path)
    data = path.read_bytes()
    damaged = {
        "text": b"not a database" * 99,
        "truncated": data[: len(data) // 2],
        "flipped": data[: 4096 * 3] + bytes(4096 * 2) + data[4096 * 5 :],
    }
    path.unlink()
    if damage in damaged:
        path.write_bytes(damaged[damage])
    url = blank_url("sqlite")

    with pytest.raises(CentreError) as refused:
        restore(path, url)
    assert (refused.value.kind, refused.value.field) == ("invalid", "path")
    assert not Path(url.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_hash_sees_every_value(filled: Centre) -> None:
    def told() -> Any:
        with dialect.read_connection(filled.engine) as connection:
            return copying.contents(connection)

    before = told()
    table = jobs.jobs
    for column, value in (("name", "x"), ("place", 99), ("private", True), ("run_seconds", 0.5)):
        do(filled, lambda w, c=column, v=value: w.run(
            update(table).where(table.c.seq == 2).values({c: v})
        ))  # fmt: skip
        after = told()
        assert [name for name in before if before[name] != after[name]] == ["jobs"]
        before = after
