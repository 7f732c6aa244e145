"""Which jobs a device may start now: status, slots, calendar, dedicated sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from sqlalchemy import Connection, or_, select, text

from markaz.centre.devices.calendar import BLOCKING, FIRM
from markaz.centre.devices.tables import devices, reservations
from markaz.centre.jobs.tables import sessions

RUNS: Final = frozenset({"idle", "busy"})  # statuses in which all jobs run
# Only calibration jobs run, whether or not the device accepts others.
TENDED: Final = frozenset({"calibration", "maintenance", "needs-calibration"})


@dataclass(frozen=True, slots=True)
class Reservation:
    """A span (microseconds) in which only ``project``'s jobs run; None: nobody's."""

    starts_at: int
    ends_at: int
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """What the queue knows of a device. ``slots`` 0: as many as workers have.

    ``session``: the dedicated session that holds it. ``reservations`` in order of their start.
    """

    id: str
    slots: int = 0
    status: str = "idle"
    accepting: bool = True
    driver: str = ""
    session: str | None = None
    reservations: Sequence[Reservation] = ()

    @property
    def starts(self) -> bool:
        """Whether it starts any jobs now."""
        return self.tended or (self.accepting and self.status in RUNS)

    @property
    def tended(self) -> bool:
        """Whether it starts calibration jobs only."""
        return self.status in TENDED

    def window(self, now: int, project: str | None = None) -> float:
        """Seconds in which a job of ``project`` must be able to end; 0: it may not start.

        The project's own bookings do not stand in its way.
        """
        for one in self.reservations:
            if one.ends_at > now and (one.project is None or one.project != project):
                return max(0.0, (one.starts_at - now) / 1e6)
        return inf

    def bookers(self, now: int) -> set[str]:
        """Projects with a booking that has not ended."""
        return {one.project for one in self.reservations if one.project and one.ends_at > now}


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All devices that are not retired."""

    devices: Mapping[str, Device] = field(default_factory=dict)


def load(connection: Connection, now: int) -> Rulebook:
    """Read devices, what is booked from ``now`` on, and the dedicated sessions that hold one."""
    booked: dict[str, list[Reservation]] = {}
    r = reservations.c
    statement = (
        select(r.device_id, r.starts_at, r.ends_at, r.project_id, r.kind)
        .where(r.ends_at > now, r.state.in_(FIRM))
        .where(or_(r.kind == "booking", r.impact.in_(BLOCKING)))
        .order_by(r.starts_at)
    )
    for device, starts, ends, project, kind in connection.execute(statement):
        whose = project if kind == "booking" else None
        booked.setdefault(device, []).append(Reservation(starts, ends, whose))
    holders = _holders(connection)
    d = devices.c
    rows = connection.execute(
        select(d.id, d.slots, d.status, d.accepting, d.driver, d.kind).where(d.retired_at.is_(None))
    )
    return Rulebook(
        {
            row.id: Device(
                id=row.id,
                slots=row.slots,
                status=row.status,
                accepting=row.accepting,
                driver=row.driver,
                # A simulator has as many slots as there are workers: holding it for one
                # person would stop the centre, and gain them nothing.
                session=None if row.kind == "simulator" else holders.get(row.id),
                reservations=tuple(booked.get(row.id, ())),
            )
            for row in rows
        }
    )


def _holders(connection: Connection) -> dict[str, str]:
    s = sessions.c
    statement = (
        select(s.device_id, s.id)
        .where(text("state <> 'closed'"), s.state.in_(("open", "draining")), s.mode == "dedicated")
        .where(s.opened_at.is_not(None))
        .order_by(s.opened_at.desc())
    )
    return {row.device_id: row.id for row in connection.execute(statement)}
