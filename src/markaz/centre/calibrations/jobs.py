"""Parts of a measurement as jobs of the ordinary queue, in the centre's own project."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import insert, select

from markaz.centre.calibrations.tables import measurement_parts, measurements
from markaz.centre.db.unique import unique
from markaz.centre.devices.files import EMULATED
from markaz.centre.errors import CentreError, conflict
from markaz.centre.ids import new_id
from markaz.centre.jobs.rules import Place
from markaz.centre.jobs.states import FINAL
from markaz.centre.jobs.states import State as JobState
from markaz.centre.jobs.submit import submit
from markaz.centre.jobs.tables import jobs
from markaz.centre.people.tables import institutions, users
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.tables import projects
from markaz.centre.storage import blobs
from markaz.centre.work import Work
from markaz.quantum.operate.measuring import hash_of

SLUG: Final = "operations"
QOS: Final = "calibration"
SECONDS: Final = 1800.0
FIRST: Final = 10.0  # seconds that a part is expected to take before one has been measured
SEED_BITS: Final = 62


@dataclass(frozen=True, slots=True)
class Part:
    """A program of the centre's own, as ``jobs.submit`` takes one."""

    circuit: bytes
    kind: str
    program_hash: str
    qubits: int
    options: dict[str, Any]
    predicted_seconds: float | None = None
    predicted_bytes: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def begin(work: Work, device: Any, kind: str, phase: str, **more: Any) -> str:
    """A new measurement; its id. Raises CentreError ``conflict`` for a device that is no
    emulated one, is retired, or is being measured already."""
    if device.retired_at is not None:
        raise conflict(f"device {device.id} is retired", device=device.id)
    if device.kind != "emulated":
        why = "has nothing to calibrate" if device.kind == "simulator" else "calibrates itself"
        raise conflict(f"device {device.id} {why}", device=device.id)
    row = {
        "id": new_id(work.services.clock.now()),
        "device_id": device.id,
        "kind": kind,
        "state": "running",
        "phase": phase,
        "seed": secrets.randbits(SEED_BITS),
        "before": device.status,
        "started_by": work.actor.id,
        "started_at": work.now,
    }
    with unique(f"device {device.id} is being measured already"):
        work.run(insert(measurements).values(**row, **more))
    return str(row["id"])


def submit_parts(
    work: Work, device: Any, measurement: str, kind: str, parts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Queue a job for each of ``parts`` (name: what to measure); they cost nothing."""
    place = Place(_project(work), device, None, QOS, _owner(work))
    for name, asked in parts.items():
        data = json.dumps(dict(asked), sort_keys=True).encode()
        options = {"shots": 1, "measurement": measurement, "part": name}
        seconds = _seconds(work, device, name)
        made = Part(data, kind, hash_of(data), device.qubits, options, seconds)
        answer = submit.body(
            work, place, opened=made, data=data, name=f"{kind} {name}", tags=[EMULATED],
            limit_seconds=_limit(work),
        )  # fmt: skip
        row = {"measurement_id": measurement, "part": name, "job_id": answer["job"]}
        work.run(insert(measurement_parts).values(row))


def _seconds(work: Work, device: Any, part: str) -> float:
    """What ``part`` took on this device the last time, for the forecasts of other jobs' waits."""
    c = measurement_parts.c
    row = work.one(
        select(jobs.c.run_seconds)
        .join(measurement_parts, c.job_id == jobs.c.id)
        .join(measurements, measurements.c.id == c.measurement_id)
        .where(measurements.c.device_id == device.id, c.part == part)
        .where(jobs.c.state == JobState.COMPLETED, jobs.c.run_seconds.is_not(None))
        .order_by(measurements.c.started_at.desc())
        .limit(1)
    )
    return FIRST if row is None else float(row.run_seconds)


def _limit(work: Work) -> float:
    return float(min(SECONDS, work.services.settings["max_job_seconds"]))


def _owner(work: Work) -> str:
    """Whose jobs they are: the operator's who asked, else the oldest account's."""
    if work.one(select(users.c.id).where(users.c.id == work.actor.id)):
        return work.actor.id
    row = work.one(select(users.c.id).order_by(users.c.id).limit(1))
    if row is None:
        raise conflict("there is nobody whose jobs these could be")
    return str(row.id)


def _project(work: Work) -> Any:
    """The centre's own project, made when it is first needed; nobody is its member."""
    wanted = select(projects).where(projects.c.slug == SLUG)
    row = work.one(wanted)
    if row is None:
        home = work.one(select(institutions.c.id).order_by(institutions.c.id).limit(1))
        if home is None:
            raise conflict("there is no institution whose project this could be")
        values = {"id": new_id(work.now), "slug": SLUG, "title": "The centre's own measurements"}
        state = {"state": State.ACTIVE, "any_device": True, "created_at": work.now}
        work.run(insert(projects).values(**values, **state, institution_id=home.id))
        work.after(work.services.listener.rules_changed)
        row = work.one(wanted)
    return row


def ended(work: Work, measurement: str) -> dict[str, Any] | None:
    """Rows of the jobs of a measurement's parts, by part; None while one has not ended."""
    c = measurement_parts.c
    found = select(c.part, jobs).join(jobs, jobs.c.id == c.job_id)
    rows = work.all(found.where(c.measurement_id == measurement).order_by(jobs.c.seq))
    if any(row.state not in FINAL for row in rows):
        return None
    return {row.part: row for row in rows}


def result(work: Work, row: Any) -> dict[str, Any]:
    """What a part's job gave. Raises CentreError ``not-found`` for one without a result."""
    if row.result_hash is None:
        text = row.error_message or f"it was {row.state}"
        raise CentreError("not-found", text)
    found: dict[str, Any] = json.loads(blobs.read(work, row.result_hash))
    return found
