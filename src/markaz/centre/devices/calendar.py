"""When a device is free: bookings and maintenance, and how they move on.

A reservation is *blocking* if jobs of others cannot run meanwhile: a booking, or
maintenance whose impact is partial or full. Blocking reservations never overlap.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update

from markaz.centre.devices.tables import devices, reservations
from markaz.centre.errors import conflict
from markaz.centre.work import Work

FIRM: Final = ("scheduled", "in progress")
BLOCKING: Final = ("partial", "full")

_firm: Final = reservations.c.state.in_(FIRM)
_blocking: Final = or_(reservations.c.kind == "booking", reservations.c.impact.in_(BLOCKING))


def refuse_overlap(
    work: Work, *, device: str, kind: str, impact: str, starts_at: int, ends_at: int
) -> None:
    """Raise CentreError ``conflict`` naming the blocking reservation that is in the way.

    The device's row is locked until the transaction ends, so that no two servers can
    schedule at once.
    """
    if kind != "booking" and impact not in BLOCKING:
        return
    work.one(select(devices.c.id).where(devices.c.id == device).with_for_update())
    row = work.one(
        select(reservations.c.id, reservations.c.kind, reservations.c.starts_at)
        .where(
            reservations.c.device_id == device,
            reservations.c.starts_at < ends_at,
            reservations.c.ends_at > starts_at,
            _firm,
            _blocking,
        )
        .order_by(reservations.c.starts_at)
        .limit(1)
    )
    if row is not None:
        raise conflict(
            f"there is a {row.kind} on {device} then",
            reservation=row.id,
            starts_at=row.starts_at,
        )


def begin_due(work: Work) -> list[Any]:
    """Scheduled reservations whose time has come are in progress now; their rows."""
    return _move(work, "scheduled", "in progress", reservations.c.starts_at <= work.now)


def end_due(work: Work) -> list[Any]:
    """Reservations in progress whose time is over are completed now; their rows."""
    return _move(work, "in progress", "completed", reservations.c.ends_at <= work.now)


def _move(work: Work, before: str, after: str, due: ColumnElement[bool]) -> list[Any]:
    moved: Any = work.connection.execute(
        update(reservations)
        .where(and_(reservations.c.state == before, due))
        .values(state=after)
        .returning(reservations)
    )
    return list(moved)
