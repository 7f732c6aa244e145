"""Devices from files: added, followed by new versions, refused with field and line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from markaz.centre.access import SYSTEM, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, devices
from markaz.centre.devices import queries, sheets, stations, verbs
from markaz.centre.errors import CentreError
from markaz.quantum.devices.model import shipped_text
from markaz.quantum.devices.sheet import Row, Sheet, from_json
from tests.centre_rows import do, look, person, rows

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
FILE = shipped_text("indus").replace('name = "indus"', 'name = "ravi"')
HOUR = 3_600_000_000


@pytest.fixture
def operator(centre: Centre) -> Principal:
    return person(centre, "op", CentreRole.OPERATOR)


def add(centre: Centre, operator: Principal, file: str = FILE) -> Any:
    return centre.perform(verbs.add_file, operator, file=file)


def test_a_device_from_a_file_waits_to_be_opened(centre: Centre, operator: Principal) -> None:
    made = add(centre, operator)
    assert (made["device"], made["kind"], made["qubits"]) == ("ravi", "emulated", 20)
    assert (made["status"], made["accepting"], made["emulated"]) == ("offline", False, "EMULATED")
    about = made["description"]
    assert len(about["coupling"]) == 28
    assert about["dead_couplers"] == [[3, 8], [11, 16], [13, 14]]
    assert about["basis"] == ["cz", "id", "rz", "sx", "sxdg"]
    assert len(about["sites"]) == 20
    assert made["sheet"] is None


def test_nobody_sees_the_hidden_truth(centre: Centre, operator: Principal) -> None:
    made = add(centre, operator)
    (emulation,) = rows(centre, devices.emulations)
    told = [made, centre.ask(queries.get_device, operator, device="ravi"), *(
        centre.ask(query, operator, device="ravi")
        for query in (queries.events, queries.list_sheets)
    )]  # fmt: skip
    entries = [dict(row) for row in rows(centre, audit.audit_entries)]
    text = json.dumps([told, entries], default=str)
    assert str(emulation["seed"]) not in text
    assert "pulse_error" not in text
    other = add(centre, operator, FILE.replace('"ravi"', '"sutlej"'))
    seeds = {row["device_id"]: row["seed"] for row in rows(centre, devices.emulations)}
    assert other["device"] == "sutlej"
    assert seeds["ravi"] != seeds["sutlej"]


def test_a_new_version_follows_and_the_old_one_is_kept(centre: Centre, operator: Principal) -> None:
    add(centre, operator)
    seed = rows(centre, devices.emulations)
    newer = FILE.replace('version = "1.0.0"', 'version = "1.1.0"').replace("x2p = 30", "x2p = 25")
    made = add(centre, operator, newer)
    assert made["description"]["gates"]["x2p"] == 25
    versions = centre.ask(queries.list_files, operator, device="ravi")["items"]
    assert [(v["version"], v["text"]) for v in versions] == [("1.1.0", newer), ("1.0.0", FILE)]
    assert rows(centre, devices.emulations) == seed
    with pytest.raises(CentreError, match="in force already"):
        add(centre, operator, newer)


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        ("max_shots = 100000", "max_shots = -3", 9, "max_shots"),
        ("[0, 1], [1, 2]", "[0, 99], [1, 2]", 20, "couplers[0]"),
        ("t1_us = 45.0", "t1_us = 'long'", 51, "emulator.t1_us"),
        ("title =", "titel =", 4, "titel"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    centre: Centre, operator: Principal, old: str, new: str, line: int, place: str
) -> None:
    with pytest.raises(CentreError) as caught:
        add(centre, operator, FILE.replace(old, new, 1))
    error = caught.value
    assert (error.kind, error.field, error.details["place"]) == ("invalid", "file", place)
    assert error.details["line"] == line
    assert f"line {line}" in error.message


def test_a_file_cannot_make_a_device_another_one(centre: Centre, operator: Principal) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    changed = FILE.replace('"ravi"', '"karakoram"')
    with pytest.raises(CentreError, match="66 qubits"):
        add(centre, operator, changed)
    add(centre, operator)
    centre.perform(verbs.retire, operator, device="ravi")
    with pytest.raises(CentreError, match="retired"):
        add(centre, operator, FILE.replace("1.0.0", "2.0.0"))
    assert len(centre.ask(queries.list_files, operator, device="ravi")["items"]) == 1


def test_only_operators_add_devices(centre: Centre) -> None:
    with pytest.raises(CentreError, match="operator"):
        add(centre, person(centre, "ada"))


def test_shipped_sheets_are_fresh_at_the_first_start(centre: Centre, operator: Principal) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    now = centre.services.clock.now()
    for name in ("hunza", "indus", "karakoram"):
        found = from_json(centre.ask(queries.sheet, operator, device=name))
        assert 0 <= now - found.measured_at < HOUR
        assert all(now - HOUR < (r.measured_at or now) <= now for r in found.rows)
        told = centre.ask(queries.get_device, operator, device=name)
        assert (told["sheet"], told["status"], told["accepting"]) == (found.id, "idle", True)


def test_a_station_is_the_device_at_this_moment(centre: Centre, operator: Principal) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    found = look(centre, lambda w: stations.of(w, "indus", "emulate"))
    assert found is not None
    born = found.about["born"]
    assert found.about["tuned"] == 0
    assert found.about["at"] > 0
    assert abs(born + found.about["at"] - centre.services.clock.now()) < HOUR
    assert str(found.about["seed"]) not in repr(found)
    assert look(centre, lambda w: stations.of(w, "simulator", "simulate")) is None


# Sheets.


def sheet(at: int, t1: float, error: float = 0.001) -> Sheet:
    made = [Row.of("T1", (q,), t1 + q, uncertainty=1.0, measured_at=at - 5) for q in range(20)]
    made += [Row.of("gate_error:x2p", (q,), error, measured_at=at) for q in range(20)]
    return Sheet("indus", at, (*made, Row.of("T2echo", (3,), None)))


def publish(centre: Centre, one: Sheet) -> None:
    def change(work: Any) -> None:
        table = devices.devices
        row = work.one(select(table).where(table.c.id == "indus"))
        with work.doing("test.publish"):
            sheets.publish(work, row, one, "calibration")

    do(centre, change)


def test_sheets_are_kept_and_their_values_have_a_history(
    centre: Centre, operator: Principal
) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    now = centre.services.clock.now()
    one, two = sheet(now, 40.0), sheet(now + 10, 30.0)
    publish(centre, one)
    between = centre.services.clock.now()
    publish(centre, two)
    assert centre.ask(queries.get_device, operator, device="indus")["sheet"] == two.id
    assert from_json(centre.ask(queries.sheet_by_id, operator, sheet=one.id)) == one
    assert from_json(centre.ask(queries.sheet, operator, device="indus", at=between)) == one
    listed = centre.ask(queries.list_sheets, operator, device="indus")["items"]
    assert [(s["source"], s["in_force"]) for s in listed] == [
        ("calibration", True), ("calibration", False), ("shipped", False),
    ]  # fmt: skip
    asked = {"device": "indus", "quantity": "T1", "target": "3"}
    points = centre.ask(queries.history, operator, **asked)["points"]
    assert [p["value"] for p in points][-2:] == [43.0, 33.0]
    assert [p["sheet"] for p in points][1:] == [one.id, two.id]
    late = centre.ask(queries.history, operator, **asked, since=now)["points"]
    assert [p["value"] for p in late] == [33.0]
    publish(centre, one)  # in force again, and not counted twice
    assert centre.ask(queries.get_device, operator, device="indus")["sheet"] == one.id
    assert len(centre.ask(queries.history, operator, **asked)["points"]) == 3


def test_a_coupler_is_found_in_either_order(centre: Centre, operator: Principal) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    asked = {"device": "indus", "quantity": "gate_error:cz"}
    there, back = (centre.ask(queries.history, operator, **asked, target=t) for t in ("0-1", "1-0"))
    assert there["points"] == back["points"] != []


@pytest.mark.parametrize(
    ("quantity", "target"), [("T7", "3"), ("T1", "3-4"), ("gate_error:cz", "3"), ("T1", "x")]
)
def test_a_history_of_nothing_is_refused(
    centre: Centre, operator: Principal, quantity: str, target: str
) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    with pytest.raises(CentreError) as caught:
        centre.ask(queries.history, operator, device="indus", quantity=quantity, target=target)
    assert (caught.value.kind, caught.value.field) == ("invalid", "quantity")


def test_there_may_be_no_sheet(centre: Centre, operator: Principal) -> None:
    add(centre, operator)
    with pytest.raises(CentreError, match="device ravi has no calibration sheet yet") as caught:
        centre.ask(queries.sheet, operator, device="ravi")
    assert caught.value.kind == "not-found"
    with pytest.raises(CentreError, match="no calibration sheet from then"):
        centre.ask(queries.sheet, operator, device="ravi", at=9)
    with pytest.raises(CentreError, match="no such sheet"):
        centre.ask(queries.sheet_by_id, operator, sheet="x")


def test_few_bad_qubits_are_tolerated_and_many_are_not(database: str) -> None:
    from markaz.quantum.devices.model import load_shipped

    model = load_shipped("indus")  # tolerates T1 from 12, pulse errors up to 0.004
    assert sheets.out_of_tolerance(model, sheet(9, 40.0)) == []
    few = sheet(9, 10.5)
    assert [r.target for r in sheets.worse_than_allowed(model, few)] == [(0,), (1,)]
    assert sheets.out_of_tolerance(model, few) == []
    assert sheets.out_of_tolerance(model, sheet(9, 40.0, error=0.01)) == [
        "gate_error:x2p: 20 of 20 values are beyond 0.004"
    ]
