"""F1 and F5: workers are killed at random points, or stop for longer than their lease."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from tests.faults.books import check_books
from tests.waiting import until
from tests.worker_tools import BELL, Floor, dense, floor


@pytest.fixture
def shop_floor(settings_for: Callable[..., Settings], tmp_path: Path) -> Iterator[Floor]:
    quick = {"lease_seconds": 1.0, "heartbeat_seconds": 0.1, "worker_grace_seconds": 0.3}
    settings = settings_for(**quick, max_attempts=100, max_running_per_user=10_000)
    with Centre.open(settings) as centre, floor(centre, tmp_path) as made:
        yield made


def run_and_kill(shop_floor: Floor, count: int, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    shop, programs = shop_floor.shop, [BELL, dense(10, 4), dense(16, 8)]
    shop_floor.hire(3)
    jobs = [
        shop.submit(chance.choice(programs), seed=i, predicted=chance.choice([0.001, 0.2, None]))
        for i in range(count)
    ]
    for _ in range(kills):
        time.sleep(chance.uniform(0.0, 0.25))  # at any moment
        shop_floor.kill(chance.choice(shop_floor.workers))
        shop_floor.workers.append(shop_floor._start(1, 1 << 30, {}))
    shop_floor.wait(jobs, 100)
    check_books(shop_floor.shop.centre, jobs)
    for i, job in enumerate(jobs):
        result = shop.result(job)
        assert (result["seed"], sum(result["counts"].values())) == (i, 1024)


def test_f1_workers_killed_at_random_points_lose_and_double_nothing(shop_floor: Floor) -> None:
    on_sqlite = "sqlite" in shop_floor.shop.centre.services.settings.database_url
    run_and_kill(shop_floor, *((100, 15) if on_sqlite else (40, 5)), seed=20261122)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_f1_at_length(shop_floor: Floor) -> None:
    run_and_kill(shop_floor, 1000, 200, seed=random.randrange(1 << 32))


def zombies(shop_floor: Floor, rounds: int) -> None:
    """A worker is stopped while it computes, past its lease, and goes on afterwards."""
    shop = shop_floor.shop
    shop_floor.hire(2)
    jobs: list[str] = []
    for i in range(rounds):
        jobs.append(shop.submit(dense(18, 12), seed=i, predicted=5.0))
        holder = until(lambda: shop.job(jobs[-1])["worker_id"], 20)
        stopped = next(w for w in shop_floor.workers if w.pid == pid_of(shop_floor, holder))
        os.kill(stopped.pid, signal.SIGSTOP)  # its child computes on
        until(lambda: shop.job(jobs[-1])["attempt"] == 2, 20)
        os.kill(stopped.pid, signal.SIGCONT)
        shop_floor.wait(jobs, 30)
        until(lambda n=i: shop.counted["zombies_refused"] == n + 1, 20)
    check_books(shop_floor.shop.centre, jobs)
    assert [shop.job(job)["attempt"] for job in jobs] == [2] * rounds


def pid_of(shop_floor: Floor, worker: str) -> int:
    peer = shop_floor.dispatcher._peers[worker]
    return peer.hello.pid


def test_f5_a_stopped_workers_late_results_are_refused_and_counted(shop_floor: Floor) -> None:
    zombies(shop_floor, 2)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_f5_at_length(shop_floor: Floor) -> None:
    zombies(shop_floor, 50)
