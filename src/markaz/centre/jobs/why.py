"""Why a job waits: every factor in words, its position, and how long it will still wait."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, func, or_, select, text

from markaz.centre.jobs import documents, waits
from markaz.centre.jobs.groups import GroupKey, read_key
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.priority import class_seconds, factors, span
from markaz.centre.jobs.rulebook import RUNS, Device
from markaz.centre.jobs.states import State
from markaz.centre.jobs.tables import QUEUED, interventions, jobs
from markaz.centre.work import Work

EXACT: Final = 10_000  # jobs ahead up to which the position is counted, not estimated
GROUPS: Final = 500  # groups of which only a part is ahead, up to which they are counted
_PART: Final = select(func.count()).where(
    text(QUEUED),
    jobs.c.group_id == bindparam("group"),
    jobs.c.place < bindparam("place"),
)


def explain(work: Work, row: Any, index: QueueIndex | None) -> dict[str, Any] | None:
    """The ``why`` of a job's document; None for one that does not wait.

    Without the queue in this process position and wait are unknown.
    """
    if row.state == State.HELD:
        words = documents.held_words(row)
        return {"words": [words], "reason": row.reason, "interventions": acts(work, row)}
    if row.state != State.QUEUED:
        return None
    key = read_key(work, row.group_id)
    assert key is not None, row.group_id
    found: dict[str, Any] = {"words": [], "interventions": acts(work, row)}
    if index is not None:
        found |= _ranked(work, row, key, index)
        found["blocks"] = _blocks(index, key, work.now) + _crowded(index, row, key, work.now)
        found["words"] += [one["words"] for one in found["blocks"]]
    return found


def _ranked(work: Work, row: Any, key: GroupKey, index: QueueIndex) -> dict[str, Any]:
    position, exact = place_in_queue(work, row, key, index)
    raw = waits.raw(index, key, row.place, work.now)
    low, high = index.forecasts.range(key.device, raw)
    shown = factors(
        index.weights,
        boost=key.boost,
        qos=key.qos,
        fair=index.fair(key.project, key.user),
        which=key.size_class,
        since=row.place,
        now=work.now,
    )
    about = "" if exact else "about "
    return {
        "position": position,
        "position_exact": exact,
        "priority": sum(factor["points"] for factor in shown),
        "factors": shown,
        "fair_share": share_words(index, key),
        "wait": {"p50": low, "p90": high},
        "words": [
            f"{about}{position - 1} jobs are before it, as priorities are now",
            f"it will probably start within {span(low)}, almost certainly within {span(high)}",
        ],
    }


def place_in_queue(work: Work, row: Any, key: GroupKey, index: QueueIndex) -> tuple[int, bool]:
    """The job's position on its device (1: next), and whether it was counted.

    Estimated where so many are ahead that counting them would burden the database.
    """
    ahead = waits.ahead(index, key, row.group_id, row.place, work.now)
    if ahead.jobs + ahead.guess > EXACT or len(ahead.partly) > GROUPS:
        return 1 + ahead.jobs + round(ahead.guess), False
    counted = sum(
        int(work.connection.execute(_PART, {"group": group, "place": place}).scalar_one())
        for group, place in ahead.partly
    )
    return 1 + ahead.jobs + counted, True


def share_words(index: QueueIndex, key: GroupKey) -> list[dict[str, Any]]:
    """Shares and usage of the institution, the project and the person among their siblings."""
    with index.lock:
        shares, tree = index.shares, index.shares.tree
        person = shares.row(key.project, key.user)
        if person < 0:
            return []
        project = int(tree.project_of[person])
        levels = (
            ("institution", shares.levels.institutions, int(tree.institution_of[project])),
            ("project", shares.levels.projects, project),
            ("person", shares.levels.persons, person),
        )
        return [_level(name, *(float(part[at]) for part in level)) for name, level, at in levels]


def _level(name: str, share: float, used: float, fairness: float) -> dict[str, Any]:
    return {
        "level": name,
        "share": share,
        "used": used,
        "level_fair_share": fairness if fairness < float("inf") else None,
        "words": f"has {share:.1%} of the shares and used {used:.1%} of what was used lately",
    }


def _blocks(index: QueueIndex, key: GroupKey, now: int) -> list[dict[str, Any]]:
    """What keeps the whole device from starting the job now: ``block`` names it, for
    interfaces that say it in other languages; ``words`` is English."""
    device = index.rules.devices.get(key.device)
    if device is None:
        words = f"device {key.device} is retired"
        return [{"block": "retired", "device": key.device, "words": words}]
    name, found = f"device {device.id}", []
    if device.status not in RUNS:
        words = f"{name} is in status {device.status}"
        found.append({"block": "status", "status": device.status, "words": words})
    if not device.accepting:
        words = f"{name} starts no jobs at the moment"
        found.append({"block": "not accepting", "words": words})
    if device.session and device.session != key.session:
        words = f"a session holds {name} for its own jobs"
        found.append({"block": "session", "words": words})
    return [{"device": device.id, **one} for one in (*found, *_calendar(device, key, now))]


def _crowded(index: QueueIndex, row: Any, key: GroupKey, now: int) -> list[dict[str, Any]]:
    """Other devices whose jobs keep the workers of this one busy."""
    found = []
    for one in waits.crowd(index, key, row.place, now):
        has = [f"{one.running} running"] if one.running else []
        has += [f"{span(one.work)} of waiting work before it"] if one.work > 0 else []
        words = f"the workers are busy with jobs of device {one.device}: {', '.join(has)}"
        figures = {"running": one.running, "waiting_seconds": one.work}
        found.append({"block": "workers", "device": one.device, **figures, "words": words})
    return found


def _calendar(device: Device, key: GroupKey, now: int) -> list[dict[str, Any]]:
    window = device.window(now, key.project)
    longest = float(class_seconds(key.size_class))
    if window == 0.0:
        return [{"block": "reserved", "words": f"device {device.id} is reserved at the moment"}]
    if window < longest:
        wanted = f"it may run for {span(longest)} and must end before that"
        words = f"device {device.id} is reserved in {span(window)}: {wanted}"
        times = {"in_seconds": window, "limit_seconds": longest}
        return [{"block": "reserved soon", **times, "words": words}]
    return []


def acts(work: Work, row: Any) -> list[dict[str, Any]]:
    """What operators did to this job, and what they put before others on its device since."""
    c = interventions.c
    mine = c.job_id == row.id
    others = c.ahead & (c.device_id == row.device_id) & (c.at >= row.created_at)
    found = select(c.verb, c.reason, c.at, c.job_id).where(or_(mine, others))
    rows = work.all(found.order_by(c.id.desc()).limit(20))
    return [
        {"what": r.verb, "reason": r.reason, "at": r.at, "own": r.job_id == row.id} for r in rows
    ]
