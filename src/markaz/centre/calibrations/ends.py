"""How a measurement ends, and where that leaves its device."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from markaz.centre.calibrations.tables import measurements
from markaz.centre.devices.tables import devices
from markaz.centre.work import Work


def finish(work: Work, row: Any, state: str, *, note: str = "", sheet: str | None = None) -> None:
    """End a measurement."""
    values = {"state": state, "ended_at": work.now, "note": note[:4000]}
    if sheet is not None:
        values["sheet_id"] = sheet
    work.run(update(measurements).where(measurements.c.id == row.id).values(**values))
    work.record(row.id, state=state, device=row.device_id)


def settle(work: Work, row: Any, device: Any, status: str) -> None:
    """Take the device out of calibration: ``idle``, and accepting jobs again if the need for
    this calibration had stopped it; or ``needs-calibration``, and accepting none."""
    values: dict[str, Any] = {"status": status}
    if status == "needs-calibration":
        values["accepting"] = False
    elif row.before == "needs-calibration":
        values["accepting"] = True
    c = devices.c
    work.run(update(devices).where(c.id == device.id, c.status == "calibration").values(**values))
    work.record(device.id, **values)
    work.after(work.services.listener.rules_changed)
