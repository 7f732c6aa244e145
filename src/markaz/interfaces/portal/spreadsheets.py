"""Tables as CSV files that open in a spreadsheet without doing anything there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

# What spreadsheets take for a formula at the beginning of a cell; a number is none.
_FORMULA: Final = re.compile(r"^[\s\x00]*[=+\-@|%\t\r\n\uff0b\uff0d\uff1d\uff20]")


def csv_of(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A heading and rows as CSV: UTF-8 with the mark by which spreadsheets know it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig", "replace")


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would compute is marked as text by an apostrophe."""
    if isinstance(value, str) and _FORMULA.match(value):
        return "'" + value
    return value
