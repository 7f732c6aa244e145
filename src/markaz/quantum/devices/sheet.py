"""Calibration sheets: what was measured on a device, when and how well.

A sheet is immutable and named by the hash of its content. A quantity that was not measured
has a row with a dash, or no row at all.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.lines import json_rows
from markaz.quantum.devices.quantities import parse, width

FORMAT: Final = "markaz calibration sheet 1"
MOST_BYTES: Final = 64 << 20
MOST_ROWS: Final = 1_000_000
_KEYS: Final = ("target", "quantity", "value", "unit", "uncertainty", "measured_at", "method")
_LATEST: Final = 1 << 53  # microseconds; larger numbers are not exact in every JSON reader
_DEVICE: Final = re.compile(r"[a-z][a-z0-9-]{1,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value.

    ``target``: qubits; ``quantity``: a name of ``quantities``; ``value`` in ``unit`` (that
    of the table), None where unmeasured; ``uncertainty``: half of a 68 % interval, None
    where unknown; ``measured_at``: µs UTC, the middle of the measurement; ``method``: a
    word for how it was found.
    """

    target: tuple[int, ...]
    quantity: str
    value: float | None
    unit: str
    uncertainty: float | None = None
    measured_at: int | None = None
    method: str = ""

    @classmethod
    def of(cls, quantity: str, target: Iterable[int], value: float | None, **more: Any) -> Row:
        """A row whose unit is that of the table; ``more``: the fields after ``unit``."""
        return cls(tuple(target), quantity, value, parse(quantity)[0].unit, **more)


@dataclass(frozen=True)
class Sheet:
    """A calibration sheet of ``device``, published at ``measured_at`` (µs UTC).

    Raises DescriptionError for rows that contradict the table of quantities, state the
    same thing twice, or hold anything but plain finite numbers.
    """

    device: str
    measured_at: int
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        check_head(self.device, self.measured_at, len(self.rows))
        seen: set[tuple[str, frozenset[int]]] = set()
        for i, row in enumerate(self.rows):
            check_row(row, i, None)
            key = row.quantity, frozenset(row.target)
            if key in seen:
                raise _wrong(f"rows[{i}].quantity", None, f"states {row.quantity} of "
                             f"{'-'.join(map(str, row.target))} a second time")  # fmt: skip
            seen.add(key)

    @cached_property
    def id(self) -> str:
        """``sha256:`` and 64 hexadecimal digits over the content."""
        return f"sha256:{hashlib.sha256(self.to_json().encode()).hexdigest()}"

    @cached_property
    def _index(self) -> dict[tuple[str, tuple[int, ...]], Row]:
        return {(row.quantity, row.target): row for row in self.rows}

    def row(self, quantity: str, *qubits: int) -> Row | None:
        """The row of a quantity, in whichever order the two qubits of a coupler stand."""
        found = self._index.get((quantity, qubits))
        return found or self._index.get((quantity, qubits[::-1]))

    def value(self, quantity: str, *qubits: int) -> float | None:
        """The value of a quantity; None where it is not measured."""
        row = self.row(quantity, *qubits)
        return None if row is None else row.value

    def document(self) -> dict[str, Any]:
        """The sheet as plain values, with its id."""
        return {"id": self.id, **json.loads(self.to_json())}

    def to_json(self) -> str:
        """The sheet as JSON text, one row a line; ``from_json`` gives the same sheet."""
        head = {"format": FORMAT, "device": self.device, "measured_at": self.measured_at}
        rows = ",\n".join(f"  {json.dumps(_plain(row), ensure_ascii=False)}" for row in self.rows)
        start = json.dumps(head, ensure_ascii=False)[:-1]
        return f'{start}, "rows": [\n{rows}\n]}}\n' if rows else f'{start}, "rows": []}}\n'


def from_json(text: str) -> Sheet:
    """The sheet of a JSON text. Raises DescriptionError, which names field and line."""
    if len(text) > MOST_BYTES:
        raise _wrong("", None, f"has more than {MOST_BYTES} characters")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong("", error.lineno, f"is not JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise _wrong("", None, f"is not JSON: {error}") from error
    return from_document(document, json_rows(text, "rows"))


def from_document(document: object, lines: Mapping[int, int] | None = None) -> Sheet:
    """The sheet of plain values; an ``id`` must be the right one. ``lines``: line of each
    row. Raises DescriptionError."""
    lines = lines or {}
    if not isinstance(document, dict):
        raise _wrong("", None, "is not an object")
    if document.get("format") != FORMAT:
        raise _wrong("format", None, f"must be {FORMAT!r}, not {document.get('format')!r:.60}")
    unknown = set(document) - {"format", "device", "measured_at", "rows", "id"}
    if unknown:
        raise _wrong(min(unknown), None, "is not a field of a sheet")
    rows = document.get("rows")
    if not isinstance(rows, list):
        raise _wrong("rows", None, "must be a list")
    check_head(document.get("device"), document.get("measured_at"), len(rows))
    read = tuple(read_row(row, i, lines.get(i)) for i, row in enumerate(rows))
    sheet = Sheet(document["device"], document["measured_at"], read)
    if "id" in document and document["id"] != sheet.id:
        raise _wrong("id", None, f"is {document['id']!r:.90}, but the content has {sheet.id}")
    return sheet


def read_row(row: object, i: int, line: int | None) -> Row:
    """Row ``i`` from plain values. Raises DescriptionError."""
    if not isinstance(row, dict):
        raise _wrong(f"rows[{i}]", line, "must be an object")
    for key in (*_KEYS, *row):
        if key not in _KEYS:
            raise _wrong(f"rows[{i}].{key}", line, "is not a field of a row")
        if key not in row:
            raise _wrong(f"rows[{i}].{key}", line, "is missing")
    target = row["target"]
    if not isinstance(target, list):
        raise _wrong(f"rows[{i}].target", line, f"must be a list of qubits, not {target!r:.60}")
    made = Row(tuple(target), *(row[key] for key in _KEYS[1:]))
    check_row(made, i, line)
    return made


def check_head(device: object, measured_at: object, rows: int) -> None:
    """Raises DescriptionError for a head that no sheet can have."""
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise _wrong("device", None, f"must be a device's short name, not {device!r:.60}")
    if not _is_time(measured_at):
        raise _wrong("measured_at", None, f"must be microseconds since 1970, not {measured_at!r}")
    if rows > MOST_ROWS:
        raise _wrong("rows", None, f"are {rows}, more than {MOST_ROWS}")


def check_row(row: Row, i: int, line: int | None) -> None:
    """Raises DescriptionError for a row that the table of quantities does not allow."""

    def fail(key: str, message: str) -> DescriptionError:
        return _wrong(f"rows[{i}].{key}", line, message)

    try:
        quantity, _ = parse(row.quantity)
    except (ValueError, AttributeError) as error:
        raise fail("quantity", str(error)) from error
    wanted = width(row.quantity)
    plain = all(isinstance(q, int) and not isinstance(q, bool) and q >= 0 for q in row.target)
    if not plain or len(row.target) != wanted or len(set(row.target)) != wanted:
        raise fail("target", f"must be {wanted} different qubits, not {list(row.target)!r:.60}")
    if row.unit != quantity.unit:
        raise fail("unit", f"must be {quantity.unit!r}, not {row.unit!r:.60}")
    if row.value is not None and not _within(row.value, quantity.lowest, quantity.highest):
        raise fail("value", f"{row.value!r:.60} is no possible {row.quantity}")
    if row.uncertainty is not None and not _within(row.uncertainty, 0.0, math.inf):
        raise fail("uncertainty", f"must be a number of at least 0, not {row.uncertainty!r:.60}")
    if row.measured_at is not None and not _is_time(row.measured_at):
        raise fail("measured_at", f"must be microseconds since 1970, not {row.measured_at!r:.60}")
    if not isinstance(row.method, str) or len(row.method) > 80 or not row.method.isprintable():
        raise fail("method", "must be a few words")


def _within(value: object, lowest: float, highest: float) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(value) and lowest <= value <= highest  # type: ignore[arg-type,operator]


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST


def _plain(row: Row) -> dict[str, Any]:
    """A row for JSON; whole numbers and floats of one value look the same."""
    numbers = {k: None if v is None else float(v) + 0.0
               for k, v in (("value", row.value), ("uncertainty", row.uncertainty))}  # fmt: skip
    return {key: numbers.get(key, getattr(row, key)) for key in _KEYS} | {
        "target": list(row.target)
    }


def _wrong(field: str, line: int | None, message: str) -> DescriptionError:
    return DescriptionError("sheet", field, line, message)
