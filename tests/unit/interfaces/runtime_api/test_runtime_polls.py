"""Polls: read once, remembered, held for a moment, woken by the end; nobody else's job."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.interfaces.runtime_api import polls as module
from markaz.interfaces.runtime_api.polls import Polls
from tests import loop_time
from tests.waiting import soon

ME, YOU = Principal("me", "user"), Principal("you", "user")
NOW = 1_795_000_000_000_000


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server has it; the tests of this folder that wait for nobody have none."""
    monkeypatch.setattr(module, "YOUNG_HOLD", 1.0)
    monkeypatch.setattr(module, "LOOP_HOLD", 2.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=loop_time.now))


class Jobs:
    """Rows that a test sets, and how often they were read."""

    def __init__(self, age: float = 100.0) -> None:
        self.reads = 0
        self.row: dict[str, Any] = {
            "id": "j", "kind": "sampler", "state": "queued", "reason": None, "note": None,
            "device_id": "d", "project_id": "p", "user_id": "me", "session_id": None,
            "tags": "[]", "private": False, "limit_seconds": 60.0, "predicted_seconds": 1.0,
            "run_seconds": None, "error_kind": None, "error_message": None,
            "created_at": NOW - int(age * 1e6), "started_at": None, "ended_at": None,
        }  # fmt: skip

    async def read(self) -> dict[str, Any]:
        self.reads += 1
        await asyncio.sleep(0)
        return dict(self.row)


def made() -> Polls:
    return Polls(lambda: NOW)


async def ask(polls: Polls, jobs: Jobs, who: Principal = ME, project: str | None = None) -> str:
    found = json.loads(await polls.document("j", who, project, jobs.read))
    return str(found["status"])


async def timed(polls: Polls, jobs: Jobs) -> tuple[str, float]:
    """The answer, and after how many seconds by the loop's clock."""
    began = loop_time.now()
    return await ask(polls, jobs), loop_time.now() - began


def test_whoever_asks_now_and_then_is_answered_at_once_from_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOP", 0.0)
    polls, jobs = made(), Jobs()

    async def run() -> float:
        began = time.process_time()
        for _ in range(200):
            assert await timed(polls, jobs) == ("Queued", 0.0)
        return time.process_time() - began

    assert loop_time.run(run()) < 1.0
    assert jobs.reads == 1


def test_memory_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH", 0.0)
    monkeypatch.setattr(module, "LOOP", 0.0)
    polls, jobs = made(), Jobs()

    async def run() -> list[str]:
        first = await ask(polls, jobs)
        jobs.row["state"] = "running"
        return [first, await ask(polls, jobs)]

    assert asyncio.run(run()) == ["Queued", "Running"]


def test_a_young_job_is_waited_for_and_its_end_is_told_at_once() -> None:
    polls, jobs = made(), Jobs(age=0.1)

    async def run() -> tuple[str, float]:
        task = asyncio.create_task(timed(polls, jobs))
        await soon(lambda: len(polls) == 1)
        jobs.row |= {"state": "completed", "ended_at": NOW}
        threading.Thread(target=polls.ended, args=("j",)).start()
        await soon(task.done)
        return await task

    assert loop_time.run(run()) == ("Completed", 0.0)
    assert (jobs.reads, len(polls)) == (2, 0)


def test_an_end_while_the_row_is_read_is_not_missed() -> None:
    polls, jobs = made(), Jobs(age=0.1)

    async def read() -> dict[str, Any]:
        row = dict(jobs.row)
        jobs.row |= {"state": "completed", "ended_at": NOW}
        polls.ended("j")  # as the writer's thread does, after the snapshot was taken
        await asyncio.sleep(0)  # whoever heard of the end has its turn
        return row

    async def run() -> tuple[Any, float]:
        found = json.loads(await polls.document("j", ME, None, read))
        return found["status"], loop_time.now()

    assert loop_time.run(run()) == ("Completed", 0.0)


def test_a_loop_is_held_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOP_HOLD", 0.2)
    polls, jobs = made(), Jobs()

    async def run() -> list[float]:
        return [(await timed(polls, jobs))[1] for _ in range(3)]

    assert loop_time.run(run()) == pytest.approx([0.0, 0.2, 0.2])
    assert jobs.reads == 1


@pytest.mark.parametrize(("left", "held"), [(1.0, True), (-1.0, True), (30.0, False)])
def test_a_job_that_is_about_to_end_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, left: float, held: bool
) -> None:
    monkeypatch.setattr(module, "LOOP_HOLD", 1.5)
    polls, jobs = made(), Jobs()
    jobs.row |= {
        "state": "running", "predicted_seconds": 10.0,
        "started_at": NOW - int((10.0 - left) * 1e6),
    }  # fmt: skip

    async def run() -> int:
        task = asyncio.create_task(ask(polls, jobs))
        await soon(lambda: len(polls) or task.done())
        waiting = len(polls)
        polls.close()
        await task
        return waiting

    assert asyncio.run(run()) == held


def test_a_thousand_wait_without_threads_and_all_wake() -> None:
    polls = made()
    many = {f"j{n}": Jobs(age=0.1) for n in range(1000)}

    async def one(name: str) -> str:
        jobs = many[name]
        jobs.row["id"] = name
        return str(json.loads(await polls.document(name, ME, None, jobs.read))["status"])

    async def run() -> tuple[set[str], int, float, float]:
        tasks = [asyncio.create_task(one(name)) for name in many]
        await soon(lambda: len(polls) == 1000)
        threads, began = threading.active_count(), time.process_time()
        for jobs in many.values():
            jobs.row |= {"state": "completed", "ended_at": NOW}
        ender = threading.Thread(target=lambda: [polls.ended(name) for name in many])
        ender.start()
        await soon(lambda: not ender.is_alive())
        found = set(await asyncio.gather(*tasks))
        return found, threads, loop_time.now(), time.process_time() - began

    before = threading.active_count()
    found, threads, waited, busy = loop_time.run(run())
    assert (found, threads, waited) == ({"Completed"}, before, 0.0)
    assert busy < 0.8
    assert len(polls) == 0


def test_a_stopping_server_lets_everybody_go() -> None:
    polls, jobs = made(), Jobs(age=0.1)

    async def run() -> tuple[float, float]:
        task = asyncio.create_task(timed(polls, jobs))
        await soon(lambda: len(polls) == 1)
        polls.close()
        return (await task)[1], (await timed(polls, jobs))[1]

    assert loop_time.run(run()) == (0.0, 0.0)


def test_nobody_else_is_answered_from_memory_or_held() -> None:
    polls, jobs = made(), Jobs(age=100)

    async def refuse() -> dict[str, Any]:
        raise CentreError("not-found", "there is no such job")

    async def run() -> None:
        await ask(polls, jobs)
        with pytest.raises(CentreError, match="no such job"):
            await polls.document("j", YOU, None, refuse)
        with pytest.raises(CentreError, match="no such job"):
            await polls.document("j", ME, "another project", refuse)
        bound = Principal("me", "user", project="other")
        with pytest.raises(CentreError, match="no such job"):
            await polls.document("j", bound, None, refuse)
        narrow = Principal("me", "user", scopes=frozenset({"devices:read"}))
        with pytest.raises(CentreError, match="lacks the scope"):
            await polls.document("j", narrow, None, refuse)
        for _ in range(3):  # a lead of the project, who may look, is read for each time
            assert await ask(polls, jobs, YOU) == "Queued"
        assert loop_time.now() == 0.0  # none was held

    loop_time.run(run())
    assert jobs.reads == 4


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    polls, jobs = made(), Jobs()

    async def run() -> None:
        for n in range(10):
            jobs.row["id"] = f"j{n}"
            await polls.document(f"j{n}", ME, None, jobs.read)

    asyncio.run(run())
    assert list(polls._known) == ["j7", "j8", "j9"]


def test_one_person_cannot_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EACH", 2)
    polls, jobs = made(), Jobs(age=0.1)

    async def run() -> tuple[int, float]:
        tasks = [asyncio.create_task(ask(polls, jobs)) for _ in range(2)]
        await soon(lambda: len(polls) == 2)
        held = len(polls)
        _, third = await timed(polls, jobs)
        polls.close()
        await asyncio.gather(*tasks)
        return held, third

    assert loop_time.run(run()) == (2, 0.0)


def stopped(polls: Polls, jobs: Jobs, who: Principal = ME) -> Any:
    return asyncio.create_task(polls.stopped("j", who, jobs.read))


def test_a_cancel_is_answered_once_the_worker_has_stopped() -> None:
    polls, jobs = made(), Jobs()
    jobs.row["state"] = "running"

    async def run() -> tuple[dict[str, Any], bool]:
        task = stopped(polls, jobs)
        await soon(lambda: len(polls) == 1)
        waited = not task.done()
        jobs.row |= {"state": "cancelled", "ended_at": NOW}
        polls.forget("j")
        return await task, waited

    row, waited = asyncio.run(run())
    assert waited
    assert (row["state"], jobs.reads, len(polls)) == ("cancelled", 2, 0)


def test_a_cancel_waits_for_no_worker_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOPPING", 0.01)
    polls, jobs = made(), Jobs()
    jobs.row["state"] = "running"

    async def run() -> Any:
        return await stopped(polls, jobs)

    assert asyncio.run(run())["state"] == "running"


@pytest.mark.parametrize("why", ["ended", "of another", "closed"])
def test_a_cancel_that_need_not_wait_is_answered_at_once(why: str) -> None:
    polls, jobs = made(), Jobs()
    jobs.row["state"] = "completed" if why == "ended" else "running"
    if why == "closed":
        polls.close()

    async def run() -> Any:
        return await stopped(polls, jobs, YOU if why == "of another" else ME)

    assert asyncio.run(run())["state"] == jobs.row["state"]
    assert jobs.reads == 1
