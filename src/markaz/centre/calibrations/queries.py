"""What can be asked about measurements of devices."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import select

from markaz.centre.access import CentreRole, holder_of, person, query
from markaz.centre.calibrations import documents
from markaz.centre.calibrations.tables import measurements
from markaz.centre.devices.rules import device_row
from markaz.centre.errors import conflict, not_found
from markaz.centre.fields import known_id
from markaz.centre.work import Work

MOST: Final = 100
_overseer = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)


def _measurement(work: Work, *, measurement: Any, **_: Any) -> Any:
    _overseer(work)
    wanted = known_id("measurement", measurement)
    row = work.one(select(measurements).where(measurements.c.id == wanted))
    if row is None:
        raise not_found("measurement")
    return row


def _device(work: Work, *, device: Any, **_: Any) -> Any:
    person(work)
    _overseer(work)
    return device_row(work, device)


@query("calibrations.list", rule=_device, scope="operate")
def list_measurements(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """The latest 100 measurements of a device, the newest first."""
    m = measurements.c
    wanted = select(measurements).where(m.device_id == subject.id)
    rows = work.all(wanted.order_by(m.started_at.desc(), m.id.desc()).limit(MOST))
    return {"items": [documents.summary(row) for row in rows], "next": None}


@query("calibrations.show", rule=_measurement, scope="operate")
def show(work: Work, subject: Any, *, measurement: str) -> dict[str, Any]:
    """A measurement, its parts and how their jobs stand."""
    return documents.document(work, subject.id)


@query("acceptances.record", rule=_measurement, scope="operate")
def record(work: Work, subject: Any, *, measurement: str) -> dict[str, Any]:
    """The signed record of an acceptance, an envelope (``records.signing``).

    Raises CentreError ``conflict`` while there is none.
    """
    if subject.record is None:
        raise conflict(f"measurement {subject.id} has no record", state=subject.state)
    found: dict[str, Any] = json.loads(subject.record)
    return found
