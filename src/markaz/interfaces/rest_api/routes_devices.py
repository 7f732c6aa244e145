"""Routes about devices and their calendar."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

from pydantic import Field, JsonValue
from starlette.responses import Response

from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Label,
    Micros,
    Name,
    Page,
    Query,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.sheet_csv import to_csv

Status = Literal[
    "offline", "idle", "busy", "error", "maintenance", "calibration", "needs-calibration"
]
Impact = Literal["none", "degraded", "partial", "full"]


class Device(Answer):
    """A device."""

    device: str = described("Short name.")
    title: str = described("Title.")
    kind: str = described("simulator, emulated or qpu.")
    driver: str = described("What talks to it.")
    qubits: int = described("Qubits.")
    status: str = described("Status, in QDMI's words; busy while a job runs on it.")
    accepting: bool = described("Whether it takes jobs.")
    slots: int = described("Jobs that it runs at once; 0: as many as there are workers.")
    default: bool = described("Whether jobs that name no device run on it.")
    emulated: Literal["EMULATED"] | None = described("Whether it is emulated.")
    model: str | None = described("Hash of its device file.")
    sheet: str | None = described("The calibration sheet in force.")
    calibrate_hours: int = described("It is calibrated after so many hours; 0: by hand only.")
    description: dict[str, Any] = described("What is known of it.")
    created_at: int = described("When it was added.")
    retired_at: int | None = described("When it was taken out of service.")


class Reservation(Answer):
    """A booking or maintenance; whose it is, only for those concerned."""

    reservation: str = described("Identifier.")
    device: str = described("Name of the device.")
    kind: str = described("booking or maintenance.")
    state: str = described("draft, scheduled, in progress, completed or cancelled.")
    impact: str = described("none, degraded, partial or full.")
    project: str | None = described("Identifier of the project.")
    starts_at: int = described("Its beginning.")
    ends_at: int = described("Its end.")
    note: str | None = described("A note.")
    made_by: str | None = described("Identifier of who made it.")
    created_at: int = described("When it was made.")


class Calendar(Answer):
    """A device's reservations."""

    device: str = described("Name of the device.")
    items: list[Reservation] = described("Reservations, the earliest first.")
    next: None = described("Null: all are here.")


class DeviceListing(Query):
    """Which devices."""

    retired: bool = described("Also those out of service.", False)


class Span(Query):
    """A span of time, at most 400 days."""

    since: Micros = described("Its beginning.")
    until: Micros = described("Its end.")


class DeviceToAdd(Body):
    """A device to add."""

    device: str = Field(min_length=2, max_length=40, description="Short name: a to z, digits, -.")
    title: Name = described("Title.")
    kind: Literal["simulator", "emulated", "qpu"] = described("What it is.")
    driver: str = Field(min_length=1, max_length=64, description="What talks to it.")
    qubits: int = Field(ge=1, le=1_000_000, description="Qubits.")
    description: dict[str, JsonValue] = described("What is to be known of it.")
    slots: int = Field(0, ge=0, le=10_000, description="Jobs at once; 0: as workers have.")


class DeviceChanges(Body):
    """What to change of a device."""

    status: Status | None = described(
        "Status, in QDMI's words; busy counts as idle, the centre says itself when a job runs.",
        None,
    )
    accepting: bool | None = described("Whether it takes jobs.", None)
    title: Name | None = described("Title.", None)
    slots: int | None = Field(None, ge=0, le=10_000, description="Jobs at once.")
    calibrate_hours: int | None = Field(
        None, ge=0, le=10_000, description="Calibrate it after so many hours; 0: by hand only."
    )
    description: dict[str, JsonValue] | None = described("What is to be known of it.", None)


class Booking(Body):
    """A device for a project's own jobs."""

    project: Label = described("The project.")
    starts_at: Micros = described("Its beginning.")
    ends_at: Micros = described("Its end.")
    note: str = Field("", max_length=1000, description="A note.")


class Maintenance(Body):
    """Maintenance to plan."""

    starts_at: Micros = described("Its beginning.")
    ends_at: Micros = described("Its end.")
    impact: Impact = described("With partial or full impact no job runs into it.")
    note: str = Field("", max_length=1000, description="What people should know.")
    draft: bool = described("Only a draft.", False)


class DeviceFile(Body):
    """A device file."""

    file: str = Field(min_length=1, max_length=1 << 20, description="Its text (TOML).")


class FileVersion(Answer):
    """A version of a device's file."""

    digest: str = described("SHA-256 of the text.")
    version: str = described("Its version.")
    text: str = described("The text.")
    added_by: str = described("Identifier of who added it.")
    added_at: int = described("When it was added.")


class SheetSummary(Answer):
    """A calibration sheet, without its rows."""

    sheet: str = described("Its id: the hash of its content.")
    source: str = described("shipped, calibration, agent or operator.")
    measured_at: int = described("When it was measured.")
    published_at: int = described("Since when it has been in force.")
    in_force: bool = described("Whether it is now.")


class SheetToAdd(Body):
    """A calibration sheet."""

    sheet: str = Field(
        min_length=1, max_length=4 << 20, description="Its text: JSON, or CSV as sheet.csv is."
    )


class SheetAdded(Answer):
    """A calibration sheet that was handed in."""

    device: str = described("Name of the device.")
    sheet: str = described("Its id: the hash of its content.")
    source: str = described("operator.")
    measured_at: int = described("When it was measured.")
    values: int = described("Measured values in it.")
    status: str = described("The device's status now, in QDMI's words.")


class SheetMoment(Query):
    """Which sheet."""

    at: Micros | None = described("The one that was in force then; without it, now.", None)


class Series(Query):
    """Which values."""

    quantity: Label = described("A quantity of the sheet, such as T1 or gate_error:cz.")
    target: Label = described("A qubit, such as 3, or a coupler, such as 3-4.")
    since: Micros = described("Not measured before.", 0)


class Point(Answer):
    """A measured value."""

    value: float = described("The value.")
    uncertainty: float | None = described("Half of its 68 % interval.")
    measured_at: int = described("When it was measured.")
    sheet: str = described("The sheet that states it.")


class History(Answer):
    """Values of a quantity over time."""

    device: str = described("Name of the device.")
    quantity: str = described("The quantity.")
    target: str = described("The qubit or coupler.")
    unit: str = described("Unit of the values.")
    points: list[Point] = described("The earliest first.")


class DeviceEvent(Answer):
    """What happened to a device."""

    kind: str = described("file, sheet, calibration, truth, drift, tolerance or acceptance.")
    text: str = described("In words.")
    at: int = described("When.")


async def as_json(call: Call) -> Any:
    """A sheet as the text whose hash is its id."""
    return Response(await call.perform(call.route.does, **call.arguments()), media_type=JSON)


async def as_csv(call: Call) -> Any:
    """A sheet as CSV, for spreadsheets."""
    text = await call.perform(call.route.does, **call.arguments())
    made = await asyncio.to_thread(lambda: to_csv(from_json(text)))
    name = f"{call.path['device']}-sheet.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(made, headers=headers, media_type=CSV)


JSON: Final = "application/json"
CSV: Final = "text/csv"
_DEVICE: Final = "/v1/devices/{device}"
_RESERVATION: Final = "/v1/reservations/{reservation}"
ROUTES: Final = (
    Route("GET", "/v1/devices", "devices.list", Who.PERSON, "Devices.", Page[Device],
          query=DeviceListing),
    Route("POST", "/v1/devices", "devices.add", Who.OPERATOR, "Add a device.", Device, 201,
          DeviceToAdd),
    Route("GET", _DEVICE, "devices.get", Who.PERSON, "One device.", Device),
    Route("PATCH", _DEVICE, "devices.change", Who.OPERATOR, "Change a device.", Device,
          body=DeviceChanges),
    Route("POST", f"{_DEVICE}/default", "devices.make_default", Who.OPERATOR,
          "Have jobs that name no device run on it.", Device),
    Route("POST", f"{_DEVICE}/retire", "devices.retire", Who.OPERATOR,
          "Take a device out of service for good.", Device),
    Route("POST", "/v1/device-files", "devices.add_file", Who.OPERATOR,
          "Add a device by its file, or put a new version of its file in force.", Device, 201,
          DeviceFile, large=True),
    Route("GET", f"{_DEVICE}/files", "devices.files", Who.OPERATOR, "All versions of its file.",
          Page[FileVersion]),
    Route("GET", f"{_DEVICE}/sheet", "devices.sheet", Who.PERSON,
          "Its calibration sheet, as JSON.", dict[str, Any], query=SheetMoment, handler=as_json),
    Route("GET", f"{_DEVICE}/sheet.csv", "devices.sheet", Who.PERSON,
          "Its calibration sheet, as CSV.", str, query=SheetMoment, handler=as_csv, media=CSV),
    Route("GET", f"{_DEVICE}/sheets", "devices.sheets", Who.PERSON, "Its calibration sheets.",
          Page[SheetSummary]),
    Route("POST", f"{_DEVICE}/sheets", "devices.add_sheet", Who.OPERATOR,
          "Put a sheet of a real device in force.", SheetAdded, 201, SheetToAdd, large=True),
    Route("GET", "/v1/sheets/{sheet}", "sheets.show", Who.PERSON,
          "A calibration sheet by its id, as JSON.", dict[str, Any], handler=as_json),
    Route("GET", f"{_DEVICE}/history", "devices.history", Who.PERSON,
          "Measured values of a quantity over time.", History, query=Series),
    Route("GET", f"{_DEVICE}/events", "devices.events", Who.OPERATOR,
          "What happened to it, in words.", Page[DeviceEvent]),
    Route("GET", f"{_DEVICE}/calendar", "devices.calendar", Who.PERSON, "Its reservations.",
          Calendar, query=Span),
    Route("POST", f"{_DEVICE}/bookings", "devices.book", Who.BOOKER, "Book a device.",
          Reservation, 201, Booking),
    Route("POST", f"{_DEVICE}/maintenance", "devices.maintain", Who.OPERATOR,
          "Plan maintenance.", Reservation, 201, Maintenance),
    Route("POST", f"{_RESERVATION}/schedule", "devices.schedule", Who.OPERATOR,
          "Make a draft firm.", Reservation),
    Route("POST", f"{_RESERVATION}/complete", "devices.complete_reservation", Who.OPERATOR,
          "End a reservation in progress.", Reservation),
    Route("POST", f"{_RESERVATION}/cancel", "devices.cancel_reservation", Who.RESERVATION,
          "Give a reservation up.", Reservation),
)  # fmt: skip
