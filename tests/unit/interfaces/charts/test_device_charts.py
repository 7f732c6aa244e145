"""Charts of devices and their use: what is drawn, where, and what each part says."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from markaz.interfaces.charts.agenda import Span, agenda
from markaz.interfaces.charts.columns import columns
from markaz.interfaces.charts.history import Point, history
from markaz.interfaces.charts.topology import STEPS, bounds, step_of, topology
from markaz.quantum.devices.model import load_shipped, shipped

SQUARE = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
PAIRS = [(0, 1), (0, 2), (1, 3), (2, 3)]


def parts(svg: str, tag: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label")
    return list(root.iter(tag))


def classes(svg: str, tag: str) -> list[str]:
    return [one.get("class") or "" for one in parts(svg, tag)]


def titles(svg: str) -> list[str]:
    return [one.text or "" for one in parts(svg, "title")]


def test_qubits_are_coloured_by_their_values() -> None:
    svg = topology(SQUARE, PAIRS, [(2, 3)], {(0,): 10.0, (1,): 40.0, (3,): 80.0}, title="T1",
                   value=lambda v: f"{v:g} us")  # fmt: skip
    circles = [one for one in classes(svg, "circle") if "qubit" in one]
    assert circles == [
        "qubit step-0", "qubit step-3", "qubit unmeasured", "qubit step-6", "qubit unmeasured",
    ]  # fmt: skip
    assert titles(svg)[0] == "T1"
    assert {"0: 10 us", "2: not measured", "3: 80 us", "2-3: does not work"} <= set(titles(svg))
    assert classes(svg, "path").count("coupler dead") == 2  # and in the legend
    assert [one.text for one in parts(svg, "text")][:4] == ["0", "1", "2", "3"]


def test_couplers_are_coloured_in_either_order_of_their_qubits() -> None:
    svg = topology(SQUARE, PAIRS, [], {(1, 0): 0.001, (1, 3): 0.02}, title="Error")
    kinds = [one for one in classes(svg, "path") if one.startswith("coupler")]
    assert sorted(kinds) == [
        "coupler rim", "coupler rim", "coupler unmeasured", "coupler unmeasured",
        "coupler wide step-0", "coupler wide step-6",
    ]  # fmt: skip
    assert "0-1: 0.001" in titles(svg)
    assert "does not work" not in svg  # no coupler is dead


def test_steps_are_of_equal_width_or_of_equal_factors() -> None:
    linear, wide = bounds([0.0, 70.0, 10.0]), bounds([1e-4, 1e-1])
    assert linear == pytest.approx([10.0 * i for i in range(STEPS + 1)])
    factors = [b / a for a, b in pairwise(wide)]
    assert factors == pytest.approx([1000 ** (1 / 7)] * STEPS)
    assert [step_of(v, linear) for v in (0, 9.9, 10, 35, 69.9, 70)] == [0, 0, 1, 3, 6, 6]
    assert step_of(5.0, bounds([5.0])) == STEPS // 2
    assert bounds([]) == []


def test_values_of_one_size_and_none_at_all_are_drawn() -> None:
    for values in (
        {},
        {(0,): 3.0},
        {(0,): 0.0, (1,): -2.0},
        dict.fromkeys([(n,) for n in range(4)], 1.0),
    ):
        svg = topology(SQUARE, PAIRS, [], values, title="T")
        assert "nan" not in svg and "inf" not in svg
    assert parts(topology([], [], [], {}, title="T"), "circle")
    assert parts(topology([(3.0, 3.0)], [], [], {(0,): 1.0}, title="T"), "circle")


@pytest.mark.parametrize("name", shipped())
def test_no_two_qubits_of_a_device_lie_on_each_other(name: str) -> None:
    model = load_shipped(name)
    svg = topology(model.sites, model.couplers, model.dead_couplers, {}, title=name)
    circles = parts(svg, "circle")[: model.num_qubits]
    at = [
        (float(c.get("cx") or 0), float(c.get("cy") or 0), float(c.get("r") or 0)) for c in circles
    ]
    box = [float(v) for v in (ElementTree.fromstring(svg).get("viewBox") or "").split()]
    for n, (x, y, r) in enumerate(at):
        assert r <= x <= box[2] - r and r <= y <= box[3] - r, n
        for x2, y2, r2 in at[:n]:
            assert (x - x2) ** 2 + (y - y2) ** 2 >= (r + r2) ** 2


def test_words_in_charts_are_text() -> None:
    evil = "<script>&\"'"
    drawn = (
        topology(SQUARE, PAIRS, [(0, 1)], {(0,): 1.0}, title=evil, description=evil,
                 value=lambda _: evil, unmeasured=evil, broken=evil),
        columns([(evil, 1.0)], title=evil, value=lambda _: evil),
        agenda([evil], [Span(0, "booking", 0, 5, evil)], since=0, until=9, marks=[(1, evil)],
               title=evil),
        history([Point(0, 1.0)], title=evil, value=lambda _: evil, moment=lambda _: evil, limit=1.0,
                limit_name=evil),
    )  # fmt: skip
    for svg in drawn:
        assert "<script" not in svg
        assert evil in titles(svg)[0]


def test_columns_are_as_high_as_their_amounts() -> None:
    svg = columns([("a", 1.0), ("b", 0.0), ("c", 2.0), ("d", 4.0)], title="Use")
    bars = parts(svg, "rect")
    heights = [float(one.get("height") or 0) for one in bars]
    assert [h / heights[0] for h in heights] == pytest.approx([1, 2, 4], rel=1e-3)
    feet = {round(float(one.get("y") or 0) + float(one.get("height") or 0), 1) for one in bars}
    assert len(feet) == 1
    assert titles(svg) == ["Use", "a: 1", "c: 2", "d: 4"]
    named = [one.text for one in parts(svg, "text")]
    assert named[-3:] == ["a", "c", "d"]
    assert parts(columns([], title="Use"), "rect") == []


def test_bookings_lie_where_their_times_are() -> None:
    spans = [Span(0, "booking", 0, 50, "b"), Span(1, "maintenance", 50, 200, "m"),
             Span(1, "booking", 10, 10, "short")]  # fmt: skip
    svg = agenda(["one", "two"], spans, since=0, until=100, marks=[(50, "half")], title="Taken")
    bars = [(float(r.get("x") or 0), float(r.get("width") or 0), float(r.get("y") or 0))
            for r in parts(svg, "rect")]  # fmt: skip
    (left, wide, first), (half, rest, second), (_, short, _) = bars
    assert half == pytest.approx(left + wide)
    assert rest == pytest.approx(wide)  # cut at the end of the picture
    assert (second > first, short) == (True, 4.0)
    assert classes(svg, "path").count("cross") == 1  # maintenance is told apart without colour
    assert [re.sub(r" hatched", "", one) for one in classes(svg, "rect")] == [
        "part part-used", "part part-reserved", "part part-used"]  # fmt: skip


def test_a_history_has_marks_errors_and_its_tolerance() -> None:
    points = [Point(0, 50.0, 2.0), Point(10, 40.0), Point(20, 45.0, 1.0)]
    svg = history(points, title="T1", limit=38.0, limit_name="tolerance")
    marks = parts(svg, "circle")
    ys = [float(one.get("cy") or 0) for one in marks]
    assert ys[0] < ys[2] < ys[1]
    assert (ys[1] - ys[2]) / (ys[1] - ys[0]) == pytest.approx(0.5, abs=0.01)
    assert classes(svg, "path").count("axis") == 2  # of those whose uncertainty is known
    assert "tolerance" in [one.text for one in parts(svg, "text")]
    assert "mark" not in classes(history(points, title="T1", limit=5.0), "path")


@pytest.mark.parametrize("values", [[5.1], [5.1, 5.1], [-3.0, 2.0], [0.0], [1e-9, 1e9]])
def test_any_values_fit_into_the_picture(values: list[float]) -> None:
    svg = history([Point(n, value, 1e-3) for n, value in enumerate(values)], title="V")
    assert "nan" not in svg
    for one in parts(svg, "circle"):
        assert 0 <= float(one.get("cy") or 0) <= 250 and 0 <= float(one.get("cx") or 0) <= 640
    assert parts(history([], title="V"), "circle") == []
