"""Pages of devices: how they are, when they are taken, what they cost."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from markaz.interfaces.portal.page import Page, Who
from markaz.interfaces.portal.pages_public import board
from markaz.interfaces.portal.visit import Visit

DAY: Final = 86_400_000_000
FORECASTS: Final = 500  # of the latest jobs, whose waits are compared with what was foretold
AHEAD: Final = 28 * DAY  # of a device's calendar


async def devices(visit: Visit) -> Response:
    """All devices with their live status."""
    return visit.show("devices.html", devices=await board(visit))


async def device(visit: Visit) -> Response:
    """One device."""
    name = visit.names["device"]
    document = await visit.ask("devices.get", device=name)
    span = {"device": name, "since": visit.now, "until": visit.now + AHEAD}
    calendar, rates, accuracy, load = await visit.ask_each(
        ("devices.calendar", span),
        ("ledger.rates", {"device": name}),
        ("jobs.forecast_accuracy", {"device": name, "most": FORECASTS}),
        ("jobs.load", {}),
    )
    busy = next((one for one in load["items"] if one["device"] == name), None)
    return visit.show(
        "device.html",
        device=document,
        calendar=calendar["items"],
        rate=rates["now"],
        accuracy=accuracy[0] if accuracy else None,
        load=busy,
    )


PAGES: Final = (
    Page("GET", "/devices", "devices.board", Who.ANYONE, devices),
    Page("GET", "/devices/{device}", "devices.get", Who.PERSON, device),
)
