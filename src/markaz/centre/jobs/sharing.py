"""Devices that are served by the same workers, and what that adds to a wait.

Slots of workers are shared: while a worker runs the job of one device, it runs none of
another. So the replay of ``forecast`` is done twice: on the device's own slots with its own
queue, and on the slots of all workers that serve it with the queues of all devices that these
serve. The longer of the two holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markaz.centre.jobs.rulebook import Device, Rulebook


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers of one kind that are connected: their ``slots``, and what they run.

    ``drivers`` None: any; ``devices`` empty: all of their drivers.
    """

    slots: int
    drivers: frozenset[str] | None = None
    devices: frozenset[str] = frozenset()

    def serves(self, device: Device) -> bool:
        """Whether jobs of ``device`` may be handed to them."""
        known = self.drivers is None or device.driver in self.drivers
        return known and (not self.devices or device.id in self.devices)


def slots_of(crews: Iterable[Crew], device: Device) -> int:
    """Slots of all workers that serve ``device``."""
    return sum(crew.slots for crew in crews if crew.serves(device))


def beside(crews: Iterable[Crew], rules: Rulebook, device: Device) -> tuple[Device, ...]:
    """The other devices that workers of ``device`` serve, in the order of their names."""
    mine = [crew for crew in crews if crew.slots and crew.serves(device)]
    others = (rules.devices[name] for name in sorted(rules.devices) if name != device.id)
    return tuple(one for one in others if any(crew.serves(one) for crew in mine))


@dataclass(frozen=True, slots=True)
class Beside:
    """Another device on the same workers: jobs that run, the seconds that they have left in
    all, and seconds of waiting ``work`` that start before a job. ``slots``: its most at once."""

    device: str
    slots: int
    running: int
    left: float
    work: float

    @property
    def taken(self) -> int:
        """Slots that it keeps from others, as long as it has work."""
        return max(self.running, self.slots if self.work > 0 else 0)


def shared_wait(slots: int, busy: int, left: float, work: float, others: Sequence[Beside]) -> float:
    """Seconds until one of ``slots`` shared slots takes a job up.

    ``busy``, ``left``: jobs of its own device that run, and their seconds left; ``work``:
    seconds of its own queue before it. Each of ``others`` gets no more than its ``slots`` at
    once, so that the wait is the largest t with ``slots·t = left + work + Σ min(b_k, c_k·t)``
    for the seconds b_k and the slots c_k of the others.
    """
    if work <= 0 and busy + sum(one.taken for one in others) < slots:
        return 0.0
    ahead, free, rest = left + work, slots, list(others)
    while True:
        time = (ahead + sum(one.left + one.work for one in rest)) / free
        # Those that cannot use more than their slots until then only make these fewer.
        limited = [one for one in rest if one.left + one.work > one.slots * time]
        if not limited:
            return time
        free -= sum(one.slots for one in limited)
        rest = [one for one in rest if one not in limited]
