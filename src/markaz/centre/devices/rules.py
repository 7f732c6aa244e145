"""Who may see and change devices and their calendar."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import select

from markaz.centre.access import LEADS, CentreRole, operator, person
from markaz.centre.devices.tables import devices, reservations
from markaz.centre.errors import forbidden, not_found
from markaz.centre.fields import known_id
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.work import Work

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
LOOKERS: Final = (CentreRole.OPERATOR, CentreRole.DIRECTOR)


def device_row(work: Work, device: Any) -> Any:
    """A device by its name. Raises CentreError ``not-found``."""
    row = None
    if isinstance(device, str) and NAME.fullmatch(device):
        row = work.one(select(devices).where(devices.c.id == device))
    if row is None:
        raise not_found("device")
    return row


def seen(work: Work, *, device: Any, **_: Any) -> Any:
    """Whoever is logged in; the device's row."""
    person(work)
    return device_row(work, device)


def managed(work: Work, *, device: Any, **_: Any) -> Any:
    """Operators; the device's row."""
    operator(work)
    return device_row(work, device)


def booker(work: Work, *, project: Any, **_: Any) -> Any:
    """Leads of the project, and operators; the project's row (by id or short name)."""
    person(work)
    row = _project(work, project)
    role = role_in(work, row.id) if row is not None else None
    is_operator = work.actor.has(CentreRole.OPERATOR)
    if row is None or (role is None and not is_operator):
        raise not_found("project")
    if role not in LEADS and not is_operator:
        raise forbidden("only the project's leads book devices")
    return row


def kept_reservation(work: Work, *, reservation: Any, **_: Any) -> Any:
    """Operators; the reservation's row."""
    operator(work)
    return _reservation(work, reservation)


def own_reservation(work: Work, *, reservation: Any, **_: Any) -> Any:
    """Operators, and leads for their project's bookings; the reservation's row."""
    person(work)
    row = _reservation(work, reservation)
    if not work.actor.has(CentreRole.OPERATOR):
        role = role_in(work, row.project_id) if row.project_id else None
        if role is None:
            raise not_found("reservation")
        if role not in LEADS:
            raise forbidden("only the project's leads do that")
    return row


def role_in(work: Work, project: str) -> str | None:
    """The actor's role in the project ``project``; None for a key bound to another one."""
    if work.actor.project not in (None, project):
        return None
    row = work.one(
        select(memberships.c.role).where(
            memberships.c.project_id == project, memberships.c.user_id == work.actor.id
        )
    )
    return None if row is None else str(row.role)


def _project(work: Work, project: Any) -> Any:
    if not isinstance(project, str) or not 0 < len(project) <= 64:
        return None
    by_name = work.one(select(projects).where(projects.c.slug == project))
    return by_name or work.one(select(projects).where(projects.c.id == project))


def _reservation(work: Work, reservation: Any) -> Any:
    wanted = known_id("reservation", reservation)
    row = work.one(select(reservations).where(reservations.c.id == wanted))
    if row is None:
        raise not_found("reservation")
    return row
