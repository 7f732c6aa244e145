"""Jobs that are claimed and ended together fare as if one came after the other."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, update

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit
from markaz.centre.db.schema import jobs as tables
from markaz.centre.errors import CentreError
from markaz.centre.jobs import claims
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.work import Work
from markaz.centre.workers import verbs as worker_verbs
from tests.centre_rows import do, person, rows
from tests.jobs_tools import Opened, Place

LATE = 10_000_000  # microseconds: what the jobs' clock is set back by


@pytest.fixture
def place(centre: Centre) -> Place:
    found = Place(centre)
    found.rate(1_000_000)
    return found


@pytest.fixture
def people(place: Place) -> dict[str, Principal]:
    return {name: person(place.centre, name) for name in ("ada", "bob")}


@pytest.fixture
def labs(place: Place, people: dict[str, Principal]) -> dict[str, str]:
    return {name: place.project(f"lab-{name}", who) for name, who in people.items()}


def exchange(place: Place, finished: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What a worker reports and gets, as the dispatcher does it."""
    wanted = {"devices": ["simulator"], "count": 0, "ahead": 0, "seconds": 1.0} | more
    found: dict[str, Any] = place.centre.perform(
        worker_verbs.exchange, SYSTEM, worker="w1", finished=finished, started=[], **wanted
    )
    return found


def report(job: dict[str, Any], state: str = "completed", **outcome: Any) -> dict[str, Any]:
    said = {"state": state, "seconds": 0.25, **outcome}
    if state == "completed":
        said["result"] = b'{"counts": {"0": 1}}'
    return {"job": job["job"], "attempt": job["attempt"], "outcome": said}


def hour_ago(place: Place) -> None:
    """Have what runs begin long ago, so that the worker's figure is what counts."""
    change = update(tables.jobs).values(
        started_at=tables.jobs.c.started_at - LATE, claimed_at=tables.jobs.c.claimed_at - LATE
    )
    do(place.centre, lambda w: w.run(change))


def test_several_ends_are_charged_counted_and_audited_each(
    place: Place, people: dict[str, Principal], labs: dict[str, str]
) -> None:
    names = ["ada", "bob", "ada", "bob"]
    for name in names:
        place.submit(people[name], labs[name], opened=Opened(predicted_seconds=0.5))
    taken = {job["job"]: job for job in exchange(place, [], count=4)["claimed"]}
    assert len(taken) == 4
    hour_ago(place)
    first, second, third, fourth = taken.values()
    said = [
        report(first),
        report(second, "failed", error={"kind": "limit-time", "message": "too long"}),
        report(third | {"attempt": 2}),
        report(fourth, "failed", error={"kind": "internal", "message": "ours"}),
    ]
    assert exchange(place, said)["accepted"] == [True, True, False, True]
    assert [place.row(one["job"]).state for one in taken.values()] == [
        "completed", "failed", "running", "failed",
    ]  # fmt: skip
    # 2 s at one credit were set aside for each
    assert place.entries(first["job"])[1:] == [("release", 2_000_000), ("charge", -250_000)]
    assert place.entries(second["job"])[1:] == [("release", 2_000_000), ("charge", -250_000)]
    assert place.entries(third["job"]) == [("reserve", -2_000_000)]
    assert place.entries(fourth["job"])[1:] == [("release", 2_000_000)]
    used = {row["project_id"]: row["amount"] for row in rows(place.centre, tables.usage)}
    assert sum(used.values()) == pytest.approx(0.75)
    ends = [e for e in rows(place.centre, audit.audit_entries) if e["verb"] == "jobs.finish"]
    assert [e["subject"] for e in ends] == [first["job"], second["job"], fourth["job"]]
    assert exchange(place, [report(third)])["accepted"] == [True]
    assert exchange(place, [report(first)])["accepted"] == [False]


def test_if_one_changed_meanwhile_all_are_undone(
    place: Place,
    people: dict[str, Principal],
    labs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        place.submit(people["ada"], labs["ada"])
    one, two = exchange(place, [], count=2)["claimed"]
    original = DatabaseJobs.find_many

    def overtaken(self: DatabaseJobs, names: Any) -> Any:
        found = original(self, names)
        gone = update(tables.jobs).where(tables.jobs.c.id == two["job"])
        self.work.run(gone.values(state="cancelled"))
        return found

    monkeypatch.setattr(DatabaseJobs, "find_many", overtaken)
    with pytest.raises(CentreError) as caught:
        exchange(place, [report(one), report(two)])
    assert caught.value.kind == "conflict"
    assert [place.row(j["job"]).state for j in (one, two)] == ["running", "running"]
    assert place.entries(one["job"]) == [("reserve", place.entries(one["job"])[0][1])]
    with pytest.raises(CentreError) as single:
        place.finish(two)
    assert single.value.kind == "stale"


def test_a_job_that_another_server_took_is_left_to_it(
    place: Place,
    people: dict[str, Principal],
    labs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [place.submit(people["ada"], labs["ada"])["job"] for _ in range(4)]
    original = claims.choose

    def overtaken(work: Work, *arguments: Any) -> Any:
        found = original(work, *arguments)
        monkeypatch.setattr(claims, "choose", original)
        gone = update(tables.jobs).where(tables.jobs.c.id == names[1])
        work.run(gone.values(state="cancelled"))
        return found

    monkeypatch.setattr(claims, "choose", overtaken)
    assert [job["job"] for job in place.claim(3)] == [names[0], names[2]]
    assert sorted(place.queue.running) == sorted([names[0], names[2]])
    row = place.queue.rows.at
    assert [int(place.queue.rows.count[at]) for at in row.values()] == [1]
    assert [job["job"] for job in place.claim(3)] == [names[3]]
    assert place.queue.rows.at == {}


def test_what_another_server_took_leaves_the_queue_as_the_database_has_it(
    place: Place,
    people: dict[str, Principal],
    labs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the job was to begin, and others were chosen to wait behind it."""
    opened = Opened(predicted_seconds=0.01)
    names = [place.submit(people["ada"], labs["ada"], opened=opened)["job"] for _ in range(6)]
    original = claims.choose

    def overtaken(work: Work, *arguments: Any) -> Any:
        found = original(work, *arguments)
        gone = update(tables.jobs).where(tables.jobs.c.id == names[0])
        work.run(gone.values(state="cancelled"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(claims, "choose", overtaken)
        found = exchange(place, [], count=2, ahead=2)
    assert [(j["job"], j["ahead"]) for j in found["claimed"]] == [
        (names[1], False), (names[2], True), (names[3], True),
    ]  # fmt: skip
    assert found["dry"]
    rows = place.queue.rows
    assert [int(rows.count[at]) for at in rows.at.values()] == [2]
    assert [int(rows.head[at]) for at in rows.at.values()] == [place.row(names[4]).place]


def test_what_waits_behind_others_is_short_all_together(
    place: Place, people: dict[str, Principal], labs: dict[str, str]
) -> None:
    seconds = [0.1, 0.2, 0.2, 3.0, 0.1]
    names = [
        place.submit(people["ada"], labs["ada"], opened=Opened(predicted_seconds=s))["job"]
        for s in seconds
    ]
    found = exchange(place, [], count=1, ahead=4, seconds=0.6)
    assert [(j["job"], j["ahead"]) for j in found["claimed"]] == [
        (names[0], False), (names[1], True), (names[2], True), (names[3], True),
    ]  # fmt: skip
    assert not found["dry"]  # the rest did not fit
    assert [place.row(n).state for n in names] == [
        "running", "claimed", "claimed", "claimed", "queued",
    ]  # fmt: skip
    assert exchange(place, [], count=1, ahead=4, seconds=0.6)["dry"]


@pytest.mark.parametrize(("began", "charged"), [(None, 250_000), (100_000, 100_000)])
def test_a_job_that_ends_before_its_begin_is_on_record(
    place: Place,
    people: dict[str, Principal],
    labs: dict[str, str],
    began: int | None,
    charged: int,
) -> None:
    place.submit(people["ada"], labs["ada"])
    [job] = exchange(place, [], ahead=1)["claimed"]
    change = update(tables.jobs).values(claimed_at=tables.jobs.c.claimed_at - LATE)
    do(place.centre, lambda w: w.run(change))
    now = place.centre.services.clock.now()
    at = None if began is None else now - began
    assert exchange(place, [report(job, began_at=at)])["accepted"] == [True]
    row = place.row(job["job"])
    if began is None:  # as long before its end as the worker measured
        assert row.ended_at - row.started_at == 250_000 == -place.entries(job["job"])[2][1]
    else:  # never more than the centre saw
        assert row.started_at == at
        assert charged <= -place.entries(job["job"])[2][1] == row.ended_at - at


def test_claims_read_a_group_once(
    place: Place,
    people: dict[str, Principal],
    labs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(5):
        place.submit(people["ada"], labs["ada"])
    reads, original = [], claims._HEADS.all

    def counted(connection: Connection, values: Any) -> list[Any]:
        reads.append(values["most"])
        return original(connection, values)

    monkeypatch.setattr(claims._HEADS, "all", counted)
    assert len(place.claim(4)) == 4
    assert reads == [5]
