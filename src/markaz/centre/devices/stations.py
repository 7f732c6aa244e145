"""What a worker is told of a device when it gets a job for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, select

from markaz.centre.db.frequent import Frequent
from markaz.centre.devices import files, sheets
from markaz.centre.devices.tables import devices, emulations
from markaz.centre.work import Work

EMULATOR: Final = "emulate"
AGENT: Final = "agent"
_FILE: Final = Frequent(
    select(devices.c.model_digest, devices.c.sheet_id).where(devices.c.id == bindparam("device"))
)
_DEVICE: Final = Frequent(
    select(
        devices.c.model_digest,
        devices.c.sheet_id,
        emulations.c.seed,
        emulations.c.born_at,
        emulations.c.tuned_at,
    )
    .join(emulations, emulations.c.device_id == devices.c.id)
    .where(devices.c.id == bindparam("device"))
)


@dataclass(frozen=True, slots=True)
class Station:
    """``about`` is for this moment (times in device time, µs, ``born`` in UTC), ``body`` the
    device file and the sheet in force (``quantum.operate.opening``).

    ``about`` has the seed of the hidden truth: it goes to workers and nowhere else.
    """

    about: dict[str, Any] = field(repr=False)
    body: bytes = field(repr=False)


def of(work: Work, device: str, driver: str) -> Station | None:
    """The device as it is now; None for one whose jobs need nothing of it."""
    if driver == AGENT:
        return _of_agent(work, device)
    if driver != EMULATOR:
        return None
    row = _DEVICE.first(work.connection, {"device": device})
    about = {
        "seed": row.seed,
        "born": row.born_at,
        "at": work.now - row.born_at,
        "tuned": row.tuned_at - row.born_at,
    }
    body = _BODIES.get((device, row.model_digest, row.sheet_id))
    if body is None:
        body = _body(work, device, row.model_digest, row.sheet_id)
    return Station(about, body)


def _of_agent(work: Work, device: str) -> Station | None:
    """File and sheet; an agent has its own of a device that the centre has no file of."""
    row = _FILE.first(work.connection, {"device": device})
    if row.model_digest is None:
        return None
    body = _BODIES.get((device, row.model_digest, row.sheet_id))
    if body is None:
        body = _body(work, device, row.model_digest, row.sheet_id)
    return Station({"at": work.now}, body)


# Compressed once for each version and sheet; both are named by their contents.
_BODIES: Final[dict[tuple[str, str, str | None], bytes]] = {}
_MOST: Final = 64


def _body(work: Work, device: str, digest: str, sheet: str | None) -> bytes:
    # Not for a centre that has simulators only.
    from markaz.quantum.operate.opening import packed  # noqa: PLC0415

    text = files.text_of(work, device, digest)
    made = packed(text, None if sheet is None else sheets.text_of(work, sheet))
    if len(_BODIES) >= _MOST:
        _BODIES.clear()
    _BODIES[device, digest, sheet] = made
    return made
