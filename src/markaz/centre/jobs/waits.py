"""Where a waiting job stands in the queue in memory, and how long it will wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from markaz.centre.jobs.fairtree import Floats, Ints, sums
from markaz.centre.jobs.forecast import Backlog, raw_wait, work_before
from markaz.centre.jobs.groups import GroupKey
from markaz.centre.jobs.priority import NAMES, class_seconds
from markaz.centre.jobs.rulebook import Device

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
    """Waiting work (seconds) of one class on one device: by person, project and institution.

    ``first``: work of higher classes; ``total``: of this one, also of persons who are not in
    the tree.
    """

    first: float
    total: float
    persons: Floats
    projects: Floats
    institutions: Floats


class Landscapes:
    """Sums over the rows, kept for a while: a forecast then costs little in a long queue."""

    def __init__(self, index: QueueIndex, patience: float) -> None:
        self._index, self._patience = index, patience
        self._known: dict[tuple[str, str, int], tuple[float, int, Landscape]] = {}

    def of(self, key: GroupKey) -> Landscape:
        """The landscape in which a job of ``key`` waits."""
        name = (key.device, key.qos, key.boost)
        due, version, found = self._known.get(name, (0.0, -1, None))
        current = self._index.shares.loads
        if found is None or version != current or time.monotonic() > due:
            started = time.monotonic()
            found = self._survey(key)
            due = time.monotonic() + self._patience * (time.monotonic() - started)
            self._known[name] = (due, current, found)
        return found

    def _survey(self, key: GroupKey) -> Landscape:
        rows, tree = self._index.rows, self._index.shares.tree
        here = self._index.on(key.device)
        qos, boost = rows.qos[here], rows.boost[here]
        mine = NAMES.index(key.qos)
        first = (boost > key.boost) | ((boost == key.boost) & (qos < mine))
        same = here[(boost == key.boost) & (qos == mine)]
        total = float(rows.work[same].sum())
        same = same[rows.person[same] >= 0]
        persons = sums(rows.person[same], rows.work[same], len(tree.persons))
        by_project = sums(tree.project_of, persons, len(tree.projects))
        by_institution = sums(tree.institution_of, by_project, len(tree.institutions))
        higher = float(rows.work[here[first]].sum())
        return Landscape(higher, total, persons, by_project, by_institution)


def raw(index: QueueIndex, key: GroupKey, place: int | None, now: int) -> float:
    """Seconds that a job of ``key`` at ``place`` (None: behind all of its group) will wait."""
    with index.lock:
        device = index.rules.devices.get(key.device, Device(key.device))
        busy, left = index.busy(key.device, now)
        return raw_wait(
            _work(index, key, place),
            _slots(index, device, busy),
            busy,
            left,
            now=now,
            limit=float(class_seconds(key.size_class)),
            reserved=[one for one in device.reservations if one.project != key.project],
        )


def _slots(index: QueueIndex, device: Device, busy: int) -> int:
    """Jobs that the device runs at once, as far as is known."""
    known = index.worker_slots or max(1, busy)
    return min(device.slots, known) if device.slots else known


def _work(index: QueueIndex, key: GroupKey, place: int | None) -> float:
    shares, tree = index.shares, index.shares.tree
    person = shares.row(key.project, key.user)
    land = index.landscapes.of(key)
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
    return work_before(land.first, _own(index, key, place, person), levels)


def _backlog(shares: Floats, usage: Floats, work: Floats, among: Ints, mine: int) -> Backlog:
    at = int(np.flatnonzero(among == mine)[0])
    return Backlog(shares[among], usage[among], work[among], at)


def _own(index: QueueIndex, key: GroupKey, place: int | None, person: int) -> float:
    """Work of the same person that comes before, in the same class on the same device."""
    rows = index.rows
    here = index.on(key.device)
    same = (rows.person[here] == person) & (rows.qos[here] == NAMES.index(key.qos))
    own = here[same & (rows.boost[here] == key.boost)]
    if place is None:
        return float(rows.work[own].sum())
    length = np.maximum(1, rows.tail[own] - rows.head[own])
    part = np.clip((place - rows.head[own]) / length, 0.0, 1.0)
    return float((rows.work[own] * part).sum())
