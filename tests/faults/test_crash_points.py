"""F4: the server, or a worker, dies at each named point; every job still ends exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
from tests.waiting import until
from tests.worker_tools import BELL, PATH, Shop, floor

SERVER = [p for p in POINTS if not p.startswith("worker_")]
WORKER = [p for p in POINTS if p.startswith("worker_")]
MAIN = Path(__file__).with_name("crashing_server.py")
WORKER_MAIN = Path(__file__).parents[1] / "worker_main.py"


class Servers:
    """Servers in processes, one after another, and a worker that outlives them."""

    def __init__(self, settings: Settings, socket: Path) -> None:
        place = [str(settings.data), settings["database_url"], str(socket)]
        self._process = subprocess.Popen(
            [sys.executable, str(MAIN), *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.worker = subprocess.Popen(
            [sys.executable, str(WORKER_MAIN), "markaz", "worker", str(socket), "1"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, **PATH},
        )

    def start(self, point: str, submit: int = 0, large: int = 0) -> int:
        assert self._process.stdin is not None
        asked = {"point": point, "submit": submit, "large": large}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return self._hear("pid")

    def code(self) -> int:
        """How the last one ended, once it has."""
        return self._hear("code")

    def _hear(self, name: str) -> int:
        assert self._process.stdout is not None
        while True:  # logs come the same way
            line = self._process.stdout.readline()
            assert line, "the server's process has ended"
            if line.startswith(b'{"' + name.encode()):
                return int(json.loads(line)[name])

    def close(self) -> None:
        self.worker.kill()
        self.worker.wait()
        self._process.communicate()


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
        several.start(point, submit=2, large=1)
        assert several.code() == EXIT_CODE, point
    finish_all(several, settings)
    with Centre.open(settings) as centre:
        found = rows(centre, jobs.jobs)
        assert len(SERVER) < len(found) <= 3 * len(SERVER)
        check_books(centre, [row["id"] for row in found])


def finish_all(several: Servers, settings: Settings) -> None:
    """A server that does not die ends what is left."""
    pid = several.start("")
    with Centre.open(settings) as centre:
        until(lambda: {r["state"] for r in rows(centre, jobs.jobs)} == {"completed"}, 60)
    os.kill(pid, signal.SIGTERM)
    assert several.code() == 0


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
