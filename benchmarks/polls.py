"""What a thousand waiting runtime clients cost: polls a second, CPU for each, and what is left
for the queue; all from one run.

Jobs that cannot start wait on a device that is offline. A process of its own polls them as the
clients do: each over its own connection, half a second after each answer. The same small jobs
run through the queue with and without it, in turns.

    python -m benchmarks.polls [--clients 1000] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
import uvloop

from benchmarks.service import Client, centre, programs
from markaz.interfaces.rest_api.client import Client as Library
from markaz.interfaces.runtime_api.crn import GRANT

PAUSE: Final = 0.5  # seconds between an answer and the client's next poll
SLOW: Final = 1.5  # so far apart the server answers each at once
BATCH: Final = 100  # jobs of one request
LOAD: Final = 400  # jobs whose way through the queue is timed
TURNS: Final = 3


def parked(admin: Client, count: int) -> list[str]:
    """Jobs that wait on a device that is offline."""
    device = {"device": "parked", "title": "Parked", "kind": "simulator", "driver": "none"}
    admin.ask("POST", "/v1/devices", device | {"qubits": 9, "description": {}})
    with Library(admin.url, admin.key) as client:
        client.patch("/devices/parked", {"accepting": True})
    found: list[str] = []
    source = programs()
    for _ in range(0, count, BATCH):
        found += [one["job"] for one in submit(admin, source, "parked")]
    return found[:count]


def submit(admin: Client, source: Iterator[str], device: str) -> list[dict[str, Any]]:
    """One request's worth of jobs."""
    items = [{"program": next(source), "options": {"shots": 100}} for _ in range(BATCH)]
    answer = admin.ask("POST", "/v1/job-batches", {"items": items, "device": device})
    made: list[dict[str, Any]] = answer["items"]
    return made


def throughput(up: dict[str, Any], source: Iterator[str]) -> float:
    """Jobs a second through the queue."""
    admin = Client(up["url"], up["api_key"])  # an idle connection would have been closed
    began, jobs = time.perf_counter(), []
    for _ in range(LOAD // BATCH):
        jobs += submit(admin, source, "simulator")
    for job in reversed(jobs):
        while True:
            found = admin.ask("GET", f"/v1/jobs/{job['job']}?wait=30")
            if found["state"] in ("completed", "failed"):
                break
    return len(jobs) / (time.perf_counter() - began)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server_pid(folder: str) -> int:
    """The server whose data are in ``folder``."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        line = path.read_bytes().replace(b"\0", b" ").decode()
        if "markaz up" in line and folder in line:
            return int(path.parent.name)
    raise RuntimeError(f"no server has its data in {folder}")


# The clients.


class Waiting(asyncio.Protocol):
    """One client that polls its job for ever; ``counts`` has the answers of all.

    As light as can be, since it takes its CPU from the centre that is measured.
    """

    def __init__(self, head: bytes, pause: float, counts: list[int]) -> None:
        self._head, self._pause, self._counts = head, pause, counts
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end or not body.endswith(b"}"):
            return
        if not head.startswith(b"HTTP/1.1 200") or b"Queued" not in body:
            raise RuntimeError(self._data.decode())
        self._data = b""
        self._counts[0] += 1
        asyncio.get_running_loop().call_later(self._pause, self._ask)

    def _ask(self) -> None:
        self._transport.write(self._head)


async def poll(url: str, token: str, crn: str, jobs: list[str], pause: float) -> None:
    """Poll all jobs; print once a second how many answers have come."""
    place, counts, loop = urlsplit(url), [0], asyncio.get_running_loop()
    for job in jobs:
        head = (
            f"GET /experimental/api/v1/jobs/{job}?exclude_params=true HTTP/1.1\r\n"
            f"Host: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
            f"Service-CRN: {crn}\r\nAccept: application/json\r\n\r\n"
        ).encode()
        made = functools.partial(Waiting, head, pause, counts)
        await loop.create_connection(made, place.hostname or "", place.port or 80)
        await asyncio.sleep(pause / len(jobs))  # as clients that started at different times
    while True:
        await asyncio.sleep(1.0)
        print(counts[0], flush=True)


@contextmanager
def polling(up: dict[str, Any], jobs: list[str], pause: float) -> Iterator[Any]:
    """A process with a client for each job, all of them at it."""
    form = {"grant_type": GRANT, "apikey": up["api_key"]}
    token = httpx.post(f"{up['url']}/identity/token", data=form).json()["access_token"]
    command = [sys.executable, "-m", "benchmarks.polls", "--poller", up["url"], token, up["crn"]]
    command += [str(pause)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as made:
        assert made.stdin is not None and made.stdout is not None
        made.stdin.write(json.dumps(jobs) + "\n")
        made.stdin.flush()
        try:
            for _ in range(3):  # all are connected, and the first answers are over
                made.stdout.readline()
            yield made
        finally:
            made.kill()


def cost(clients: Any, pid: int, seconds: int) -> tuple[float, float]:
    """Polls a second, and CPU milliseconds of the server for each."""
    first, used, began = int(clients.stdout.readline()), cpu_seconds(pid), time.perf_counter()
    for _ in range(seconds):
        last = int(clients.stdout.readline())
    spent = time.perf_counter() - began
    answers = max(1, last - first)
    return answers / spent, 1000 * (cpu_seconds(pid) - used) / answers


def measure(clients: int, seconds: int) -> None:
    """Print the figures."""
    os.environ["MARKAZ_REQUESTS_PER_MINUTE_TOTAL"] = "10000000"
    with tempfile.TemporaryDirectory() as folder, centre(Path(folder), None) as up:
        admin, source = Client(up["url"], up["api_key"]), programs()
        pid = server_pid(folder)
        jobs = parked(admin, clients)
        throughput(up, source)  # warm
        idle_cpu, began = cpu_seconds(pid), time.perf_counter()
        time.sleep(3)
        idle = (cpu_seconds(pid) - idle_cpu) / (time.perf_counter() - began)
        print(f"server without clients: {100 * idle:.1f} % of a core")
        for name, pause in (("client's pace (held)", PAUSE), ("slow pace (at once)", SLOW)):
            with polling(up, jobs, pause) as made:
                rate, each = cost(made, pid, seconds)
            print(f"{clients} clients, {name}: {rate:.0f} polls/s, {each:.3f} ms CPU each")
        alone, beside, own = [], [], []
        for _ in range(TURNS):
            alone.append(throughput(up, source))
            with polling(up, jobs, PAUSE) as made:
                taken = cpu_seconds(made.pid), time.perf_counter()
                beside.append(throughput(up, source))
                spent = time.perf_counter() - taken[1]
                own.append((cpu_seconds(made.pid) - taken[0]) / spent)
        free, loaded = statistics.median(alone), statistics.median(beside)
        print(f"queue: {free:.0f} jobs/s alone, {loaded:.0f} beside {clients} waiting clients, "
              f"ratio {loaded / free:.2f}; the clients took "
              f"{100 * statistics.median(own):.0f} % of a core themselves")  # fmt: skip


def main() -> None:
    """Measure, or be the clients."""
    if sys.argv[1:2] == ["--poller"]:
        url, token, crn, pause = sys.argv[2:]
        jobs = json.loads(sys.stdin.readline())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(poll(url, token, crn, jobs, float(pause)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    given = parser.parse_args()
    measure(given.clients, given.seconds)


if __name__ == "__main__":
    main()
