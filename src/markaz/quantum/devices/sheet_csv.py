"""Calibration sheets as CSV, for spreadsheets.

Three comment lines name format, device and time; then come a heading and one row a value.
Qubits of a coupler are joined by a hyphen, times are ISO 8601 in UTC, and what was not
measured is a dash.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from markaz.quantum.devices.cells import guarded, unguarded
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.sheet import FORMAT, MOST_BYTES, Row, Sheet, check_head, read_row

COLUMNS: Final = ("qubits", "quantity", "value", "unit", "uncertainty", "measured_at", "method")
DASH: Final = "-"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_csv(sheet: Sheet) -> str:
    """The sheet as CSV text; ``from_csv`` gives the same sheet."""
    out = io.StringIO()
    moment = _written(sheet.measured_at)
    out.write(f"# {FORMAT}\n# device: {sheet.device}\n# measured_at: {moment}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in sheet.rows)
    return out.getvalue()


def from_csv(text: str) -> Sheet:
    """The sheet of a CSV text. Raises DescriptionError, which names field and line."""
    if len(text) > MOST_BYTES:
        raise DescriptionError("sheet", "", None, f"has more than {MOST_BYTES} characters")
    lines = text.removeprefix("\ufeff").splitlines()
    device = _head(lines)
    if [c.strip() for c in lines[3].split(",")] != list(COLUMNS):
        raise DescriptionError("sheet", "", 4, f"must be the heading {','.join(COLUMNS)}")
    reader = csv.reader(lines[4:], strict=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            if cells:
                rows.append(_row(cells, len(rows), reader.line_num + 4))
    except csv.Error as error:
        raise DescriptionError("sheet", "", reader.line_num + 4, f"is not CSV: {error}") from error
    return Sheet(*device, tuple(rows))


def _written(moment: int) -> str:
    return (_EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds")


def _cells(row: Row) -> list[str]:
    numbers = (row.value, row.uncertainty)
    value, uncertainty = (DASH if n is None else repr(float(n) + 0.0) for n in numbers)
    moment = DASH if row.measured_at is None else _written(row.measured_at)
    return ["-".join(map(str, row.target)), row.quantity, value, row.unit, uncertainty, moment,
            guarded(row.method)]  # fmt: skip


def _head(lines: list[str]) -> tuple[str, int]:
    """Device and time from the first three of at least four lines."""
    if len(lines) < 4 or lines[0].strip().strip(",") != f"# {FORMAT}":
        raise DescriptionError("sheet", "format", 1, f"must be # {FORMAT!r}")
    found = []
    for number, key in ((2, "device"), (3, "measured_at")):
        start = f"# {key}: "
        line = lines[number - 1].strip().strip(",")
        if not line.startswith(start):
            raise DescriptionError("sheet", key, number, f"must be {start}…")
        found.append(line.removeprefix(start))
    moment = _moment(found[1], "measured_at", 3)
    check_head(found[0], moment, 0)
    return found[0], moment


def _row(cells: list[str], i: int, line: int) -> Row:
    if len(cells) != len(COLUMNS):
        message = f"has {len(cells)} cells, not {len(COLUMNS)}"
        raise DescriptionError("sheet", f"rows[{i}]", line, message)
    named = dict(zip(COLUMNS, (c.strip() for c in cells), strict=True))
    plain: dict[str, Any] = {
        "target": [_whole(q, f"rows[{i}].qubits", line) for q in named["qubits"].split("-")],
        "quantity": named["quantity"],
        "unit": named["unit"],
        "method": unguarded(named["method"]),
    }
    for key in ("value", "uncertainty"):
        plain[key] = _number(named[key], f"rows[{i}].{key}", line)
    moment = named["measured_at"]
    plain["measured_at"] = (
        None if moment == DASH else _moment(moment, f"rows[{i}].measured_at", line)
    )
    return read_row(plain, i, line)


def _whole(word: str, field: str, line: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 9):
        raise DescriptionError("sheet", field, line, f"{word!r:.40} is not a qubit's number")
    return int(word)


def _number(word: str, field: str, line: int) -> float | None:
    if word == DASH:
        return None
    try:
        return float(word)
    except ValueError as error:
        raise DescriptionError("sheet", field, line, f"{word!r:.40} is no number") from error


def _moment(word: str, field: str, line: int) -> int:
    try:
        moment = datetime.fromisoformat(word)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"{word!r:.40} is no time in UTC such as 2026-01-01T00:00:00+00:00"
        raise DescriptionError("sheet", field, line, message) from error
