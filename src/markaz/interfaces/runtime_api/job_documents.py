"""Jobs as the runtime client reads them, made of the rows that ``jobs.glance`` answers.

Times are ISO 8601 in UTC, spans whole seconds where strict clients want whole numbers, and a
value that is not known is left out: strict clients take no null.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

from markaz.centre.jobs.states import FINAL, HOLDS
from markaz.interfaces.runtime_api.calls import encoded, without_nones

STATUS: Final = {
    "held": "Queued",
    "queued": "Queued",
    "claimed": "Queued",
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
TOO_LONG: Final = 1305  # the client raises its error for this reason code
FAILED: Final = 1500
PROGRAMS: Final = ("sampler", "estimator", "executor")
PLAIN: Final = "circuit"  # what a job is that came by another interface


def job(row: dict[str, Any]) -> bytes:
    """The whole document, without the program's input; the tags go in as they are stored."""
    text = encoded(_fields(row))
    tags: bytes = row["tags"].encode()
    return text[:-1] + b',"tags":' + tags + b"}"


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    status = STATUS[row["state"]]
    return without_nones(
        {
            "id": row["id"],
            "backend": row["device_id"],
            "status": status,
            "state": {"status": status, **_reason(row)},
            "program": {"id": program(row)},
            "created": iso(row["created_at"]),
            "ended": iso(row["ended_at"]),
            "cost": math.ceil(row["limit_seconds"]),
            "session_id": row["session_id"],
            "user_id": row["user_id"],
            "private": bool(row["private"]),
            "estimated_running_time_seconds": row["predicted_seconds"],
            "usage": {"seconds": seconds(row)},
        }
    )


def program(row: dict[str, Any]) -> str:
    """The program's id."""
    return str(row["kind"]) if row["kind"] in PROGRAMS else PLAIN


def seconds(row: dict[str, Any]) -> float:
    """What the job used of its device so far, as far as it is on record."""
    return float(row["run_seconds"] or 0)


def _reason(row: dict[str, Any]) -> dict[str, Any]:
    """Why it is as it is, in words, and the number by which clients tell."""
    if row["state"] == "failed":
        code = TOO_LONG if row["error_kind"] == "limit-time" else FAILED
        return {"reason": failure(row), "reason_code": code}
    if row["state"] == "held":
        why = HOLDS.get(row["reason"] or "", "it is held")
        return {"reason": f"Held: {why}." + (f" {row['note']}" if row["note"] else "")}
    return {}


def failure(row: dict[str, Any]) -> str:
    """Why a job failed."""
    return f"{row['error_message'] or 'no reason is known'} ({row['error_kind'] or 'internal'})"


def iso(at: int | None) -> str | None:
    """A time in microseconds UTC as ISO 8601."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="microseconds")


def is_final(row: dict[str, Any]) -> bool:
    """Whether nothing can happen to it any more."""
    return row["state"] in FINAL


def metrics(row: dict[str, Any], why: dict[str, Any]) -> dict[str, Any]:
    """What is known of a job's times, use and wait; ``why`` as ``jobs.why`` answers."""
    used = seconds(row)
    times = {
        "created": iso(row["created_at"]),
        "running": iso(row["started_at"]),
        "finished": iso(row["ended_at"]),
    }
    return without_nones(
        {
            "timestamps": without_nones(times),
            "bss": {"seconds": used},
            "usage": {
                "status": "final" if is_final(row) else "pending",
                "quantum_seconds": used,
                "seconds": used,
                "qpu_charge_time_seconds": used,
            },
            "position_in_queue": why.get("position"),
            **_forecast(row, why),
        }
    )


def _forecast(row: dict[str, Any], why: dict[str, Any]) -> dict[str, Any]:
    wait = why.get("wait")
    if wait is None or is_final(row):
        return {}
    start = row["created_at"] + int(wait["p90"] * 1e6)
    end = start + int((row["predicted_seconds"] or 0) * 1e6)
    return {"estimated_start_time": iso(start), "estimated_completion_time": iso(end)}


def log(row: dict[str, Any]) -> str:
    """What happened to a job, a line for each."""
    lines = [
        (row["created_at"], f"submitted to {row['device_id']}"),
        (row["started_at"], "started"),
        (row["ended_at"], _end(row)),
    ]
    return "".join(f"{iso(at)} {words}\n" for at, words in lines if at is not None)


def _end(row: dict[str, Any]) -> str:
    if row["state"] == "failed":
        return f"failed: {failure(row)}"
    return f"{row['state']} after {seconds(row):.3f} s of use"


def tags(row: dict[str, Any]) -> list[str]:
    """Its tags."""
    found: list[str] = json.loads(row["tags"])
    return found
