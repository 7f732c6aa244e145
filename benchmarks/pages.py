"""How long the server takes for each page of the portal, for each role, with many jobs stored.

In one process, without a network: a centre on SQLite in an empty folder with ``--jobs`` jobs
of a few people, some of them waiting, summed up as the server does by itself. Each page of
the table that a role may open, and lists with filters, is asked for ``--times`` times, one
after the other, in each language, after one time that compiles its template. Beside it the
time of an empty page (a file), which is what the machine and the harness take, and the
processor time of the whole server, which says what is left on an idle machine. Files that are
saved, not looked at, are left out.

    python -m benchmarks.pages [--jobs 100000] [--times 40] [--role director]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import insert, select

from markaz.centre.access import SYSTEM, VERBS
from markaz.centre.centre import Centre
from markaz.centre.db import dialect, migrate
from markaz.centre.ids import new_id
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.tables import jobs
from markaz.centre.settings import Settings
from markaz.centre.work import Work
from markaz.interfaces.portal.table import PAGES as TABLE
from tests.portal_tools import QUIET, Site, address, site_of

ROLES: Final = ("anonymous", "pi", "operator", "director", "allocator")
# Lists and charts that depend on what is asked of them.
FILTERED: Final = (
    "/jobs?state=failed", "/jobs?tag=none", "/jobs?project=own-project", "/jobs?name=9999",
    "/devices/indus/calibration", "/devices/indus/history?days=365",
    "/devices/karakoram/calibration?quantity=gate_error:cz", "/operate/queue?device=simulator",
    "/operate/people?state=pending", "/operate/workers?gone=1",
    *(f"/usage?period=year&by={by}" for by in ("programme", "project", "person", "device")),
    "/usage/jobs?period=year", *(f"/usage/jobs?period=year&state={state}" for state in
                                 ("completed", "failed", "cancelled")),
)  # fmt: skip
# Files, parts of pages, and what needs an issuer elsewhere.
LEFT_OUT: Final = (".csv", ".{form}", ".qasm", "/contents/{which}", "/export", "/live",
                   "/elsewhere", "/elsewhere/back", "/link")  # fmt: skip
LANGUAGES: Final = ("en", "ur", "zh")
WAITING: Final = 2000  # of the jobs, by one person
STEP: Final = 5000


@contextmanager
def centre_with(count: int) -> Iterator[Site]:
    """A centre with everybody in it and ``count`` jobs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings({"data": folder, **QUIET})
        engine = dialect.open_engine(settings.database_url)
        migrate.upgrade(engine)
        engine.dispose()
        with Centre.open(settings) as centre:
            site = site_of(centre)
            site.world.do(lambda work: _fill(work, site, count))
            centre.services.queue = QueueIndex(settings)
            centre.perform(VERBS["jobs.open_queue"], SYSTEM)
            while centre.perform(VERBS["jobs.tally"], SYSTEM)["more"]:
                pass
            yield site


def _fill(work: Work, site: Site, count: int) -> None:
    """Copies of the world's own job: most completed, some waiting, a few failed."""
    like = dict(work.one(select(jobs).where(jobs.c.id == site.world.own["job"]))._mapping)
    del like["seq"]
    people = [site.world.ids[name] for name in ("pi", "member", "co_pi", "project_trainer")]
    for start in range(0, count, STEP):
        work.run(
            insert(jobs), [_copy(like, work.now, n, people) for n in range(start, start + STEP)]
        )


def _copy(like: dict[str, Any], now: int, number: int, people: list[str]) -> dict[str, Any]:
    at = now - 10**12 + number * 10**6
    row = like | {"id": new_id(at), "user_id": people[number % 4], "created_at": at, "place": at,
                  "name": f"job {number}", "tags": json.dumps([f"t{number % 50}"])}  # fmt: skip
    if number >= WAITING:
        state = {0: "failed", 1: "cancelled"}.get(number % 997, "completed")
        times = dict.fromkeys(("claimed_at", "started_at", "ended_at"), at)
        row |= {
            "state": state,
            "group_id": None,
            "charged": 5,
            "reserved": 5,
            "run_seconds": 0.01,
        } | times
    return row


def addresses(site: Site, role: str) -> list[str]:
    """What ``role`` may ask for: every page of the table once, and lists with filters."""
    pages = [page for page in TABLE if page.method == "GET" and not page.path.endswith(LEFT_OUT)]
    return [*dict.fromkeys(address(site, page, site.world.own, role) for page in pages), *FILTERED]


async def measure(site: Site, role: str, times: int) -> list[dict[str, Any]]:
    """For each page of ``role`` its median and 95th percentile, milliseconds, and its size in
    bytes; a page that is not shown to that role is left out."""
    found = []
    transport = httpx.ASGITransport(site.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre") as client:
        if role != "anonymous":
            client.cookies.set("markaz-session", site.sessions[role])
        for path in (site.portal.statics.address("mark.svg"), *addresses(site, role)):
            row = await _one(client, path, times)
            if row is not None:
                found.append({"role": role, "page": path, **row})
    return found


async def _one(client: httpx.AsyncClient, path: str, times: int) -> dict[str, Any] | None:
    taken, size, computed = [], 0, 0.0
    for language in LANGUAGES:
        headers = {"Accept-Language": language, "Accept": "text/html"}
        for turn in range(times + 1):
            start, began = time.perf_counter(), time.process_time()
            answer = await client.get(path, headers=headers)
            seconds = time.perf_counter() - start
            if answer.status_code != 200:
                return None
            size = max(size, int(answer.headers["content-length"]))
            if turn:
                taken.append(seconds * 1000)
                computed += (time.process_time() - began) * 1000
    p95 = statistics.quantiles(taken, n=20)[-1]
    cpu = computed / len(taken)
    return {"median_ms": statistics.median(taken), "p95_ms": p95, "cpu_ms": cpu, "bytes": size}


def main() -> None:
    """Print a line for each page, and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    roles = (arguments.role,) if arguments.role else ROLES
    with centre_with(arguments.jobs) as site:
        rows = [row for role in roles for row in asyncio.run(measure(site, role, arguments.times))]
    print(f"{arguments.jobs} jobs, {arguments.times} times in each of {len(LANGUAGES)} languages")
    for row in rows:
        print(f"{row['role']:10} {row['page']:55} median {row['median_ms']:6.1f} ms"
              f"   p95 {row['p95_ms']:6.1f} ms   cpu {row['cpu_ms']:6.1f} ms"
              f"   {row['bytes']:6} bytes")  # fmt: skip
    slowest = max(rows, key=lambda row: float(row["p95_ms"]))
    print(f"{len(rows)} pages; slowest: {slowest['page']} of {slowest['role']},"
          f" p95 {slowest['p95_ms']:.1f} ms (goal: 50 ms)")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
