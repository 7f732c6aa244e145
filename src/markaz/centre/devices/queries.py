"""What can be asked about devices."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from markaz.centre.access import anyone, person, query
from markaz.centre.devices.documents import device_document, reservation_document
from markaz.centre.devices.rules import LOOKERS, seen
from markaz.centre.devices.tables import devices, reservations
from markaz.centre.errors import invalid
from markaz.centre.fields import flag, moment
from markaz.centre.projects.tables import memberships
from markaz.centre.work import Work

MOST_DAYS: Final = 400
_DAY: Final = 86_400_000_000


@query("devices.list", rule=lambda work, **_: person(work), scope="devices:read")
def list_devices(work: Work, _: None, *, retired: bool = False) -> dict[str, Any]:
    """All devices in service, the default one first; with ``retired`` the old ones too."""
    wanted = select(devices).order_by(devices.c.is_default.desc(), devices.c.id)
    if not flag("retired", retired):
        wanted = wanted.where(devices.c.retired_at.is_(None))
    return {"items": [device_document(row) for row in work.all(wanted)], "next": None}


@query("devices.board", rule=anyone, scope=None)
def board(work: Work, _: None) -> dict[str, Any]:
    """Devices in service and how they are, for everybody: no descriptions, no bookings."""
    wanted = select(devices).where(devices.c.retired_at.is_(None))
    rows = work.all(wanted.order_by(devices.c.is_default.desc(), devices.c.id))
    items = [{name: device_document(row)[name] for name in _PUBLIC} for row in rows]
    return {"items": items, "next": None}


_PUBLIC: Final = ("device", "title", "kind", "qubits", "status", "accepting", "default")


@query("devices.get", rule=seen, scope="devices:read")
def get_device(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """One device."""
    return device_document(subject)


@query("devices.calendar", rule=seen, scope="devices:read")
def calendar(work: Work, subject: Any, *, device: str, since: int, until: int) -> dict[str, Any]:
    """Reservations of a device between two times, the earliest first.

    Everybody sees when it is taken; whose booking it is, drafts and what was cancelled only
    operators, directors and the members of its project.
    """
    since, until = moment("since", since), moment("until", until)
    if not since < until <= since + MOST_DAYS * _DAY:
        raise invalid("until", f"until must be after since, by at most {MOST_DAYS} days")
    rows = work.all(
        select(reservations)
        .where(
            reservations.c.device_id == subject.id,
            reservations.c.ends_at > since,
            reservations.c.starts_at < until,
        )
        .order_by(reservations.c.starts_at, reservations.c.id)
    )
    mine = _my_projects(work)
    items = []
    for row in rows:
        whole = work.actor.has(*LOOKERS) or row.project_id in mine
        if whole or row.state not in ("draft", "cancelled"):
            items.append(reservation_document(row, whole=whole))
    return {"device": subject.id, "items": items, "next": None}


def _my_projects(work: Work) -> set[str]:
    rows = work.all(select(memberships.c.project_id).where(memberships.c.user_id == work.actor.id))
    return {row.project_id for row in rows if work.actor.project in (None, row.project_id)}
