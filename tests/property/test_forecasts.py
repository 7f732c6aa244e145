"""The stated waits, scored under mixed load: campaigns, single jobs, wrong predictions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from markaz.centre.jobs import waits
from tests.queue_simulation import SECOND, START, Job, Simulation, index_of, job

MEAN = 2.0
SLOTS = 2
TREE = {
    "x": (1, {"a": (1, {"a1": 1, "a2": 1}), "b": (2, {"b1": 1})}),
    "y": (1, {"c": (1, {"c1": 1, "c2": 2}), "d": (1, {"d1": 1})}),
}
PEOPLE = [("a", "a1"), ("a", "a2"), ("b", "b1"), ("c", "c1"), ("c", "c2"), ("d", "d1")]
BUSY = [5, 1, 3, 2, 1, 1]
CAMPAIGNS = 0.15  # of submissions; of 5 to 29 jobs
PER_SUBMISSION = 0.85 + CAMPAIGNS * 17


def mixed(seed: int, count: int, load: float) -> Iterator[Job]:
    """``count`` jobs that ask for ``load`` times what the device can do."""
    random, at, number = Random(seed), START, 0
    rate = load * SLOTS / (1.377 * MEAN) / PER_SUBMISSION  # e^(0.8²/2) = 1.377
    while number < count:
        at += int(SECOND * random.expovariate(rate))
        project, person = random.choices(PEOPLE, BUSY)[0]
        size = random.randrange(5, 30) if random.random() < CAMPAIGNS else 1
        for _ in range(min(size, count - number)):
            yield job(number, random, project, person, at + number, MEAN)
            number += 1


@pytest.mark.parametrize("load", [0.8, 0.95, 1.1])
def test_30_to_50_percent_of_the_waits_lie_between_p50_and_p90(load: float) -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(mixed(1, 1500, load))
    inside = sum(one.low <= one.wait <= one.high for one in done) / len(done)
    late = sum(one.wait > one.high for one in done) / len(done)
    assert len({one.name for one in done}) == 1500
    assert 0.30 <= inside <= 0.50
    assert late <= 0.20


def two_devices(seed: int, count: int, load: float, slots: int) -> Iterator[Job]:
    """``count`` jobs, half of whose work is short jobs on ``sim`` and half is long ones on
    ``panta``, which runs one at a time on the same workers."""
    random, at, long = Random(seed), START, 0.05
    rate = load * slots / 1.377 / (long * 20 + (1 - long) * 1)
    for number in range(count):
        at += int(SECOND * random.expovariate(rate))
        project, person = random.choices(PEOPLE, BUSY)[0]
        device, mean = ("panta", 20.0) if random.random() < long else ("sim", 1.0)
        yield job(number, random, project, person, at, mean, device)


def short_ones(load: float, slots: int) -> list[Job]:
    simulation = Simulation(index_of(TREE, slots, {"panta": 1}))
    done = simulation.run(two_devices(1, 1000, load, slots))
    return [one for one in done if one.key.device == "sim"]


@pytest.mark.parametrize(("load", "slots"), [(0.9, 1), (1.1, 2)])
def test_waits_count_what_other_devices_have_on_the_same_workers(
    load: float, slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = short_ones(load, slots)
    inside = sum(one.low <= one.wait <= one.high for one in done) / len(done)
    late = sum(one.wait > one.high for one in done) / len(done)
    assert len(done) > 900
    assert 0.30 <= inside <= 0.50
    assert late <= 0.20
    monkeypatch.setattr(waits, "_others", lambda *_: [])
    alone = short_ones(load, slots)
    assert _error(done) < 0.8 * _error(alone)


def _error(done: list[Job]) -> float:
    """Mean error of what is said before anything is learnt, seconds."""
    return sum(abs(one.wait - one.raw) for one in done) / len(done)


def test_a_longer_queue_means_a_longer_forecast() -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(mixed(2, 600, 1.0))
    waits = sorted(done, key=lambda one: one.wait)
    short, long = waits[:200], waits[-200:]
    assert sum(one.low for one in long) > 5 * sum(one.low for one in short)
