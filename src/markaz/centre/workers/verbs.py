"""What the centre does with workers: take note of them, and hand jobs out with their circuits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, update

from markaz.centre.access import system, verb
from markaz.centre.ids import new_id
from markaz.centre.jobs import dispatch
from markaz.centre.storage import blobs
from markaz.centre.work import Work
from markaz.centre.workers.tables import workers

FORGOTTEN: Final = 86_400_000_000  # microseconds after which a lost worker is gone


@verb("workers.connect", rule=system, scope=None)
def connect(
    work: Work, _: None, *, worker: str, name: str, slots: int, facts: dict[str, Any]
) -> dict[str, Any]:
    """A worker came, or came back as ``worker``. Returns its id."""
    found = {"state": "connected", "seen_at": work.now, "ended_at": None}
    known = worker and work.run(
        update(workers).where(workers.c.id == worker, workers.c.state != "gone").values(found)
    )
    if not known:
        worker = new_id(work.now)
        row = {"id": worker, "name": name[:100], "slots": slots, "facts": json.dumps(facts)}
        work.run(insert(workers).values(**row, connected_at=work.now, **found))
    work.record(worker, state="connected")
    return {"worker": worker}


@verb("workers.leave", rule=system, scope=None)
def leave(work: Work, _: None, *, worker: str, state: str) -> dict[str, Any]:
    """A worker is ``draining``, ``lost`` (it may come back) or ``gone``."""
    values: dict[str, Any] = {"state": state, "seen_at": work.now}
    if state == "gone":
        values["ended_at"] = work.now
    changed = workers.c.id == worker, workers.c.state != state, workers.c.state != "gone"
    if work.run(update(workers).where(*changed).values(values)):
        work.record(worker, state=state)
    else:
        work.nothing_changed()
    return {"worker": worker, "state": state}


@verb("workers.restart", rule=system, scope=None)
def restart(work: Work, _: None) -> dict[str, Any]:
    """A dispatcher begins: no worker is connected to it yet, and some never came back."""
    connected = workers.c.state.in_(("connected", "draining"))
    lost = work.run(update(workers).where(connected).values(state="lost", seen_at=work.now))
    never = workers.c.state == "lost", workers.c.seen_at < work.now - FORGOTTEN
    lost += work.run(update(workers).where(*never).values(state="gone", ended_at=work.now))
    if lost:
        work.record("workers", lost=lost)
    else:
        work.nothing_changed()
    return {"lost": lost}


@verb("workers.claim", rule=system, scope=None)
def claim(
    work: Work, _: None, *, worker: str, devices: Sequence[str], count: int, ahead: bool
) -> list[dict[str, Any]]:
    """``jobs.claim``, and each job's circuit as its row holds it (``data``; None where only
    the store does), so that no second look at the database is needed."""
    found: list[dict[str, Any]] = dispatch.claim(
        work, worker=worker, devices=devices, count=count, ahead=ahead
    )
    if found:
        rows = blobs.read_rows(work, {job["circuit"] for job in found})
        for job in found:
            job["data"] = rows.get(job["circuit"])
    work.nothing_changed()  # what happened is in the audit as jobs.claim
    return found
