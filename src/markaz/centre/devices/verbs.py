"""What can be done to devices and their calendar."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.access import CentreRole, operator, system, verb
from markaz.centre.db.unique import unique
from markaz.centre.devices import calendar, files, sheets
from markaz.centre.devices.documents import device_document, reservation_document
from markaz.centre.devices.rules import (
    NAME,
    booker,
    device_row,
    kept_reservation,
    managed,
    own_reservation,
)
from markaz.centre.devices.shipped import SHIPPED, emulated
from markaz.centre.devices.tables import devices, reservations
from markaz.centre.devices.uploads import add_sheet
from markaz.centre.errors import conflict, invalid
from markaz.centre.fields import block, choice, flag, line, moment, whole
from markaz.centre.ids import new_id
from markaz.centre.work import Work
from markaz.quantum.devices.model import DeviceModel, shipped_text
from markaz.quantum.operate.shipped import SEED, moved, shipped_sheet

__all__ = ["add_sheet"]

STATUSES: Final = (
    "offline", "idle", "busy", "error", "maintenance", "calibration", "needs-calibration",
)  # fmt: skip
KINDS: Final = ("simulator", "emulated", "qpu")
IMPACTS: Final = ("none", "degraded", "partial", "full")
MOST_QUBITS: Final = 1_000_000
MOST_HOURS: Final = 10_000
MOST_DESCRIPTION: Final = 1 << 20  # characters of JSON


@verb("devices.install_shipped", rule=system, scope=None)
def install_shipped(work: Work, _: None) -> dict[str, Any]:
    """Add the devices that come with Markaz and are not there yet; their names.

    One that an operator changed or retired is left as it is. The clock of an emulated one
    begins so that its shipped sheet was published this moment.
    """
    present = {row.id for row in work.all(select(devices.c.id))}
    missing = [row for row in SHIPPED if row["id"] not in present]
    for row in missing:
        _insert(work, {**row, "is_default": row["is_default"] and not present})
        work.record(row["id"], shipped=True)
    more = [name for name in emulated() if name not in present]
    for name in more:
        _install_emulated(work, name)
    if not (missing or more):
        work.nothing_changed()
    return {"devices": [*(row["id"] for row in missing), *more]}


def _install_emulated(work: Work, name: str) -> None:
    text = shipped_text(name)
    model = files.read(text)
    sheet = shipped_sheet(model)
    born_at = work.now - (0 if sheet is None else sheet.measured_at)
    _insert(work, {"id": name, **files.values(model), "is_default": False})
    files.keep(work, name, model, text)
    files.begin_emulation(work, name, born_at, SEED)
    work.record(name, shipped=True, model=model.digest)
    if sheet is not None:
        sheets.publish(work, device_row(work, name), moved(sheet, born_at), "shipped")


@verb("devices.add_file", rule=lambda work, **_: operator(work), scope="operate")
def add_file(work: Work, _: None, *, file: str) -> dict[str, Any]:
    """Add the device that a file describes, or put a new version of its file in force.

    A new device is offline and takes no jobs; an emulated one gets a hidden truth of its own.
    Returns it. Raises CentreError ``invalid`` that names field and line, ``conflict`` for a
    retired device, one of another kind, or a version that is in force already.
    """
    model = files.read(file)
    row = work.one(select(devices).where(devices.c.id == model.name))
    if row is None:
        _insert(
            work, {"id": model.name, **files.values(model), "is_default": False},
            status="offline", accepting=False,
        )  # fmt: skip
        if model.kind == "emulated":
            files.begin_emulation(work, model.name, work.now)
    else:
        _check_successor(row, model)
        changed = files.values(model)
        changed["description"] = json.dumps(changed["description"])
        work.run(update(devices).where(devices.c.id == row.id).values(**changed))
    files.keep(work, model.name, model, file)
    work.record(model.name, model=model.digest, version=model.version)
    work.after(work.services.listener.rules_changed)
    return device_document(work, device_row(work, model.name))


def _check_successor(row: Any, model: DeviceModel) -> None:
    if row.retired_at is not None:
        raise conflict(f"device {row.id} is retired; a new one needs another name")
    if row.model_digest == model.digest:
        raise conflict(f"this version of {row.id} is in force already", digest=model.digest)
    if row.kind != model.kind or row.qubits != model.num_qubits:
        message = f"device {row.id} is {row.kind} with {row.qubits} qubits; a file cannot change it"
        raise conflict(message, device=row.id)


@verb("devices.add", rule=lambda work, **_: operator(work), scope="operate")
def add(
    work: Work, _: None, *, device: str, title: str, kind: str, driver: str, qubits: int,
    description: dict[str, Any], slots: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Add a device under the short name ``device``; it is offline and takes no jobs yet.

    ``slots``: jobs that it runs at once, 0 for as many as there are workers. Returns it.
    Raises CentreError ``conflict`` for a name that is taken.
    """
    if not isinstance(device, str) or not NAME.fullmatch(device):
        raise invalid("device", "a device's name has 2 to 40 of a-z, 0-9 and -, a letter first")
    row = {
        "id": device,
        "title": line("title", title),
        "kind": choice("kind", kind, KINDS),
        "driver": line("driver", driver, most=64),
        "qubits": whole("qubits", qubits, 1, MOST_QUBITS),
        "slots": whole("slots", slots, 0, 10_000),
        "description": _described(description),
        "is_default": False,
    }
    with unique(f"there is a device {device} already"):
        _insert(work, row, status="offline", accepting=False)
    work.record(device, kind=kind, driver=row["driver"])
    return device_document(work, device_row(work, device))


@verb("devices.change", rule=managed, scope="operate")
def change(
    work: Work, subject: Any, *, device: str, status: str | None = None,
    accepting: bool | None = None, title: str | None = None, slots: int | None = None,
    description: dict[str, Any] | None = None, calibrate_hours: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Change what is given: the status (in QDMI's words), whether it takes jobs, its texts,
    after how many hours it is calibrated by itself (0: never).

    ``busy`` counts as ``idle``: the centre says itself whether a job runs. Returns the device.
    Raises CentreError ``conflict`` for a retired one.
    """
    if subject.retired_at is not None:
        raise conflict("the device is retired", device=subject.id)
    values = {
        "status": None if status is None else _set_by_hand(status),
        "accepting": None if accepting is None else flag("accepting", accepting),
        "title": None if title is None else line("title", title),
        "slots": None if slots is None else whole("slots", slots, 0, 10_000),
        "description": None if description is None else json.dumps(_described(description)),
        "calibrate_hours": (
            None
            if calibrate_hours is None
            else whole("calibrate_hours", calibrate_hours, 0, MOST_HOURS)
        ),
    }
    values = {k: v for k, v in values.items() if v is not None and v != subject._mapping[k]}
    if values:
        work.run(update(devices).where(devices.c.id == subject.id).values(**values))
        work.record(subject.id, **{k: v for k, v in values.items() if k != "description"})
        work.after(work.services.listener.rules_changed)
    else:
        work.nothing_changed()
    return device_document(work, device_row(work, subject.id))


@verb("devices.make_default", rule=managed, scope="operate")
def make_default(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """Have jobs that name no device run on this one. Returns it."""
    if subject.retired_at is not None:
        raise conflict("the device is retired", device=subject.id)
    work.run(update(devices).values(is_default=devices.c.id == subject.id))
    work.record(subject.id)
    return device_document(work, device_row(work, subject.id))


@verb("devices.retire", rule=managed, scope="operate")
def retire(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """Take a device out of service for good; its history stays. Returns it.

    Firm reservations are cancelled. Raises CentreError ``conflict`` for the default device
    (make another one the default first), or if it is retired already.
    """
    if subject.retired_at is not None or subject.is_default:
        why = "the default device" if subject.is_default else "retired already"
        raise conflict(f"{subject.id} is {why}", device=subject.id)
    work.run(
        update(devices)
        .where(devices.c.id == subject.id)
        .values(retired_at=work.now, status="offline", accepting=False)
    )
    work.run(
        update(reservations)
        .where(
            reservations.c.device_id == subject.id,
            reservations.c.state.in_(("draft", *calendar.FIRM)),
        )
        .values(state="cancelled")
    )
    work.record(subject.id)
    work.after(work.services.listener.rules_changed)
    return device_document(work, device_row(work, subject.id))


@verb("devices.book", rule=booker, scope="projects:write")
def book(
    work: Work, subject: Any, *, device: str, project: str, starts_at: int, ends_at: int,
    note: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Ask for a device for a project's own jobs. An operator's booking is firm at once.

    Returns the reservation, a draft until an operator schedules it. Raises CentreError
    ``conflict`` if a firm reservation is in the way.
    """
    state = "scheduled" if work.actor.has(CentreRole.OPERATOR) else "draft"
    return _reserve(
        work, device_row(work, device), kind="booking", impact="none", state=state,
        project_id=subject.id, starts_at=starts_at, ends_at=ends_at, note=note,
    )  # fmt: skip


@verb("devices.maintain", rule=managed, scope="operate")
def maintain(
    work: Work, subject: Any, *, device: str, starts_at: int, ends_at: int, impact: str,
    note: str = "", draft: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Plan maintenance; with partial or full impact no job runs into it.

    Returns the reservation. Raises CentreError ``conflict`` if a firm reservation is in the
    way (cancel that first, so that its project hears of it).
    """
    return _reserve(
        work, subject, kind="maintenance", impact=choice("impact", impact, IMPACTS),
        state="draft" if flag("draft", draft) else "scheduled", project_id=None,
        starts_at=starts_at, ends_at=ends_at, note=note,
    )  # fmt: skip


@verb("devices.schedule", rule=kept_reservation, scope="operate")
def schedule(work: Work, subject: Any, *, reservation: str) -> dict[str, Any]:
    """Make a draft firm. Returns the reservation.

    Raises CentreError ``conflict`` if it is no draft, is over, or another one is in the way.
    """
    if subject.state != "draft" or subject.ends_at <= work.now:
        raise conflict("only a draft that is not over can be scheduled", state=subject.state)
    calendar.refuse_overlap(
        work, device=subject.device_id, kind=subject.kind, impact=subject.impact,
        starts_at=subject.starts_at, ends_at=subject.ends_at,
    )  # fmt: skip
    return _moved(work, subject, "scheduled")


@verb("devices.cancel_reservation", rule=own_reservation, scope="projects:write")
def cancel_reservation(work: Work, subject: Any, *, reservation: str) -> dict[str, Any]:
    """Give a reservation up that has not ended. Returns it.

    Raises CentreError ``conflict`` if it is completed or cancelled.
    """
    if subject.state in ("completed", "cancelled"):
        raise conflict(f"the reservation is {subject.state}", state=subject.state)
    done = _moved(work, subject, "cancelled")
    _end_maintenance(work, subject)
    return done


@verb("devices.complete_reservation", rule=kept_reservation, scope="operate")
def complete_reservation(work: Work, subject: Any, *, reservation: str) -> dict[str, Any]:
    """End a reservation in progress before its time. Returns it."""
    if subject.state != "in progress":
        raise conflict("only a reservation in progress can be completed", state=subject.state)
    done = _moved(work, subject, "completed")
    _end_maintenance(work, subject)
    return done


@verb("devices.advance_calendar", rule=system, scope=None)
def advance_calendar(work: Work, _: None) -> dict[str, Any]:
    """Begin and end the reservations that are due, and set the devices' status to match.

    Full maintenance shows as status ``maintenance``; afterwards the device is idle, unless
    somebody has set another status meanwhile. Returns the ids.
    """
    begun = calendar.begin_due(work)
    ended = calendar.end_due(work)
    over = {row.id for row in ended}
    for row in begun:
        if row.kind == "maintenance" and row.impact == "full" and row.id not in over:
            _set_status(work, row.device_id, "maintenance")
    for row in ended:
        _end_maintenance(work, row)
    for row in ended:
        work.record(row.id, state="completed")
    for row in begun:
        if row.id not in over:
            work.record(row.id, state="in progress")
    if begun or ended:
        work.after(work.services.listener.rules_changed)
    else:
        work.nothing_changed()
    return {"begun": [row.id for row in begun], "ended": [row.id for row in ended]}


def _set_by_hand(status: str) -> str:
    said = choice("status", status, STATUSES)
    return "idle" if said == "busy" else said


def _described(description: Any) -> dict[str, Any]:
    if not isinstance(description, dict):
        raise invalid("description", "description must be an object")
    if len(json.dumps(description)) > MOST_DESCRIPTION:
        raise invalid("description", f"description must have at most {MOST_DESCRIPTION} characters")
    return description


def _insert(
    work: Work, row: dict[str, Any], *, status: str = "idle", accepting: bool = True
) -> None:
    values = {**row, "description": json.dumps(row["description"])}
    work.run(
        insert(devices).values(**values, status=status, accepting=accepting, created_at=work.now)
    )


def _reserve(
    work: Work, device: Any, *, kind: str, impact: str, state: str, project_id: str | None,
    starts_at: Any, ends_at: Any, note: Any,
) -> dict[str, Any]:  # fmt: skip
    starts_at, ends_at = moment("starts_at", starts_at), moment("ends_at", ends_at)
    if ends_at <= max(starts_at, work.now):
        raise invalid("ends_at", "a reservation ends after its beginning, and in the future")
    if device.retired_at is not None:
        raise conflict("the device is retired", device=device.id)
    calendar.refuse_overlap(
        work, device=device.id, kind=kind, impact=impact, starts_at=starts_at, ends_at=ends_at
    )
    reservation = new_id(work.now)
    work.run(
        insert(reservations).values(
            id=reservation, device_id=device.id, kind=kind, state=state, impact=impact,
            project_id=project_id, starts_at=starts_at, ends_at=ends_at,
            note=block("note", note, most=1000), made_by=work.actor.id, created_at=work.now,
        )
    )  # fmt: skip
    work.record(reservation, device=device.id, kind=kind, state=state)
    work.after(work.services.listener.rules_changed)
    row = work.one(select(reservations).where(reservations.c.id == reservation))
    return reservation_document(row)


def _moved(work: Work, row: Any, state: str) -> dict[str, Any]:
    moved: Any = work.connection.execute(
        update(reservations)
        .where(reservations.c.id == row.id, reservations.c.state == row.state)
        .values(state=state)
        .returning(reservations)
    ).first()
    if moved is None:
        raise conflict("the reservation changed this moment; look again")
    work.record(row.id, state=state)
    work.after(work.services.listener.rules_changed)
    return reservation_document(moved)


def _end_maintenance(work: Work, row: Any) -> None:
    if row.kind == "maintenance" and row.impact == "full":
        _set_status(work, row.device_id, "idle", only_from="maintenance")


def _set_status(work: Work, device: str, status: str, only_from: str | None = None) -> None:
    wanted = update(devices).where(devices.c.id == device, devices.c.retired_at.is_(None))
    if only_from is not None:
        wanted = wanted.where(devices.c.status == only_from)
    work.run(wanted.values(status=status))
