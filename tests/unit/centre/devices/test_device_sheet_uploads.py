"""Sheets that an operator hands in for a real device: taken, refused by field and line, judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, devices
from markaz.centre.devices import queries, verbs
from markaz.centre.errors import CentreError
from markaz.quantum.devices.sheet import Row, Sheet
from markaz.quantum.devices.sheet_csv import to_csv
from tests.centre_rows import do, person, rows

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
LAB = (Path(__file__).parents[4] / "examples/devices/lab.toml").read_text(encoding="utf-8")
HOUR = 3_600_000_000


@pytest.fixture
def operator(centre: Centre) -> Principal:
    made = person(centre, "op", CentreRole.OPERATOR)
    centre.perform(verbs.add_file, made, file=LAB)
    centre.perform(verbs.change, made, device="lab", status="idle", accepting=True)
    return made


def measured(centre: Centre, t1: float = 50.0, *, ago: int = 0, device: str = "lab") -> Sheet:
    at = centre.services.clock.now() - ago
    return Sheet(device, at, tuple(
        Row.of("T1", (q,), t1 + q, uncertainty=1.0, measured_at=at, method="by hand")
        for q in range(5)
    ))  # fmt: skip


def hand_in(centre: Centre, operator: Principal, text: str) -> Any:
    return centre.perform(verbs.add_sheet, operator, device="lab", sheet=text)


@pytest.mark.parametrize("write", [Sheet.to_json, to_csv])
def test_a_sheet_is_in_force_with_its_history_and_audit(
    centre: Centre, operator: Principal, write: Any
) -> None:
    first, second = measured(centre, 60.0, ago=HOUR), measured(centre)
    hand_in(centre, operator, write(first))
    made = hand_in(centre, operator, write(second))
    assert made == {
        "device": "lab", "sheet": second.id, "source": "operator", "status": "idle",
        "measured_at": second.measured_at, "values": 5,
    }  # fmt: skip
    listed = centre.ask(queries.list_sheets, operator, device="lab")["items"]
    assert [(one["sheet"], one["in_force"]) for one in listed] == [
        (second.id, True), (first.id, False),
    ]  # fmt: skip
    found = centre.ask(queries.history, operator, device="lab", quantity="T1", target="2")
    assert [point["value"] for point in found["points"]] == [62.0, 52.0]
    chain = rows(centre, audit.audit_entries)
    entries = [row for row in chain if row["verb"] == "devices.add_sheet"]
    assert [second.id in str(row["details"]) for row in entries] == [False, True]
    count = len(rows(centre, audit.audit_entries))
    assert hand_in(centre, operator, write(second))["sheet"] == second.id
    assert len(rows(centre, audit.audit_entries)) == count  # nothing changed


def test_a_sheet_says_whether_the_device_needs_calibration(
    centre: Centre, operator: Principal
) -> None:
    bad = hand_in(centre, operator, measured(centre, 0.5, ago=HOUR).to_json())
    assert bad["status"] == "needs-calibration"
    texts = [e["text"] for e in centre.ask(queries.events, operator, device="lab")["items"]]
    assert any("5 of 5 values are beyond" in text for text in texts)
    assert hand_in(centre, operator, measured(centre).to_json())["status"] == "idle"
    do(centre, lambda work: work.run(update(devices.devices).values(status="maintenance")))
    later = measured(centre, 0.5).to_json()
    assert hand_in(centre, operator, later)["status"] == "maintenance"


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        ('"value": 53.0, "unit": "us"', '"value": 53.0, "unit": "ns"', 5, "rows[3].unit"),
        ("53.0", "-53.0", 5, "rows[3].value"),
        ("[3]", "[7]", 5, "rows[3].target"),
        ("[4]", "[3]", 6, "rows[4].quantity"),
        ('"rows"', '"lines"', None, "lines"),
        ("]}\n", "}\n", 7, ""),
    ],
)
def test_what_is_wrong_in_json_is_named_with_its_line(
    centre: Centre, operator: Principal, old: str, new: str, line: int | None, place: str
) -> None:
    text = measured(centre).to_json()
    assert text.count(old) == 1
    with pytest.raises(CentreError) as caught:
        hand_in(centre, operator, text.replace(old, new))
    error = caught.value
    assert (error.kind, error.field, error.details["place"]) == ("invalid", "sheet", place)
    assert error.details["line"] == line


def test_what_is_wrong_in_csv_is_named_with_its_line(centre: Centre, operator: Principal) -> None:
    lines = to_csv(measured(centre)).splitlines()
    for k, old, new, place in (
        (6, "52.0", "long", "rows[2].value"),
        (7, "3,T1", "9,T1", "rows[3].target"),
        (8, "4,T1", "4,T0", "rows[4].quantity"),
    ):
        assert old in lines[k]
        text = "\n".join([*lines[:k], lines[k].replace(old, new), *lines[k + 1 :]])
        with pytest.raises(CentreError) as caught:
            hand_in(centre, operator, text)
        assert caught.value.details["place"] == place
        assert caught.value.details["line"] == k + 1
        assert f"line {k + 1}" in caught.value.message


def test_sheets_of_something_else_are_refused(centre: Centre, operator: Principal) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)
    cases = (
        (measured(centre, device="indus"), "invalid", "is of indus, not of lab"),
        (measured(centre, ago=-HOUR), "invalid", "lies in the future"),
    )
    for sheet, kind, words in cases:
        with pytest.raises(CentreError, match=words) as caught:
            hand_in(centre, operator, sheet.to_json())
        assert caught.value.kind == kind
    hand_in(centre, operator, measured(centre).to_json())
    with pytest.raises(CentreError, match="measured later"):
        hand_in(centre, operator, measured(centre, ago=HOUR).to_json())
    for device, words in (("indus", "calibrating it"), ("simulator", "no sheets")):
        with pytest.raises(CentreError, match=words):
            centre.perform(verbs.add_sheet, operator, device=device, sheet="x")
    with pytest.raises(CentreError, match="1 to"):
        hand_in(centre, operator, "")
    centre.perform(verbs.retire, operator, device="lab")
    with pytest.raises(CentreError, match="retired"):
        hand_in(centre, operator, measured(centre).to_json())


def test_only_operators_hand_sheets_in(centre: Centre, operator: Principal) -> None:
    with pytest.raises(CentreError, match="operator"):
        hand_in(centre, person(centre, "ada"), measured(centre).to_json())
