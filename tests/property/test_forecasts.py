"""The stated waits, scored under mixed load: campaigns, single jobs, wrong predictions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

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


def test_a_longer_queue_means_a_longer_forecast() -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(mixed(2, 600, 1.0))
    waits = sorted(done, key=lambda one: one.wait)
    short, long = waits[:200], waits[-200:]
    assert sum(one.low for one in long) > 5 * sum(one.low for one in short)
