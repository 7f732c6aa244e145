"""Devices as operators keep them: status, whether they take jobs, prices, the calendar."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import LEADS, CentreRole
from markaz.centre.devices.rules import LOOKERS
from markaz.centre.devices.verbs import IMPACTS, STATUSES
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import again_for, joined
from markaz.interfaces.portal.pages_operator_measurements import UPLOAD, text_of
from markaz.interfaces.portal.pictures import calendar_of
from markaz.interfaces.portal.typed import micro, moment, moments, shown_credits, shown_moment
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.portal.words import WORDS

DAY: Final = 86_400_000_000
HOUR: Final = DAY // 24
WEEKS: Final = ("2", "4", "13", "52")
PRICES: Final = ("per_second", "per_shot", "per_job")


async def devices(visit: Visit) -> Response:
    """All devices with what operators set."""
    found, depths = await visit.ask_each(("devices.list", {"retired": True}), ("jobs.depths", {}))
    rates = await visit.ask_each(
        *(("ledger.rates", {"device": one["device"]}) for one in found["items"])
    )
    shown = joined(found["items"], depths)
    return visit.show(
        "operator-devices.html",
        devices=[
            one | {"rate": _price(r), "rates": r["items"]}
            for one, r in zip(shown, rates, strict=True)
        ],
        operates=visit.has(CentreRole.OPERATOR),
    )


def _price(rates: dict[str, Any]) -> dict[str, str]:
    """The price in force, as the form shows it."""
    return {name: shown_credits(rates["now"][name]) for name in PRICES}


async def add_file(visit: Visit) -> Response:
    """Add the device that a file describes, or put a new version of its file in force."""
    await visit.do("devices.add_file", file=text_of(visit, "file"))
    return visit.go("/operate/devices", "added")


async def change(visit: Visit) -> Response:
    """Set status and whether it takes jobs."""
    await visit.do("devices.change", device=visit.names["device"], **visit.values)
    return visit.go("/operate/devices", "saved")


async def make_default(visit: Visit) -> Response:
    """Have jobs that name no device run on it."""
    await visit.do("devices.make_default", device=visit.names["device"])
    return visit.go("/operate/devices", "saved")


async def calibrate(visit: Visit) -> Response:
    """Have it tuned and measured, as jobs of its queue."""
    await visit.do("calibrations.start", device=visit.names["device"])
    return visit.go("/operate/devices", "calibrating")


async def retire(visit: Visit) -> Response:
    """Take it out of service for good."""
    await visit.do("devices.retire", device=visit.names["device"])
    return visit.go("/operate/devices", "retired")


async def set_rate(visit: Visit) -> Response:
    """Set its price, from now or from a later time on."""
    prices = {name: micro(visit, name) for name in PRICES}
    begins = moments(visit, "starts_at")
    await visit.do("ledger.set_rate", device=visit.names["device"], **prices, **begins)
    return visit.go("/operate/devices", "rate")


# The calendar, which everybody sees.


async def calendar(visit: Visit) -> Response:
    """Bookings and maintenance of all devices; forms for those who plan them."""
    asked = visit.asked("weeks")
    weeks = int(asked) if asked in WEEKS else int(WEEKS[1])
    now = visit.now
    listed = await visit.ask("devices.list")
    span = {"since": now, "until": now + 7 * weeks * DAY}
    found = await visit.ask_each(
        *(("devices.calendar", {"device": one["device"], **span}) for one in listed["items"])
    )
    items = sorted((one for each in found for one in each["items"]), key=lambda r: r["starts_at"])
    mine = await visit.ask("projects.list", state="active", limit=500)
    own = {one["id"]: one for one in mine["items"]}
    lead = [one for one in mine["items"] if one["role"] in LEADS]
    hour = now - now % HOUR + HOUR
    return visit.show(
        "calendar.html",
        choices=[(one["device"], one["title"]) for one in listed["items"]],
        items=items,
        weeks=weeks,
        spans=[int(one) for one in WEEKS],
        projects=await _booked_by(visit, items) | own,
        bookable=[(one["slug"], one["title"]) for one in lead],
        steps={one["reservation"]: _steps(visit, one, own) for one in items},
        begins=shown_moment(visit, hour + DAY),
        ends=shown_moment(visit, hour + DAY + 2 * HOUR),
        picture=calendar_of(visit, listed["items"], items, (now, span["until"])),
        operates=visit.has(CentreRole.OPERATOR),
    )


async def _booked_by(visit: Visit, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The projects of all bookings, for those who may know."""
    if not visit.has(*LOOKERS):
        return {}
    ids = ",".join(sorted({one["project"] for one in items if one["project"]}))
    found: dict[str, Any] = (await visit.ask("centre.names", ids=ids))["projects"]
    return found


def _steps(visit: Visit, one: dict[str, Any], projects: dict[str, Any]) -> list[str]:
    """What whoever looks may do with a reservation."""
    operates = visit.has(CentreRole.OPERATOR)
    state = one["state"]
    steps = []
    if operates and state == "draft":
        steps.append("schedule")
    if operates and state == "in progress":
        steps.append("complete")
    own = projects.get(one["project"] or "", {}).get("role") in LEADS
    if (operates or own) and state in ("draft", "scheduled", "in progress"):
        steps.append("cancel")
    return steps


async def maintain(visit: Visit) -> Response:
    """Plan maintenance."""
    given = _span(visit) | {"note": visit.values.get("note", "")}
    more = {name: visit.values[name] for name in ("device", "impact", "draft")}
    await visit.do("devices.maintain", **given, **more)
    return visit.go("/calendar", "planned")


async def book(visit: Visit) -> Response:
    """Ask for a device for a project's own jobs."""
    given = _span(visit) | {"note": visit.values.get("note", "")}
    more = {name: visit.values[name] for name in ("device", "project")}
    made = await visit.do("devices.book", **given, **more)
    return visit.go("/calendar", "planned" if made["state"] == "scheduled" else "booked")


def _span(visit: Visit) -> dict[str, Any]:
    return {name: moment(visit, name) for name in ("starts_at", "ends_at")}


def _step(verb: str) -> Any:
    """A handler that does ``verb`` to the reservation of the address."""

    async def handler(visit: Visit) -> Response:
        await visit.do(verb, reservation=visit.names["reservation"])
        return visit.go("/calendar", "saved")

    return handler


_DEVICES: Final = again_for(devices, CentreRole.OPERATOR)
_DEVICE: Final = "/operate/devices/{device}"
_RESERVATION: Final = "/calendar/{reservation}"
_STARTS: Final = Field("starts_at", N_("From"), "datetime-local", most=30, ltr=True)
_ENDS: Final = Field("ends_at", N_("Until"), "datetime-local", most=30, ltr=True)
_NOTE: Final = Field("note", N_("Note"), required=False, most=1000)
_ON: Final = Field("device", N_("Device"), "select")
PAGES: Final = (
    Page("GET", "/operate/devices", "jobs.depths", Who.OVERSEER, devices),
    Page("POST", "/operate/devices", "devices.add_file", Who.OPERATOR, add_file, again=_DEVICES,
         large=True, form=(Field("file", N_("Device file"), "textarea", N_(
             "TOML. A device of another name is added, offline; of one that is here, a new"
             " version comes in force."), required=False, most=1 << 20, ltr=True, marked=False),
             UPLOAD)),
    Page("POST", f"{_DEVICE}/change", "devices.change", Who.OPERATOR, change, again=_DEVICES,
         form=(
             Field("status", N_("Status"), "select",
                   choices=tuple((one, WORDS["status"][one]) for one in STATUSES)),
             Field("accepting", N_("It takes jobs"), "checkbox"))),
    Page("POST", f"{_DEVICE}/default", "devices.make_default", Who.OPERATOR, make_default),
    Page(
        "POST", f"{_DEVICE}/calibrate", "calibrations.start", Who.OPERATOR, calibrate
    ),
    Page("POST", f"{_DEVICE}/retire", "devices.retire", Who.OPERATOR, retire),
    Page("POST", f"{_DEVICE}/rates", "ledger.set_rate", Who.OPERATOR, set_rate, again=_DEVICES,
         form=(
             Field("per_second", N_("Credits for a second"), most=20, ltr=True),
             Field("per_shot", N_("Credits for a shot"), most=20, ltr=True),
             Field("per_job", N_("Credits for a job"), most=20, ltr=True),
             Field("starts_at", N_("From"), "datetime-local", required=False, most=30, ltr=True,
                   hint=N_("Left empty: from now on. Jobs keep the price they were submitted"
                           " under.")))),
    Page("GET", "/calendar", "devices.calendar", Who.PERSON, calendar, ("weeks",)),
    Page("POST", "/calendar/maintenance", "devices.maintain", Who.OPERATOR, maintain,
         again=calendar, form=(
             _ON, _STARTS, _ENDS,
             Field("impact", N_("Effect"), "select",
                   choices=tuple((one, WORDS["impact"][one]) for one in IMPACTS)),
             _NOTE, Field("draft", N_("Only a draft"), "checkbox"))),
    Page("POST", "/calendar/bookings", "devices.book", Who.BOOKER, book, again=calendar,
         form=(Field("project", N_("Project"), "select"), _ON, _STARTS, _ENDS, _NOTE)),
    Page("POST", f"{_RESERVATION}/schedule", "devices.schedule", Who.OPERATOR,
         _step("devices.schedule")),
    Page("POST", f"{_RESERVATION}/complete", "devices.complete_reservation", Who.OPERATOR,
         _step("devices.complete_reservation")),
    Page("POST", f"{_RESERVATION}/cancel", "devices.cancel_reservation", Who.RESERVATION,
         _step("devices.cancel_reservation")),
)  # fmt: skip
