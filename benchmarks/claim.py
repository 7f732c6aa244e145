"""What a claim costs as the queue grows, and polling and listing as jobs are stored.

python -m benchmarks.claim [--sizes 10000 100000 1000000] [--projects 10000] [--data DIR]

A database with as many waiting jobs of 10,000 projects in 500 institutions is filled
directly; a fresh process then opens the queue and claims, polls and lists through the same
verbs and queries as the server, durable commits included. The baseline is the same claim
with nothing in the queue but the job that is claimed.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, insert

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.centre import Centre
from markaz.centre.db import dialect, migrate
from markaz.centre.db.schema import devices, jobs, people, projects
from markaz.centre.ids import new_id
from markaz.centre.jobs import queries, verbs
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.settings import Settings

INSTITUTIONS = 500
USERS_PER_PROJECT = 2
CLAIMS = 1000
LOOKS = 1000
CHUNK = 20_000
NAMES = ("claim", "empty", "poll", "list")
MOST_OVER_MS = 5.0
MOST_LOOK_MS = 10.0
MOST_MIB = 300.0
START = 1_790_000_000_000_000  # microseconds UTC


def opened(data: Path) -> Settings:
    """Settings of a centre in ``data``; no cap stops the one worker that claims all."""
    values = {"data": str(data), "max_running_per_user": 10**9}
    return Settings(values)


def project_id(number: int) -> str:
    """A project's id."""
    return f"p{number:019d}"


def user_id(number: int) -> str:
    """A person's id."""
    return f"u{number:019d}"


def fill_people(connection: Connection, count: int) -> None:
    """Institutions, projects and members, and one device."""
    connection.execute(
        insert(devices.devices).values(
            id="simulator", title="Simulator", kind="simulator", driver="simulator", qubits=32,
            status="idle", accepting=True, is_default=True, description="{}", created_at=START,
        )
    )  # fmt: skip
    connection.execute(
        insert(people.institutions),
        [{"id": f"i{i:019d}", "name": f"Institution {i}", "shares": 1 + i % 7,
          "created_at": START} for i in range(INSTITUTIONS)],
    )  # fmt: skip
    persons = range(count * USERS_PER_PROJECT)
    connection.execute(
        insert(people.users),
        [{"id": user_id(i), "login": f"user{i}", "name": f"User {i}", "state": "active",
          "institution_id": f"i{i % INSTITUTIONS:019d}", "created_at": START}
         for i in persons],
    )  # fmt: skip
    connection.execute(
        insert(projects.projects),
        [{"id": project_id(i), "slug": f"project{i}", "title": f"Project {i}",
          "institution_id": f"i{i % INSTITUTIONS:019d}", "state": "active", "any_device": True,
          "shares": 1 + i % 3, "created_at": START} for i in range(count)],
    )  # fmt: skip
    connection.execute(
        insert(projects.memberships),
        [{"project_id": project_id(i // USERS_PER_PROJECT), "user_id": user_id(i),
          "role": "member", "joined_at": START} for i in persons],
    )  # fmt: skip
    keys = [{"id": i + 1, "device_id": "simulator", "user_id": user_id(i), "qos": "normal",
             "project_id": project_id(i // USERS_PER_PROJECT), "size_class": 24}
            for i in persons]  # fmt: skip
    connection.execute(insert(jobs.queue_groups), keys)


def job_rows(first: int, count: int, persons: int) -> Iterator[dict[str, Any]]:
    """Waiting jobs of random persons."""
    rng = random.Random(first)
    for number in range(first, first + count):
        person = rng.randrange(persons)
        at = START + number * 100
        yield {
            "id": new_id(at), "project_id": project_id(person // USERS_PER_PROJECT),
            "user_id": user_id(person), "device_id": "simulator", "kind": "run",
            "private": False, "state": "queued", "group_id": person + 1, "place": at,
            "qos": "normal", "input_hash": "1" * 64, "circuit_hash": "2" * 64,
            "program_hash": "3" * 64, "options": '{"shots": 1000}', "shots": 1000, "qubits": 5,
            "limit_seconds": 60.0, "predicted_seconds": rng.expovariate(0.5),
            "price": '{"per_job": 0, "per_second": 0, "per_shot": 0}',
            "created_at": at, "eligible_at": at,
        }  # fmt: skip


def fill_jobs(connection: Connection, first: int, count: int, persons: int) -> None:
    """Waiting jobs numbered from ``first``."""
    rows = job_rows(first, count, persons)
    while chunk := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
        connection.execute(insert(jobs.jobs), chunk)


def milliseconds(action: Any, repeat: int) -> list[tuple[float, float]]:
    """Times of ``action(i)``, and the processor's part of each."""
    found = []
    for i in range(repeat):
        start, cpu = time.perf_counter(), time.thread_time()
        action(i)
        spent = time.perf_counter() - start, time.thread_time() - cpu
        found.append((1e3 * spent[0], 1e3 * spent[1]))
    return found


def resident_mib() -> float:
    """Memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def started(data: Path) -> Centre:
    """The centre in ``data`` with its queue read."""
    settings = opened(data)
    centre = Centre.open(settings)
    centre.services.queue = QueueIndex(settings)
    centre.perform(verbs.open_queue, SYSTEM)
    return centre


def claim(centre: Centre) -> tuple[float, float]:
    """Milliseconds of one claim: until it is durable, and the processor's part before that."""
    start = time.perf_counter()
    cpu = centre.writer.submit(lambda _: time.thread_time()).result()
    waited = time.perf_counter() - start
    got = centre.perform(verbs.claim, SYSTEM, worker="w", devices=["simulator"])
    assert len(got) == 1, "nothing was handed out"
    spent = time.perf_counter() - start - waited
    cpu = centre.writer.submit(lambda _: time.thread_time()).result() - cpu
    return 1e3 * spent, 1e3 * cpu


def put_one(centre: Centre, number: int) -> None:
    """One waiting job for a queue that is empty otherwise."""
    row = next(job_rows(10**9 + number, 1, 1))
    centre.writer.submit(lambda c: c.execute(insert(jobs.jobs), [row])).result()
    centre.perform(verbs.reread_group, SYSTEM, group=1)


def measure(data: Path, persons: int) -> dict[str, Any]:
    """Claims from the database in ``data`` and, in turns, from an empty queue beside it, so
    that both meet the same disturbances; then polls and lists."""
    before = resident_mib()
    start = time.perf_counter()
    with started(data) as centre:
        found: dict[str, Any] = {"open_seconds": time.perf_counter() - start}
        gc.collect()
        found["groups"] = len(centre.services.queue.rows.at)
        found["mib"], found["mib_before"] = resident_mib(), before
        found["claim"], found["empty"] = [], []
        with started(data / "empty") as empty:
            for number in range(CLAIMS):
                found["claim"].append(claim(centre))
                put_one(empty, number)
                found["empty"].append(claim(empty))
        found["mib"] = max(found["mib"], resident_mib())
        found["poll"], found["list"] = _looks(centre, persons)
    return found


def _looks(centre: Centre, persons: int) -> tuple[list[tuple[float, float]], ...]:
    rng = random.Random(5)
    actors = [Principal(user_id(rng.randrange(persons)), "user") for _ in range(LOOKS)]
    pages = [centre.ask(queries.list_jobs, actor) for actor in actors]
    known = [(actor, page["items"][0]["job"])
             for actor, page in zip(actors, pages, strict=True) if page["items"]]  # fmt: skip

    def poll(i: int) -> None:
        actor, job = known[i % len(known)]
        centre.ask(queries.poll, actor, job=job)

    def listed(i: int) -> None:
        centre.ask(queries.list_jobs, actors[i])

    return milliseconds(poll, LOOKS), milliseconds(listed, LOOKS)


def child(data: Path, persons: int) -> Any:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.claim", "--child", "--data", str(data)]
    command += ["--projects", str(persons // USERS_PER_PROJECT)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def quantiles(times: list[float]) -> tuple[float, float]:
    """Median and 99 % quantile."""
    low, high = np.quantile(times, (0.5, 0.99))
    return float(low), float(high)


def said(good: bool) -> str:
    """Whether a target was met."""
    return "ok" if good else "MISSED"


def made(data: Path, projects: int) -> Engine:
    """A database with people and projects, no jobs."""
    engine = dialect.open_engine(opened(data).database_url)
    migrate.upgrade(engine)
    with dialect.write_connection(engine) as connection, connection.begin():
        fill_people(connection, projects)
    return engine


def run(sizes: list[int], projects: int, data: Path) -> bool:
    """Fill, measure and print; whether every target was met."""
    persons = projects * USERS_PER_PROJECT
    made(data / "empty", projects).dispose()
    engine = made(data, projects)
    print(f"{projects:,} projects, {persons:,} persons, {INSTITUTIONS} institutions;")
    print("an empty queue has the same people, and the one job that is claimed")
    good, stored = True, 0
    for size in sorted(sizes):
        with dialect.write_connection(engine) as connection, connection.begin():
            fill_jobs(connection, stored, size - stored, persons)
        stored = size
        good &= report(size, child(data, persons))
    engine.dispose()
    return good


def report(size: int, found: dict[str, Any]) -> bool:
    """Print one size; whether its targets were met."""
    wall = {name: quantiles([wall for wall, _ in found[name]]) for name in NAMES}
    cpu = {name: quantiles([cpu for _, cpu in found[name]]) for name in NAMES}
    (p50, p99), (low, floor) = wall["claim"], wall["empty"]
    looks = {name: wall[name][1] for name in ("poll", "list")}
    over = p99 - floor
    fine = [over <= MOST_OVER_MS, max(looks.values()) <= MOST_LOOK_MS, found["mib"] <= MOST_MIB]
    part = {name: f"{median:.2f}, {high:.2f} ms" for name, (median, high) in cpu.items()}
    print(
        f"{size:>9,} waiting in {found['groups']:,} groups, opened in "
        f"{found['open_seconds']:.1f} s, {found['mib']:.0f} MiB ({said(fine[2])}), of which "
        f"{found['mib_before']:.0f} before opening\n"
        f"          claim p50 {p50:.2f} ms, p99 {p99:.2f} ms; empty queue {low:.2f}, "
        f"{floor:.2f} ms ({over:+.2f} ms, {said(fine[0])})\n"
        f"          processor's part {part['claim']}; empty queue {part['empty']}\n"
        f"          poll p99 {looks['poll']:.2f} ms, list p99 {looks['list']:.2f} ms "
        f"({said(fine[1])}); processor's part {part['poll']}; {part['list']}",
        flush=True,
    )
    return all(fine)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    parser.add_argument("--projects", type=int, default=10_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.data, given.projects * USERS_PER_PROJECT)))
    else:
        with tempfile.TemporaryDirectory() as place:
            return 0 if run(given.sizes, given.projects, given.data or Path(place)) else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
