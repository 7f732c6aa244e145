"""The database changes jobs exactly as the dictionary does that F11 drives."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs as tables
from markaz.centre.db.schema import ledger
from markaz.centre.errors import CentreError
from markaz.centre.jobs import core
from markaz.centre.jobs.core import MemoryJobs, Outcome
from markaz.centre.jobs.states import FINAL, Event, State
from markaz.centre.jobs.store import DatabaseJobs, snapshot
from markaz.centre.work import Work
from tests.centre_rows import do, person, rows
from tests.jobs_tools import Place

COUNT = 25
STEPS = 800
ENDS = (State.COMPLETED, State.FAILED, State.CANCELLED)


def step(random: Random, jobs: core.Jobs, names: list[str], now: int) -> Any:
    """One random step, and what came of it; the same for every store given the same state."""
    job = random.choice(names)
    attempt = random.choice((1, 1, 1, 2, 2, 3))
    kind = random.randrange(6)
    outcome = Outcome(random.choice(ENDS), error_kind="limit-time", seconds=0.25)
    by, losses = random.choice(("user", "operator")), random.choice((2, 9))
    event = random.choice((Event.HOLD, Event.RELEASE, Event.CLAIM, Event.START, Event.GIVE_BACK))
    if kind == 0:
        try:
            return core.finish(jobs, job, attempt, outcome, now)[1]
        except CentreError as error:
            return error.kind
    if kind == 1 and random.random() < 0.3:
        return core.cancel(jobs, job, by, now)[0]
    if kind == 2:
        return core.lost(jobs, job, attempt, losses, now)
    if kind == 3:
        return jobs.apply(job, Event.BEGIN, attempt, started_at=now)
    values = {"started_at": now} if event is Event.START else {}
    return jobs.apply(job, event, attempt, **values)


def test_a_random_history_is_the_same_in_both(centre: Centre) -> None:
    place = Place(centre, queue=False)
    ada = person(centre, "ada")
    place.rate(1_000_000)
    lab = place.project("lab", ada, credits=10_000)
    names = [place.submit(ada, lab)["job"] for _ in range(COUNT)]
    memory = MemoryJobs({name: snapshot(place.row(name)) for name in names})
    start = centre.services.clock.now()

    def both(work: Work) -> Counter[str]:
        database, found = DatabaseJobs(work), Counter[str]()
        for number in range(STEPS):
            now = start + number * 1000
            one = step(Random(number), database, names, now)
            other = step(Random(number), memory, names, now)
            assert one == other, number
            found[str(one)] += 1
        return found

    found = do(centre, both)
    assert min(found[kind] for kind in ("stale", "True", "False", "give back")) >= 5
    for name in names:
        row = place.row(name)
        assert snapshot(row) == memory.jobs[name]
        assert row.charged == dict(memory.charges).get(name)
    assert sum(row["state"] in FINAL for row in rows(centre, tables.jobs)) == len(memory.charges)
    settled = [e for e in rows(centre, ledger.ledger_entries) if e["kind"] == "release"]
    assert len(settled) == len(memory.charges) > 5
