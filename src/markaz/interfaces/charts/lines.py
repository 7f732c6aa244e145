"""Values over time: lines with their names at their ends, the first one with its area filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markaz.interfaces.charts import svg

WIDTH: Final = 640.0
HEIGHT: Final = 260.0
LEFT: Final = 66.0
RIGHT: Final = 104.0
TOP: Final = 16.0
BOTTOM: Final = 34.0
NAMES_APART: Final = 16.0


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, its values at the common times, and whether its area is filled."""

    name: str
    values: Sequence[float]
    area: bool = False


def lines(
    at: Sequence[int],
    series: Sequence[Series],
    *,
    title: str,
    description: str = "",
    value: Callable[[float], str] = lambda v: f"{v:g}",
    moment: Callable[[int], str] = str,
    mark: int | None = None,
) -> str:
    """``series`` over the times ``at`` (microseconds, ascending); ``mark``: today's line."""
    if len(at) < 2:
        return svg.image(WIDTH, HEIGHT, title, description, "lines")
    highest = max((max(one.values, default=0) for one in series), default=0)
    scale = svg.ticks(float(highest))
    levels = [(level, value(level)) for level in scale]
    left = svg.room((label for _, label in levels), LEFT)
    x, y = _across(at, left), _up(scale[-1])
    drawn = [_grid(levels, y, left), _times(at, x, moment)]
    for place, one in enumerate(series):
        points = [(x(t), y(v)) for t, v in zip(at, one.values, strict=True)]
        if one.area:
            foot = [(points[-1][0], y(0)), (points[0][0], y(0))]
            drawn.append(svg.tag("path", class_="area", d=svg.path(points + foot) + "Z"))
        drawn.append(svg.tag("path", class_=f"line line-{place}", d=svg.path(points)))
    if mark is not None and at[0] <= mark <= at[-1]:
        now = [(x(mark), TOP), (x(mark), HEIGHT - BOTTOM)]
        drawn.append(svg.tag("path", class_="mark", d=svg.path(now)))
    drawn.append(_names(series, y))
    return svg.image(WIDTH, HEIGHT, title, description, "lines", *drawn)


def _across(at: Sequence[int], left: float) -> Callable[[int], float]:
    span = max(1, at[-1] - at[0])
    return lambda t: left + (WIDTH - left - RIGHT) * (t - at[0]) / span


def _up(high: float) -> Callable[[float], float]:
    return lambda v: HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * max(0.0, v) / high


def _grid(levels: list[tuple[float, str]], y: Callable[[float], float], left: float) -> str:
    parts = []
    for level, label in levels:
        height = y(level)
        ends = [(left, height), (WIDTH - RIGHT, height)]
        parts.append(svg.tag("path", class_="grid" if level else "axis", d=svg.path(ends)))
        parts.append(svg.text(label, left - 8, height + 4, class_="tick", text_anchor="end"))
    return svg.tag("g", *parts)


def _times(at: Sequence[int], x: Callable[[int], float], moment: Callable[[int], str]) -> str:
    chosen = [at[0], at[len(at) // 2], at[-1]]
    anchors = ("start", "middle", "end")
    parts = [
        svg.text(moment(t), x(t), HEIGHT - 12, class_="tick", text_anchor=anchor)
        for t, anchor in zip(chosen, anchors, strict=True)
    ]
    return svg.tag("g", *parts)


def _names(series: Sequence[Series], y: Callable[[float], float]) -> str:
    """Each name at the end of its line, moved apart where lines end together."""
    ends = sorted((y(one.values[-1]), place, one.name) for place, one in enumerate(series))
    parts, free = [], TOP
    for height, place, name in ends:
        at = max(free, height + 4)
        free = at + NAMES_APART
        parts.append(svg.text(name, WIDTH - RIGHT + 8, at, class_=f"name name-{place}"))
    return svg.tag("g", *parts)
