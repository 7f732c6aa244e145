"""Who may do what to jobs. A job that one may not see is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from markaz.centre.access import LEADS, CentreRole, ProjectRole, operator, person
from markaz.centre.db.frequent import Frequent
from markaz.centre.devices.calendar import FIRM
from markaz.centre.devices.tables import devices, reservations
from markaz.centre.errors import conflict, forbidden, invalid, not_found
from markaz.centre.fields import choice, known_id
from markaz.centre.jobs.priority import NAMES
from markaz.centre.jobs.tables import jobs, sessions
from markaz.centre.projects import rules as project_rules
from markaz.centre.projects.rules import SEE_ALL_JOBS
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.work import Work

LOOKERS: Final = (CentreRole.OPERATOR, CentreRole.DIRECTOR)
TEACHING: Final = "teaching"  # the programme whose projects may use the QoS class


@dataclass(frozen=True, slots=True)
class Place:
    """Where new jobs may go: rows of the project, the device and the session, QoS class.

    ``user``: whose they are, if not the actor's.
    """

    project: Any
    device: Any
    session: Any
    qos: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A job's row, and what the actor may do: see its contents, cancel it."""

    row: Any
    contents: bool
    cancel: bool


def submitter(
    work: Work,
    *,
    project: Any = None,
    device: Any = None,
    session: Any = None,
    qos: Any = "normal",
    **_: Any,
) -> Place:
    """A member of an active project, on a device that it may use and that accepts jobs.

    Without ``project`` the key's, or the only one; without ``device`` the session's, or the
    default one.
    """
    found = project_rules.working_member(work, _project(work, project))
    row = found.row
    held = None if session is None else own_session(work, session=session)
    if held is not None and (held.project_id != row.id or held.state not in ("pending", "open")):
        raise conflict(f"session {held.id} takes no more jobs of this project")
    if held is not None and device not in (None, held.device_id):
        raise invalid("device", f"session {held.id} is on device {held.device_id}")
    chosen = find_device(work, device if held is None else held.device_id)
    project_rules.may_use_device(work, found, chosen.id)
    if not chosen.accepting:
        raise conflict(f"device {chosen.id} accepts no jobs now", device=chosen.id)
    return Place(row, chosen, held, _qos(work, row, chosen, held, qos))


def ask_place(
    work: Work, *, project: Any = None, device: Any = None, session: Any = None, **_: Any
) -> None:
    """Ask ahead for what ``submitter`` reads (``Frequent.ahead``)."""
    project_rules.ask_member(work, work.actor.project if project is None else project)
    if session is None and device is None:
        _DEFAULT_DEVICE.ahead(work.connection)
    elif session is None and isinstance(device, str) and device.isprintable():
        _DEVICE.ahead(work.connection, {"device": device})


def _project(work: Work, project: Any) -> Any:
    """The project that is meant: as named, the key's, or the only one of the actor."""
    person(work)
    if project is not None or work.actor.project is not None:
        return work.actor.project if project is None else project
    mine = (
        select(projects.c.id)
        .join(memberships, memberships.c.project_id == projects.c.id)
        .where(memberships.c.user_id == work.actor.id, projects.c.state == "active")
        .limit(2)
    )
    rows = work.all(mine)
    if len(rows) != 1:
        few = "you are in no active project" if not rows else "you are in several: name one"
        raise invalid("project", few)
    return rows[0].id


_DEVICES: Final = select(devices).where(devices.c.retired_at.is_(None))
_DEFAULT_DEVICE: Final = Frequent(_DEVICES.where(devices.c.is_default))
_DEVICE: Final = Frequent(_DEVICES.where(devices.c.id == bindparam("device")))


def find_device(work: Work, device: Any) -> Any:
    """A device by its name, None: the default one. Raises CentreError ``not-found``."""
    if device is None:
        row = _DEFAULT_DEVICE.first(work.connection)
    else:
        known = isinstance(device, str)
        row = _DEVICE.first(work.connection, {"device": device}) if known else None
    if row is None:
        raise not_found("device")
    return row


def _qos(work: Work, project: Any, device: Any, session: Any, qos: Any) -> str:
    """The QoS class, if the actor may use it. A session's jobs have the session's."""
    choice("qos", qos, NAMES)
    if session is not None and qos in ("normal", "session"):
        return "session" if session.mode == "dedicated" else "normal"
    if qos == "session":
        raise invalid("qos", "only jobs of a session are in this class")
    if qos == "calibration":
        operator(work)
    if qos == "booking" and not _has_booking(work, project.id, device.id):
        raise forbidden(f"project {project.slug} has no booking of device {device.id}")
    if qos == TEACHING and project.programme != TEACHING:
        raise forbidden(f"project {project.slug} is not in the programme {TEACHING}")
    return str(qos)


def _has_booking(work: Work, project: str, device: str) -> bool:
    r = reservations.c
    booked = select(r.id).where(
        r.device_id == device,
        r.project_id == project,
        r.kind == "booking",
        r.state.in_(FIRM),
        r.ends_at > work.now,
    )
    return work.one(booked) is not None


_JOB: Final = Frequent(select(jobs).where(jobs.c.id == bindparam("job")))
_POLLED: Final = Frequent(
    select(
        *(jobs.c[name] for name in ("id", "user_id", "project_id", "private")),
        *(jobs.c[name] for name in ("state", "reason", "ended_at")),
    ).where(jobs.c.id == bindparam("job"))
)
_STANDING: Final = Frequent(
    select(projects.c.job_visibility, memberships.c.role)
    .join(memberships, memberships.c.project_id == projects.c.id)
    .where(projects.c.id == bindparam("project"), memberships.c.user_id == bindparam("user"))
)


def poller(work: Work, *, job: Any, **_: Any) -> Seen:
    """As ``reader``, but the row has only what polling needs."""
    person(work)
    row = _POLLED.first(work.connection, {"job": known_id("job", job)})
    if row is None:
        raise not_found("job")
    return seen(work, row)


def reader(work: Work, *, job: Any, **_: Any) -> Seen:
    """The owner; members who see the project's jobs; operators and directors.

    Only its owner sees the contents of a private job.
    """
    person(work)
    row = _JOB.first(work.connection, {"job": known_id("job", job)})
    if row is None:
        raise not_found("job")
    return seen(work, row)


def seen(work: Work, row: Any) -> Seen:
    """What the actor may do to the job of this row. Raises ``not-found`` if not even see it."""
    actor = work.actor
    if actor.project not in (None, row.project_id):
        raise not_found("job")
    if row.user_id == actor.id:
        return Seen(row, contents=True, cancel=True)
    values = {"project": row.project_id, "user": actor.id}
    standing = _STANDING.first(work.connection, values)
    role = None if standing is None else ProjectRole(standing.role)
    member = standing is not None and (standing.job_visibility == "all" or role in SEE_ALL_JOBS)
    leads = role in LEADS
    if not member and not actor.has(*LOOKERS):
        raise not_found("job")
    cancel = leads or actor.has(CentreRole.OPERATOR)
    return Seen(row, contents=not row.private, cancel=cancel)


def contents_reader(work: Work, *, job: Any, **_: Any) -> Seen:
    """Who may see what the job was made of and what came out."""
    found = reader(work, job=job)
    if not found.contents:
        raise forbidden("the job is private: only its owner sees its contents")
    return found


def canceller(work: Work, *, job: Any, **_: Any) -> Seen:
    """The owner, a lead of the project, an operator."""
    found = reader(work, job=job)
    if not found.cancel:
        raise forbidden("only its owner, a lead of the project or an operator cancels a job")
    return found


def operated(work: Work, *, job: Any, **_: Any) -> Any:
    """An operator; the job's row."""
    operator(work)
    row = _JOB.first(work.connection, {"job": known_id("job", job)})
    if row is None:
        raise not_found("job")
    return row


def own_session(work: Work, *, session: Any, **_: Any) -> Any:
    """The session's owner; its row."""
    person(work)
    row = work.one(select(sessions).where(sessions.c.id == known_id("session", session)))
    mine = row is not None and row.user_id == work.actor.id
    if not mine or work.actor.project not in (None, row.project_id):
        raise not_found("session")
    return row


def kept_session(work: Work, *, session: Any, **_: Any) -> Any:
    """The session's owner, a lead of its project, or an operator; its row."""
    person(work)
    row = work.one(select(sessions).where(sessions.c.id == known_id("session", session)))
    if row is None or work.actor.project not in (None, row.project_id):
        raise not_found("session")
    values = {"project": row.project_id, "user": work.actor.id}
    standing = _STANDING.first(work.connection, values)
    leads = standing is not None and ProjectRole(standing.role) in LEADS
    if row.user_id != work.actor.id and not leads and not work.actor.has(*LOOKERS):
        raise not_found("session")
    return row
