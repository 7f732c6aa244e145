"""What can be asked about devices."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from markaz.centre.access import anyone, person, query
from markaz.centre.devices import sheets
from markaz.centre.devices.documents import (
    device_document,
    device_documents,
    reservation_document,
)
from markaz.centre.devices.rules import LOOKERS, managed, seen
from markaz.centre.devices.tables import device_events, device_files, devices, reservations
from markaz.centre.devices.tables import sheets as sheet_table
from markaz.centre.errors import CentreError, invalid
from markaz.centre.fields import flag, line, moment
from markaz.centre.projects.tables import memberships
from markaz.centre.work import Work
from markaz.quantum.devices.quantities import parse as quantity_of
from markaz.quantum.devices.quantities import width

MOST_DAYS: Final = 400
MOST_SHEETS: Final = 500
MOST_EVENTS: Final = 200
_DAY: Final = 86_400_000_000


@query("devices.list", rule=lambda work, **_: person(work), scope="devices:read")
def list_devices(work: Work, _: None, *, retired: bool = False) -> dict[str, Any]:
    """All devices in service, the default one first; with ``retired`` the old ones too."""
    wanted = select(devices).order_by(devices.c.is_default.desc(), devices.c.id)
    if not flag("retired", retired):
        wanted = wanted.where(devices.c.retired_at.is_(None))
    return {"items": device_documents(work, work.all(wanted)), "next": None}


@query("devices.board", rule=anyone, scope=None)
def board(work: Work, _: None) -> dict[str, Any]:
    """Devices in service and how they are, for everybody: no descriptions, no bookings."""
    wanted = select(devices).where(devices.c.retired_at.is_(None))
    rows = work.all(wanted.order_by(devices.c.is_default.desc(), devices.c.id))
    items = [{name: one[name] for name in _PUBLIC} for one in device_documents(work, rows)]
    return {"items": items, "next": None}


_PUBLIC: Final = ("device", "title", "kind", "qubits", "status", "accepting", "default", "emulated")


@query("devices.get", rule=seen, scope="devices:read")
def get_device(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """One device."""
    return device_document(work, subject)


@query("devices.files", rule=managed, scope="operate")
def list_files(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """All versions of a device's file, the newest first, with their texts."""
    f = device_files.c
    rows = work.all(select(device_files).where(f.device_id == subject.id).order_by(f.seq.desc()))
    columns = ("digest", "version", "text", "added_by", "added_at")
    items = [{name: getattr(row, name) for name in columns} for row in rows]
    return {"items": items, "next": None}


@query("devices.sheet", rule=seen, scope="devices:read")
def sheet(work: Work, subject: Any, *, device: str, at: Any = None) -> str:
    """The calibration sheet in force, or that of a time (µs UTC), as its JSON text.

    Raises CentreError ``not-found`` where there was none.
    """
    found = subject.sheet_id
    if at is not None:
        found = sheets.in_force(work, subject.id, moment("at", at))
    if found is None:
        when = "yet" if at is None else "from then"
        raise CentreError("not-found", f"device {subject.id} has no calibration sheet {when}")
    return sheets.text_of(work, found)


@query("sheets.show", rule=lambda work, **_: person(work), scope="devices:read")
def sheet_by_id(work: Work, _: None, *, sheet: str) -> str:
    """A calibration sheet by its id, as its JSON text."""
    return sheets.text_of(work, line("sheet", sheet, most=80))


@query("devices.sheets", rule=seen, scope="devices:read")
def list_sheets(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """The latest sheets of a device, the newest first, without their rows."""
    s = sheet_table.c
    found = select(s.id, s.source, s.measured_at, s.published_at).where(s.device_id == subject.id)
    rows = work.all(found.order_by(s.published_at.desc(), s.id).limit(MOST_SHEETS))
    items = [
        {"sheet": r.id, "source": r.source, "measured_at": r.measured_at,
         "published_at": r.published_at, "in_force": r.id == subject.sheet_id}
        for r in rows
    ]  # fmt: skip
    return {"items": items, "next": None}


@query("devices.history", rule=seen, scope="devices:read")
def history(
    work: Work, subject: Any, *, device: str, quantity: str, target: str, since: Any = 0
) -> dict[str, Any]:
    """Measured values of a quantity at a qubit ("3") or coupler ("3-4"), the earliest first."""
    try:
        unit = quantity_of(line("quantity", quantity, most=40))[0].unit
        qubits = [int(part) for part in line("target", target, most=40).split("-")]
        if len(qubits) != width(quantity):
            raise ValueError(f"{quantity} is about {width(quantity)} qubits")
    except ValueError as error:
        raise invalid("quantity", str(error)) from None
    points = sheets.history(work, subject.id, quantity, qubits, moment("since", since))
    about = {"device": subject.id, "quantity": quantity, "target": target, "unit": unit}
    return about | {"points": points}


@query("devices.events", rule=managed, scope="operate")
def events(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """What happened to a device, in words: the latest, the newest first."""
    e = device_events.c
    found = select(device_events).where(e.device_id == subject.id)
    rows = work.all(found.order_by(e.seq.desc()).limit(MOST_EVENTS))
    return {"items": [{"kind": r.kind, "text": r.text, "at": r.at} for r in rows], "next": None}


@query("devices.calendar", rule=seen, scope="devices:read")
def calendar(work: Work, subject: Any, *, device: str, since: int, until: int) -> dict[str, Any]:
    """Reservations of a device between two times, the earliest first.

    Everybody sees when it is taken; whose booking it is, drafts and what was cancelled only
    operators, directors and the members of its project.
    """
    since, until = moment("since", since), moment("until", until)
    if not since < until <= since + MOST_DAYS * _DAY:
        raise invalid("until", f"until must be after since, by at most {MOST_DAYS} days")
    rows = work.all(
        select(reservations)
        .where(
            reservations.c.device_id == subject.id,
            reservations.c.ends_at > since,
            reservations.c.starts_at < until,
        )
        .order_by(reservations.c.starts_at, reservations.c.id)
    )
    mine = _my_projects(work)
    items = []
    for row in rows:
        whole = work.actor.has(*LOOKERS) or row.project_id in mine
        if whole or row.state not in ("draft", "cancelled"):
            items.append(reservation_document(row, whole=whole))
    return {"device": subject.id, "items": items, "next": None}


def _my_projects(work: Work) -> set[str]:
    rows = work.all(select(memberships.c.project_id).where(memberships.c.user_id == work.actor.id))
    return {row.project_id for row in rows if work.actor.project in (None, row.project_id)}
