"""A job as people and programs see it."""

from __future__ import annotations

import json
from typing import Any, Final

from markaz.centre.errors import CentreError
from markaz.centre.jobs.states import HOLDS, State
from markaz.centre.jobs.tables import jobs
from markaz.centre.storage import blobs
from markaz.centre.work import Work

# What the result's document and the job's have in common, in this order.
_OUTCOME: Final = (
    *("counts", "values", "standard_errors", "memory", "registers", "measured", "mitigation"),
)
_TIMES: Final = ("created_at", "eligible_at", "claimed_at", "started_at", "ended_at")

# What is known of the device that a result comes from, if it is no simulator.
_ON_DEVICE: Final = (
    *("name", "version", "digest", "model_version", "truth", "accuracy", "at", "tuned_at"),
    "compile",
)

# The columns that a summary needs, and the number by which lists go on.
COLUMNS: Final = tuple(
    jobs.c[name]
    for name in (
        *("seq", "id", "state", "reason", "device_id", "project_id", "user_id", "session_id"),
        *("name", "tags", "private", "qos", "shots", "qubits", "run_seconds", "charged"),
        *("error_kind", "error_message", *_TIMES),
    )
)


def summary(row: Any) -> dict[str, Any]:
    """A job in a list: what it is and how it stands, without its contents."""
    return {
        "job": row.id,
        "state": row.state,
        "reason": row.reason,
        "device": row.device_id,
        "project": row.project_id,
        "user": row.user_id,
        "session": row.session_id,
        "name": row.name,
        "tags": json.loads(row.tags),
        "private": row.private,
        "qos": row.qos,
        "shots": row.shots,
        "qubits": row.qubits,
        "run_seconds": row.run_seconds,
        "charge": row.charged,
        "error": error(row),
        **{name: getattr(row, name) for name in _TIMES},
    }


def error(row: Any) -> dict[str, Any] | None:
    """Why a job failed."""
    if row.error_kind is None:
        return None
    return {"kind": row.error_kind, "message": row.error_message}


def held_words(row: Any) -> str | None:
    """Why a job is held, in words."""
    if row.state != State.HELD:
        return None
    return HOLDS.get(row.reason or "", "it is held")


def full(row: Any, result: dict[str, Any] | None, emulated: bool) -> dict[str, Any]:
    """The whole document. ``result`` is the stored result, if there is one to be shown."""
    found = result or {}
    document = summary(row) | {
        "kind": row.kind,
        "note": row.note,
        "limit_seconds": row.limit_seconds,
        "predicted_seconds": row.predicted_seconds,
        "reserved": row.reserved,
        "price": json.loads(row.price),
        "cancel_wanted_at": row.cancel_wanted_at,
        "contents": "swept" if row.swept_at else "kept",
    }
    document |= {name: found[name] for name in _OUTCOME if found.get(name) is not None}
    document["provenance"] = provenance(row, found, emulated)
    return document


def provenance(row: Any, result: dict[str, Any], emulated: bool) -> dict[str, Any]:
    """What is needed to say where the result comes from, and to make it again."""
    about = result.get("device") or {}
    return {
        "program_hash": row.program_hash,
        "circuit_hash": row.circuit_hash,
        "device": row.device_id,
        "emulated": "EMULATED" if emulated else None,
        "sheet": about.get("sheet"),  # simulators have none
        "on_device": {k: about.get(k) for k in _ON_DEVICE} if about else None,
        "plan": result.get("plan"),
        "engines": result.get("engines"),
        "seed": result.get("seed"),
        "fidelity": result.get("fidelity"),
        "attempt": row.attempt,
        "times": {name: getattr(row, name) for name in _TIMES} | {"seconds": result.get("seconds")},
    }


def read_result(work: Work, row: Any) -> dict[str, Any] | None:
    """The stored result of a completed job, unless retention has taken it; of a job of the
    runtime client the line that says how it was run."""
    if row.result_hash is None or row.swept_at is not None:
        return None
    found = json.loads(blobs.read(work, row.result_hash).partition(b"\n")[0])
    if not isinstance(found, dict):
        raise CentreError("internal", f"the result of job {row.id} is no document")
    return found
