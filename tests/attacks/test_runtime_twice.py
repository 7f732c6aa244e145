"""Submissions over real connections: an answer that is lost makes no second job, and whoever
means another job gets one; a restarted server knows both."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from markaz.centre.jobs.tables import jobs
from markaz.centre.settings import Settings
from markaz.interfaces.runtime_api.crn import GRANT, crn_of
from markaz.interfaces.server import Server
from tests.rest_fakes import silence
from tests.rest_world import World, build
from tests.runtime_world import BASE, PARAMS, CannedRuntime

BODY = json.dumps({"program_id": "sampler", "backend": "simulator", "params": PARAMS}).encode()


class Running:
    """A server on a port of its own, and what its clients send."""

    def __init__(self, server: Server, world: World) -> None:
        self.server, self.world = server, world
        self.lines: list[http.client.HTTPConnection] = []
        self.headers = {
            "Service-CRN": crn_of(world.own["project"]), "Content-Type": "application/json",
        }  # fmt: skip
        self.log_in()

    def log_in(self) -> None:
        """A fresh login, as a new process of the client has."""
        form = f"grant_type={GRANT}&apikey={self.world.keys['member']}".encode()
        line = self.connection()
        line.request("POST", "/identity/token", form)
        token = json.loads(line.getresponse().read())["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"
        line.close()

    def connection(self) -> http.client.HTTPConnection:
        host, port = self.server.url.removeprefix("http://").split(":")
        self.lines.append(http.client.HTTPConnection(host, int(port), timeout=20))
        return self.lines[-1]

    def hang_up(self) -> None:
        """Close all connections."""
        while self.lines:
            self.lines.pop().close()

    def ask(
        self, line: http.client.HTTPConnection, method: str, path: str, body: Any = None
    ) -> Any:
        line.request(method, BASE + path, body, self.headers)
        answer = line.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)

    def submit(self, line: http.client.HTTPConnection, body: bytes = BODY) -> str:
        return str(self.ask(line, "POST", "/jobs", body)["id"])

    def lose(self, body: bytes = BODY) -> None:
        """Submit, and be gone before the answer."""
        before = self.count()
        host, port = self.server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as line:
            head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            line.sendall(
                f"POST {BASE}/jobs HTTP/1.1\r\nHost: {host}\r\n{head}"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            for _ in range(2000):
                if self.count() > before:
                    return
                threading.Event().wait(0.005)
        raise AssertionError("it was not taken in")

    def count(self) -> int:
        wanted = select(func.count()).select_from(jobs).where(jobs.c.kind == "sampler")
        with self.server.api.centre.engine.connect() as connection:
            return int(connection.execute(wanted).scalar_one())


@contextmanager
def serving(settings: Settings, world: Callable[[Server], World]) -> Iterator[Running]:
    ready = threading.Event()
    with silence(), Server.open(settings) as server:
        built = world(server)
        server.api.opener = CannedRuntime(server.api.centre)
        thread = threading.Thread(target=lambda: server.run(lambda _: ready.set()))
        thread.start()
        try:
            assert ready.wait(20)
            yield (found := Running(server, built))
            found.hang_up()
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def settings(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    return Settings({"data": str(data), "port": 0, "workers": 0, "drain_seconds": 0})


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Running]:
    with serving(settings, lambda server: build(server.api.centre)) as found:
        yield found


@pytest.fixture(autouse=True)
def another_body(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every test has a body of its own."""
    document = json.loads(BODY) | {"tags": [request.node.name[:80]]}
    monkeypatch.setattr(f"{__name__}.BODY", json.dumps(document).encode())


def body() -> bytes:
    return BODY


def test_a_lost_answer_makes_no_second_job(running: Running) -> None:
    before = running.count()
    running.lose(body())
    first = running.submit(running.connection(), body())
    again = running.submit(running.connection(), body())
    assert (running.count() - before, again) == (1, first)


def test_whoever_was_cut_off_and_starts_over_has_one_job(running: Running) -> None:
    before = running.count()
    running.lose(body())
    line = running.connection()
    running.ask(line, "GET", "/instances/usage")  # as each submission of the client begins
    first = running.submit(line, body())
    assert running.count() - before == 1
    running.ask(line, "GET", "/instances/usage")
    assert running.submit(line, body()) != first


def test_two_hundred_alike_in_a_loop_are_two_hundred_jobs(running: Running) -> None:
    line = running.connection()
    found = {running.submit(line, body()) for _ in range(200)}
    assert len(found) == 200


def test_a_loop_whose_last_answer_is_lost_goes_on_without_a_gap(running: Running) -> None:
    before, line = running.count(), running.connection()
    found = [running.submit(line, body()) for _ in range(3)]
    running.ask(fresh := running.connection(), "GET", "/instances/usage")
    found.append(running.submit(fresh, body()))  # sent, the answer is lost
    fresh.close()
    retried = running.submit(running.connection(), body())
    assert retried == found[-1]
    assert running.count() - before == 4


def test_whoever_asked_for_the_first_job_means_another(running: Running) -> None:
    first = running.submit(running.connection(), body())
    running.ask(running.connection(), "GET", f"/jobs/{first}?exclude_params=true")
    second = running.submit(running.connection(), body())
    assert second != first
    assert running.submit(running.connection(), body()) == second


def test_a_new_process_that_starts_as_clients_do_means_another(running: Running) -> None:
    first = running.submit(running.connection(), body())
    running.log_in()
    line = running.connection()
    running.ask(line, "GET", "/instances/usage")
    assert running.submit(line, body()) != first


def test_threads_that_submit_alike_at_once_each_get_a_job(running: Running) -> None:
    found: list[str] = []
    barrier = threading.Barrier(8)

    def one() -> None:
        line = running.connection()
        running.ask(line, "GET", "/instances/usage")
        barrier.wait()
        found.append(running.submit(line, body()))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8


def test_the_same_sent_many_times_at_once_is_one_job(running: Running) -> None:
    before = running.count()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(running.submit(running.connection(), body())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(set(found)), running.count() - before) == (1, 1)


def test_behind_a_proxy_connections_prove_nothing(running: Running) -> None:
    line = running.connection()
    running.headers["X-Forwarded-For"] = "192.0.2.7"
    try:
        first = running.submit(line, body())
        assert running.submit(line, body()) == first
        running.ask(line, "GET", "/instances/usage")
        assert running.submit(line, body()) != first
    finally:
        del running.headers["X-Forwarded-For"]


def test_another_person_or_instance_is_another_submission(running: Running) -> None:
    first = running.submit(running.connection(), body())
    running.headers["Service-CRN"] = "own-project"  # the same project by another name
    try:
        assert running.submit(running.connection(), body()) != first
    finally:
        running.headers["Service-CRN"] = crn_of(running.world.own["project"])


def test_a_restarted_server_knows_what_it_took_in(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "markaz.db")
    settings = Settings({"data": str(tmp_path), "port": 0, "workers": 0, "drain_seconds": 0})
    kept: list[World] = []

    def made(server: Server) -> World:
        kept.append(build(server.api.centre))
        return kept[0]

    with serving(settings, made) as before:
        before.lose(body())
        headers = dict(before.headers)
    with serving(settings, lambda _: kept[0]) as after:
        after.headers = headers  # the very request again, with the login of before
        first = after.submit(after.connection(), body())
        assert after.count() == 1
        assert after.submit(line := after.connection(), body()) == first
        assert after.submit(line, body()) != first
