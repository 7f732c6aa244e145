"""The centre's figures beside the floor that the machine sets, all from one run.

Floor: durable single-row commits a second on the disk of the data directory, or of the
PostgreSQL server that is given, and an empty HTTP round trip. Then one Bell job at a time
through REST with ``wait``, and sustained load from 32 clients of 8 tenants, all programs
distinct, one by one and 50 to a request.

    python -m benchmarks.service [--seconds 60] [--database postgresql://…]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import create_engine, func, select, text

from markaz.centre.jobs.tables import OPEN, jobs
from markaz.centre.settings import Settings

TENANTS: Final = 8
CLIENTS: Final = 32
BATCH: Final = 50
MICRO: Final = 1_000_000
AHEAD: Final = 300  # waiting jobs above which clients of the sustained load pause
BELL: Final = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1];'
    " measure q -> c;"
)


def programs() -> Iterator[str]:
    """Distinct small programs: two to six qubits, a rotation that no other has."""
    for number in itertools.count():
        n = 2 + number % 5
        gates = "".join(f"cx q[{i}],q[{i + 1}];" for i in range(n - 1))
        angle = (number * 0.618_033_988_749) % 3.14
        yield (
            f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{n}]; creg c[{n}]; h q[0];'
            f" ry({angle:.12f}) q[{n - 1}]; {gates} measure q -> c;"
        )


@dataclass
class Client:
    """A keep-alive connection with a key; lighter than a library, so that the load is the
    centre's and not the clients'."""

    url: str
    key: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's document; raises RuntimeError for a refusal."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if method == "POST":
            headers |= {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


def commits_per_second(folder: Path, seconds: float = 2.0) -> float:
    """Durable single-row commits (SQLite, WAL, synchronous=FULL) of one writer."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)")
        count, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds:
            connection.execute("INSERT INTO t (v) VALUES ('x')")
            count += 1
    return count / spent


def server_commits_per_second(url: str, seconds: float = 2.0) -> float:
    """As ``commits_per_second``, of one client of a PostgreSQL server."""
    engine = create_engine(Settings({"database_url": url}).database_url)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("CREATE TABLE floor (n BIGSERIAL PRIMARY KEY, v TEXT)")
        count, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds:
            driver.execute("INSERT INTO floor (v) VALUES ('x')")
            count += 1
        driver.execute("DROP TABLE floor")
    engine.dispose()
    return count / spent


@contextmanager
def centre(folder: Path, database: str | None) -> Iterator[dict[str, Any]]:
    """A centre of its own in ``folder``; its ready document."""
    command = [str(Path(sys.executable).with_name("markaz")), "up", "--no-demo", "--json"]
    command += ["--data", str(folder), "--port", "0"]
    command += ["--database", database] if database else []
    environment = os.environ | {
        "MARKAZ_REQUESTS_PER_MINUTE": "100000000",
        "MARKAZ_LOG_LEVEL": "warning",
        "MARKAZ_MAX_WAITING_PER_USER": "1000000",
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def tenants(up: dict[str, Any]) -> list[tuple[str, str]]:
    """Eight people, each with a project, credits and a key: (project, key)."""
    admin = Client(up["url"], up["api_key"])
    made = []
    for number in range(TENANTS):
        login, password = f"bench{number}", f"correct horse {uuid.uuid4().hex}"
        person = admin.ask("POST", "/v1/users", {"login": login, "name": login})
        admin.ask("POST", "/v1/recovery/password", {"code": person["secret"], "password": password})
        project = f"bench-{number}"
        admin.ask("POST", "/v1/projects", {"slug": project, "title": project, "pi": login})
        now = time.time_ns() // 1000
        grant = {"amount": 1000 * MICRO, "starts_at": now, "ends_at": now + 86_400 * MICRO}
        admin.ask("POST", f"/v1/projects/{project}/credits/grants", grant)
        session = admin.ask("POST", "/v1/login", {"login": login, "password": password})
        made.append((project, session["secret"]))
    return made


def round_trip(url: str, count: int = 300) -> float:
    """Median seconds of an empty request."""
    client, times = Client(url, ""), []
    for _ in range(count):
        started = time.perf_counter()
        client.ask("GET", "/health/live")
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def latencies(url: str, project: str, key: str, count: int = 200) -> list[float]:
    """Seconds from submission to result of one Bell job at a time, warm, sorted."""
    client, times = Client(url, key), []
    for number in range(count + 20):
        started = time.perf_counter()
        body = {"program": BELL, "project": project, "options": {"seed": number}}
        job = client.ask("POST", "/v1/jobs?wait=20", body)
        assert job["state"] == "completed", job
        times.append(time.perf_counter() - started)
    return sorted(times[20:])


class Load:
    """Clients that submit as long as not too much waits, and a count of what finished."""

    def __init__(
        self, up: dict[str, Any], people: list[tuple[str, str]], batch: int, counter: Counter
    ) -> None:
        self._up, self._people, self._batch, self._counter = up, people, batch, counter
        self._programs, self._lock = programs(), threading.Lock()
        self._stop = threading.Event()
        self._waiting = 0
        self.acknowledged = 0
        self.errors: list[str] = []

    def run(self, seconds: float) -> float:
        """Finished jobs a second over ``seconds``, after a short run-up."""
        threads = [
            threading.Thread(target=self._client, args=self._people[i % TENANTS], daemon=True)
            for i in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        self._watch(2.0)
        started, before = time.perf_counter(), self._counter.ended()
        self._watch(seconds)
        spent = time.perf_counter() - started
        rate = (self._counter.ended() - before) / spent
        self._stop.set()
        for thread in threads:
            thread.join(60)
        while self._counter.waiting():
            time.sleep(0.1)
        return rate

    def _watch(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self._waiting = self._counter.waiting()
            time.sleep(0.25)

    def _client(self, project: str, key: str) -> None:
        client = Client(self._up["url"], key)
        try:
            while not self._stop.is_set():
                if self._waiting > AHEAD:
                    time.sleep(0.02)
                    continue
                self._submit(client, project)
        except Exception as error:
            self.errors.append(repr(error))

    def _submit(self, client: Client, project: str) -> None:
        with self._lock:
            texts = list(itertools.islice(self._programs, self._batch))
        options = {"shots": 1024}
        if self._batch == 1:
            body: dict[str, Any] = {"program": texts[0], "project": project, "options": options}
            client.ask("POST", "/v1/jobs", body)
        else:
            items = [{"program": text, "options": options} for text in texts]
            answer = client.ask("POST", "/v1/job-batches", {"items": items, "project": project})
            refused = [item for item in answer["items"] if "error" in item]
            assert not refused, refused[0]
        with self._lock:
            self.acknowledged += self._batch


class Counter:
    """Counts jobs in the database itself, whatever the server says of them."""

    def __init__(self, folder: Path, database: str | None) -> None:
        settings = Settings({"data": str(folder), "database_url": database or ""})
        self._engine = create_engine(settings.database_url)

    def ended(self) -> int:
        """How many have ended; it reads the whole table."""
        return self._count("state IN ('completed', 'failed', 'cancelled')")

    def waiting(self) -> int:
        """How many have not ended; cheap, so that looking often takes nothing from the load."""
        return self._count(OPEN)

    def _count(self, which: str) -> int:
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(jobs).where(text(which))
            return int(connection.execute(query).scalar_one())


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--database")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="markaz-bench-") as name:
        folder = Path(name)
        database = options.database
        floor = server_commits_per_second(database) if database else commits_per_second(folder)
        with centre(folder / "data", options.database) as up:
            people = tenants(up)
            counter = Counter(folder / "data", options.database)
            empty = round_trip(up["url"])
            print(f"floor: {floor:.0f} durable commits/s, empty round trip {empty * 1e3:.2f} ms")
            times = latencies(up["url"], *people[0])
            target = 3 * (3 / floor + 2 * empty) + 0.012
            middle, late = statistics.median(times), times[int(0.99 * len(times))]
            print(
                f"one Bell job, submit to result: median {middle * 1e3:.1f} ms, p99 "
                f"{late * 1e3:.1f} ms, n={len(times)}; {middle / target:.2f} x "
                f"(3 x (3 commits + 2 round trips) + 12 ms)"
            )
            for batch, share, most in ((1, 0.5, 150), (BATCH, 1.0, 500)):
                load = Load(up, people, batch, counter)
                rate, wanted = load.run(options.seconds), min(share * floor, most)
                print(
                    f"sustained, {batch} to a request: {rate:.0f} jobs/s finished, "
                    f"{rate / wanted:.2f} x of {wanted:.0f} (lesser of {share} x floor and {most})"
                )
                for error in load.errors[:3]:
                    print(f"  client failed: {error}")
            again = (
                server_commits_per_second(database)
                if database
                else commits_per_second(folder / "data")
            )
            print(f"floor afterwards: {again:.0f} durable commits/s")


if __name__ == "__main__":
    main()
