"""What can be asked about jobs, sessions and the queue."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, func, select, text

from markaz.centre import fields
from markaz.centre.access import CentreRole, anyone, holder_of, person, query
from markaz.centre.db.frequent import Frequent
from markaz.centre.devices.tables import devices
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.jobs import compiled, documents, listing, notify, why
from markaz.centre.jobs.priority import factors
from markaz.centre.jobs.rules import Seen, contents_reader, kept_session, poller, reader
from markaz.centre.jobs.sessions import document as session_document_of
from markaz.centre.jobs.tables import KEPT, QUEUED, jobs, sessions
from markaz.centre.storage import blobs
from markaz.centre.work import Work
from markaz.quantum.runtime import KINDS

looker: Final = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)


@query("jobs.document", rule=reader, scope="jobs:read")
def document(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """The whole job: state, result, charge, provenance and, while it waits, why."""
    device = {"device": seen.row.device_id}
    _KIND.ahead(work.connection, device)
    result = documents.read_result(work, seen.row) if seen.contents else None
    kind = _KIND.first(work.connection, device).kind
    found = documents.full(seen.row, result, kind == "emulated")
    found["why"] = why.explain(work, seen.row, notify.queue_of(work))
    return found


_KIND: Final = Frequent(select(devices.c.kind).where(devices.c.id == bindparam("device")))


@query("jobs.why", rule=reader, scope="jobs:read")
def explanation(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """Why the job waits, or that it does not."""
    found = why.explain(work, seen.row, notify.queue_of(work))
    return {"job": seen.row.id, "state": seen.row.state} | (found or {"words": []})


@query("jobs.poll", rule=poller, scope="jobs:read")
def poll(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """The state and no more: one indexed row, cheap enough to ask again and again."""
    row = seen.row
    return {"job": row.id, "state": row.state, "reason": row.reason, "ended_at": row.ended_at}


@query("jobs.contents", rule=contents_reader, scope="jobs:read")
def contents(work: Work, seen: Seen, *, job: Any, which: Any = "result", most: Any = None) -> bytes:
    """The bytes of a job's ``input``, ``circuit`` or ``result``, as they were stored; or of
    what a device ran, ``compiled``: as OpenQASM 3 with physical qubits, or ``compiled.qcis``,
    or drawn, ``compiled.svg`` (of several circuits the first).

    Raises ``conflict`` while there is no result, ``not-found`` after retention took them or
    where nothing was compiled, ``too-large`` beyond ``most`` bytes.
    """
    fields.choice("which", which, ("input", "circuit", "result", *compiled.FORMATS))
    if which in compiled.FORMATS:
        return compiled.text(_stored(work, seen.row, "result", most), which)
    return _stored(work, seen.row, which, most)


def _stored(work: Work, row: Any, which: str, most: Any = None) -> bytes:
    digest = getattr(row, f"{which}_hash")
    if digest is None:
        raise conflict(f"job {row.id} is {row.state} and has no result")
    if row.swept_at is not None:
        raise CentreError("not-found", f"retention took the contents of job {row.id}")
    if most is not None and blobs.size(work, digest) > fields.whole("most", most, 0, 1 << 40):
        raise CentreError("too-large", f"the {which} of job {row.id} is larger than that")
    return blobs.read(work, digest)


@query("jobs.payload", rule=contents_reader, scope="jobs:read")
def payload(work: Work, seen: Seen, *, job: Any) -> bytes:
    """What the runtime client is to get as the result of a job of its own, to the byte.

    Raises ``conflict`` while there is no result and for a job of another kind, ``not-found``
    after retention took it.
    """
    if seen.row.kind not in KINDS:
        raise conflict(f"job {seen.row.id} was not handed in through the runtime client")
    return _stored(work, seen.row, "result").partition(b"\n")[2]


list_jobs = query("jobs.list", rule=listing.scope, scope="jobs:read")(listing.page)


@query("jobs.queue", rule=looker, scope="operate")
def operator_queue(
    work: Work, _: None, *, device: Any = None, limit: Any = 50, after: Any = None
) -> dict[str, Any]:
    """Waiting jobs of a device (None: of all), the next first within each group, with the
    factors of each. Groups in order of their priority; ``next`` continues."""
    index = notify.queue_of(work)
    if index is None:
        raise CentreError("unavailable", "the queue is not in this process")
    size = fields.whole("limit", limit, 1, 200)
    start = 0 if after is None else _cursor(after)
    with index.lock:
        ranked = index.ranked(work.now, device)
    items: list[dict[str, Any]] = []
    at = start
    for group in ranked[start:]:
        at += 1
        items += _waiting_of(work, index, group, size)
        if len(items) >= size:
            break
    more = at < len(ranked)
    return {"items": items, "groups": len(ranked), "next": str(at) if more else None}


def _cursor(after: Any) -> int:
    if not isinstance(after, str) or not after.isdecimal() or len(after) > 9:
        raise invalid("after", "this is no cursor of the queue")
    return int(after)


def _waiting_of(work: Work, index: Any, group: int, most: int) -> list[dict[str, Any]]:
    """The first jobs of a group, each with its factors."""
    if group not in index.rows.at:
        return []
    key = index.key(group)
    rows = work.all(
        select(jobs)
        .where(text(QUEUED), jobs.c.group_id == group)
        .order_by(jobs.c.place)
        .limit(most)
    )
    fair = index.fair(key.project, key.user)
    return [
        {
            "job": row.id,
            "device": key.device,
            "project": key.project,
            "user": key.user,
            "qos": key.qos,
            "boost": key.boost,
            "created_at": row.created_at,
            "place": row.place,
            "note": row.note,
            "factors": factors(
                index.weights,
                boost=key.boost,
                qos=key.qos,
                fair=fair,
                which=key.size_class,
                since=row.place,
                now=work.now,
            ),
        }
        for row in rows
    ]


@query("jobs.depths", rule=looker, scope="operate")
def depths(work: Work, _: None) -> list[dict[str, Any]]:
    """How many jobs wait and run on each device, and the work that waits (seconds)."""
    index = notify.queue_of(work)
    if index is None:
        raise CentreError("unavailable", "the queue is not in this process")
    with index.lock:
        return [
            {
                "device": name,
                "waiting": int(index.rows.count[index.on(name)].sum()),
                "seconds": float(index.rows.work[index.on(name)].sum()),
                "running": index.busy(name, work.now)[0],
            }
            for name in sorted(index.rules.devices)
        ]


@query("jobs.load", rule=anyone, scope=None)
def load(work: Work, _: None) -> dict[str, Any]:
    """For everybody: how many jobs wait and run on each device, and no more than that."""
    index = notify.queue_of(work)
    if index is None:
        return {"known": False, "items": []}
    with index.lock:
        items = [
            {
                "device": name,
                "waiting": int(index.rows.count[index.on(name)].sum()),
                "running": index.busy(name, work.now)[0],
            }
            for name in sorted(index.rules.devices)
        ]
    return {"known": True, "items": items}


ACCURACY_JOBS: Final = 20_000  # the latest that are looked at


@query("jobs.forecast_accuracy", rule=person, scope="jobs:read")
def forecast_accuracy(
    work: Work, _: None, *, device: Any = None, days: Any = 30, most: Any = ACCURACY_JOBS
) -> list[dict[str, Any]]:
    """How good the stated waits were, by device: of the jobs that started in the last
    ``days``, the parts that started before P50, between P50 and P90, and after P90
    (ideally 0.5, 0.4, 0.1), and the median error of P50 in seconds. ``most``: how many of the
    latest jobs are looked at."""
    since = work.now - int(fields.number("days", days, 0.01, 3650) * 86_400e6)
    c = jobs.c
    wanted: list[Any] = [
        text(KEPT),
        c.ended_at >= since,
        c.wait_p50.is_not(None),
        c.started_at.is_not(None),
    ]
    if device is not None:
        wanted.append(c.device_id == device)
    statement = (
        select(c.device_id, c.wait_p50, c.wait_p90, c.eligible_at, c.started_at)
        .where(*wanted)
        .order_by(c.ended_at.desc())
        .limit(fields.whole("most", most, 1, ACCURACY_JOBS))
    )
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for row in work.all(statement):
        wait = (row.started_at - row.eligible_at) / 1e6
        scores.setdefault(row.device_id, []).append((row.wait_p50, row.wait_p90, wait))
    return [_accuracy(name, scores[name]) for name in sorted(scores)]


def _accuracy(device: str, scores: list[tuple[float, float, float]]) -> dict[str, Any]:
    count = len(scores)
    errors = sorted(abs(wait - low) for low, _, wait in scores)
    return {
        "device": device,
        "jobs": count,
        "before_p50": sum(wait < low for low, _, wait in scores) / count,
        "p50_to_p90": sum(low <= wait <= high for low, high, wait in scores) / count,
        "after_p90": sum(wait > high for _, high, wait in scores) / count,
        "median_error_seconds": errors[count // 2],
    }


@query("sessions.document", rule=kept_session, scope="jobs:read")
def session_document(work: Work, row: Any, *, session: Any) -> dict[str, Any]:
    """A session: state, times, and how many of its jobs are in each state."""
    columns = jobs.c.state, func.count().label("jobs")
    states = select(*columns).where(jobs.c.session_id == row.id).group_by(jobs.c.state)
    counts = {found.state: found.jobs for found in work.all(states)}
    return session_document_of(row) | {"jobs": counts}


@query("sessions.list", rule=person, scope="jobs:read")
def list_sessions(
    work: Work, _: None, *, state: Any = None, limit: Any = 50, after: Any = None
) -> dict[str, Any]:
    """The actor's own sessions, the newest first."""
    size = fields.whole("limit", limit, 1, 200)
    s = sessions.c
    wanted = [s.user_id == work.actor.id]
    if work.actor.project is not None:
        wanted.append(s.project_id == work.actor.project)
    if state is not None:
        wanted.append(s.state == fields.choice("state", state, _SESSION_STATES))
    if after is not None:
        wanted.append(s.id < fields.known_id("session", after))
    rows = work.all(select(sessions).where(*wanted).order_by(s.id.desc()).limit(size + 1))
    items = [session_document_of(row) for row in rows[:size]]
    return {"items": items, "next": items[-1]["session"] if len(rows) > size else None}


_SESSION_STATES: Final = ("pending", "open", "draining", "closed")
