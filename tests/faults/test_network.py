"""Requests over a network that loses, delays and doubles them: every one acts once."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from markaz.centre.jobs.tables import jobs
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api import client as rest
from markaz.interfaces.rest_api.client import Client
from markaz.interfaces.server import Server
from tests.rest_fakes import silence
from tests.rest_world import BELL, World, build

CLIENTS = 4
# What befalls a request, each one time in ten.
FATES = ("lost", "answer lost", "delayed", "doubled")
TERMS = [*FATES, *["carried"] * (10 - len(FATES))]


class BadNetwork(ThreadingHTTPServer):
    """A proxy before the server at ``target``."""

    daemon_threads = True

    def __init__(self, target: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Hop)
        self.target = urlsplit(target)
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.met: dict[str, int] = dict.fromkeys(TERMS, 0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fate(self) -> str:
        with self._lock:
            drawn = self._random.choice(TERMS)
            self.met[drawn] += 1
            return drawn


class Hop(BaseHTTPRequestHandler):
    """One request through the bad network."""

    server: BadNetwork
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer is written in two parts

    def do_GET(self) -> None:
        self._carry()

    def do_POST(self) -> None:
        self._carry()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _carry(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.server.fate()
        if fate == "lost":
            self.close_connection = True
            return
        if fate == "delayed":
            threading.Event().wait(0.05)
        status, kind, answer = self._forward(body)
        if fate == "doubled":
            status, kind, answer = self._forward(body)
        if fate == "answer lost":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _forward(self, body: bytes) -> tuple[int, str, bytes]:
        target = self.server.target
        upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            upstream.close()


@contextmanager
def through(server: Server, seed: int) -> Iterator[BadNetwork]:
    """The server in a thread, and a bad network before it."""
    ready = threading.Event()
    serving = threading.Thread(target=lambda: server.run(lambda _: ready.set()))
    serving.start()
    assert ready.wait(30)
    network = BadNetwork(server.url, seed)
    carrying = threading.Thread(target=network.serve_forever)
    carrying.start()
    try:
        yield network
    finally:
        network.shutdown()
        network.server_close()
        carrying.join(10)
        server.stop()
        serving.join(30)


def submit(url: str, world: World, number: int, turns: int, acknowledged: list[str]) -> None:
    """One client, one job after another, each until it is acknowledged."""
    with Client(url, world.keys["member"]) as client:
        for turn in range(turns):
            body = {"program": BELL, "project": world.own["project"], "name": f"{number}-{turn}"}
            acknowledged.append(client.post("/jobs", body)["job"])


@pytest.mark.parametrize(
    "count", [500, pytest.param(20_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])]
)
def test_every_submission_acts_once_over_a_bad_network(
    count: int, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "PAUSE", 0.01)
    monkeypatch.setattr(rest, "TRIES", 12)  # one in five is lost: the last try fails never
    settings = settings_for(port=0, workers=0, drain_seconds=1)
    acknowledged: list[str] = []
    with silence(), Server.open(settings) as server:
        world = build(server.api.centre)
        with through(server, seed=8) as network:
            clients = [
                threading.Thread(
                    target=submit, args=(network.url, world, i, count // CLIENTS, acknowledged)
                )
                for i in range(CLIENTS)
            ]
            for thread in clients:
                thread.start()
            for thread in clients:
                thread.join(count)
            met = network.met
        with server.api.centre.engine.connect() as connection:
            stored = connection.execute(
                select(jobs.c.id, jobs.c.name).where(jobs.c.name.like("_-%"))
            ).all()
    assert len(acknowledged) == count
    assert sorted(row.id for row in stored) == sorted(acknowledged)
    assert len({row.name for row in stored}) == count
    assert min(met.values()) > 0, f"the network was not bad enough: {met}"
