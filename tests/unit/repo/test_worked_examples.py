"""Numbers of the explanations are what the code computes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from markaz.centre.jobs import example, forecast
from markaz.centre.jobs.fairtree import decayed
from markaz.centre.jobs.priority import FACTORS, NAMES, Weights, factors, size_class
from markaz.centre.ledger.notices import PERCENTS
from markaz.centre.ledger.prices import Rate
from markaz.centre.settings import Settings

PAGES = Path(__file__).resolve().parents[3] / "docs/explanation"
FAIR = (PAGES / "fair-share.md").read_text()
LEDGER = (PAGES / "ledger.md").read_text()
DAY = 86_400_000_000


def rows(page: str, *head: str) -> list[list[str]]:
    """Cells of the table under the heading row ``head``."""
    start = f"| {' | '.join(head)} |\n"
    body = page.partition(start)[2].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def test_input_of_the_example_is_the_codes() -> None:
    shown = rows(
        FAIR, "person", "project", "institution", "shares of institution", "shares of project",
        "shares of person", "usage",
    )  # fmt: skip
    expected = []
    for person, (project, shares, used) in example.PERSONS.items():
        institution, part = example.PROJECTS[project]
        numbers = (example.INSTITUTIONS[institution], part, shares, used)
        expected.append([person, project, institution, *(f"{n:g}" for n in numbers)])
    assert shown == expected


def test_levels_of_the_example() -> None:
    expected = [
        [r["name"], *(f"{r[k]:.3f}" for k in ("S", "U", "LF"))] for r in example.fair_share()
    ]
    assert rows(FAIR, "node", "S", "U", "LF") == expected


def test_ranks_of_the_example() -> None:
    persons = [r for r in example.fair_share() if r["level"] == "person"]
    expected = [[r["name"], str(r["rank"]), f"{r['factor']:.1f}"] for r in persons]
    assert rows(FAIR, "person", "rank", "factor") == expected


def test_half_life_of_the_example() -> None:
    week = Settings()["half_life_days"] * 86_400.0
    left = [float(decayed(100.0, 0, days * DAY, week)) for days in (7, 14)]
    assert left == [50.0, 25.0]
    assert "100\nseconds of today count as 50 in a week and 25 in two weeks" in FAIR


def test_weights_of_the_page_are_the_defaults() -> None:
    settings = Settings()
    names = ("weight_qos", "weight_fair_share", "weight_age", "weight_size")
    shown = [cells[1] for cells in rows(FAIR, "term", "weight by default", "its factor")]
    assert shown == [f"{settings[name]:,.0f}" for name in names]
    classes = dict(
        re.findall(
            r"(\w+) \(([\d.]+)\)", rows(FAIR, "term", "weight by default", "its factor")[0][2]
        )
    )
    assert classes == {
        n: f"{v:.1f}".removesuffix(".0") for n, v in zip(NAMES, FACTORS, strict=True)
    } | {"scavenger": "0"}


def test_priority_of_the_example() -> None:
    weights = Weights.of(Settings())
    amal = next(r for r in example.fair_share() if r["name"] == "Amal")
    found = factors(
        weights, boost=0, qos="normal", fair=amal["factor"], which=size_class(60.0), since=0,
        now=3_600_000_000,
    )  # fmt: skip
    shown = rows(FAIR, "term", "factor", "points")
    assert [cells[1:] for cells in shown] == [
        [f"{f['factor']:.3f}", f"{f['points']:,.1f}"] for f in found
    ]
    assert f"{sum(f['points'] for f in found):,.1f} points in all" in FAIR


def test_wait_of_the_example() -> None:
    pair = forecast.Backlog(
        shares=np.array([1.0, 1.0]),
        usage=np.array([0.0, 10.0]),
        work=np.array([30.0, 100.0]),
        mine=0,
    )
    work = forecast.work_before(0.0, 30.0, [pair])
    assert (work, forecast.raw_wait(work, 2, 2, 10.0)) == (50.0, 30.0)
    assert "so 50 seconds of work come first" in FAIR
    assert "that is a raw wait of 30 seconds" in FAIR


def test_constants_of_the_forecast() -> None:
    assert (forecast.MEMORY, forecast.ENOUGH) == (200, 20)
    assert math.isclose(math.exp(forecast.FIRST[1]), 2.5)
    assert "the latest 200 jobs are kept" in FAIR
    assert "Until 20 waits are known, P90 is 2.5 times P50" in FAIR


def test_price_of_the_example() -> None:
    rate = Rate(per_second=20_000, per_shot=0, per_job=1_000)
    assert rate.reservation(predicted=0.0, limit=60.0, shots=1000) == 21_000
    assert rate.charge(0.0069, 1000, 21_000) == 1_138
    assert "reserves 0.021 credits" in LEDGER
    assert "6.9 milliseconds and is charged 0.001138" in LEDGER


def test_marks_of_the_page_are_the_codes() -> None:
    assert re.findall(r"^## At (\d+) % and (\d+) %$", LEDGER, re.M) == [tuple(map(str, PERCENTS))]


@pytest.mark.parametrize("page", ["fair-share.md", "ledger.md", "life-of-a-job.md"])
def test_settings_that_an_explanation_names_exist(page: str) -> None:
    named = re.findall(
        r"`((?:max|half|weight|drain|lease|worker|retention)_\w+)`", (PAGES / page).read_text()
    )
    assert named
    assert [name for name in named if name not in Settings()] == []
