"""F1 and F5: workers are killed at random points, or stop for longer than their lease."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from tests.faults.books import check_books
from tests.forking import Forked
from tests.waiting import until
from tests.worker_tools import BELL, Floor, dense, floor


@pytest.fixture
def shop_floor(settings_for: Callable[..., Settings], tmp_path: Path) -> Iterator[Floor]:
    quick = {"lease_seconds": 1.0, "heartbeat_seconds": 0.1, "worker_grace_seconds": 0.3}
    settings = settings_for(**quick, max_attempts=100, max_running_per_user=10_000)
    with Centre.open(settings) as centre, floor(centre, tmp_path) as made:
        yield made


PROGRAMS = [BELL, dense(10, 4), dense(16, 8)]


def run_and_kill(shop_floor: Floor, count: int, kills: int, seed: int) -> None:
    """Kills are spread over the work: each comes a moment after so many jobs have ended."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    shop = shop_floor.shop
    jobs = [
        shop.submit(chance.choice(PROGRAMS), seed=i, predicted=chance.choice([0.001, 0.2, None]))
        for i in range(count)
    ]
    shop_floor.hire(3)
    for kill in range(kills):
        left = count - count * kill // kills
        until(lambda n=left: shop_floor.open_count() <= n, 60)
        time.sleep(chance.uniform(0.0, 0.02))  # at any moment of a job
        shop_floor.kill(chance.choice(shop_floor.workers))
        shop_floor.workers.append(shop_floor.start())
    shop_floor.wait(jobs, 100)
    check_books(shop.centre, jobs)
    for i, job in enumerate(jobs):
        result = shop.result(job)
        assert (result["seed"], sum(result["counts"].values())) == (i, 1024)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("database", "count", "kills"), [("sqlite", 1000, 200), ("postgresql", 500, 100)]
)
def test_f1_workers_killed_at_random_points_lose_and_double_nothing(
    shop_floor: Floor, count: int, kills: int
) -> None:
    run_and_kill(shop_floor, count, kills, seed=20261122)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_f1_at_length(shop_floor: Floor) -> None:
    run_and_kill(shop_floor, 20_000, 4000, seed=random.randrange(1 << 32))


TOGETHER, OTHERS = 10, 3


def zombies(shop_floor: Floor, least: int) -> None:
    """Workers are stopped while they compute, past their leases, and go on afterwards."""
    shop = shop_floor.shop
    shop_floor.hire(TOGETHER + OTHERS)
    jobs: list[str] = []
    caught = 0
    while caught < least:
        wave = [
            shop.submit(dense(18, 12), seed=len(jobs) + i, predicted=5.0) for i in range(TOGETHER)
        ]
        jobs += wave
        caught += stop_for_a_while(shop_floor, wave)
        shop_floor.wait(wave, 60)
        until(lambda n=caught: shop.counted["zombies_refused"] >= n, 20)
    check_books(shop.centre, jobs)
    # An attempt that was given to a worker that was stopped already is one too many as well.
    too_many = sum(row["attempt"] - 1 for row in shop.jobs(jobs))
    assert caught <= shop.counted["zombies_refused"] <= too_many


def stop_for_a_while(shop_floor: Floor, wave: list[str]) -> int:
    """Stop whoever has a job of ``wave`` until others have it; how many jobs that befell."""
    shop = shop_floor.shop
    workers = {worker.pid: worker for worker in shop_floor.workers}
    stopped: dict[str, Forked] = {}
    while len(stopped) < len(wave):
        for row in shop.jobs(wave):
            if row["worker_id"] and row["id"] not in stopped:
                peer = shop_floor.dispatcher._peers[row["worker_id"]]
                stopped[row["id"]] = workers[peer.hello.pid]
                stopped[row["id"]].send_signal(signal.SIGSTOP)  # its child computes on
    # Whoever was quicker than the signal is none.
    until(lambda: all(r["attempt"] > 1 or r["state"] == "completed" for r in shop.jobs(wave)))
    late = [row for row in shop.jobs(wave) if row["attempt"] > 1]
    for worker in stopped.values():
        worker.send_signal(signal.SIGCONT)
    return len(late)


def test_f5_a_stopped_workers_late_results_are_refused_and_counted(shop_floor: Floor) -> None:
    """One at a time, so that there is exactly one of each."""
    shop = shop_floor.shop
    shop_floor.hire(2)
    jobs: list[str] = []
    for i in range(2):
        jobs.append(shop.submit(dense(18, 12), seed=i, predicted=5.0))
        holder = until(lambda: shop.job(jobs[-1])["worker_id"], 20)
        pid = shop_floor.dispatcher._peers[holder].hello.pid
        stopped = next(w for w in shop_floor.workers if w.pid == pid)
        stopped.send_signal(signal.SIGSTOP)  # its child computes on
        until(lambda: shop.job(jobs[-1])["attempt"] == 2, 20)
        stopped.send_signal(signal.SIGCONT)
        shop_floor.wait(jobs, 30)
        until(lambda n=i: shop.counted["zombies_refused"] == n + 1, 20)
    check_books(shop.centre, jobs)
    assert [shop.job(job)["attempt"] for job in jobs] == [2] * 2


@pytest.mark.timeout(300)
def test_f5_many_stopped_workers_late_results_are_refused_and_counted(shop_floor: Floor) -> None:
    zombies(shop_floor, 50)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_f5_at_length(shop_floor: Floor) -> None:
    zombies(shop_floor, 1000)
