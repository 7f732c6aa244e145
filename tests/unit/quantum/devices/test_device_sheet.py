"""Calibration sheets: content, identity, and what is said about a wrong one."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import pytest

from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.quantities import QUANTITIES, parse, width
from markaz.quantum.devices.sheet import FORMAT, Row, Sheet, from_document, from_json
from markaz.quantum.devices.sheet_csv import from_csv, to_csv
from tests.description_tools import place

AT = 1_763_800_000_000_000


def sheet() -> Sheet:
    return Sheet(
        "indus",
        AT,
        (
            Row.of("T1", [0], 33.25, uncertainty=0.5, measured_at=AT + 1, method="decay, fitted"),
            Row.of("gate_error:cz", [1, 0], 0.01),
            Row.of("T2star", [1], None),
            Row.of("zz", [0, 1], -0.125),
        ),
    )


def test_values_are_found_in_either_order() -> None:
    found = sheet()
    assert found.value("gate_error:cz", 0, 1) == found.value("gate_error:cz", 1, 0) == 0.01
    assert (found.value("T1", 0), found.value("T1", 1), found.value("T2star", 1)) == (
        33.25, None, None,
    )  # fmt: skip


def test_texts_give_the_same_sheet() -> None:
    found = sheet()
    assert from_json(found.to_json()) == from_csv(to_csv(found)) == found
    assert from_document(json.loads(json.dumps(found.document()))) == found


@pytest.mark.parametrize("method", ["=1+1", "+A1", "-2", "@SUM(A1)", "'=1", "''=1", "'quoted'"])
def test_no_method_is_a_formula_in_csv_and_each_comes_back(method: str) -> None:
    found = sheet()
    found = replace(found, rows=tuple(replace(row, method=method) for row in found.rows))
    cells = [row[-1] for row in csv.reader(to_csv(found).splitlines()[4:])]
    assert set(cells) == {method if method == "'quoted'" else f"'{method}"}
    assert from_csv(to_csv(found)) == found


def test_csv_has_a_dash_where_nothing_was_measured() -> None:
    assert to_csv(sheet()).splitlines()[3:] == [
        "qubits,quantity,value,unit,uncertainty,measured_at,method",
        '0,T1,33.25,us,0.5,2025-11-22T08:26:40.000001+00:00,"decay, fitted"',
        "1-0,gate_error:cz,0.01,,-,-,",
        "1,T2star,-,us,-,-,",
        "0-1,zz,-0.125,kHz,-,-,",
    ]


def test_identity_is_that_of_the_content() -> None:
    found = sheet()
    assert found.id == "sha256:" + found.id[7:]
    assert len(found.id) == 71
    same = Sheet("indus", AT, (*found.rows[:3], Row.of("zz", [0, 1], -0.1250)))
    other = Sheet("indus", AT, (*found.rows[:3], Row.of("zz", [0, 1], -0.1251)))
    assert (same.id == found.id, other.id == found.id) == (True, False)
    assert Sheet("indus", AT, (Row.of("T1", [0], 30),)).id == (
        Sheet("indus", AT, (Row.of("T1", [0], 30.0),)).id
    )


def test_sheet_may_be_empty() -> None:
    empty = Sheet("indus", AT, ())
    assert from_json(empty.to_json()) == from_csv(to_csv(empty)) == empty


WRONG_ROWS = [  # key, value, the field that is named, what is said of it
    ("value", -1.0, "value", "no possible T1"),
    ("value", math.inf, "value", "no possible T1"),
    ("value", True, "value", "no possible T1"),
    ("unit", "ms", "unit", "must be 'us'"),
    ("quantity", "T3", "quantity", "is not a quantity"),
    ("quantity", "gate_error", "quantity", "should be gate_error:GATE"),
    ("quantity", "gate_error:zap", "quantity", "names no gate"),
    ("quantity", 5, "quantity", ""),
    ("target", (0, 1), "target", "must be 1 different qubits"),
    ("target", (-1,), "target", "must be 1 different qubits"),
    ("target", ("0",), "target", "must be 1 different qubits"),
    ("uncertainty", -0.1, "uncertainty", "at least 0"),
    ("measured_at", -1, "measured_at", "microseconds"),
    ("measured_at", 1.5, "measured_at", "microseconds"),
    ("method", "a\nb", "method", "a few words"),
]


@pytest.mark.parametrize(("key", "value", "field", "message"), WRONG_ROWS)
def test_wrong_row_is_named(key: str, value: object, field: str, message: str) -> None:
    good = sheet().rows
    fields = {k: getattr(good[0], k) for k in Row.__slots__} | {key: value}
    with pytest.raises(DescriptionError) as caught:
        Sheet("indus", AT, (good[1], Row(**fields)))
    assert caught.value.field == f"rows[1].{field}"
    assert message in caught.value.message


def test_second_statement_of_the_same_thing_is_refused() -> None:
    rows = (Row.of("zz", [0, 1], 1.0), Row.of("zz", [1, 0], 2.0))
    with pytest.raises(DescriptionError, match=r"rows\[1\].quantity: states zz of 1-0 a second"):
        Sheet("indus", AT, rows)


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("33.25", "-3", "rows[0].value", 2),
        ("0.01,", '"x",', "rows[1].value", 3),
        ('"T2star"', '"T9"', "rows[2].quantity", 4),
        ('"method": ""}\n', '"method": "", "x": 1}\n', "rows[3].x", 5),
        (', "method": ""}\n', "}\n", "rows[3].method", 5),
        ('"target": [0, 1]', '"target": "0-1"', "rows[3].target", 5),
        ('{"target": [1], "quantity"', '"quantity", {"quantity"', "rows[2]", 4),
        ('"indus"', '"Indus"', "device", None),
        (FORMAT, "sheet 2", "format", None),
        (str(AT) + ",", "-1,", "measured_at", None),
        ('"device"', '"devise"', "devise", None),
        ("]}", "", "", 7),
    ],
)
def test_json_error_names_field_and_line(old: str, new: str, field: str, line: int | None) -> None:
    assert place(from_json, sheet().to_json(), old, new) == (field, line)


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("33.25", "-3", "rows[0].value", 5),
        ("33.25", "x", "rows[0].value", 5),
        ("1-0", "1+0", "rows[1].qubits", 6),
        ("T2star,-,us,-,-,", "T2star,-,us,-,-", "rows[2]", 7),
        ("08:26:40.000001+00:00", "08:26", "rows[0].measured_at", 5),
        ("2025-11-22T08:26:40.000000", "yesterday", "measured_at", 3),
        ("# device: indus", "device: indus", "device", 2),
        (FORMAT, "sheet 2", "format", 1),
        ("unit,", "units,", "", 4),
        (',"decay, fitted"', ',"decay', "", 8),
    ],
)
def test_csv_error_names_field_and_line(old: str, new: str, field: str, line: int) -> None:
    assert place(from_csv, to_csv(sheet()), old, new) == (field, line)


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}", '{"format": 1}', "[" * 100_000, ""])
def test_anything_else_is_no_sheet(text: str) -> None:
    with pytest.raises(DescriptionError):
        from_json(text)
    with pytest.raises(DescriptionError):
        from_csv(text)


def test_wrong_id_is_refused() -> None:
    document = sheet().document() | {"id": "sha256:0"}
    with pytest.raises(DescriptionError, match="but the content has sha256:"):
        from_document(document)


def test_quantities_agree_with_their_names() -> None:
    assert all(name == q.name and q.lowest < q.highest for name, q in QUANTITIES.items())
    assert [width(n) for n in ("T1", "zz", "gate_error:cz", "gate_error:x2p")] == [1, 2, 2, 1]
    with pytest.raises(ValueError, match="should be T1"):
        parse("T1:cz")
