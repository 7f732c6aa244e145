"""Measurements as JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from markaz.centre.calibrations.tables import measurement_parts, measurements
from markaz.centre.jobs.tables import jobs
from markaz.centre.work import Work


def summary(row: Any) -> dict[str, Any]:
    """A measurement, without its parts."""
    return {
        "measurement": row.id,
        "device": row.device_id,
        "kind": row.kind,
        "state": row.state,
        "phase": row.phase,
        "sheet": row.sheet_id,
        "note": row.note,
        "started_by": row.started_by,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
    }


def document(work: Work, measurement: str) -> dict[str, Any]:
    """A measurement with its parts and how their jobs stand."""
    row = work.one(select(measurements).where(measurements.c.id == measurement))
    c, j = measurement_parts.c, jobs.c
    found = select(c.part, j.id, j.state, j.error_message, j.run_seconds)
    found = found.join(jobs, j.id == c.job_id).where(c.measurement_id == measurement)
    parts = [
        {"part": one.part, "job": one.id, "state": one.state, "error": one.error_message,
         "run_seconds": one.run_seconds}
        for one in work.all(found.order_by(j.seq))
    ]  # fmt: skip
    return summary(row) | {"parts": parts}
