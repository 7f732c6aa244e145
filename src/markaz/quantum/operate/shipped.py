"""What comes with the shipped emulated devices: the seed of their truth, and their sheets.

The sheets were measured by ``tools/sheets.py``, at device time 0, right after tuning. They are
their JSON text, compressed: of thousands of rows nine tenths are the same words.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from importlib.resources import files
from typing import Final

from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet, from_json

SEED: Final = 20_260_714


def shipped_sheet(model: DeviceModel) -> Sheet | None:
    """The sheet of a shipped device, in device time; None for any other device."""
    file = files("markaz.quantum.devices") / "shipped" / file_name(model.name)
    return from_json(gzip.decompress(file.read_bytes()).decode()) if file.is_file() else None


def file_name(device: str) -> str:
    """Name of the file with a shipped device's sheet."""
    return f"{device}.sheet.json.gz"


def packed(sheet: Sheet) -> bytes:
    """The content of such a file; the same sheet gives the same bytes."""
    return gzip.compress(sheet.to_json().encode(), 9, mtime=0)


def moved(sheet: Sheet, by: int) -> Sheet:
    """The same sheet with all times later by ``by`` µs."""
    rows = tuple(
        row if row.measured_at is None else replace(row, measured_at=row.measured_at + by)
        for row in sheet.rows
    )
    return Sheet(sheet.device, sheet.measured_at + by, rows)
