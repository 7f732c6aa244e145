"""Where a waiting job stands in the queue in memory, and how long it will wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from markaz.centre.jobs.fairtree import Floats, Ints, sums
from markaz.centre.jobs.forecast import Backlog, raw_wait, work_before
from markaz.centre.jobs.groups import GroupKey
from markaz.centre.jobs.priority import CALIBRATION, NAMES, class_seconds
from markaz.centre.jobs.rulebook import Device
from markaz.centre.jobs.sharing import Beside, beside, shared_wait, slots_of

if TYPE_CHECKING:
    from markaz.centre.jobs.index import QueueIndex


@dataclass(frozen=True, slots=True)
class Ahead:
    """Groups that wait on the same device, sorted by what of them is ahead of a job.

    ``jobs``: those wholly ahead, as a count; ``partly``: group numbers and the place before
    which their jobs are ahead; ``guess``: how many those may be.
    """

    jobs: int
    partly: list[tuple[int, int]]
    guess: float


def ahead(index: QueueIndex, key: GroupKey, group: int, place: int, now: int) -> Ahead:
    """What of the queue would start before a job of ``group`` with ``place``, as ranks are now.

    A job at p in a row with standing b has priority ``b + age(p)``; it is ahead if that is more
    than the job's own, so that each row has one place before which its jobs are ahead.
    """
    rows, weights = index.rows, index.weights
    with index.lock:
        here = index.on(key.device)
        mine = _standing(index, key) + float(weights.age_points(place, now))
        need = mine - rows.base[here]
        before = _thresholds(need, weights.age, weights.max_age, now)
        same = rows.base[here] == _standing(index, key)
        before = np.where(same, np.minimum(before, place), before)
        before[rows.group[here] == group] = place
        head, tail, count = rows.head[here], rows.tail[here], rows.count[here]
        whole, partly = tail < before, (head < before) & (before <= tail)
        part = (before - head)[partly] / np.maximum(1, (tail - head)[partly])
        return Ahead(
            jobs=int(count[whole].sum()),
            partly=list(
                zip(rows.group[here][partly].tolist(), before[partly].tolist(), strict=True)
            ),
            guess=float((count[partly] * np.clip(part, 0.0, 1.0)).sum()),
        )


def _standing(index: QueueIndex, key: GroupKey) -> float:
    fair = index.fair(key.project, key.user)
    return float(index.weights.standing(key.boost, NAMES.index(key.qos), fair, key.size_class))


def _thresholds(need: Any, weight: float, max_age: float, now: int) -> Ints:
    """Places before which age gives more than ``need`` points."""
    span = int(max_age * 1e6)
    part = need / weight if weight > 0 else np.where(need < 0, -1.0, 2.0)
    exact = now - np.clip(part, 0.0, 1.0) * span
    places = np.where(part < 0, now + 1, np.where(part > 1, 0, exact))
    return np.asarray(places, np.int64)


@dataclass(frozen=True, slots=True)
class Landscape:
    """Waiting work (seconds) of one class on some devices: by person, project and institution.

    ``first``: work of higher classes; ``total``: of this one, also of persons who are not in
    the tree; ``devices``: of both, by device.
    """

    first: float
    total: float
    devices: dict[str, float]
    persons: Floats
    projects: Floats
    institutions: Floats


class Landscapes:
    """Sums over the rows, kept for a while: a forecast then costs little in a long queue."""

    def __init__(self, index: QueueIndex, patience: float) -> None:
        self._index, self._patience = index, patience
        self._known: dict[_Where, tuple[float, int, Landscape]] = {}

    def of(self, key: GroupKey, near: tuple[Device, ...] = ()) -> Landscape:
        """The landscape in which a job of ``key`` waits, on its device and those ``near``."""
        name = (key.device, tuple((one.id, one.tended) for one in near), key.qos, key.boost)
        due, version, found = self._known.get(name, (0.0, -1, None))
        current = self._index.shares.loads
        if found is None or version != current or time.monotonic() > due:
            started = time.monotonic()
            found = self._survey(key, near)
            due = time.monotonic() + self._patience * (time.monotonic() - started)
            self._known[name] = (due, current, found)
        return found

    def _survey(self, key: GroupKey, near: tuple[Device, ...]) -> Landscape:
        rows, tree = self._index.rows, self._index.shares.tree
        here = _rows(self._index, key, near)
        qos, boost = rows.qos[here], rows.boost[here]
        mine = NAMES.index(key.qos)
        first = here[(boost > key.boost) | ((boost == key.boost) & (qos < mine))]
        same = here[(boost == key.boost) & (qos == mine)]
        ahead = np.concatenate((first, same))
        by_device = sums(rows.device[ahead], rows.work[ahead], len(rows.devices))
        known = same[rows.person[same] >= 0]
        persons = sums(rows.person[known], rows.work[known], len(tree.persons))
        by_project = sums(tree.project_of, persons, len(tree.projects))
        return Landscape(
            first=float(rows.work[first].sum()),
            total=float(rows.work[same].sum()),
            devices=dict(zip(rows.devices.names, by_device.tolist(), strict=True)),
            persons=persons,
            projects=by_project,
            institutions=sums(tree.institution_of, by_project, len(tree.institutions)),
        )


_Where = tuple[str, tuple[tuple[str, bool], ...], str, int]


def _rows(index: QueueIndex, key: GroupKey, near: tuple[Device, ...]) -> Ints:
    """Rows that wait on the device of ``key``, and those that may start on the ones ``near``."""
    found = [index.on(key.device)]
    for device in near:
        here = index.on(device.id)
        found.append(here[index.rows.qos[here] == CALIBRATION] if device.tended else here)
    return np.concatenate(found)


def raw(index: QueueIndex, key: GroupKey, place: int | None, now: int) -> float:
    """Seconds that a job of ``key`` at ``place`` (None: behind all of its group) will wait."""
    with index.lock:
        device = _device(index, key)
        busy, left = index.busy(key.device, now)
        slots = slots_of(index.crews, device) or max(1, busy)
        work = _work(index, key, place)
        others = _others(index, key, place, now, work)
        return raw_wait(
            work,
            min(device.slots, slots) if device.slots else slots,
            busy,
            left,
            shared=shared_wait(slots, busy, left, work, others) if others else 0.0,
            now=now,
            limit=float(class_seconds(key.size_class)),
            reserved=[one for one in device.reservations if one.project != key.project],
        )


def crew_slots(index: QueueIndex, key: GroupKey) -> int:
    """Jobs that run at once on the workers of its device, as far as is known."""
    return max(1, slots_of(index.crews, _device(index, key)))


def crowd(index: QueueIndex, key: GroupKey, place: int | None, now: int) -> list[Beside]:
    """Other devices that keep all workers of its device from a job of ``key`` now."""
    with index.lock:
        busy, _ = index.busy(key.device, now)
        others = _others(index, key, place, now, _work(index, key, place))
        slots = slots_of(index.crews, _device(index, key))
        return others if busy + sum(one.taken for one in others) >= slots else []


def _device(index: QueueIndex, key: GroupKey) -> Device:
    return index.rules.devices.get(key.device) or Device(key.device)


def _others(
    index: QueueIndex, key: GroupKey, place: int | None, now: int, own: float
) -> list[Beside]:
    """Devices on the same workers that run jobs or have work before this one, of which the
    device's ``own`` queue has so much."""
    device = _device(index, key)
    near = beside(index.crews, index.rules, device)
    waiting = tuple(one for one in near if one.starts and len(index.on(one.id)))
    work = dict.fromkeys((one.id for one in near), 0.0)
    if waiting:
        land = index.landscapes.of(key, waiting)
        theirs = {one.id: land.devices.get(one.id, 0.0) for one in waiting}
        part = max(0.0, _work(index, key, place, waiting) - own) / (sum(theirs.values()) or 1.0)
        work |= {name: min(1.0, part) * seconds for name, seconds in theirs.items()}
    slots = slots_of(index.crews, device)
    found = [
        Beside(one.id, one.slots or slots, *index.busy(one.id, now), work[one.id]) for one in near
    ]
    return [one for one in found if one.running or one.work > 0]


def _work(
    index: QueueIndex, key: GroupKey, place: int | None, near: tuple[Device, ...] = ()
) -> float:
    """Seconds of waiting work on its device, and those ``near``, that start before the job."""
    shares, tree = index.shares, index.shares.tree
    person = shares.row(key.project, key.user)
    land = index.landscapes.of(key, near)
    if person < 0 or person >= len(land.persons):
        return land.first + land.total
    project = int(tree.project_of[person])
    institution = int(tree.institution_of[project])
    siblings = np.flatnonzero(tree.project_of == project)
    projects = np.flatnonzero(tree.institution_of == institution)
    whole = Backlog(tree.institutions, shares.by_institution, land.institutions, institution)
    levels = (
        _backlog(tree.persons, shares.amount, land.persons, siblings, person),
        _backlog(tree.projects, shares.by_project, land.projects, projects, project),
        whole,
    )
    own = _own(index, key, place, person, _rows(index, key, near))
    return work_before(land.first, own, levels)


def _backlog(shares: Floats, usage: Floats, work: Floats, among: Ints, mine: int) -> Backlog:
    at = int(np.flatnonzero(among == mine)[0])
    return Backlog(shares[among], usage[among], work[among], at)


def _own(index: QueueIndex, key: GroupKey, place: int | None, person: int, here: Ints) -> float:
    """Work of the same person that comes before, in the same class on the same devices."""
    rows = index.rows
    same = (rows.person[here] == person) & (rows.qos[here] == NAMES.index(key.qos))
    own = here[same & (rows.boost[here] == key.boost)]
    if place is None:
        return float(rows.work[own].sum())
    length = np.maximum(1, rows.tail[own] - rows.head[own])
    part = np.clip((place - rows.head[own]) / length, 0.0, 1.0)
    return float((rows.work[own] * part).sum())
