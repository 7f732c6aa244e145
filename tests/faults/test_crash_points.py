"""F4: the server, or a worker, dies at each named point; every job still ends exactly once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs
from markaz.centre.settings import Settings
from markaz.centre.workers.crash import EXIT_CODE, POINTS, VARIABLE
from tests.centre_rows import rows
from tests.faults.books import check_books
from tests.forking import DEVNULL, Forked
from tests.waiting import until
from tests.worker_tools import BELL, DRAIN_SECONDS, Shop, floor

SERVER = [p for p in POINTS if not p.startswith("worker_")]
WORKER = [p for p in POINTS if p.startswith("worker_")]


class Servers:
    """Servers in processes, one after another, and a worker that outlives them."""

    def __init__(self, settings: Settings, socket: Path) -> None:
        self._place = [str(settings.data), settings["database_url"], str(socket)]
        worker = [str(socket), "1", str(1 << 30), DRAIN_SECONDS]
        self.worker = Forked("worker", worker, stdout=DEVNULL)

    def start(self, point: str, submit: int = 0, large: int = 0) -> Forked:
        arguments = [*self._place, str(submit), str(large)]
        return Forked("crashing", arguments, environment={**os.environ, VARIABLE: point})

    def close(self) -> None:
        self.worker.kill()
        self.worker.wait()


@pytest.fixture
def servers(
    settings_for: Callable[..., Settings], tmp_path: Path
) -> Iterator[tuple[Servers, Settings]]:
    settings = settings_for()
    with Centre.open(settings) as centre:
        Shop(centre)
    made = Servers(settings, tmp_path / "workers.socket")
    yield made, settings
    made.close()


def test_f4_a_server_that_dies_at_any_point_loses_and_doubles_nothing(
    servers: tuple[Servers, Settings],
) -> None:
    several, settings = servers
    for point in SERVER:
        assert several.start(point, submit=2, large=1).wait(100) == EXIT_CODE, point
    finish_all(several, settings)
    with Centre.open(settings) as centre:
        found = rows(centre, jobs.jobs)
        assert len(SERVER) < len(found) <= 3 * len(SERVER)
        check_books(centre, [row["id"] for row in found])


def finish_all(several: Servers, settings: Settings) -> None:
    """A server that does not die ends what is left."""
    server = several.start("")
    with Centre.open(settings) as centre:
        until(lambda: {r["state"] for r in rows(centre, jobs.jobs)} == {"completed"}, 60)
    server.send_signal(signal.SIGTERM)
    assert server.wait(100) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_f4_a_worker_that_dies_at_any_point_loses_and_doubles_nothing(
    settings_for: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_for(lease_seconds=5.0, worker_grace_seconds=0.1, max_attempts=100)
    with Centre.open(settings) as centre, floor(centre, tmp_path) as shop_floor:
        submitted: list[Any] = []
        for point in WORKER:
            submitted += [shop_floor.shop.submit(BELL, seed=i) for i in range(2)]
            with shop_floor.worker(**{VARIABLE: point}) as worker:
                assert worker.wait(100) == EXIT_CODE, point
        shop_floor.hire(1)
        shop_floor.wait(submitted, 60)
        check_books(centre, submitted)
        assert max(shop_floor.shop.job(job)["attempt"] for job in submitted) > 1
