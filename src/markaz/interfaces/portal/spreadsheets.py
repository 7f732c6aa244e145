"""Tables as CSV files that open in a spreadsheet without doing anything there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from markaz.quantum.devices.cells import guarded


def csv_of(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A heading and rows as CSV without formulas; UTF-8 with the mark by which spreadsheets
    know it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row] for row in (heads, *rows))
    return out.getvalue().encode("utf-8-sig", "replace")


def _cell(value: Any) -> Any:
    """A text so that no spreadsheet computes it; a number as it is."""
    return guarded(value) if isinstance(value, str) else value
