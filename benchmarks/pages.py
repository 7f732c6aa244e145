"""How long the server takes for each page of the portal, with many jobs stored.

In one process, without a network: a centre on SQLite in an empty folder with ``--jobs`` jobs
of a few people, some of them waiting; each page is asked for ``--times`` times, one after the
other, in each language, after one time that compiles its template. Beside it the time of an
empty page (a file), which is what the machine and the harness take.

    python -m benchmarks.pages [--jobs 100000] [--times 40]
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
from tests.portal_tools import QUIET, Site, site_of

PAGES: Final = ("/", "/devices", "/login", "/home", "/jobs", "/jobs?state=failed", "/jobs?tag=none",
                "/jobs?project=own-project", "/jobs/{job}", "/submit", "/sessions", "/projects",
                "/projects/own-project", "/projects/own-project/members",
                "/projects/own-project/ledger", "/devices/simulator", "/account", "/keys",
                "/announcements")  # fmt: skip
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
        state = "failed" if number % 997 == 0 else "completed"
        times = dict.fromkeys(("claimed_at", "started_at", "ended_at"), at)
        row |= {
            "state": state,
            "group_id": None,
            "charged": 5,
            "reserved": 5,
            "run_seconds": 0.01,
        } | times
    return row


async def measure(site: Site, times: int) -> list[dict[str, Any]]:
    """For each page its median and 95th percentile, milliseconds, and its size in bytes."""
    transport = httpx.ASGITransport(site.app)
    cookies = {"markaz-session": site.sessions["pi"]}
    found = []
    async with httpx.AsyncClient(transport=transport, base_url="http://centre") as client:
        empty = site.portal.statics.address("mark.svg")
        for page in (empty, *PAGES):
            path = page.format(job=site.world.own["job"])
            client.cookies.clear()
            if page not in ("/", "/login"):
                client.cookies.update(cookies)
            found.append(
                {"page": page if page != empty else "(a file)", **await _one(client, path, times)}
            )
    return found


async def _one(client: httpx.AsyncClient, path: str, times: int) -> dict[str, Any]:
    taken, size = [], 0
    for language in LANGUAGES:
        headers = {"Accept-Language": language, "Accept": "text/html"}
        for turn in range(times + 1):
            start = time.perf_counter()
            answer = await client.get(path, headers=headers)
            seconds = time.perf_counter() - start
            assert answer.status_code == 200, (path, answer.status_code)
            size = max(size, int(answer.headers["content-length"]))
            if turn:
                taken.append(seconds * 1000)
    p95 = statistics.quantiles(taken, n=20)[-1]
    return {"median_ms": statistics.median(taken), "p95_ms": p95, "bytes": size}


def main() -> None:
    """Print a line for each page, and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with centre_with(arguments.jobs) as site:
        rows = asyncio.run(measure(site, arguments.times))
    print(f"{arguments.jobs} jobs, {arguments.times} times in each of {len(LANGUAGES)} languages")
    for row in rows:
        print(f"{row['page']:34} median {row['median_ms']:6.1f} ms   p95 {row['p95_ms']:6.1f} ms"
              f"   {row['bytes']:6} bytes")  # fmt: skip
    slowest = max(rows[1:], key=lambda row: float(row["p95_ms"]))
    print(f"slowest: {slowest['page']}, p95 {slowest['p95_ms']:.1f} ms (goal: 50 ms)")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
