"""Taking jobs in: stored, paid for in advance, and queued, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, func, insert, select, text, update

from markaz.centre import fields
from markaz.centre.access import verb
from markaz.centre.db.frequent import Frequent
from markaz.centre.errors import CentreError, invalid
from markaz.centre.ids import new_id
from markaz.centre.jobs import fits, notify, waits
from markaz.centre.jobs.groups import GroupKey, ask_group, expected, group_id, key_of
from markaz.centre.jobs.rules import Place, ask_place, submitter
from markaz.centre.jobs.tables import OPEN, QUEUED, jobs, sessions
from markaz.centre.ledger import holds, prices
from markaz.centre.storage import blobs
from markaz.centre.work import Work

MOST: Final = 100  # jobs in one request
MAX_TAGS: Final = 16
LEAST_SECONDS: Final = 0.001


class Opened(Protocol):
    """A checked program (``workers.intake``)."""

    @property
    def circuit(self) -> blobs.Prepared | bytes:
        """Its wire form."""

    @property
    def program_hash(self) -> str:
        """What it is, whatever it is written in."""

    @property
    def qubits(self) -> int:
        """How many it has."""

    @property
    def predicted_seconds(self) -> float | None:
        """Run time, if planning ended."""

    @property
    def predicted_bytes(self) -> int | None:
        """Memory, if planning ended."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Complete and checked."""

    @property
    def kind(self) -> str:
        """What runs it: ``run``, or a program of the runtime client."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Plain facts of the circuit."""


@dataclass(slots=True)
class _New:
    """A job on its way in: its row, its price, what is to be stored."""

    row: dict[str, Any]
    amount: int
    contents: tuple[blobs.Prepared | bytes, blobs.Prepared | bytes]
    key: GroupKey
    free: bool


def _ahead(work: Work, **arguments: Any) -> None:
    ask_place(work, **arguments)
    _COUNT.ahead(work.connection, {"user": work.actor.id})


@verb("jobs.submit", rule=submitter, scope="jobs:write", ahead=_ahead)
def submit(
    work: Work,
    place: Place,
    *,
    opened: Opened,
    data: blobs.Prepared | bytes,
    project: Any = None,
    device: Any = None,
    session: Any = None,
    qos: Any = "normal",
    **about: Any,
) -> dict[str, Any]:
    """Take one job in; ``about`` as for ``submit_many``'s items.

    Stores the program and its circuit, reserves credits, and queues the job; without enough
    credits it is held and nothing is reserved. Answers ``{"job", "state", "reason", …}``.
    Raises CentreError ``invalid``, ``quota``, ``conflict``, ``too-large``.
    """
    answer = _take(work, place, [{"opened": opened, "data": data, **about}])[0]
    if isinstance(answer, CentreError):
        raise answer
    return answer


@verb("jobs.submit_many", rule=submitter, scope="jobs:write", ahead=_ahead)
def submit_many(
    work: Work,
    place: Place,
    *,
    items: Sequence[Mapping[str, Any]],
    project: Any = None,
    device: Any = None,
    session: Any = None,
    qos: Any = "normal",
) -> dict[str, Any]:
    """Take up to 100 jobs in, in their order, with few statements.

    An item has ``opened`` and ``data``, or ``refused`` (the CentreError with which the
    program was refused), and may have ``name``, ``tags``, ``private``, ``limit_seconds``,
    ``options``. One that is refused refuses only itself. Answers ``{"items": [...]}``: what
    ``submit`` answers, or ``{"error": {"kind", "message", "field", …}}``.
    """
    if not 1 <= len(items) <= MOST:
        raise invalid("items", f"one request takes from 1 to {MOST} jobs, not {len(items)}")
    answers = _take(work, place, items)
    if all(isinstance(answer, CentreError) for answer in answers):
        work.nothing_changed()
    return {
        "items": [_error(a) if isinstance(a, CentreError) else a for a in answers],
    }


def _error(error: CentreError) -> dict[str, Any]:
    told = {"kind": error.kind, "message": error.message, "field": error.field}
    return {"error": told | error.details}


def _take(
    work: Work, place: Place, items: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any] | CentreError]:
    blobs.ask_used(work, place.project.id)
    rate = prices.price(work, device=place.device.id, at=work.now)
    _check_quota(work, place.project)
    found = [_prepared(work, place, rate, item) for item in items]
    if place.user is None:
        found = _capped(work, found, "queued", _COUNT, "max_waiting_per_user")
    _reserve(work, place, [one for one in found if isinstance(one, _New)])
    if place.user is None:
        found = _capped(work, found, "held", _COUNT_HELD, "max_held_per_user")
    _store(work, place, [one for one in found if isinstance(one, _New)])
    return [_answer(one) if isinstance(one, _New) else one for one in found]


def _check_quota(work: Work, project: Any) -> None:
    quota = work.services.settings["quota_gib"] if project.quota_gib is None else project.quota_gib
    if blobs.used_bytes(work, project.id) >= quota * 2**30:
        raise CentreError("quota", f"project {project.slug} keeps its {quota:g} GiB already")


def _prepared(
    work: Work, place: Place, rate: prices.Rate, item: Mapping[str, Any]
) -> _New | CentreError:
    """The job of one item, or why it is refused."""
    if "refused" in item:
        refused: CentreError = item["refused"]
        return refused
    try:
        return _new(work, place, rate, **item)
    except CentreError as error:
        return error


def _new(
    work: Work,
    place: Place,
    rate: prices.Rate,
    *,
    opened: Opened,
    data: blobs.Prepared | bytes,
    options: Mapping[str, Any] | None = None,
    name: Any = "",
    tags: Any = (),
    private: Any = False,
    limit_seconds: Any = None,
) -> _New:
    asked = dict(opened.options if options is None else options)
    limit = _limit(work, place, asked, limit_seconds)
    fits.check(place.device, opened, asked)
    shots = int(asked.get("shots") or 0)
    free = place.qos == "scavenger" or opened.kind in fits.MEASURING
    rate = prices.FREE if free else rate
    predicted = fits.predicted_seconds(place.device, opened)
    amount = rate.reservation(predicted=predicted, limit=limit, shots=shots)
    at = work.services.clock.now()
    key = key_of(
        place.device.id,
        place.project.id,
        place.user or work.actor.id,
        place.qos,
        limit,
        None if place.session is None else place.session.id,
    )
    row = {
        "id": new_id(at),
        "project_id": place.project.id,
        "user_id": key.user,
        "device_id": place.device.id,
        "session_id": key.session or None,
        "kind": opened.kind,
        "name": fields.line("name", name, least=0),
        "tags": json.dumps(checked_tags(tags), ensure_ascii=False),
        "private": fields.flag("private", private),
        "state": "queued",
        "reason": None,
        "place": at,
        "qos": place.qos,
        "program_hash": opened.program_hash,
        "options": json.dumps(asked, ensure_ascii=False, allow_nan=False),
        "shots": shots,
        "qubits": opened.qubits,
        "limit_seconds": limit,
        "predicted_seconds": predicted,
        "predicted_bytes": opened.predicted_bytes,
        "price": json.dumps(rate.document()),
        "reserved": 0,
        "created_at": at,
        "eligible_at": at,
        "wait_raw": None,
        "wait_p50": None,
        "wait_p90": None,
        "allocation_id": None,
    }
    return _New(row, amount, (data, opened.circuit), key, free)


def _limit(work: Work, place: Place, options: Mapping[str, Any], given: Any) -> float:
    """The time limit, seconds: as given, as an option, as the session leaves, or the default."""
    settings = work.services.settings
    most = settings["max_job_seconds"]
    if place.qos == "scavenger":  # no work that pays may wait long for one that does not
        most = min(most, settings["default_job_seconds"])
    wanted = options.get("time_limit") if given is None else given
    if wanted is None:
        return float(min(most, settings["default_job_seconds"]))
    return fields.number("limit_seconds", wanted, LEAST_SECONDS, most)


def checked_tags(tags: Any) -> list[str]:
    """``tags`` if they can be a job's. Raises CentreError ``invalid``."""
    if not isinstance(tags, list | tuple) or len(tags) > MAX_TAGS:
        raise invalid("tags", f"tags must be a list of at most {MAX_TAGS} texts")
    return [fields.line(f"tags/{i}", tag, most=86) for i, tag in enumerate(tags)]


def _reserve(work: Work, place: Place, new: Sequence[_New]) -> None:
    """Set the credits aside; jobs for which there are none become held."""
    for key in {one.key for one in new}:
        ask_group(work, key)
    paying = [one for one in new if not one.free]
    asked = [(one.row["id"], one.amount) for one in paying]
    given = holds.reserve_many(work, project=place.project.id, holds=asked)
    for one, allocation in zip(paying, given, strict=True):
        one.row["allocation_id"] = allocation
        if allocation is None:
            one.row |= {"state": "held", "reason": "allocation", "eligible_at": None}
        else:
            one.row["reserved"] = one.amount


_COUNT: Final = Frequent(
    select(func.count().label("jobs")).where(
        text(OPEN), jobs.c.user_id == bindparam("user"), text(QUEUED)
    )
)
_COUNT_HELD: Final = Frequent(
    select(func.count().label("jobs")).where(
        text(OPEN),
        jobs.c.user_id == bindparam("user"),
        text("state = 'held'"),
        jobs.c.reason == "allocation",
    )
)


def _capped(
    work: Work, found: Sequence[_New | CentreError], state: str, count: Frequent, setting: str
) -> list[_New | CentreError]:
    """``found`` with a refusal for those that one person may not have in ``state`` any more."""
    if not any(_is_in(one, state) for one in found):
        return list(found)
    cap = int(work.services.settings[setting])
    left = cap - int(count.first(work.connection, {"user": work.actor.id}).jobs)
    answers: list[_New | CentreError] = []
    for one in found:
        mine = _is_in(one, state)
        answers.append(_over(state, cap) if mine and left <= 0 else one)
        left -= mine
    return answers


def _is_in(one: _New | CentreError, state: str) -> bool:
    return isinstance(one, _New) and one.row["state"] == state


def _over(state: str, cap: int) -> CentreError:
    if state == "held":
        message = f"the project has no credits left, and {cap} of your jobs are held for that"
        return CentreError("allocation", message, cap=cap)
    return CentreError("quota", f"{cap} of your jobs wait already", cap=cap)


def _store(work: Work, place: Place, new: Sequence[_New]) -> None:
    """Contents, rows, groups and forecasts."""
    if not new:
        return
    contents = [data for one in new for data in one.contents]
    hashes = blobs.keep_many(work, contents, project=place.project.id)
    groups: dict[GroupKey, int] = {}
    for i, one in enumerate(new):
        one.row["input_hash"], one.row["circuit_hash"] = hashes[2 * i : 2 * i + 2]
        if one.key not in groups:
            groups[one.key] = group_id(work, one.key)
        one.row["group_id"] = groups[one.key]
    _forecast(work, new)
    _insert(tuple(new[0].row)).post(work.connection, [one.row for one in new])
    if place.session is not None:
        work.run(
            update(sessions).where(sessions.c.id == place.session.id).values(last_job_at=work.now)
        )
    for key, group in groups.items():
        rows = [one.row for one in new if one.key == key and one.row["state"] == "queued"]
        if rows:
            seconds = sum(expected(row["predicted_seconds"]) for row in rows)
            first, last = rows[0]["place"], rows[-1]["place"]
            notify.queued(work, group, key, first, seconds, len(rows), last)
    for one in new:
        work.record(one.row["id"], project=place.project.id, state=one.row["state"])


@cache
def _insert(columns: tuple[str, ...]) -> Frequent:
    return Frequent(insert(jobs), columns)


def _forecast(work: Work, new: Sequence[_New]) -> None:
    """Say how long each will wait, if the queue is in this process."""
    queue = notify.queue_of(work)
    if queue is None:
        return
    queue.prepare(work.connection, work.now)
    before: dict[GroupKey, float] = {}
    for one in new:
        if one.row["state"] != "queued":
            continue
        if one.key not in before:
            before[one.key] = waits.raw(queue, one.key, None, work.now)
        raw = before[one.key]
        low, high = queue.forecasts.range(one.key.device, raw)
        one.row |= {"wait_raw": raw, "wait_p50": low, "wait_p90": high}
        slots = waits.crew_slots(queue, one.key)
        before[one.key] += expected(one.row["predicted_seconds"]) / slots


def _answer(one: _New) -> dict[str, Any]:
    row = one.row
    wait = None
    if row["wait_p50"] is not None:
        wait = {"p50": row["wait_p50"], "p90": row["wait_p90"]}
    return {
        "job": row["id"],
        "state": row["state"],
        "reason": row["reason"],
        "device": row["device_id"],
        "project": row["project_id"],
        "reserved": row["reserved"],
        "wait": wait,
    }
