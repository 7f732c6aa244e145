"""Sheets of real devices that their operators measured by other means, and handed in."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import update

from markaz.centre.access import verb
from markaz.centre.devices import files, sheets
from markaz.centre.devices.rules import device_row, managed
from markaz.centre.devices.tables import devices
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.work import Work
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.lines import json_rows
from markaz.quantum.devices.sheet import Sheet, from_json
from markaz.quantum.devices.sheet_csv import from_csv

MOST_CHARACTERS: Final = 4 << 20
SKEW: Final = 300_000_000  # microseconds by which a laboratory's clock may be fast
SOURCE: Final = "operator"
_ROW: Final = re.compile(r"rows\[(\d+)\]")
HEAD: Final = 4  # lines of a CSV sheet before its first row


@verb("devices.add_sheet", rule=managed, scope="operate")
def add_sheet(work: Work, subject: Any, *, device: str, sheet: str) -> dict[str, Any]:
    """Put a calibration sheet (JSON or CSV text) of a real device in force.

    If it is beyond the device's tolerances, the device needs calibration; else it does not any
    more. Returns what ``devices.sheets`` says of it, and the device's status. Raises CentreError
    ``invalid`` that names field and line, ``conflict`` for a device that is no QPU, is retired,
    or has a sheet in force that was measured later.
    """
    if subject.kind != "qpu":
        why = "is measured by calibrating it" if subject.kind == "emulated" else "has no sheets"
        raise conflict(f"device {device} is {subject.kind} and {why}", device=device)
    if subject.retired_at is not None:
        raise conflict(f"device {device} is retired", device=device)
    found = _read(sheet)
    _check(work, subject, found, sheet.removeprefix("\ufeff"))
    if found.id == subject.sheet_id:
        work.nothing_changed()
    else:
        sheets.publish(work, subject, found, SOURCE)
        _settle(work, device_row(work, device), found)
    row = device_row(work, device)
    return {"device": device, "sheet": found.id, "source": SOURCE, "status": row.status,
            "measured_at": found.measured_at,
            "values": sum(one.value is not None for one in found.rows)}  # fmt: skip


def _read(text: Any) -> Sheet:
    """The sheet of a text, JSON if it begins with a brace. Raises CentreError ``invalid``."""
    if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARACTERS:
        raise invalid("sheet", f"a sheet has 1 to {MOST_CHARACTERS} characters")
    plain = text.removeprefix("\ufeff")
    try:
        return from_json(plain) if plain.lstrip()[:1] == "{" else from_csv(plain)
    except DescriptionError as error:
        raise _refused(plain, error) from None


def _check(work: Work, device: Any, sheet: Sheet, text: str) -> None:
    """Raise CentreError for a sheet of another device, of the future, or of the past."""
    if sheet.device != device.id:
        raise invalid("sheet", f"device: the sheet is of {sheet.device}, not of {device.id}")
    latest = work.now + SKEW
    for i, row in enumerate(sheet.rows):
        if max(row.target) >= device.qubits:
            where = "-".join(map(str, row.target))
            raise _wrong(text, i, "target", f"{where} is not on a device of {device.qubits} qubits")
        if row.measured_at is not None and row.measured_at > latest:
            raise _wrong(text, i, "measured_at", "lies in the future")
    if sheet.measured_at > latest:
        raise invalid("sheet", "measured_at: lies in the future")
    before = sheets.sheet_of(work, device)
    if before is not None and before.measured_at > sheet.measured_at:
        raise conflict("the sheet in force was measured later", sheet=before.id)


def _wrong(text: str, i: int, field: str, message: str) -> CentreError:
    """What is wrong with row ``i``, said as the readers of sheets say it."""
    return _refused(text, DescriptionError("sheet", f"rows[{i}].{field}", None, message))


def _refused(text: str, error: DescriptionError) -> CentreError:
    """The error with its line; that of a row where only the row is known."""
    row = _ROW.match(error.field)
    line = error.line if row is None or error.line else line_of_row(text, int(row[1]))
    said = str(DescriptionError(error.what, error.field, line, error.message))
    return CentreError("invalid", said, field="sheet", line=line, place=error.field)


def line_of_row(text: str, i: int) -> int | None:
    """The 1-based line of a sheet's row ``i``, in JSON or CSV text."""
    if text.lstrip()[:1] == "{":
        return json_rows(text, "rows").get(i)
    lines = enumerate(text.splitlines()[HEAD:], HEAD + 1)
    return next((number for k, number in enumerate(n for n, t in lines if t) if k == i), None)


def _settle(work: Work, device: Any, sheet: Sheet) -> None:
    """Whether the device needs calibration follows from its sheet."""
    beyond = []
    if device.model_digest is not None:
        beyond = sheets.out_of_tolerance(files.model_of(work, device), sheet)
    if beyond:
        files.note(work, device.id, "tolerance", "; ".join(beyond))
    wanted = "needs-calibration" if beyond else "idle"
    moves = ("idle", "busy", "calibration") if beyond else ("needs-calibration",)
    if device.status in moves:
        work.run(update(devices).where(devices.c.id == device.id).values(status=wanted))
        work.record(device.id, status=wanted)
        work.after(work.services.listener.rules_changed)
