"""A place whose device indus is measured, by workers that a test plays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from markaz.centre.access import SYSTEM
from markaz.centre.calibrations import verbs
from markaz.centre.calibrations.harvest import harvest
from markaz.centre.centre import Centre
from markaz.centre.db.schema import calibrations, devices
from markaz.centre.devices import queries as device_queries
from markaz.centre.devices import verbs as device_verbs
from markaz.quantum.devices.sheet import Row, Sheet
from tests.centre_rows import do, look
from tests.jobs_tools import Place

HOUR = 3_600_000_000


def opened(centre: Centre) -> Place:
    """A place with the shipped devices, of the emulated ones with indus alone."""
    made = Place(centre, queue=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_verbs, "emulated", lambda: ("indus",))
        centre.perform(device_verbs.install_shipped, SYSTEM)
    made.open()
    return made


def with_all(place: Place) -> Place:
    """The same with all shipped devices."""
    place.centre.perform(device_verbs.install_shipped, SYSTEM)
    return place


def calibrate(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = place.centre.perform(verbs.calibrate, place.operator, device="indus")
    return found


def claim(place: Place, count: int = 100) -> list[dict[str, Any]]:
    place.changed()
    return place.claim(count, "indus")


def told(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = place.centre.ask(
        device_queries.get_device, place.operator, device="indus"
    )
    return found


def answer(place: Place, job: dict[str, Any], t1: float) -> bytes:
    """What a worker would find: one value a qubit, or of a benchmark a fidelity."""
    if job["kind"] == "benchmark":
        return json.dumps({"measured": {"value": 0.95, "error": 0.01, "note": ""}}).encode()
    now = place.centre.services.clock.now()
    part = job["options"]["part"]
    quantity = {"readout": "readout_error", "coherence:0": "T1"}.get(part)
    values = {"readout_error": 0.02, "T1": t1}
    found = [] if quantity is None else [
        Row.of(quantity, (q,), values[quantity], uncertainty=0.01, measured_at=now)
        for q in range(20)
    ]  # fmt: skip
    return json.dumps({"sheet": Sheet("indus", now, tuple(found)).document()}).encode()


def finish(place: Place, t1: float = 40.0, failing: str = "") -> None:
    """All waiting parts end."""
    for job in claim(place):
        if job["options"].get("part") == failing:
            error = {"kind": "engine", "message": "it broke"}
            place.finish(job, "failed", error=error, result=None)
        else:
            place.finish(job, result=answer(place, job, t1))


def gather(place: Place) -> Any:
    return place.centre.perform(harvest, SYSTEM)["measurements"]


def due(place: Place) -> Any:
    return place.centre.perform(verbs.measure_due, SYSTEM)["measurements"]


def age(place: Place, hours: float) -> None:
    """Let the sheets be so old."""
    table = devices.sheets
    by = round(hours * HOUR)
    do(place.centre, lambda w: w.run(
        update(table).values(published_at=table.c.published_at - by)))  # fmt: skip


def kinds(place: Place, found: list[str]) -> list[tuple[str, str]]:
    table = calibrations.measurements
    wanted = select(table).where(table.c.id.in_(found)).order_by(table.c.device_id)
    return [(r.device_id, r.kind) for r in look(place.centre, lambda w: w.all(wanted))]
