"""F2 and what belongs to it: the server, its workers and whole centres are killed with -9."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_centre import (
    BELL,
    RunningCentre,
    alive,
    centre_running,
    free_port,
    long_program,
)
from tests.waiting import until

CLIENTS = 8
LIMITS = {
    "MARKAZ_REQUESTS_PER_MINUTE": "1000000",
    "MARKAZ_MAX_WAITING_PER_USER": "1000000",
    "MARKAZ_MAX_HELD_PER_USER": "1000000",
}


class Restarted:
    """A centre that comes back at the same address over the same data after each kill.

    ``again``: the command that it comes back with, up or serve. ``quick`` as for RunningCentre.
    """

    def __init__(self, data: Path, *arguments: str, again: str, database: str, quick: bool) -> None:
        self._data, self._arguments, self._again, self._quick = data, arguments, again, quick
        self._place = ("--port", str(free_port()))
        self._settings = LIMITS | ({"MARKAZ_DATABASE_URL": database} if database else {})
        self.now = RunningCentre(data, *self._place, *arguments, quick=quick, **self._settings)
        self.before: list[RunningCentre] = []
        self.key = self.now.key

    def kill_and_start(self) -> None:
        """kill -9, and again."""
        self.now.kill()
        if self._again == "serve":  # without workers: nothing of it is left
            self.now.clean_up()
        else:
            self.before.append(self.now)
        more = self._arguments if self._again == "up" else ()
        self.now = RunningCentre(
            self._data, *self._place, *more, command=self._again, quick=self._quick,
            **self._settings,
        )  # fmt: skip

    def clean_up(self) -> None:
        """Leave nothing behind."""
        for one in (*self.before, self.now):
            one.clean_up()


@contextlib.contextmanager
def restarted(
    data: Path, *arguments: str, again: str = "up", database: str = "", quick: bool = False
) -> Iterator[Restarted]:
    made = Restarted(data, *arguments, again=again, database=database, quick=quick)
    try:
        yield made
    finally:
        made.clean_up()


def insist(http: httpx.Client, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST a job under one Idempotency-Key until it is acknowledged."""
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline
        try:
            answer = http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            time.sleep(0.02)  # as a client waits before it tries again
            continue
        if answer.status_code == 201:
            acknowledged: dict[str, Any] = answer.json()
            return acknowledged
        # A server that stops, or a twin of this request that is still being done.
        assert answer.status_code in (409, 429, 503), answer.text
        time.sleep(0.02)  # as above


def submit_while_killed(data: Path, submits: int, kills: int, database: str = "") -> None:
    first = ("--workers", "0", "--no-demo")
    with restarted(data, *first, again="serve", database=database, quick=True) as centre:
        acknowledged: dict[int, str] = {}
        enough = {round(submits * (k + 1) / (kills + 1)) for k in range(kills)}
        reached = threading.Condition()

        def client(first: int) -> None:
            bearer = {"Authorization": f"Bearer {centre.key}"}
            with httpx.Client(base_url=centre.now.url, headers=bearer, timeout=30) as http:
                for i in range(first, submits, CLIENTS):
                    job = insist(http, f"submit-{i}", {"program": BELL, "name": f"n{i}"})["job"]
                    with reached:
                        acknowledged[i] = job
                        reached.notify_all()

        with ThreadPoolExecutor(CLIENTS) as pool:
            done = [pool.submit(client, first) for first in range(CLIENTS)]
            for count in sorted(enough):
                with reached:
                    assert reached.wait_for(lambda n=count: len(acknowledged) >= n, 120)
                centre.kill_and_start()
            for one in done:
                one.result(120)
        with centre.now.client(centre.key) as http:
            stored = {job["job"]: job["name"] for job in http.items("/jobs", limit=200)}
            balance = http.get("/projects/default/credits")
        assert stored == {job: f"n{i}" for i, job in acknowledged.items()}
        assert len(acknowledged) == submits
        assert balance["free"] + balance["reserved"] == balance["granted"]
        assert centre.now.stop() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "submits", "kills"), [("sqlite", 1000, 30), ("postgresql", 300, 10)]
)
def test_f2_a_killed_server_loses_and_doubles_no_job(
    tmp_path: Path, blank_url: Callable[[str], str], kind: str, submits: int, kills: int
) -> None:
    submit_while_killed(tmp_path / "data", submits, kills, address(blank_url(kind)))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_f2_at_length(tmp_path: Path, blank_url: Callable[[str], str], kind: str) -> None:
    submit_while_killed(tmp_path / "data", 20_000, 500, address(blank_url(kind)))


def address(url: str) -> str:
    """As people write it."""
    return url.replace("postgresql+psycopg", "postgresql")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    data = tmp_path_factory.mktemp("centre") / "data"
    with centre_running(data, "--port", "0", "--workers", "2", quick=True) as started:
        with started.client() as client:
            until(lambda: len(client.get("/workers")["items"]) == 2, 60)
        yield started


def send_and_hang_up(url: httpx.URL, key: str, name: str, body: bytes) -> None:
    """A request whose answer nobody reads."""
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Idempotency-Key: {name}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80)) as connection:
        connection.sendall(head.encode() + body)
        # Once the answer begins, half of the time; else before.
        if name.endswith("read"):
            connection.recv(1)


def test_a_lost_answer_is_given_again_and_nothing_is_done_twice(running: RunningCentre) -> None:
    url, chance = httpx.URL(running.url), random.Random(2)
    bearer = {"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"}
    names = [f"lost-{i}-{chance.choice(['read', 'gone'])}" for i in range(30)]
    acknowledged = {}
    with httpx.Client(base_url=running.url, headers=bearer) as http:
        for name in names:
            body = httpx.Request(
                "POST", url, json={"program": BELL, "tags": ["lost"], "name": name}
            )
            send_and_hang_up(url, running.key, name, body.content)
            again = {"program": BELL, "tags": ["lost"], "name": name}
            acknowledged[name] = insist(http, name, again)["job"]
            assert insist(http, name, again)["job"] == acknowledged[name]
    with running.client() as client:
        listed = Counter(j["name"] for j in client.items("/jobs", tag="lost", limit=200))
    assert listed == Counter(names)


def attempt(job: dict[str, Any]) -> int:
    return int(job["provenance"]["attempt"])


def test_a_killed_worker_is_replaced_and_its_job_recovered(running: RunningCentre) -> None:
    program = {"program": long_program(60), "options": {"seed": 11}}
    with running.client() as client:
        calm = client.post("/jobs", program, wait=30)
        job = client.post("/jobs", program)["job"]
        until(lambda: client.get(f"/jobs/{job}")["state"] == "running")
        # The idle one first: it might be given the job and lose it too.
        busy = holder(running, job)
        for pid in sorted(running.workers(), key=lambda pid: pid == busy):
            os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            until(lambda pid=pid: is_replaced(running, pid), 1.0)
        until(lambda: _recovered(client.get(f"/jobs/{job}")), 2.0 - (time.monotonic() - killed))
        done = client.wait(job, 90)
        assert (done["state"], attempt(done)) == ("completed", 2)
        assert done["counts"] == calm["counts"]
        assert client.get("/projects/default/credits")["reserved"] == 0


def holder(running: RunningCentre, job: str) -> int:
    """Process id of the worker that has a job."""
    query = "SELECT facts FROM workers JOIN jobs ON jobs.worker_id = workers.id WHERE jobs.id = ?"
    with contextlib.closing(sqlite3.connect(running.data / "markaz.db")) as connection:
        ((facts,),) = connection.execute(query, (job,)).fetchall()
    return int(json.loads(facts)["pid"])


def is_replaced(running: RunningCentre, pid: int) -> bool:
    workers = running.workers()
    return pid not in workers and len(workers) == 2


def _recovered(job: dict[str, Any]) -> bool:
    return job["state"] == "queued" or attempt(job) == 2


def test_after_a_killed_centre_nothing_is_lost_and_no_worker_stays(tmp_path: Path) -> None:
    with restarted(tmp_path / "data", "--workers", "1", quick=True) as centre:
        with centre.now.client() as client:
            finished = client.post("/jobs", {"program": BELL, "options": {"seed": 5}}, wait=30)
            running = client.post("/jobs", {"program": long_program(60)})["job"]
            until(lambda: client.get(f"/jobs/{running}")["state"] == "running")
            waiting = [client.post("/jobs", {"program": BELL})["job"] for _ in range(3)]
        centre.kill_and_start()
        with centre.now.client(centre.key) as client:
            assert client.get(f"/jobs/{finished['job']}")["counts"] == finished["counts"]
            for job in (running, *waiting):
                assert client.wait(job, 60)["state"] == "completed"
            entries = client.get("/projects/default/credits/statement", limit=500)["items"]
        charges = Counter(e["job"] for e in entries if e["kind"] == "charge")
        assert charges == Counter([finished["job"], running, *waiting])
        old = centre.before[0].seen_workers
        assert len(old) == 1
        until(lambda: not any(map(alive, old)), 40)
        assert centre.now.stop() == 0
