"""What of measuring devices depends on the database: on both."""

from __future__ import annotations

import pytest

from markaz.centre.calibrations import queries, verbs
from markaz.centre.centre import Centre
from markaz.centre.devices import sheets
from markaz.centre.devices.verbs import change
from markaz.quantum.calibrate import parts
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.devices.sheet import from_json
from tests.calibration_tools import (
    age,
    calibrate,
    claim,
    due,
    finish,
    gather,
    kinds,
    opened,
    told,
    with_all,
)
from tests.centre_rows import look
from tests.jobs_tools import Place

INDUS = load_shipped("indus")


@pytest.fixture
def place(centre: Centre) -> Place:
    return opened(centre)


def test_a_calibration_is_jobs_that_end_in_a_sheet(place: Place) -> None:
    before = told(place)["sheet"]
    begun = calibrate(place)
    assert [p["part"] for p in begun["parts"]] == list(parts.plan(INDUS))
    assert (told(place)["status"], told(place)["sheet"]) == ("calibration", before)
    assert gather(place) == []
    finish(place)
    assert gather(place) == [begun["measurement"]]
    shown = place.centre.ask(queries.show, place.operator, measurement=begun["measurement"])
    assert (shown["state"], shown["note"]) == ("completed", "")
    assert {p["state"] for p in shown["parts"]} == {"completed"}
    now = told(place)
    assert (now["status"], now["accepting"], now["sheet"]) == ("idle", True, shown["sheet"])
    sheet = from_json(look(place.centre, lambda w: sheets.text_of(w, now["sheet"])))
    assert sheet.value("T1", 7) == 40.0
    assert sheet.value("gate_length:cz", 0, 1) == 40.0
    dash = sheet.row("gate_error:cz", 0, 1)
    assert dash is not None and dash.value is None
    assert gather(place) == []


def test_scheduled_calibrations_begin_when_they_are_due(place: Place) -> None:
    place.centre.perform(change, place.operator, device="indus", calibrate_hours=3)
    assert due(place) == []
    age(place, 4)
    assert kinds(place, due(place)) == [("indus", "calibration")]
    assert due(place) == []


def test_idle_devices_are_looked_at_and_stay_open(place: Place) -> None:
    age(with_all(place), 7)  # the setting says 6
    found = kinds(place, due(place))
    assert found == [(n, "monitoring") for n in ("hunza", "indus", "karakoram")]
    assert told(place)["status"] == "idle"
    begun = claim(place)
    assert [one["options"]["part"] for one in begun] == list(verbs.MONITORED)
