"""Agents: workers beside hardware, which run their own devices alone and may be away for days.

An agent keeps its jobs while its patience lasts, over its own restarts and the server's; its
devices are offline meanwhile. What it says of them never overrules maintenance or a need for
calibration that the centre found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update

from markaz.centre.access import query, system, verb
from markaz.centre.devices import files, sheets
from markaz.centre.devices.tables import devices
from markaz.centre.devices.verbs import STATUSES
from markaz.centre.errors import conflict, invalid
from markaz.centre.fields import choice
from markaz.centre.work import Work
from markaz.centre.workers.tables import workers
from markaz.quantum.devices.sheet import Sheet

DRIVER: Final = "agent"  # of the devices that agents run
_TENDED: Final = ("maintenance",)  # stays as it is, whatever an agent says
_HERE: Final = ("connected", "draining")


@dataclass(frozen=True, slots=True)
class Away:
    """An agent that may come back until ``until`` (microseconds UTC)."""

    worker: str
    name: str
    slots: int
    facts: Mapping[str, Any]
    until: int


def patience(facts: Mapping[str, Any], most_days: float) -> float:
    """Seconds that a worker may be away; 0 for one that is no agent."""
    asked = facts.get("patience") or 0.0
    return min(float(asked), most_days * 86_400.0)


def check(work: Work, worker: str, facts: Mapping[str, Any]) -> None:
    """Raise CentreError ``invalid`` for devices that no agent runs, ``conflict`` while another
    worker runs one of them."""
    for device in facts["devices"]:
        row = work.one(select(devices.c.driver).where(devices.c.id == device))
        if row is None:
            raise invalid("devices", f"this centre has no device {device:.60}")
        if row.driver != DRIVER:
            raise invalid("devices", f"device {device} has driver {row.driver}, not {DRIVER}")
    if facts["devices"]:
        here = select(workers).where(workers.c.state.in_(_HERE), workers.c.id != worker)
        for row in work.all(here):
            shared = set(devices_of(row)) & set(facts["devices"])
            if shared:
                raise conflict(f"worker {row.id} runs device {min(shared)} already")


def devices_of(row: Any) -> list[str]:
    """Devices that a worker runs alone."""
    return list(json.loads(row.facts).get("devices", ()))


def gone_away(work: Work, rows: Iterable[Any]) -> None:
    """The devices of these workers are offline from now on."""
    for device in sorted({d for row in rows for d in devices_of(row)}):
        _set_status(work, device, "offline", _TENDED)


@verb("workers.note_condition", rule=system, scope=None)
def note_condition(
    work: Work, _: None, *, worker: str, device: str, status: str, before: str = ""
) -> dict[str, Any]:
    """An agent says how its device is, in QDMI's words (busy is the centre's to say).

    ``before``: what it said last. That the device needs calibration because the agent said so
    ends when it says otherwise; what the centre found ends with a better sheet.
    """
    said = choice("status", status, STATUSES)
    row = work.one(select(devices).where(devices.c.id == device))
    kept = list(_TENDED)
    if said in ("idle", "busy"):
        said = "needs-calibration" if row is not None and _beyond(work, row) else "idle"
        kept += [] if before == "needs-calibration" else ["needs-calibration"]
    if not _set_status(work, device, said, kept):
        work.nothing_changed()
    return {"device": device, "status": said}


@verb("workers.note_sheet", rule=system, scope=None)
def note_sheet(work: Work, _: None, *, worker: str, device: str, sheet: Sheet) -> dict[str, Any]:
    """An agent hands in a calibration sheet of its device, which is in force from now on.

    If it is beyond the device's tolerances, the device needs calibration; else it does not any
    more. Raises CentreError ``invalid`` for a sheet of something else.
    """
    row = work.one(select(devices).where(devices.c.id == device, devices.c.driver == DRIVER))
    if row is None or sheet.device != device or _widest(sheet) >= row.qubits:
        raise invalid("sheet", f"the sheet of {sheet.device:.60} does not fit device {device:.60}")
    if row.sheet_id == sheet.id:
        work.nothing_changed()
        return {"device": device, "sheet": sheet.id}
    sheets.publish(work, row, sheet, "agent")
    row = work.one(select(devices).where(devices.c.id == device))
    assert row is not None, device
    if _beyond(work, row):
        _set_status(work, device, "needs-calibration", _TENDED)
    elif row.status == "needs-calibration":
        _set_status(work, device, "idle", _TENDED)
    return {"device": device, "sheet": sheet.id}


def _widest(sheet: Sheet) -> int:
    return max((q for row in sheet.rows for q in row.target), default=-1)


def _beyond(work: Work, row: Any) -> bool:
    """Whether the sheet in force is beyond the device's tolerances."""
    if row.model_digest is None or row.sheet_id is None:
        return False
    sheet = sheets.sheet_of(work, row)
    return sheet is not None and bool(sheets.out_of_tolerance(files.model_of(work, row), sheet))


def _set_status(work: Work, device: str, status: str, kept: Sequence[str]) -> bool:
    """Unless it is that already or one of ``kept``; whether it is news."""
    c = devices.c
    changed = work.run(
        update(devices)
        .where(c.id == device, c.driver == DRIVER, c.retired_at.is_(None))
        .where(c.status.not_in([status, *kept]))
        .values(status=status)
    )
    if changed:
        work.record(device, status=status)
        work.after(work.services.listener.rules_changed)
    return bool(changed)


@query("workers.away", rule=system, scope=None)
def away(work: Work, _: None) -> list[Away]:
    """Agents that are not connected to a dispatcher that begins now."""
    days = work.services.settings["agent_patience_days"]
    found: list[Away] = []
    for row in work.all(select(workers).where(workers.c.state != "gone").order_by(workers.c.id)):
        facts = json.loads(row.facts)
        seconds = patience(facts, days)
        if seconds:
            until = row.seen_at + round(seconds * 1e6)
            found.append(Away(row.id, row.name, row.slots, facts, until))
    return found


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the agent with these facts says of itself, as ``Hello`` has it."""
    return {name: facts[name] for name in ("drivers", "versions", "devices", "patience")}
