"""What comes with the shipped emulated devices: the seed of their truth, and their sheets.

The sheets were measured by ``tools/sheets.py``, at device time 0, right after tuning.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Final

from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet, from_json

SEED: Final = 20_260_714


def shipped_sheet(model: DeviceModel) -> Sheet | None:
    """The sheet of a shipped device, in device time; None for any other device."""
    file = files("markaz.quantum.devices") / "shipped" / f"{model.name}.sheet.json"
    return from_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def moved(sheet: Sheet, by: int) -> Sheet:
    """The same sheet with all times later by ``by`` µs."""
    rows = tuple(
        row if row.measured_at is None else replace(row, measured_at=row.measured_at + by)
        for row in sheet.rows
    )
    return Sheet(sheet.device, sheet.measured_at + by, rows)
