"""Measurements of a device: what was calibrated and when, acceptances and their reports."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import conflict, not_found
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.forms import MISSING, Unfilled
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import again_for
from markaz.interfaces.portal.visit import Visit

MEDIA: Final = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
}


async def measurements(visit: Visit) -> Response:
    """The latest measurements of a device, and a form for an acceptance."""
    asked = {"device": visit.names["device"]}
    found = await visit.ask("calibrations.list", **asked)
    device = await visit.ask("devices.get", **asked)
    emulated = device["kind"] == "emulated" and not device["retired_at"]
    return visit.show(
        "operator-measurements.html",
        device=device,
        measurements=found["items"],
        accepts=emulated and visit.has(CentreRole.OPERATOR),
    )


async def accept(visit: Visit) -> Response:
    """Have a device measured against a contract."""
    contract = text_of(visit, "contract")
    made = await visit.do("acceptances.start", device=visit.names["device"], contract=contract)
    return visit.go(f"/operate/measurements/{made['measurement']}", "accepting")


async def measurement(visit: Visit) -> Response:
    """One measurement: its parts, and of an acceptance the verdicts."""
    found = await visit.ask("calibrations.show", measurement=visit.names["measurement"])
    device = await visit.ask("devices.get", device=found["device"])
    judged = found["kind"] == "acceptance" and found["state"] == "completed"
    record = (await _record(visit))[1] if judged else None
    return visit.show(
        "operator-measurement.html", one=found, device=device, judged=judged, record=record
    )


async def report(visit: Visit) -> Response:
    """An acceptance as a file: for people, or the signed record itself."""
    envelope, document = await _record(visit)
    form = visit.names["kind"]
    if form not in MEDIA:
        raise not_found("page")
    name = f"acceptance-{visit.names['measurement']}.{form}"
    if form == "json":
        return attachment(json.dumps(envelope, indent=1).encode(), name, MEDIA[form])
    if document is None:
        raise conflict("this record is not signed with the centre's key of today")
    signed = envelope["signatures"][0]["keyid"]
    return attachment(await asyncio.to_thread(_written, form, document, signed), name, MEDIA[form])


async def _record(visit: Visit) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The signed record, and what it says; None if the centre's key does not verify it."""
    # cryptography waits until somebody looks at a record.
    from markaz.centre.records import signing  # noqa: PLC0415

    envelope, key = await visit.ask_each(
        ("acceptances.record", {"measurement": visit.names["measurement"]}), ("records.key", {})
    )
    try:
        return envelope, signing.verify(envelope, signing.read_public(key["key"]))[1]
    except signing.RecordError:
        return envelope, None


def _written(form: str, document: dict[str, Any], signed: str) -> bytes:
    # The PDF library waits until somebody wants a report.
    from markaz.interfaces.reports import acceptance  # noqa: PLC0415

    if form == "pdf":
        return acceptance.pdf(document, signed)
    return acceptance.html(document, signed).encode()


UPLOAD: Final = Field("upload", N_("Or a file"), "file", N_("A text file; it goes before the text"
                      " above."), required=False)  # fmt: skip


def text_of(visit: Visit, field: str) -> str:
    """The uploaded file, which goes before what stands in the text area ``field``.

    Raises Unfilled if there is neither, or the file is no text.
    """
    uploaded = visit.values.pop("upload", None)
    visit.values.setdefault(field, "")
    if uploaded is not None:
        try:
            visit.values[field] = uploaded.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unfilled({"upload": N_("The file is no text.")}) from None
    if not visit.values[field].strip():
        raise Unfilled({field: MISSING})
    return str(visit.values[field])


_DEVICE: Final = "/operate/devices/{device}/measurements"
_ONE: Final = "/operate/measurements/{measurement}"
PAGES: Final = (
    Page("GET", _DEVICE, "calibrations.list", Who.OVERSEER, measurements),
    Page("POST", _DEVICE, "acceptances.start", Who.OPERATOR, accept,
         again=again_for(measurements, CentreRole.OPERATOR), large=True,
         form=(Field("contract", N_("Contract"), "textarea", N_(
             "TOML: what the device must reach, a table for each criterion."), required=False,
             most=1 << 20, ltr=True, marked=False), UPLOAD)),
    Page("GET", _ONE, "calibrations.show", Who.OVERSEER, measurement),
    Page("GET", f"{_ONE}/report.{{kind}}", "acceptances.record", Who.OVERSEER, report),
)  # fmt: skip
