from __future__ import annotations

from math import inf
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices, projects
from markaz.centre.jobs import queries, verbs
from markaz.centre.jobs.rulebook import Device, Reservation
from tests.centre_rows import do, person, put
from tests.jobs_tools import SECOND, Opened, Place

NOW = 1_000 * SECOND


def at(start: int, end: int, project: str | None = None) -> Reservation:
    return Reservation(NOW + start * SECOND, NOW + end * SECOND, project)


@pytest.mark.parametrize(
    ("reservations", "project", "window"),
    [
        ([], "p", inf),
        ([at(60, 90)], "p", 60.0),
        ([at(-10, 90)], "p", 0.0),
        ([at(-10, 0)], "p", inf),
        ([at(60, 90, "p")], "p", inf),
        ([at(60, 90, "p")], "q", 60.0),
        ([at(-5, 90, "p"), at(90, 95, "q")], "p", 90.0),
        ([at(-5, 90, "p"), at(90, 95, "q")], "q", 0.0),
    ],
)
def test_how_long_a_device_is_free(
    reservations: list[Reservation], project: str, window: float
) -> None:
    assert Device("d", reservations=reservations).window(NOW, project) == window


@pytest.fixture
def place(centre: Centre) -> Place:
    found = Place(centre)
    found.device("qpu", kind="qpu", slots=1)
    return found


@pytest.fixture
def ada(place: Place) -> Principal:
    ada = person(place.centre, "ada")
    place.project("lab", ada)
    return ada


def reserve(place: Place, kind: str, start: float, end: float, **values: Any) -> None:
    now = place.centre.services.clock.now()
    row: dict[str, Any] = {
        "id": f"r{now}", "device_id": "qpu", "kind": kind, "state": "scheduled",
        "impact": "full", "project_id": None, "note": "", "made_by": place.operator.id,
        "starts_at": now + int(start * SECOND), "ends_at": now + int(end * SECOND),
        "created_at": now,
    }  # fmt: skip
    put(place.centre, devices.reservations, **row | values)
    place.changed()


def started(place: Place) -> list[float]:
    """Time limits of the jobs that the device starts, one after the other."""
    found = []
    while claimed := place.claim(1, "qpu"):
        found.append(claimed[0]["limit_seconds"])
        place.finish(claimed[0])
    return found


def test_nothing_starts_that_cannot_finish_and_shorter_jobs_fill_the_gap(
    place: Place, ada: Principal
) -> None:
    reserve(place, "maintenance", 100, 200)
    jobs = [place.submit(ada, device="qpu", limit_seconds=s)["job"] for s in (300, 99, 40, 150)]
    assert started(place) == [40.0]  # 99 s are in the class up to 107.6 s
    why = place.centre.ask(queries.explanation, ada, job=jobs[0])
    assert "device qpu is reserved in 1.7 minutes" in " ".join(why["words"])
    (block,) = why["blocks"]
    assert (block["block"], block["device"], round(block["in_seconds"], -1)) == (
        "reserved soon", "qpu", 100.0)  # fmt: skip
    assert block["limit_seconds"] >= 300 and block["words"] == why["words"][-1]
    assert why["wait"]["p50"] > 90


@pytest.mark.parametrize("impact", ["none", "degraded"])
def test_maintenance_that_blocks_nothing(place: Place, ada: Principal, impact: str) -> None:
    reserve(place, "maintenance", -5, 200, impact=impact)
    place.submit(ada, device="qpu")
    assert started(place) == [60.0]


def test_a_booking_is_for_its_project(place: Place, ada: Principal) -> None:
    bob = person(place.centre, "bob")
    theirs = place.project("theirs", bob)
    reserve(place, "booking", -5, 500, project_id=theirs)
    place.submit(ada, device="qpu")
    place.submit(bob, device="qpu", qos="booking", limit_seconds=30)
    assert started(place) == [30.0]


@pytest.mark.parametrize(
    ("change", "starts"),
    [
        ({"status": "busy"}, True),
        ({"status": "needs-calibration"}, False),
        ({"status": "offline"}, False),
        ({"status": "error"}, False),
        ({"status": "maintenance"}, False),
        ({"accepting": False}, False),
    ],
)
def test_what_a_device_starts_depends_on_its_status(
    place: Place, ada: Principal, change: dict[str, Any], starts: bool
) -> None:
    place.submit(ada, device="qpu")
    table = devices.devices
    do(place.centre, lambda w: w.run(update(table).where(table.c.id == "qpu").values(change)))
    place.changed()
    assert started(place) == ([60.0] if starts else [])


def test_a_device_under_calibration_starts_calibration_jobs(place: Place, ada: Principal) -> None:
    care = place.project("care", place.operator)
    table = devices.devices
    do(place.centre, lambda w: w.run(update(table).values(status="calibration")))
    place.changed()
    place.submit(ada, device="qpu")
    place.submit(place.operator, care, device="qpu", qos="calibration", limit_seconds=5)
    assert started(place) == [5.0]


def test_slots_are_not_exceeded(place: Place, ada: Principal) -> None:
    for _ in range(3):
        place.submit(ada, device="qpu")
    assert len(place.claim(3, "qpu")) == 1
    assert place.claim(3, "qpu") == []


def test_running_jobs_of_one_person_are_bounded(settings_for: Any) -> None:
    with Centre.open(settings_for(max_running_per_user=2)) as centre:
        place = Place(centre)
        ada, bob = person(centre, "ada"), person(centre, "bob")
        place.project("lab", ada)
        place.project("other", bob)
        for who in (ada, ada, ada, ada, bob):
            place.submit(who)
        claimed = place.claim(9)
        assert sorted(one["user"] for one in claimed) == sorted([ada.id, ada.id, bob.id])
        place.finish(next(one for one in claimed if one["user"] == ada.id))
        assert [one["user"] for one in place.claim(9)] == [ada.id]


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_the_bound_holds_whatever_is_claimed_at_once(settings_for: Any, at_once: int) -> None:
    with Centre.open(settings_for(max_running_per_user=4)) as centre:
        place = Place(centre)
        ada = person(centre, "ada")
        place.project("lab", ada)
        for _ in range(8):
            place.submit(ada)
        claimed = []
        while found := place.claim(at_once):
            assert len(found) <= at_once
            claimed += found
        assert len(claimed) == 4


def test_jobs_of_a_suspended_project_wait(place: Place, ada: Principal) -> None:
    place.submit(ada)
    table = projects.projects
    do(place.centre, lambda work: work.run(update(table).values(state="suspended")))
    place.changed()
    assert place.claim() == []
    do(place.centre, lambda work: work.run(update(table).values(state="active")))
    place.changed()
    assert len(place.claim()) == 1


def test_another_servers_submission_is_heard_of(place: Place, ada: Principal) -> None:
    queue = place.queue
    place.centre.services.queue = None
    job = place.submit(ada, opened=Opened(predicted_seconds=3.0))["job"]
    place.centre.services.queue = queue
    assert place.claim() == []
    place.centre.perform(verbs.reread_group, SYSTEM, group=place.row(job).group_id)
    assert [one["job"] for one in place.claim()] == [job]
