"""F13: what projects get under load, measured against their shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.queue_simulation import SECOND, START, Job, Simulation, index_of, job

SHARES = {"one": 1, "two": 2, "five": 5}
TREE = {"site": (1, {name: (shares, {name: 1}) for name, shares in SHARES.items()})}
SLOTS = 4
MEAN = 2.0


def backlog(seed: int, count: int) -> list[Job]:
    """``count`` jobs of mixed lengths, all there at once, from three projects in turn."""
    random = Random(seed)
    names = list(SHARES)
    return [job(i, random, names[i % 3], names[i % 3], START + i, MEAN) for i in range(count)]


def delivered(done: list[Job], until: int) -> dict[str, float]:
    """Each project's part of the device time up to ``until``."""
    used: Counter[str] = Counter()
    for one in done:
        assert one.started is not None
        assert one.ended is not None
        used[one.key.project] += max(0, min(one.ended, until) - one.started)
    total = sum(used.values())
    return {name: used[name] / total for name in SHARES}


@pytest.mark.parametrize("seed", [1, 2])
def test_shares_are_delivered_within_5_percent_while_all_wait(seed: int) -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(backlog(seed, 2000))
    last_start = {n: max(j.started or 0 for j in done if j.key.project == n) for n in SHARES}
    parts = delivered(done, min(last_start.values()))
    for name, shares in SHARES.items():
        assert parts[name] == pytest.approx(shares / 8, rel=0.05), parts
    assert len(done) == 2000


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 120))
def test_shares_are_delivered_with_many_seeds(seed: int) -> None:
    test_shares_are_delivered_within_5_percent_while_all_wait(seed)


def flood(seed: int, seconds: int) -> Iterator[Job]:
    """The projects with the most shares hand in twice what the device can do; the smallest
    one job now and then."""
    random = Random(seed)
    at, number = START, 0
    while at < START + seconds * SECOND:
        at += int(SECOND * random.expovariate(2 * SLOTS / (1.38 * MEAN)))
        rare = random.random() < 0.02
        name = "one" if rare else random.choice(("two", "five"))
        yield job(number, random, name, name, at, MEAN)
        number += 1


def test_nobody_starves_while_others_flood_the_queue() -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(flood(5, 1500))
    small = [one for one in done if one.key.project == "one"]
    longest = max(one.seconds for one in done)
    assert len(small) > 15
    # It uses less than its eighth, so that it is next whenever a slot becomes free.
    assert max(one.wait for one in small) <= longest
    assert max(one.wait for one in done) > 5 * longest  # while the queue was really long


def test_order_within_one_persons_jobs_is_that_of_submission() -> None:
    done = Simulation(index_of(TREE, SLOTS)).run(backlog(3, 300))
    for name in SHARES:
        mine = sorted((j for j in done if j.key.project == name), key=lambda j: j.arrives)
        starts = [j.started for j in mine]
        assert starts == sorted(starts, key=lambda at: at or 0)


def test_age_brings_a_job_past_a_better_rank() -> None:
    """No rank keeps a job back for ever while others hand in new work: half a rank is 500
    points, which age makes up in half of its 86.4 seconds."""
    tree = {"site": (1, {"big": (1000, {"big": 1}), "tiny": (1, {"tiny": 1})})}
    index = index_of(tree, 1, weight_fair_share=1000.0, weight_age=1000.0, max_age_days=0.001)
    random = Random(9)
    gap = int(1.2 * MEAN * SECOND)
    load = [job(i, random, "big", "big", START + max(0, i - 5) * gap, MEAN) for i in range(200)]
    load.insert(1, job(200, random, "tiny", "tiny", START, MEAN))
    index.shares.begin("before", "tiny", "tiny", 10_000.0, START)  # it has used far too much
    done = Simulation(index).run(load)
    wait = next(one.wait for one in done if one.key.project == "tiny")
    served = [one for one in done if one.key.project == "big" and (one.started or 0) > START]
    assert 43.2 < wait < 86.4
    assert len(served) == 199
