"""F6: somebody sets the clock by an hour, forth and back; leases do not notice."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import markaz.centre.workers
from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs as tables
from markaz.centre.settings import Settings
from tests.centre_rows import rows
from tests.dispatcher_tools import Time
from tests.faults.books import check_books
from tests.waiting import until
from tests.worker_tools import BELL, Floor, dense, floor, submit_to

HOUR = 3600.0
LEASE = 10.0  # so long that no pause of the machine costs one


def tenth_of_a_lease(shop_floor: Floor, clock: Time) -> None:
    """Let it pass; returns when every worker has been heard since."""
    clock.ahead += LEASE / 10
    now = clock()
    until(lambda: all(peer.heard >= now for peer in [*shop_floor.dispatcher._peers.values()]))


@pytest.mark.parametrize("jumps", [20, pytest.param(200, marks=pytest.mark.nightly)])
def test_f6_leases_survive_a_clock_that_jumps(
    settings_for: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jumps: int,
) -> None:
    settings = settings_for(lease_seconds=LEASE, heartbeat_seconds=0.1, worker_grace_seconds=0.3)
    monotonic = Time()
    chance, ahead = random.Random(6), [0.0]
    wall, wall_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall() + ahead[0])
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + int(ahead[0] * 1e9))
    with (
        Centre.open(settings) as centre,
        floor(centre, tmp_path, monotonic=monotonic) as shop_floor,
    ):
        shop_floor.hire(2)
        jobs: list[str] = []
        for i in range(jumps):
            jobs.append(shop_floor.shop.submit(dense(16, 8), seed=i, predicted=0.2))
            ahead[0] = chance.choice([-HOUR, HOUR, 0.0])
            tenth_of_a_lease(shop_floor, monotonic)  # leases pass under each of the clocks
        shop_floor.wait(jobs, 60)
        check_books(centre, jobs)
        found = [shop_floor.shop.job(job) for job in jobs]
        assert {row["attempt"] for row in found} == {1}
        assert shop_floor.shop.counted["workers_lost"] == 0
        assert all(row["created_at"] <= row["started_at"] <= row["ended_at"] for row in found)
        assert max(row["run_seconds"] for row in found) < 60
        # And a worker that is really lost is noticed, whatever the clock says.
        ahead[0] = -HOUR
        jobs.append(shop_floor.shop.submit(dense(22, 40), seed=0, predicted=20.0))
        until(lambda: shop_floor.shop.job(jobs[-1])["state"] == "running")
        for worker in list(shop_floor.workers):
            shop_floor.kill(worker)
        until(lambda: shop_floor.shop.job(jobs[-1])["state"] == "queued", 5)


def test_f6_so_does_a_server_that_starts_after_the_clock_was_set_back(
    settings_for: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall_ns = time.time_ns
    with Centre.open(settings_for()) as centre, floor(centre, tmp_path) as shop_floor:
        first = shop_floor.shop.submit(BELL)
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() - int(HOUR * 1e9))
    with Centre.open(settings_for()) as centre:
        second = submit_to(centre, BELL)
        created = {row["id"]: row["created_at"] for row in rows(centre, tables.jobs)}
        assert created[second] > created[first]


def test_f6_no_worker_code_looks_at_a_wall_clock() -> None:
    (folder,) = markaz.centre.workers.__path__
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = f"{node.value.id}.{node.attr}"
                assert called not in ("time.time", "time.time_ns", "datetime.now"), path
