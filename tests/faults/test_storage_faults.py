"""The disk is full, or cannot be written: nobody is told that something was stored."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.db import dialect, line
from markaz.centre.db.schema import ledger
from markaz.centre.errors import CentreError
from markaz.centre.ledger import verbs
from markaz.centre.settings import Settings
from tests.centre_rows import project, rows
from tests.ledger_accounts import Bank, check_books

TIMES = [10, pytest.param(50, marks=pytest.mark.nightly)]
FULL = "could not extend file: No space left on device"
READ_ONLY = "could not open file: Read-only file system"


def stored(centre: Centre) -> tuple[list[Any], list[Any], int]:
    grants = [e for e in rows(centre, audit_entries) if e["verb"] == "ledger.grant"]
    return rows(centre, ledger.allocations), rows(centre, ledger.ledger_entries), len(grants)


def refused(bank: Bank, home: str) -> CentreError:
    with pytest.raises(CentreError) as error:
        bank.grant(home, 5)
    return error.value


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    ("pragma", "kind"), [("max_page_count=1", "storage-full"), ("query_only=ON", "unavailable")]
)
def test_a_full_or_read_only_database_refuses_and_recovers(
    centre: Centre, pragma: str, kind: str, times: int
) -> None:
    bank, home = Bank(centre), project(centre)
    kinds = []
    for _ in range(times):
        before = stored(centre)
        # The pages that exist are the most that there may be: the next one finds no room.
        centre.writer.submit(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}") and None).result()
        futures = [
            centre.perform_later(
                verbs.grant, bank.actor, project=home, amount=5, starts_at=0, ends_at=2**52,
                reason="x" * 900,
            )
            for _ in range(40)
        ]  # fmt: skip
        errors = [future.exception(30) for future in futures]
        first = next(e for e in errors if e is not None)
        assert isinstance(first, CentreError)
        kinds.append(first.kind)
        if not any(error is None for error in errors):
            assert stored(centre) == before
        after = stored(centre)
        assert after[2] == len(after[0]) == len(after[1])
        bank.grant(home, 7)  # room again: the next connection has no such limit
    assert kinds == [kind] * times
    check_books(centre)


@pytest.mark.parametrize(("message", "kind"), [(FULL, "storage-full"), (READ_ONLY, "unavailable")])
@pytest.mark.parametrize("where", ["entry", "audit", "commit"])
def test_a_fault_at_any_point_stores_nothing(
    centre: Centre, where: str, message: str, kind: str
) -> None:
    bank, home = Bank(centre), project(centre)
    bank.grant(home, 1)
    before = stored(centre)

    def fail(*_: Any) -> None:
        raise OperationalError("x", {}, psycopg.errors.DiskFull(message))

    starts = {"entry": "INSERT INTO ledger_entries", "audit": "INSERT INTO audit_entries",
              "commit": "COMMIT"}[where]  # fmt: skip
    alone, send = line._alone, line._send

    def one(connection: Any, sql: str, *rest: Any, **more: Any) -> Any:
        return fail() if sql.startswith(starts) else alone(connection, sql, *rest, **more)

    def several(connection: Any, wire: Any, statements: list[Any]) -> None:
        if any(statement.sql.startswith(starts) for statement in statements):
            fail()
        send(connection, wire, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "_alone", one)  # SQLite
        patch.setattr(line, "_send", several)  # PostgreSQL
        if where == "commit" and dialect.is_embedded(centre.engine):
            event.listen(centre.engine, "commit", fail)
        error = refused(bank, home)
    if event.contains(centre.engine, "commit", fail):
        event.remove(centre.engine, "commit", fail)

    assert (error.kind, stored(centre)) == (kind, before)
    bank.grant(home, 7)
    assert len(stored(centre)[0]) == len(before[0]) + 1
    check_books(centre)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "markaz-test", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small file system; the injected faults above ran")
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_real_disk_fills_up_and_is_emptied(
    small_disk: Path, sqlite_template: Path, database: str, times: int
) -> None:
    shutil.copy(sqlite_template, small_disk / "markaz.db")
    filler = small_disk / "filler"
    with Centre.open(Settings({"data": str(small_disk)})) as centre:
        bank, home = Bank(centre), project(centre)
        acknowledged = [bank.grant(home, 1)]
        for _ in range(times):
            fill(filler)
            acknowledged += until_full(bank, home)
            held = stored(centre)
            assert [row["id"] for row in held[0]] == sorted(acknowledged)
            assert held[2] == len(held[1]) == len(acknowledged)
            filler.unlink()
            acknowledged.append(bank.grant(home, 1))
        check_books(centre)


def fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def until_full(bank: Bank, home: str) -> list[str]:
    """Allocations that were acknowledged before the disk was full (a log file has some room)."""
    found = []
    for _ in range(3000):
        try:
            found.append(bank.grant(home, 1))
        except CentreError as error:
            assert error.kind == "storage-full"
            return found
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_read_only_disk_is_said_to_be_so(
    small_disk: Path, sqlite_template: Path, database: str
) -> None:
    shutil.copy(sqlite_template, small_disk / "markaz.db")
    settings = Settings({"data": str(small_disk)})
    with Centre.open(settings) as centre:
        bank, home = Bank(centre), project(centre)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CentreError) as error:
        Centre.open(settings)
    assert (error.value.kind, error.value.retry_after) == ("unavailable", 30)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with Centre.open(settings) as centre:
        bank.centre = centre
        assert bank.grant(home, 1)
