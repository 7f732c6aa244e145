"""Devices and reservations as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from markaz.centre.devices.occupied import occupied, shown
from markaz.centre.work import Work


def device_document(work: Work, row: Any) -> dict[str, Any]:
    """What everybody who is logged in may know of a device."""
    return device_documents(work, (row,))[0]


def device_documents(work: Work, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The same of several, with one look at what runs."""
    running = occupied(work)
    return [_document(row, shown(row, running)) for row in rows]


def _document(row: Any, status: str) -> dict[str, Any]:
    return {
        "device": row.id,
        "title": row.title,
        "kind": row.kind,
        "driver": row.driver,
        "qubits": row.qubits,
        "status": status,
        "accepting": row.accepting,
        "slots": row.slots,
        "default": row.is_default,
        "description": json.loads(row.description),
        "emulated": "EMULATED" if row.kind == "emulated" else None,
        "model": row.model_digest,
        "sheet": row.sheet_id,
        "calibrate_hours": row.calibrate_hours,
        "created_at": row.created_at,
        "retired_at": row.retired_at,
    }


def reservation_document(row: Any, *, whole: bool = True) -> dict[str, Any]:
    """A reservation; without whose it is and why, unless ``whole``."""
    return {
        "reservation": row.id,
        "device": row.device_id,
        "kind": row.kind,
        "state": row.state,
        "impact": row.impact,
        "project": row.project_id if whole else None,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "note": row.note if whole or row.kind == "maintenance" else None,
        "made_by": row.made_by if whole else None,
        "created_at": row.created_at,
    }
