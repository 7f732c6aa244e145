"""Waiting for a job costs no thread, misses no end, and lasts no longer than asked."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from markaz.interfaces.rest_api import waiting
from markaz.interfaces.rest_api.waiting import Patience
from tests import loop_time
from tests.rest_fakes import Ends
from tests.waiting import soon


async def timed(patience: Patience, jobs: Jobs, seconds: float = 30, **more: Any) -> Any:
    """What is found of the job ``a``, and after how many seconds by the loop's clock."""
    began = loop_time.now()
    found = await patience.until_final("a", "me", seconds, jobs.look("a"), **more)
    return found["state"], loop_time.now() - began


class Jobs:
    """States of jobs, and how often somebody looked."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.looks = 0

    def look(self, job: str) -> Any:
        async def look() -> dict[str, Any]:
            await asyncio.sleep(0)
            self.looks += 1
            return {"job": job, "state": self.states.get(job, "queued")}

        return look


def test_a_final_job_is_answered_at_once() -> None:
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)
    jobs.states["a"] = "failed"
    found = asyncio.run(patience.until_final("a", "me", 30, jobs.look("a")))
    assert (found["state"], jobs.looks, len(patience)) == ("failed", 1, 0)


def test_a_thousand_wait_without_threads_and_all_wake() -> None:
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)
    names = [f"job{n}" for n in range(1000)]

    async def run() -> tuple[list[dict[str, Any]], int, float, float]:
        tasks = [
            asyncio.create_task(patience.until_final(n, f"p{i % 10}", 30, jobs.look(n)))
            for i, n in enumerate(names)
        ]
        await soon(lambda: jobs.looks == 1000)
        threads = threading.active_count()
        assert len(patience) == 1000
        for name in names:
            jobs.states[name] = "completed"
        began, busy = loop_time.now(), time.process_time()
        ender = threading.Thread(target=lambda: [ends.ended(n) for n in names])
        ender.start()
        await soon(lambda: not ender.is_alive())
        found = await asyncio.gather(*tasks)
        return found, threads, loop_time.now() - began, time.process_time() - busy

    before = threading.active_count()
    found, threads, waited, busy = loop_time.run(run())
    assert [f["state"] for f in found] == ["completed"] * 1000
    assert threads == before
    assert jobs.looks == 2000
    assert (len(patience), waited) == (0, 0.0)  # nobody looked again by themselves
    assert busy < 2


def test_the_time_asked_for_is_kept() -> None:
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)
    found, seconds = loop_time.run(timed(patience, jobs, 0.15))
    assert (found, seconds) == ("queued", pytest.approx(0.15))


def test_an_end_that_nobody_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK_AGAIN", 0.05)
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)

    async def run() -> dict[str, Any]:
        task = asyncio.create_task(patience.until_final("a", "me", 10, jobs.look("a")))
        await soon(lambda: jobs.looks)
        jobs.states["a"] = "cancelled"
        return await task

    assert asyncio.run(run())["state"] == "cancelled"


def test_one_person_cannot_take_all_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_EACH", 2)
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)

    async def run() -> float:
        held = [
            asyncio.create_task(patience.until_final("a", "me", 0.3, jobs.look("a")))
            for _ in range(2)
        ]
        await soon(lambda: len(patience) == 2)
        _, seconds = await timed(patience, jobs, 0.3)
        await asyncio.gather(*held)
        return float(seconds)

    assert loop_time.run(run()) == 0.0


def test_closing_lets_everybody_go() -> None:
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)

    async def run() -> Any:
        task = asyncio.create_task(timed(patience, jobs))
        await soon(lambda: jobs.looks)
        patience.close()
        return await task

    assert loop_time.run(run()) == ("queued", 0.0)


def test_a_job_that_was_just_taken_in_is_looked_at_when_it_has_ended() -> None:
    jobs, ends = Jobs(), Ends()
    patience = Patience(ends)

    async def run() -> dict[str, Any]:
        task = asyncio.create_task(patience.until_final("a", "me", 30, jobs.look("a"), fresh=True))
        await soon(lambda: len(patience))
        assert jobs.looks == 0
        jobs.states["a"] = "completed"
        ends.ended("a")
        return await task

    assert (asyncio.run(run())["state"], jobs.looks) == ("completed", 1)


def test_an_end_before_anybody_waited_is_not_missed() -> None:
    jobs, ends = Jobs(), Ends()
    jobs.states["a"] = "completed"
    ends.ended("a")
    found = loop_time.run(timed(Patience(ends), jobs, fresh=True))
    assert (found, jobs.looks) == (("completed", 0.0), 1)


def test_one_that_ended_before_this_server_began_is_found_soon() -> None:
    jobs = Jobs()
    jobs.states["a"] = "completed"
    found, seconds = loop_time.run(timed(Patience(Ends()), jobs, fresh=True))
    assert found == "completed"
    assert 0.15 < seconds < 1.5
