"""The server as a whole: where it listens, what it runs, how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from markaz.centre.centre import Centre
from markaz.centre.db import dialect
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.interfaces import server as server_module
from markaz.interfaces.rest_api.client import Client, ClientError
from markaz.interfaces.server import Server, check_address
from tests.rest_fakes import silence
from tests.rest_world import BELL, World, build
from tests.waiting import until

WORKER = """
import sys
from markaz.centre.settings import Settings
from markaz.centre.workers.supervisor import work
from markaz.interfaces.worker_api.client import open_link
url, key, data = sys.argv[1:]
work(lambda: open_link(url, key), Settings({"data": data, "workers": 1, "drain_seconds": 5}))
"""

# Where it may listen.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_tls(host: str) -> None:
    check_address(Settings({"host": host}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "centre.example"])
def test_beyond_loopback_nothing_is_served_without_tls(host: str) -> None:
    with pytest.raises(CentreError, match="tls_certificate") as caught:
        check_address(Settings({"host": host}))
    assert (caught.value.kind, caught.value.field) == ("invalid", "host")
    check_address(Settings({"host": host, "allow_plain_http": True}))
    check_address(Settings({"host": host, "tls_certificate": "c.pem", "tls_key": "k.pem"}))


def test_half_of_tls_is_refused() -> None:
    with pytest.raises(CentreError, match="belong together"):
        check_address(Settings({"tls_certificate": "c.pem"}))


# What it runs.


@contextmanager
def running(server: Server) -> Iterator[threading.Thread]:
    """The server in a thread, ready."""
    ready = threading.Event()
    thread = threading.Thread(target=lambda: server.run(lambda _: ready.set()))
    thread.start()
    try:
        assert ready.wait(20)
        yield thread
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def data(sqlite_template: Path, tmp_path: Path) -> Path:
    shutil.copy(sqlite_template, tmp_path / "markaz.db")
    return tmp_path


@pytest.fixture
def settings(data: Path) -> Callable[..., Settings]:
    usual = {"data": str(data), "port": 0, "workers": 1, "drain_seconds": 3, "lease_seconds": 3,
             "heartbeat_seconds": 0.3}  # fmt: skip
    return lambda **more: Settings(usual | more)


@contextmanager
def worker(server: Server, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process."""
    command = [sys.executable, "-c", WORKER, server.url, key, str(server.settings.data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as made:
        try:
            yield made
        finally:
            made.terminate()
            made.wait(20)


def until_ready(url: str) -> None:
    until(lambda: httpx.get(url + "/health/ready").status_code == 200)


def test_a_job_goes_all_the_way(settings: Callable[..., Settings]) -> None:
    with silence(), Server.open(settings()) as server:
        world = build(server.api.centre)
        with running(server), worker(server, world.keys["worker"]):
            _use(server, world)


def _use(server: Server, world: World) -> None:
    with Client(server.url, world.keys["member"]) as client:
        ready = httpx.get(server.url + "/health/ready")
        assert (ready.status_code, ready.json()["checks"]["database writable"]) in (
            (200, True),
            (503, True),
        )
        until_ready(server.url)
        body = {"program": BELL, "options": {"shots": 200, "seed": 5}, "name": "bell"}
        made = client.post("/jobs", body | {"project": world.own["project"]}, wait=30)
        assert made["state"] == "completed"
        assert set(made["counts"]) <= {"00", "11"}
        assert sum(made["counts"].values()) == 200
        assert made["provenance"]["seed"] == 5
        assert made == client.get(f"/jobs/{made['job']}")
        again = client.get(f"/jobs/{made['job']}", wait=30)
        assert again == made
        listed = [one["job"] for one in client.items("/jobs", name="bell")]
        assert listed == [made["job"]]
        text = httpx.get(server.url + "/metrics").text
        assert "markaz_workers 1.0" in text
        assert 'markaz_queue_jobs{device="simulator",state="queued"}' in text
        assert measured(text, 'markaz_jobs_ended_total{device="simulator",state="completed"}') >= 1
        assert measured(text, 'markaz_job_run_seconds_count{device="simulator"}') >= 1
        assert measured(text, "markaz_intake_seconds_count") == 1
        assert measured(text, "markaz_commit_changes_count") > 1
        assert measured(text, "markaz_claim_seconds_count") >= 1
        refused = _refusal(client, {"program": "OPENQASM 2.0; nonsense"}, world)
        assert (refused.status, refused.kind) == (422, "program")
        assert refused.problem["details"]["program_kind"] == "parse"
        assert refused.problem["details"]["line"] == 1


def measured(text: str, name: str) -> float:
    """The value of a metric."""
    (line,) = [line for line in text.splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


def _refusal(client: Client, body: dict[str, Any], world: World) -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.post("/jobs", body | {"project": world.own["project"]})
    return caught.value


def test_waiting_requests_are_let_go_when_the_server_ends(
    settings: Callable[..., Settings],
) -> None:
    with silence(), Server.open(settings(drain_seconds=0.2)) as server:
        world = build(server.api.centre)
        found: list[Any] = []

        def wait() -> None:
            with Client(server.url, world.keys["member"]) as client:
                found.append(client.get(f"/jobs/{world.own['job']}", wait=30))

        with running(server) as thread:
            waiting = threading.Thread(target=wait)
            waiting.start()
            until(lambda: len(server.api.patience) == 1)
            began = time.monotonic()
            server.stop()
            thread.join(20)
            waiting.join(20)
        assert time.monotonic() - began < 5
        assert [one["state"] for one in found] == ["queued"]


def test_a_data_directory_has_one_server(settings: Callable[..., Settings]) -> None:
    with Server.open(settings()), pytest.raises(CentreError, match="another server"):
        Server.open(settings())
    with Server.open(settings()):
        pass  # the first one let go of it


def test_a_port_that_is_taken_is_named(settings: Callable[..., Settings]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = pytest.raises(CentreError, match=f"127.0.0.1:{port}")
        with silence(), Server.open(settings(port=port)) as server, refused:
            server.run()


SERVE = """
import sys
from markaz.centre.settings import Settings
from markaz.interfaces import logs
from markaz.interfaces.server import Server
logs.set_up("error")
with Server.open(Settings({"data": sys.argv[1], "port": 0, "drain_seconds": 1})) as server:
    server.run(lambda url: print(url, flush=True))
print("drained", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_server(data: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVE, str(data)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert httpx.get(url + "/health/live").json() == {"status": "live"}
        began = time.monotonic()
        os.kill(server.pid, number)
        assert server.stdout.readline() == "drained\n"
        assert server.wait(20) == 0
        assert time.monotonic() - began < 10


# What strangers may send before anybody looks at it.


@pytest.fixture(scope="module")
def bare(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server without workers."""
    data = tmp_path_factory.mktemp("bare")
    shutil.copy(sqlite_template, data / "markaz.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("markaz.interfaces.connections.HEAD_SECONDS", 0.6)
        settings = Settings({"data": str(data), "port": 0, "drain_seconds": 0})
        with silence(), Server.open(settings) as server, running(server):
            yield int(server.url.rpartition(":")[2])


def heard(port: int, parts: Iterator[bytes], seconds: float = 5.0) -> tuple[bytes, int]:
    """What the server answers, and how many bytes it took before it hung up."""
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as talk:
        try:
            for part in parts:
                talk.sendall(part)
                taken += len(part)
            talk.shutdown(socket.SHUT_WR)
            return talk.recv(300), taken
        except OSError:
            return b"", taken


def flood(head: bytes, part: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(64):
        yield part


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: ", b"a" * (1 << 20)),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * (1 << 17)),
        (b"GET /", b"a" * (1 << 20)),
        (b"", b"\r\n" * (1 << 19)),
    ],
    ids=["one header", "many headers", "address", "empty lines"],
)
def test_a_head_that_does_not_end_ends_the_connection(bare: int, head: bytes, part: bytes) -> None:
    answer, taken = heard(bare, flood(head, part))
    assert taken < 32 << 20
    assert answer[:12] in (b"", b"HTTP/1.1 400")


def test_a_head_that_trickles_ends_the_connection(bare: int) -> None:
    def trickle() -> Iterator[bytes]:
        for letter in b"GET /health/live HTTP/1.1\r\nHost: a-long-name-of-a-host":
            time.sleep(0.05)  # what is tried: a head that takes seconds
            yield bytes([letter])

    _, taken = heard(bare, trickle())
    assert taken < 40


def test_a_head_of_usual_size_is_served(bare: int) -> None:
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer, _ = heard(bare, iter((head, b"X: " + b"a" * 30_000 + b"\r\n", b"\r\n")))
    assert answer.startswith(b"HTTP/1.1 200")


def test_bodies_of_many_chunks_and_requests_in_a_row_are_served(bare: int) -> None:
    body = b"x" * 200_000
    with httpx.Client(base_url=f"http://127.0.0.1:{bare}") as client:
        for _ in range(3):
            answer = client.post(
                "/v1/login", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422
            time.sleep(0.3)  # longer together than a head may take


def test_a_database_has_one_server_that_hands_out_jobs(
    centre: Centre, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two on one PostgreSQL, each with a data directory of its own; SQLite has its lock."""
    monkeypatch.setattr(server_module, "LEAD_SECONDS", 0.2)
    first = server_module.lead(centre.engine)
    engine = dialect.open_engine(centre.services.settings.database_url)
    try:
        if dialect.is_embedded(engine):
            server_module.lead(engine).release()
        else:
            with pytest.raises(CentreError, match="another server hands out"):
                server_module.lead(engine)
            first.release()
            server_module.lead(engine).release()
    finally:
        first.release()
        engine.dispose()
