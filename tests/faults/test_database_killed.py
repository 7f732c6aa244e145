"""The database is killed under load: whatever was acknowledged is there afterwards."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import select

from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.db import migrate
from markaz.centre.db.dialect import open_engine
from markaz.centre.db.schema import ledger
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.testing.postgres import PostgresServer
from tests.centre_rows import look, project, rows
from tests.forking import PIPE, Forked
from tests.ledger_accounts import Bank, check_books
from tests.waiting import until

LONG = [pytest.mark.nightly, pytest.mark.timeout(3600)]
ROUNDS = [10, pytest.param(200, marks=LONG)]


def check(centre: Centre, acknowledged: list[str]) -> None:
    """Every acknowledged change is there once, whole, and in an unbroken audit trail."""
    held = [row["id"] for row in rows(centre, ledger.allocations)]
    assert set(acknowledged) - set(held) == set()
    assert len(acknowledged) == len(set(acknowledged))
    entries = rows(centre, ledger.ledger_entries)
    assert sorted(e["allocation_id"] for e in entries) == sorted(held)
    wanted = select(audit_entries.c.subject).where(audit_entries.c.verb == "ledger.grant")
    audited = [row.subject for row in look(centre, lambda work: work.all(wanted))]
    assert sorted(audited) == sorted(held)
    check_segments(centre)
    check_books(centre)


def check_segments(centre: Centre) -> None:
    """No number is missing from a segment, and all but the last are sealed."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows(centre, audit_entries):
        found[row["segment"]].append(row["seq"])
    assert all(numbers == list(range(len(numbers))) for numbers in found.values())


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_server_loses_nothing_that_it_acknowledged(
    settings_for: Callable[..., Settings], rounds: int
) -> None:
    chance = random.Random(7)
    settings = settings_for()
    with Centre.open(settings) as centre:
        actor, home = Bank(centre).actor.id, project(centre)
    acknowledged: list[str] = []
    for _ in range(rounds):
        child = Forked("writing", [str(settings.data), actor, home], stdout=PIPE)
        assert child.stdout is not None
        with child.stdout as said:
            for _ in range(chance.randint(200, 400)):
                acknowledged.append(said.readline().decode().strip())
            child.kill()
            rest = said.read().decode()
        child.wait()
        acknowledged += rest.splitlines() if rest.endswith("\n") else rest.splitlines()[:-1]
        with Centre.open(settings) as centre:
            check(centre, acknowledged)
    print(f"{len(acknowledged)} acknowledged in {rounds} rounds")
    assert len(acknowledged) >= 200 * rounds


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_postgresql_loses_nothing_that_was_acknowledged(
    tmp_path: Path, rounds: int, postgresql_server: str
) -> None:
    chance = random.Random(7)
    with PostgresServer.start(durable=True) as server:
        settings = Settings({"database_url": server.url(), "data": str(tmp_path)})
        engine = open_engine(settings.database_url)
        migrate.upgrade(engine)
        engine.dispose()
        with Centre.open(settings) as centre:
            bank, home = Bank(centre), project(centre)
            acknowledged: list[str] = []
            for _ in range(rounds):
                with Load(bank, home) as load:
                    load.run_for(chance.randint(200, 400))
                    server.crash()
                    time.sleep(chance.random() * 0.05)  # it is away for some time
                    server.run()
                    load.run_for(1)  # it goes on by itself
                acknowledged += load.acknowledged
                assert load.other_errors == []
                check(centre, acknowledged)
            assert centre.writer.stats.failures >= 1
            print(f"{len(acknowledged)} acknowledged in {rounds} rounds")


class Load:
    """Clients that make allocations as fast as they can and note what was acknowledged."""

    def __init__(self, bank: Bank, home: str) -> None:
        self._bank, self._home = bank, home
        self.acknowledged: list[str] = []
        self.other_errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(8)]
        for thread in self._threads:
            thread.start()

    def _client(self) -> None:
        while not self._stop.is_set():
            try:
                self.acknowledged.append(self._bank.grant(self._home, 5))
            except CentreError as error:
                if error.kind != "unavailable":
                    self.other_errors.append(error)
                time.sleep(0.01)  # as a client that was told to come again
            except BaseException as error:
                self.other_errors.append(error)

    def run_for(self, count: int) -> None:
        """Until ``count`` more were acknowledged."""
        goal = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= goal, 60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
