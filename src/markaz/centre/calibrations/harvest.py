"""What comes of measurements whose jobs have all ended."""

from __future__ import annotations

import math
from typing import Any, Final

from sqlalchemy import select

from markaz.centre.access import system, verb
from markaz.centre.calibrations import acceptance, ends, jobs
from markaz.centre.calibrations.tables import measurements
from markaz.centre.devices import files, sheets
from markaz.centre.devices.rules import device_row
from markaz.centre.errors import CentreError
from markaz.centre.work import Work
from markaz.quantum.calibrate.parts import sheet as assemble
from markaz.quantum.devices.sheet import Row, Sheet, from_document

SIGMAS: Final = 5.0  # by which a value must have moved to count as drift
LEAST: Final = 0.2  # and by which part of itself
NOTED: Final = 10  # drifts that are named


@verb("calibrations.harvest", rule=system, scope=None)
def harvest(work: Work, _: None) -> dict[str, Any]:
    """Publish what measurements found whose jobs have ended. Returns their ids."""
    m = measurements.c
    done = []
    for row in work.all(select(measurements).where(m.state == "running").order_by(m.id)):
        parts = jobs.ended(work, row.id)
        if parts is None:
            continue
        device = device_row(work, row.device_id)
        if row.phase == "benchmarks":
            acceptance.judge(work, row, device, parts)
        elif row.kind == "monitoring":
            _compare(work, row, device, parts)
        else:
            _publish(work, row, device, parts)
        done.append(row.id)
    if not done:
        work.nothing_changed()
    return {"measurements": done}


def _publish(work: Work, row: Any, device: Any, parts: dict[str, Any]) -> None:
    """The sheet of all parts that ended well; the others leave dashes."""
    rows, failed = _rows(work, parts)
    if not rows:
        ends.finish(work, row, "failed", note="; ".join(failed))
        ends.settle(work, row, device, "needs-calibration")
        files.note(work, device.id, "calibration", f"it failed: {'; '.join(failed)}"[:1000])
        return
    model = files.model_of(work, device)
    sheet = assemble(model, rows, work.now)
    sheets.publish(work, device, sheet, "calibration")
    note = "; ".join(failed)
    if failed:
        files.note(work, device.id, "calibration", f"without: {note}"[:1000])
    if row.kind == "acceptance":
        acceptance.go_on(work, row, device_row(work, device.id), sheet)
        return
    beyond = sheets.out_of_tolerance(model, sheet)
    if beyond:
        files.note(work, device.id, "tolerance", "; ".join(beyond))
    ends.finish(work, row, "completed", note="; ".join([*beyond, *failed]), sheet=sheet.id)
    ends.settle(work, row, device, "needs-calibration" if beyond else "idle")


def _rows(work: Work, parts: dict[str, Any]) -> tuple[list[Row], list[str]]:
    """Measured rows, and for each part without any, why."""
    rows: list[Row] = []
    failed = []
    for name, job in parts.items():
        try:
            rows += from_document(jobs.result(work, job)["sheet"]).rows
        except CentreError as error:
            failed.append(f"{name}: {error.message}")
    return rows, failed


def _compare(work: Work, row: Any, device: Any, parts: dict[str, Any]) -> None:
    """Note what has moved since the sheet in force."""
    rows, failed = _rows(work, parts)
    sheet = sheets.sheet_of(work, device)
    moved = [] if sheet is None else [w for r in rows if (w := _drift(sheet, r)) is not None]
    if moved:
        more = f", and {len(moved) - NOTED} more" if len(moved) > NOTED else ""
        text = f"{len(moved)} of {len(rows)} values have moved: {'; '.join(moved[:NOTED])}{more}"
        files.note(work, device.id, "drift", text)
    ends.finish(work, row, "failed" if failed else "completed", note="; ".join(failed))


def _drift(sheet: Sheet, row: Row) -> str | None:
    """In words, how a value has moved; None for one that has not."""
    before = sheet.row(row.quantity, *row.target)
    if before is None or before.value is None or row.value is None:
        return None
    error = math.hypot(before.uncertainty or 0.0, row.uncertainty or 0.0)
    change = abs(row.value - before.value)
    if change <= SIGMAS * error or change <= LEAST * abs(before.value):
        return None
    where = "-".join(map(str, row.target))
    return (
        f"{row.quantity} of {where} was {before.value:.4g}, is {row.value:.4g} {row.unit}".strip()
    )
