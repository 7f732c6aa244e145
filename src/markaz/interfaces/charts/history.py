"""Measured values over time: a mark for each with its uncertainty, joined by a line.

The axis covers the values, not zero, since a frequency of 5 GHz drifts by kHz; a tolerance is
drawn where it lies within reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markaz.interfaces.charts import svg

WIDTH: Final = 640.0
HEIGHT: Final = 250.0
LEFT: Final = 78.0
RIGHT: Final = 16.0
TOP: Final = 14.0
BOTTOM: Final = 34.0
LEVELS: Final = 4
REACH: Final = 1.0  # of the values' span, within which a tolerance is drawn


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time (microseconds UTC), with half of its 68 % interval if that is known."""

    at: int
    value: float
    uncertainty: float | None = None


def history(
    points: Sequence[Point],
    *,
    title: str,
    description: str = "",
    value: Callable[[float], str] = lambda v: f"{v:g}",
    moment: Callable[[int], str] = str,
    limit: float | None = None,
    limit_name: str = "",
) -> str:
    """``points`` in the order of their times; ``limit``: the tolerance, named ``limit_name``."""
    if not points:
        return svg.image(WIDTH, HEIGHT, title, description, "history")
    levels = _levels(points, limit)
    labels = [(level, value(level)) for level in levels]
    left = svg.room((label for _, label in labels), LEFT)
    x, y = _across(points, left), _up(levels)
    drawn = [_grid(labels, y, left), _times(points, x, moment)]
    if limit is not None and levels[0] <= limit <= levels[-1]:
        ends = [(left, y(limit)), (WIDTH - RIGHT, y(limit))]
        drawn.append(svg.tag("path", class_="mark", d=svg.path(ends)))
        drawn.append(svg.text(limit_name, left + 6, y(limit) - 5, class_="tick"))
    if len(points) > 1:
        line = svg.path((x(one.at), y(one.value)) for one in points)
        drawn.append(svg.tag("path", class_="line line-0", d=line))
    drawn += [_mark(one, x, y, value, moment) for one in points]
    return svg.image(WIDTH, HEIGHT, title, description, "history", *drawn)


def _levels(points: Sequence[Point], limit: float | None) -> list[float]:
    """Round values that enclose all points."""
    low = min(one.value - (one.uncertainty or 0.0) for one in points)
    high = max(one.value + (one.uncertainty or 0.0) for one in points)
    span = high - low or abs(high) * 0.1 or 1.0
    if limit is not None and low - REACH * span <= limit <= high + REACH * span:
        low, high = min(low, limit), max(high, limit)
    step = svg.ticks(high - low or span, LEVELS)[1]
    first = math.floor(low / step - 1e-9)
    last = max(first + 1, math.ceil(high / step + 1e-9))
    return [step * i for i in range(first, last + 1)]


def _across(points: Sequence[Point], left: float) -> Callable[[int], float]:
    begins, span = points[0].at, points[-1].at - points[0].at
    room = WIDTH - left - RIGHT
    if not span:
        return lambda _: left + room / 2
    return lambda t: left + 8 + (room - 16) * (t - begins) / span


def _up(levels: Sequence[float]) -> Callable[[float], float]:
    foot, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    return lambda v: foot - room * (v - levels[0]) / (levels[-1] - levels[0])


def _grid(levels: Sequence[tuple[float, str]], y: Callable[[float], float], left: float) -> str:
    parts = []
    for level, label in levels:
        ends = [(left, y(level)), (WIDTH - RIGHT, y(level))]
        parts.append(svg.tag("path", class_="grid", d=svg.path(ends)))
        parts.append(svg.text(label, left - 8, y(level) + 4, class_="tick",
                              text_anchor="end"))  # fmt: skip
    return svg.tag("g", *parts)


def _times(points: Sequence[Point], x: Callable[[int], float], moment: Callable[[int], str]) -> str:
    ends = [(points[0].at, "start"), (points[-1].at, "end")]
    if points[0].at == points[-1].at:
        ends = [(points[0].at, "middle")]
    return svg.tag(
        "g",
        *(svg.text(moment(t), x(t), HEIGHT - 12, class_="tick", text_anchor=anchor)
          for t, anchor in ends),
    )  # fmt: skip


def _mark(
    one: Point,
    x: Callable[[int], float],
    y: Callable[[float], float],
    value: Callable[[float], str],
    moment: Callable[[int], str],
) -> str:
    at = x(one.at)
    words = f"{moment(one.at)}: {value(one.value)}"
    parts = [svg.tag("title", escape(words))]
    if one.uncertainty:
        low, high = y(one.value - one.uncertainty), y(one.value + one.uncertainty)
        parts.append(svg.tag("path", class_="axis", d=svg.path([(at, low), (at, high)])))
    parts.append(svg.tag("circle", class_="bar", cx=at, cy=y(one.value), r=4.0))
    return svg.tag("g", *parts)
