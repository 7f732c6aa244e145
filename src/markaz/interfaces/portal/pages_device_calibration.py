"""What was measured of a device: its map, the table of its qubits, histories, sheets as files."""

from __future__ import annotations

import functools
import json
import math
import statistics
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import CentreError, not_found
from markaz.interfaces.charts.history import Point, history
from markaz.interfaces.charts.topology import topology
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.page import N_, Page, Who
from markaz.interfaces.portal.pictures import BELOW, drawn
from markaz.interfaces.portal.visit import Visit
from markaz.quantum.devices.quantities import QUANTITIES, parse
from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.sheet_csv import to_csv

DAY: Final = 86_400_000_000
DAYS: Final = (7, 30, 90, 365)
KEPT: Final = 16  # sheets that have been read
FIGURES: Final = 3  # significant ones of a value
EVENTS: Final = 20
NAMES: Final = {
    "T1": N_("Relaxation time T1"),
    "T2star": N_("Dephasing time T2*"),
    "T2echo": N_("Echo time T2"),
    "frequency": N_("Frequency"),
    "frequency_offset": N_("Drift of the frequency"),
    "readout_error": N_("Readout error"),
    "prob_meas0_prep1": N_("Reads 0 after preparing 1"),
    "prob_meas1_prep0": N_("Reads 1 after preparing 0"),
    "readout_length": N_("Duration of a readout"),
    "leakage": N_("Leakage of a pulse"),
    "zz": N_("ZZ coupling"),
    "gate_error": N_("Gate error"),
    "gate_length": N_("Duration of a gate"),
}
Target = tuple[int, ...]


async def calibration(visit: Visit) -> Response:
    """The sheet in force, or an older one: as a map and as tables."""
    device, sheet = await _device_and_sheet(visit)
    sheets = await visit.ask("devices.sheets", device=device["device"])
    shown: dict[str, Any] = {"sheet": None}
    if sheet is not None:
        shown = _shown(visit, device, sheet)
    events: list[dict[str, Any]] = []
    if visit.has(CentreRole.OPERATOR):
        events = (await visit.ask("devices.events", device=device["device"]))["items"][:EVENTS]
    return visit.show(
        "device-calibration.html",
        device=device,
        sheets=sheets["items"],
        events=events,
        **shown,
    )


async def _device_and_sheet(visit: Visit) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The device, and the sheet that is asked for or in force (None: it has none)."""
    device: dict[str, Any] = await visit.ask("devices.get", device=visit.names["device"])
    wanted = visit.asked("sheet") or device["sheet"]
    if wanted is None:
        return device, None
    sheet = _read(await visit.ask("sheets.show", sheet=wanted))
    if sheet["device"] != device["device"]:
        raise not_found("sheet")
    return device, sheet | {"id": wanted}


@functools.lru_cache(maxsize=KEPT)
def _read(text: str) -> dict[str, Any]:
    """What pages show of a sheet, not to be changed: reading a large one takes most of a
    page's time, and the same few are looked at."""
    sheet = json.loads(text)
    about = {name: sheet[name] for name in ("device", "measured_at")}
    return about | {"values": values_of(sheet)}


def _shown(visit: Visit, device: dict[str, Any], sheet: dict[str, Any]) -> dict[str, Any]:
    about = device["description"]
    values = sheet["values"]
    names = list(values)
    asked = visit.asked("quantity")
    chosen = asked if asked in values else (names[0] if names else "")
    tolerances = about.get("tolerances", {})
    return {
        "sheet": sheet,
        "quantities": [(name, name_of(visit, name)) for name in names],
        "chosen": chosen,
        "chosen_name": name_of(visit, chosen) if chosen else "",
        "unit": unit_of(chosen) if chosen else "",
        "limit": number(tolerances[chosen]) if chosen in tolerances else "",
        "map": _map(visit, about, values.get(chosen, {}), chosen),
        "tables": _tables(visit, about, values),
    }


def values_of(sheet: dict[str, Any]) -> dict[str, dict[Target, float | None]]:
    """Quantity -> target -> value (None: a dash), in the order of the table of quantities."""
    order = list(QUANTITIES)
    found: dict[str, dict[Target, float | None]] = {}
    for row in sheet["rows"]:
        found.setdefault(row["quantity"], {})[tuple(row["target"])] = row["value"]
    return dict(sorted(found.items(), key=lambda one: (order.index(one[0].split(":")[0]), one[0])))


def _map(
    visit: Visit, about: dict[str, Any], values: dict[Target, float | None], quantity: str
) -> Any:
    sites = [(float(x), float(y)) for x, y in about.get("sites", [])]
    if not (sites and quantity):
        return ""
    live, dead = (_pairs(about.get(name, [])) for name in ("coupling", "dead_couplers"))
    unit = unit_of(quantity)
    measured = {target: value for target, value in values.items() if value is not None}
    return drawn(
        topology(
            sites,
            sorted({*live, *dead}),
            dead,
            measured,
            title=name_of(visit, quantity),
            description=visit.gettext(BELOW),
            value=lambda v: f"{number(v)} {unit}".strip(),
            unmeasured=visit.gettext(N_("not measured")),
            broken=visit.gettext(N_("does not work")),
        )
    )


def _pairs(listed: list[list[int]]) -> list[tuple[int, int]]:
    return [(min(a, b), max(a, b)) for a, b in listed]


def _tables(
    visit: Visit, about: dict[str, Any], values: dict[str, dict[Target, float | None]]
) -> list[dict[str, Any]]:
    """One table for qubits and one for couplers: heads, rows, medians."""
    tolerances = about.get("tolerances", {})
    tables = []
    for wide in (1, 2):
        names = [n for n, targets in values.items() if any(len(t) == wide for t in targets)]
        targets = sorted({t for name in names for t in values[name]})
        rows = [
            ("-".join(map(str, target)), [_cell(n, values[n].get(target), tolerances)
                                          for n in names])
            for target in targets
        ]  # fmt: skip
        heads = [(name, name_of(visit, name), unit_of(name)) for name in names]
        middles = [_median(values[name]) for name in names]
        if rows:
            tables.append({"wide": wide, "heads": heads, "rows": rows, "medians": middles})
    return tables


def _cell(quantity: str, value: float | None, tolerances: dict[str, float]) -> tuple[str, bool]:
    """The value as text, and whether it is beyond the device's tolerance."""
    if value is None:
        return "–", False
    limit, worse = tolerances.get(quantity), parse(quantity)[0].worse
    beyond = limit is not None and (value > limit if worse == "higher" else value < limit)
    return number(value), beyond


def _median(values: dict[Target, float | None]) -> str:
    known = [value for value in values.values() if value is not None]
    return number(statistics.median(known)) if known else "–"


def name_of(visit: Visit, quantity: str) -> str:
    """A quantity in words; of a gate with the gate."""
    base, _, gate = quantity.partition(":")
    words = visit.gettext(NAMES[base])
    return f"{words} {gate}" if gate else words


def unit_of(quantity: str) -> str:
    """The unit as people write it."""
    return parse(quantity)[0].unit.replace("us", "µs")


def number(value: float) -> str:
    """A value to ``FIGURES`` significant figures: with a point in any language, as in the
    sheet (and at once: CLDR's formats take longer than all the rest of a large table)."""
    if not value:
        return "0"
    digits = FIGURES - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, digits):,.{min(12, max(0, digits))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


async def over_time(visit: Visit) -> Response:
    """How a quantity of one qubit or coupler went."""
    device, sheet = await _device_and_sheet(visit)
    values = sheet["values"] if sheet else {}
    quantity = visit.asked("quantity") or next(iter(values), "")
    targets = ["-".join(map(str, target)) for target in sorted(values.get(quantity, {}))]
    target = visit.asked("target") or (targets[0] if targets else "")
    days = int(visit.asked("days")) if visit.asked("days") in map(str, DAYS) else DAYS[1]
    points: list[dict[str, Any]] = []
    if quantity and target:
        asked = {"quantity": quantity, "target": target, "since": visit.now - days * DAY}
        points = (await _history(visit, device["device"], asked))["points"]
    return visit.show(
        "device-history.html",
        device=device,
        quantities=[(name, name_of(visit, name)) for name in values],
        targets=[(one, one) for one in targets],
        quantity=quantity,
        target=target,
        days=days,
        periods=DAYS,
        unit=unit_of(quantity) if points else "",
        points=[one | {"text": number(one["value"]), "about": _about(one)}
                for one in points],
        picture=_over_time(visit, device, quantity, points) if points else "",
    )  # fmt: skip


async def _history(visit: Visit, device: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The history; of a target that the quantity does not have (any more), nothing."""
    try:
        found: dict[str, Any] = await visit.ask("devices.history", device=device, **asked)
    except CentreError as error:
        if error.kind != "invalid":
            raise
        return {"points": []}
    return found


def _about(point: dict[str, Any]) -> str:
    uncertainty = point["uncertainty"]
    return f"± {number(uncertainty)}" if uncertainty else ""


def _over_time(
    visit: Visit, device: dict[str, Any], quantity: str, points: list[dict[str, Any]]
) -> Any:
    tolerances = device["description"].get("tolerances", {})
    unit = unit_of(quantity)
    return drawn(
        history(
            [Point(one["measured_at"], one["value"], one["uncertainty"]) for one in points],
            title=name_of(visit, quantity),
            description=visit.gettext(BELOW),
            value=lambda v: f"{visit.formats.number(v, 6)} {unit}".strip(),
            moment=visit.formats.moment,
            limit=tolerances.get(quantity),
            limit_name=visit.gettext(N_("tolerance")),
        )
    )


async def sheet_file(visit: Visit) -> Response:
    """A sheet as a file, to the byte as its hash was taken, or as CSV."""
    form = visit.names["form"]
    if form not in ("json", "csv"):
        raise not_found("page")
    device, sheet = await _device_and_sheet(visit)
    if sheet is None:
        raise not_found("sheet")
    text = str(await visit.ask("sheets.show", sheet=sheet["id"]))
    name = f"{device['device']}-{sheet['id'].removeprefix('sha256:')[:12]}.{form}"
    if form == "csv":
        return attachment(to_csv(from_json(text)).encode(), name, "text/csv; charset=utf-8")
    return attachment(text.encode(), name, "application/json")


_DEVICE: Final = "/devices/{device}"
PAGES: Final = (
    Page("GET", f"{_DEVICE}/calibration", "devices.sheets", Who.PERSON, calibration,
         ("quantity", "sheet")),
    Page("GET", f"{_DEVICE}/history", "devices.history", Who.PERSON, over_time,
         ("quantity", "target", "days", "sheet")),
    Page("GET", f"{_DEVICE}/sheet.{{form}}", "sheets.show", Who.PERSON, sheet_file, ("sheet",)),
)  # fmt: skip
