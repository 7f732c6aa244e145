"""Devices measured as jobs: what runs meanwhile, what is published, and what becomes of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from markaz.centre.access import Principal
from markaz.centre.calibrations import harvest as harvesting
from markaz.centre.calibrations import queries, verbs
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, calibrations, devices, jobs, ledger
from markaz.centre.devices import queries as device_queries
from markaz.centre.devices import sheets
from markaz.centre.devices.verbs import change
from markaz.centre.errors import CentreError
from markaz.centre.jobs import fits
from markaz.centre.jobs import queries as job_queries
from markaz.centre.records import signing
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.devices.sheet import Row, Sheet, from_json
from markaz.quantum.operate.shipped import SEED
from tests.calibration_tools import (
    age,
    answer,
    calibrate,
    claim,
    due,
    finish,
    gather,
    opened,
    told,
    with_all,
)
from tests.centre_rows import look, person, rows
from tests.jobs_tools import Opened, Place

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
HOUR = 3_600_000_000
INDUS = load_shipped("indus")
CONTRACT = """title = "Lot 1"
device = "indus"
[[criteria]]
measure = "T1"
at_least = 20.0
[[criteria]]
measure = "ghz_fidelity"
qubits = 3
at_least = 0.9
"""


@pytest.fixture
def place(centre: Centre) -> Place:
    return opened(centre)


@pytest.fixture
def ada(place: Place) -> Principal:
    found = person(place.centre, "ada")
    place.project("lab", found)
    return found


def test_it_is_tuned_first_and_costs_nothing(place: Place) -> None:
    before = emulation(place)
    calibrate(place)
    after = emulation(place)
    assert after["tuned_at"] > before["tuned_at"]
    assert after["born_at"] == before["born_at"]
    finish(place)
    made = rows(place.centre, jobs.jobs)
    assert {(j["charged"], j["reserved"], j["qos"]) for j in made} == {(0, 0, "calibration")}
    assert rows(place.centre, ledger.ledger_entries) == []


def emulation(place: Place, device: str = "indus") -> Any:
    (row,) = (r for r in rows(place.centre, devices.emulations) if r["device_id"] == device)
    return row


def test_the_first_calibration_gives_a_truth_that_the_package_does_not_tell(place: Place) -> None:
    with_all(place)
    assert emulation(place)["seed"] == emulation(place, "karakoram")["seed"] == SEED
    calibrate(place)
    finish(place)
    gather(place)
    own = emulation(place)["seed"]
    assert own != SEED
    assert emulation(place, "karakoram")["seed"] == SEED
    calibrate(place)
    assert emulation(place)["seed"] == own
    events = place.centre.ask(device_queries.events, place.operator, device="indus")["items"]
    assert [e["kind"] for e in events].count("truth") == 1
    text = json.dumps([events, *(dict(r) for r in rows(place.centre, audit.audit_entries))],
                      default=str)  # fmt: skip
    assert str(own) not in text


def test_users_jobs_wait_and_are_told_why(place: Place, ada: Principal) -> None:
    calibrate(place)
    job = place.submit(ada, device="indus")["job"]
    assert {one["kind"] for one in claim(place)} == {"calibration"}
    why = place.centre.ask(job_queries.document, ada, job=job)["why"]["words"]
    assert "device indus is in status calibration" in why


def test_one_measurement_at_a_time(place: Place) -> None:
    calibrate(place)
    with pytest.raises(CentreError, match="measured already"):
        calibrate(place)
    assert len(rows(place.centre, calibrations.measurements)) == 1


@pytest.mark.parametrize(
    ("device", "says"), [("simulator", "nothing to calibrate"), ("unknown", "no such device")]
)
def test_only_emulated_devices_are_calibrated_here(place: Place, device: str, says: str) -> None:
    with pytest.raises(CentreError, match=says):
        place.centre.perform(verbs.calibrate, place.operator, device=device)


def test_a_part_that_failed_leaves_dashes_and_says_so(place: Place) -> None:
    begun = calibrate(place)
    finish(place, failing="coherence:0")
    gather(place)
    shown = place.centre.ask(queries.show, place.operator, measurement=begun["measurement"])
    assert (shown["state"], shown["note"]) == ("completed", "coherence:0: it broke")
    sheet = from_json(look(place.centre, lambda w: sheets.text_of(w, shown["sheet"])))
    assert sheet.value("T1", 7) is None
    assert sheet.value("readout_error", 7) == 0.02


def test_without_any_value_there_is_no_new_sheet(place: Place) -> None:
    before = told(place)["sheet"]
    begun = calibrate(place)
    for job in claim(place):
        place.finish(job, "failed", error={"kind": "engine", "message": "dark"}, result=None)
    gather(place)
    shown = place.centre.ask(queries.show, place.operator, measurement=begun["measurement"])
    assert (shown["state"], shown["sheet"]) == ("failed", None)
    now = told(place)
    assert (now["sheet"], now["status"]) == (before, "needs-calibration")
    assert now["accepting"] is False


def test_beyond_tolerance_the_queue_stops_until_it_is_calibrated_well(
    place: Place, ada: Principal
) -> None:
    waiting = place.submit(ada, device="indus")["job"]
    calibrate(place)
    finish(place, t1=5.0)  # the file tolerates 12
    gather(place)
    now = told(place)
    assert (now["status"], now["accepting"]) == ("needs-calibration", False)
    assert claim(place) == []
    why = place.centre.ask(job_queries.document, ada, job=waiting)["why"]["words"]
    assert "device indus is in status needs-calibration" in why
    with pytest.raises(CentreError, match="accepts no jobs"):
        place.submit(ada, device="indus")
    events = place.centre.ask(device_queries.events, place.operator, device="indus")["items"]
    assert "T1: 20 of 20 values are beyond 12" in [e["text"] for e in events]

    calibrate(place)  # it runs although the device accepts no jobs
    finish(place)
    gather(place)
    assert (told(place)["status"], told(place)["accepting"]) == ("idle", True)
    assert [one["job"] for one in claim(place)] == [waiting]


def test_an_operator_who_closed_the_device_keeps_it_closed(place: Place) -> None:
    place.centre.perform(change, place.operator, device="indus", accepting=False)
    calibrate(place)
    finish(place)
    gather(place)
    assert (told(place)["status"], told(place)["accepting"]) == ("idle", False)


# By itself.


def test_drift_is_noted_for_operators(place: Place) -> None:
    before = told(place)["sheet"]
    age(place, 7)
    due(place)
    finish(place, t1=1.0)
    gather(place)
    events = place.centre.ask(device_queries.events, place.operator, device="indus")["items"]
    (drift,) = (e["text"] for e in events if e["kind"] == "drift")
    assert "of 40 values have moved" in drift
    assert "T1 of 0 was" in drift
    assert (told(place)["sheet"], told(place)["status"]) == (before, "idle")


def test_small_changes_are_no_drift(database: str) -> None:
    sheet = Sheet("indus", 9, (Row.of("T1", (0,), 40.0, uncertainty=2.0),))
    for value, moved in ((45.0, False), (60.0, True), (None, False)):
        row = Row.of("T1", (0,), value, uncertainty=1.0)
        assert (harvesting._drift(sheet, row) is not None) == moved
    precise = Row.of("T1", (0,), 42.0, uncertainty=0.01)
    assert harvesting._drift(Sheet("indus", 9, (precise,)), precise) is None
    assert harvesting._drift(sheet, Row.of("T1", (5,), 1.0, uncertainty=0.1)) is None


# Acceptance.


def test_an_acceptance_ends_in_a_signed_record(place: Place) -> None:
    begun = place.centre.perform(verbs.accept, place.operator, device="indus", contract=CONTRACT)
    one = {"measurement": begun["measurement"]}
    finish(place)
    gather(place)
    shown = place.centre.ask(queries.show, place.operator, **one)
    assert (shown["phase"], shown["state"]) == ("benchmarks", "running")
    assert told(place)["status"] == "calibration"
    with pytest.raises(CentreError, match="no record"):
        place.centre.ask(queries.record, place.operator, **one)
    (job,) = claim(place)
    assert (job["kind"], job["options"]["part"]) == ("benchmark", "criterion:1")
    place.finish(job, result=answer(place, job, 0.0))
    gather(place)
    envelope = place.centre.ask(queries.record, place.operator, **one)
    private = signing.signing_key(place.centre.services.settings.data)
    kind, document = signing.verify(envelope, signing.public_key(private))
    assert (kind, document["overall"], document["emulated"]) == ("acceptance", "pass", "EMULATED")
    assert [c["verdict"] for c in document["criteria"]] == ["pass", "pass"]
    assert document["criteria"][0]["values"] == [40.0] * 20
    assert document["criteria"][1]["job"] == job["job"]
    assert (document["sheet"], document["contract"]) == (told(place)["sheet"], CONTRACT)
    assert told(place)["status"] == "idle"


def test_a_benchmark_that_could_not_run_fails_its_criterion(place: Place) -> None:
    begun = place.centre.perform(verbs.accept, place.operator, device="indus", contract=CONTRACT)
    finish(place)
    gather(place)
    finish(place, failing="criterion:1")
    gather(place)
    shown = place.centre.ask(queries.show, place.operator, measurement=begun["measurement"])
    assert (shown["state"], shown["note"]) == ("completed", "fail")


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        (CONTRACT.replace("T1", "T9"), "invalid", "line 4"),
        (CONTRACT.replace("indus", "hunza"), "conflict", "about hunza"),
        ("", "invalid", "1 to"),
    ],
)
def test_bad_contracts_are_refused_before_anything_runs(
    place: Place, text: str, kind: str, says: str
) -> None:
    with pytest.raises(CentreError, match=says) as caught:
        place.centre.perform(verbs.accept, place.operator, device="indus", contract=text)
    assert caught.value.kind == kind
    assert rows(place.centre, calibrations.measurements) == []


# What jobs on devices may ask for.


@pytest.mark.parametrize(
    ("opened", "says"),
    [
        (Opened(qubits=21), "has 20 qubits"),
        (Opened(options={"shots": 100_001}), "at most 100000 shots"),
        (Opened(facts={"most_shots": 200_000}), "at most 100000 shots"),
        (Opened(options={"shots": 1, "engine": "stim"}), "no engines"),
        (Opened(options={"shots": 1, "min_fidelity": 0.5}), "no simulator"),
    ],
)
def test_what_a_device_cannot_do_is_refused_at_once(
    place: Place, ada: Principal, opened: Opened, says: str
) -> None:
    with pytest.raises(CentreError, match=says):
        place.submit(ada, device="indus", opened=opened)


def test_circuits_that_branch_go_to_devices_that_name_it(place: Place, ada: Principal) -> None:
    """The emulated devices do; one that measures at the end only refuses before it queues."""
    branching = Opened(facts={"dynamic": True})
    place.submit(ada, device="indus", opened=branching)
    about = SimpleNamespace(
        id="old", kind="qpu", qubits=20, description=json.dumps({"features": ["delay"]})
    )
    with pytest.raises(CentreError, match="old has no resets, control flow or measurements"):
        fits.check(about, branching, {})


def test_options_of_devices_mean_nothing_on_a_simulator(place: Place, ada: Principal) -> None:
    for options in ({"mitigation": 2}, {"precompiled": True}, {"compile_level": 3}):
        with pytest.raises(CentreError, match="means nothing on simulator"):
            place.submit(ada, opened=Opened(options={"shots": 1, **options}))
    place.submit(ada, opened=Opened(options={"shots": 1, "mitigation": 0, "compile_level": None}))
