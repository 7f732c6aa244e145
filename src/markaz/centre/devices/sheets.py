"""Calibration sheets of devices: published, in force, histories, tolerances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.devices.files import note
from markaz.centre.devices.tables import devices, sheet_values, sheets
from markaz.centre.errors import not_found
from markaz.centre.work import Work
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.quantities import parse as quantity_of
from markaz.quantum.devices.sheet import Row, Sheet, from_json

SHARE: Final = 0.1  # of a quantity's values that may be beyond the tolerance


def publish(work: Work, device: Any, sheet: Sheet, source: str) -> None:
    """Put a sheet in force for the device of this row; the audit names it.

    One that was published before is in force again.
    """
    known = work.one(select(sheets.c.id).where(sheets.c.id == sheet.id))
    if known is None:
        row = {"id": sheet.id, "device_id": device.id, "source": source}
        times = {"measured_at": sheet.measured_at, "published_at": work.now}
        work.run(insert(sheets).values(**row, **times, document=sheet.to_json()))
        values = [_value(device.id, sheet, one) for one in sheet.rows if one.value is not None]
        if values:
            work.run(insert(sheet_values), values)
    work.run(update(devices).where(devices.c.id == device.id).values(sheet_id=sheet.id))
    measured = sum(row.value is not None for row in sheet.rows)
    note(work, device.id, "sheet", f"sheet {sheet.id[:19]} is in force: {measured} values")
    work.record(device.id, sheet=sheet.id, source=source)


def _value(device: str, sheet: Sheet, row: Row) -> dict[str, Any]:
    return {
        "sheet_id": sheet.id,
        "device_id": device,
        "quantity": row.quantity,
        "target": "-".join(map(str, row.target)),
        "value": row.value,
        "uncertainty": row.uncertainty,
        "measured_at": sheet.measured_at if row.measured_at is None else row.measured_at,
    }


def text_of(work: Work, sheet: str) -> str:
    """The sheet's JSON, as its hash was taken. Raises CentreError ``not-found``."""
    row = work.one(select(sheets.c.document).where(sheets.c.id == sheet))
    if row is None:
        raise not_found("sheet")
    return str(row.document)


def sheet_of(work: Work, device: Any) -> Sheet | None:
    """The sheet in force for the device of this row."""
    return None if device.sheet_id is None else from_json(text_of(work, device.sheet_id))


def in_force(work: Work, device: str, at: int) -> str | None:
    """Id of the sheet that was in force at a time (µs UTC)."""
    s = sheets.c
    found = select(s.id).where(s.device_id == device, s.published_at <= at)
    row = work.one(found.order_by(s.published_at.desc(), s.id).limit(1))
    return None if row is None else str(row.id)


def worse_than_allowed(model: DeviceModel, sheet: Sheet) -> list[Row]:
    """Rows of the sheet beyond the device's tolerances."""
    return [row for row in sheet.rows if _beyond(model, row)]


def _beyond(model: DeviceModel, row: Row) -> bool:
    limit = model.tolerances.get(row.quantity)
    if limit is None or row.value is None:
        return False
    lower = quantity_of(row.quantity)[0].worse == "lower"
    return row.value < limit if lower else row.value > limit


def out_of_tolerance(model: DeviceModel, sheet: Sheet) -> list[str]:
    """Why the device needs a calibration, in words; empty if it does not.

    It does when more than ``SHARE`` of a quantity's values are beyond the tolerance: every
    large device has a few bad qubits, which compilers avoid.
    """
    beyond = worse_than_allowed(model, sheet)
    found = []
    for quantity, limit in model.tolerances.items():
        rows = [r for r in sheet.rows if r.quantity == quantity and r.value is not None]
        bad = [r for r in beyond if r.quantity == quantity]
        if len(bad) > SHARE * len(rows):
            found.append(f"{quantity}: {len(bad)} of {len(rows)} values are beyond {limit:g}")
    return found


def history(
    work: Work, device: str, quantity: str, target: Sequence[int], since: int
) -> list[dict[str, Any]]:
    """Values of a quantity, the earliest first, with the sheets that state them."""
    v = sheet_values.c
    names = {"-".join(map(str, order)) for order in (target, list(target)[::-1])}
    found = (
        select(v.value, v.uncertainty, v.measured_at, v.sheet_id)
        .where(v.device_id == device, v.quantity == quantity, v.target.in_(sorted(names)))
        .where(v.measured_at >= since)
        .order_by(v.measured_at, v.seq)
    )
    return [
        {"value": r.value, "uncertainty": r.uncertainty, "measured_at": r.measured_at,
         "sheet": r.sheet_id}
        for r in work.all(found)
    ]  # fmt: skip
