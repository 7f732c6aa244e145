"""Workers that serve several devices: whom they serve, and the waits that follow."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from markaz.centre.access import Principal
from markaz.centre.db.schema import devices
from markaz.centre.jobs import queries
from markaz.centre.jobs.rulebook import Device, Rulebook
from markaz.centre.jobs.sharing import Beside, Crew, beside, shared_wait, slots_of
from tests.jobs_tools import Opened, Place

SIM, EMULATED, AGENT = (
    Device("sim", driver="simulate"),
    Device("panta", 1, driver="emulate"),
    Device("qpu", 1, driver="agent"),
)
RULES = Rulebook({one.id: one for one in (SIM, EMULATED, AGENT)})
LOCAL = Crew(2, frozenset({"simulate", "emulate"}))
FAR = Crew(1, frozenset({"agent"}), frozenset({"qpu"}))
BOOTHS = Crew(3, frozenset({"simulate"}))


def test_slots_are_those_of_the_workers_that_serve_the_device() -> None:
    crews = (LOCAL, FAR, BOOTHS)
    assert [slots_of(crews, one) for one in (SIM, EMULATED, AGENT)] == [5, 2, 1]
    assert slots_of((Crew(4),), AGENT) == 4
    assert not Crew(1, frozenset({"agent"}), frozenset({"other"})).serves(AGENT)


def test_devices_are_beside_each_other_if_a_worker_serves_both() -> None:
    crews = (LOCAL, FAR)
    assert [beside(crews, RULES, one) for one in (SIM, EMULATED, AGENT)] == [
        (EMULATED,),
        (SIM,),
        (),
    ]
    assert beside((BOOTHS, FAR), RULES, SIM) == ()
    assert beside((), RULES, SIM) == ()


@pytest.mark.parametrize(
    ("slots", "busy", "left", "work", "others", "wait"),
    [
        (1, 0, 0.0, 0.0, [Beside("b", 1, 1, 50.0, 0.0)], 50.0),  # the only worker
        (2, 0, 0.0, 0.0, [Beside("b", 1, 1, 50.0, 900.0)], 0.0),  # it never takes the second
        (2, 1, 10.0, 0.0, [Beside("b", 1, 1, 50.0, 0.0)], 10.0),  # the own job ends first
        (2, 1, 10.0, 20.0, [Beside("b", 2, 1, 5.0, 5.0)], 20.0),  # all share: (10+20+10)/2
        (4, 1, 6.0, 0.0, [Beside("b", 1, 1, 99.0, 0.0), Beside("c", 2, 2, 6.0, 6.0)], 6.0),
        (1, 0, 0.0, 0.0, [Beside("b", 1, 0, 0.0, 7.0)], 7.0),  # waits, and comes first
    ],
)
def test_shared_waits(
    slots: int, busy: int, left: float, work: float, others: list[Beside], wait: float
) -> None:
    assert shared_wait(slots, busy, left, work, others) == pytest.approx(wait)


@pytest.fixture
def two(place: Place) -> Place:
    place.device("panta", slots=1)
    place.queue.crews = (Crew(1),)
    return place


def test_a_job_waits_for_another_devices_job_on_the_only_worker(
    two: Place, ada: Principal, lab: str
) -> None:
    long = Opened(predicted_seconds=100.0)
    two.submit(ada, lab, opened=long, device="panta")
    assert two.claim(1, "simulator", "panta")
    told = two.submit(ada, lab)
    assert told["wait"]["p50"] == pytest.approx(100.0, abs=2.0)
    why = two.centre.ask(queries.document, ada, job=told["job"])["why"]
    (block,) = why["blocks"]
    assert {name: block[name] for name in ("block", "device", "running")} == {
        "block": "workers",
        "device": "panta",
        "running": 1,
    }
    assert why["words"][-1] == "the workers are busy with jobs of device panta: 1 running"


def test_what_waits_on_another_device_and_starts_first_counts(
    two: Place, ada: Principal, lab: str
) -> None:
    long = Opened(predicted_seconds=40.0)
    for _ in range(3):
        two.submit(ada, lab, opened=long, device="panta")
    told = two.submit(ada, lab)
    assert told["wait"]["p50"] == pytest.approx(120.0, abs=2.0)
    why = two.centre.ask(queries.document, ada, job=told["job"])["why"]
    words = "the workers are busy with jobs of device panta: 2 minutes of waiting work before it"
    assert why["words"][-1] == words


def test_with_a_slot_to_spare_nothing_waits(two: Place, ada: Principal, lab: str) -> None:
    two.queue.crews = (Crew(2),)
    two.submit(ada, lab, opened=Opened(predicted_seconds=100.0), device="panta")
    assert two.claim(1, "panta")
    told = two.submit(ada, lab)
    assert told["wait"]["p50"] == 0.0
    why = two.centre.ask(queries.document, ada, job=told["job"])["why"]
    assert why["blocks"] == []


def test_work_of_a_device_that_starts_nothing_does_not_count(
    two: Place, ada: Principal, lab: str
) -> None:
    two.submit(ada, lab, opened=Opened(predicted_seconds=40.0), device="panta")
    two.device("resting")
    two.submit(ada, lab, opened=Opened(predicted_seconds=500.0), device="resting")
    assert two.submit(ada, lab)["wait"]["p50"] == pytest.approx(540.0, abs=1.0)
    resting = update(devices.devices).where(devices.devices.c.id == "resting")
    two.centre.writer.submit(lambda c: c.execute(resting.values(accepting=False))).result()
    two.changed()
    two.queue.landscapes._known.clear()
    assert two.submit(ada, lab)["wait"]["p50"] == pytest.approx(40.0, abs=1.0)
