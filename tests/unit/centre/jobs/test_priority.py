from __future__ import annotations

import pytest

from markaz.centre.jobs import example
from markaz.centre.jobs.priority import (
    FACTORS,
    NAMES,
    Weights,
    class_seconds,
    factors,
    size_class,
    size_factor,
    span,
)
from markaz.centre.settings import Settings

WEIGHTS = Weights.of(Settings())
DAY = 86_400_000_000


def test_the_worked_example_has_these_numbers() -> None:
    found = {row["name"]: row for row in example.fair_share()}
    level = {name: (row["S"], row["U"], row["LF"]) for name, row in found.items()}
    # used: 420 of 1,000 by North University, 240 of those 420 by materials
    assert level["North University"] == pytest.approx((0.6, 0.42, 0.6 / 0.42))
    assert level["Coast Institute"] == pytest.approx((0.4, 0.58, 0.4 / 0.58))
    assert level["materials"] == pytest.approx((2 / 3, 240 / 420, 7 / 6))
    assert level["chemistry"] == pytest.approx((1 / 3, 180 / 420, 7 / 9))
    assert level["Celik"] == pytest.approx((0.5, 40 / 240, 3.0))
    assert level["Amal"] == level["Bina"] == pytest.approx((0.25, 100 / 240, 0.6))
    ranks = [(row["name"], row["rank"]) for row in found.values() if "rank" in row]
    assert ranks == [("Celik", 5), ("Amal", 4), ("Bina", 4), ("Dara", 2), ("Esra", 1)]
    assert found["Amal"]["factor"] == 0.8


def test_classes_are_ordered_and_no_other_factor_outweighs_one() -> None:
    assert NAMES == ("calibration", "booking", "session", "teaching", "normal", "scavenger")
    best_normal = WEIGHTS.standing(0, NAMES.index("normal"), 1.0, -40) + WEIGHTS.age
    worst_teaching = WEIGHTS.standing(0, NAMES.index("teaching"), 0.0, 60)
    assert best_normal < worst_teaching


def test_an_override_outweighs_everything() -> None:
    best = WEIGHTS.standing(0, 0, 1.0, -40) + WEIGHTS.age
    assert WEIGHTS.standing(1, len(NAMES) - 1, 0.0, 60) > best
    assert WEIGHTS.standing(-1, 0, 1.0, -40) + WEIGHTS.age < WEIGHTS.standing(0, 5, 0.0, 60)


def test_age_grows_until_its_limit() -> None:
    points = [WEIGHTS.age_points(0, days * DAY) for days in (0, 3.5, 7, 30)]
    assert points == pytest.approx([0, 500, 1000, 1000])


@pytest.mark.parametrize("seconds", [0.001, 0.5, 1, 59.9, 60, 64, 2**0.25, 3600, 12345.678])
def test_a_size_class_holds_its_limit_and_not_much_more(seconds: float) -> None:
    longest = class_seconds(size_class(seconds))
    assert seconds <= longest <= seconds * 1.1893


def test_shorter_jobs_come_slightly_first() -> None:
    found = [float(size_factor(size_class(s), 3600.0)) for s in (0.01, 60, 3600)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.99
    assert found[2] == pytest.approx(0.0, abs=1e-6)


def test_the_factors_add_up_to_the_priority() -> None:
    shown = factors(WEIGHTS, boost=2, qos="normal", fair=0.25, which=24, since=0, now=7 * DAY // 2)
    total = WEIGHTS.standing(2, 4, 0.25, 24) + 500
    assert sum(one["points"] for one in shown) == pytest.approx(total)
    assert [one["words"] for one in shown] == [
        "an operator put it before others",
        "normal: ordinary work",
        "75 of 100 have used less of their share",
        "waits for 3.5 days; full after 7 days",
        "may run for up to 1.1 minutes",
    ]
    assert FACTORS[NAMES.index("normal")] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.9, "1 minute"),
        (90, "1.5 minutes"),
        (7200, "2 hours"),
        (86400 * 40, "40 days"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
