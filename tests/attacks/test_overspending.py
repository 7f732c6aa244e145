"""Many at once on a balance that is enough for a few: nobody overspends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Connection

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.ledger import holds
from markaz.centre.settings import Settings
from markaz.centre.work import Work
from tests.centre_rows import project, rows
from tests.ledger_accounts import Bank, amounts, check_books

CLIENTS, ENOUGH_FOR, PRICE = 64, 10, 7
LONG = [pytest.mark.nightly, pytest.mark.timeout(3600)]


@pytest.fixture
def servers(
    database: str, centre: Centre, settings_for: Callable[..., Settings]
) -> Iterator[list[Centre]]:
    """Servers on one database: with PostgreSQL three, each with its own writer."""
    with ExitStack() as stack:
        more = 2 if database == "postgresql" else 0
        yield [centre, *(stack.enter_context(Centre.open(settings_for())) for _ in range(more))]


def attack(servers: list[Centre], home: str, round_: int) -> list[str | None]:
    """What each of the clients got, all of whom reserve at the same moment."""
    barrier = threading.Barrier(CLIENTS)
    found: list[str | None] = [None] * CLIENTS

    def client(number: int) -> None:
        server = servers[number % len(servers)]

        def change(connection: Connection) -> str | None:
            work = Work(connection, server.services.clock.now(), SYSTEM, server.services)
            return holds.reserve(work, project=home, job=f"{round_}-{number}", amount=PRICE)

        barrier.wait(30)
        found[number] = server.writer.submit(change).result(60)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize(
    ("database", "rounds"),
    [
        ("sqlite", 100), ("postgresql", 40),
        *(pytest.param(kind, 1000, marks=LONG) for kind in ("sqlite", "postgresql")),
    ],
)  # fmt: skip
def test_at_once_on_a_balance_for_ten_exactly_ten_succeed(
    servers: list[Centre], rounds: int
) -> None:
    bank = Bank(servers[0])
    outcomes: list[tuple[Any, ...]] = []
    for round_ in range(rounds):
        home = project(servers[0], f"p{round_}")
        # Two allocations that together are enough for ten and a half.
        one = bank.grant(home, 4 * PRICE, days=5)
        two = bank.grant(home, (ENOUGH_FOR - 4) * PRICE + PRICE // 2, days=9)

        found = attack(servers, home, round_)

        outcomes.append(
            (found.count(one), found.count(two), amounts(servers[0], one)[1],
             amounts(servers[0], two)[1])
        )  # fmt: skip
    assert outcomes == [(4, 6, 4 * PRICE, 6 * PRICE)] * rounds
    assert len(rows(servers[0], ledger.ledger_entries)) == rounds * (2 + ENOUGH_FOR)
    check_books(servers[0])
