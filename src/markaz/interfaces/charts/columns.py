"""Amounts by time: a column for each step, with the axis at zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from markaz.interfaces.charts import svg

WIDTH: Final = 640.0
HEIGHT: Final = 220.0
LEFT: Final = 66.0
RIGHT: Final = 12.0
TOP: Final = 14.0
BOTTOM: Final = 34.0
LABELS: Final = 3  # names of steps that fit below


def columns(
    steps: Sequence[tuple[str, float]],
    *,
    title: str,
    description: str = "",
    value: Callable[[float], str] = lambda v: f"{v:g}",
) -> str:
    """``steps`` of (name, amount), in their order; ``value`` writes an amount."""
    scale = svg.ticks(max((amount for _, amount in steps), default=0.0))
    height = HEIGHT - TOP - BOTTOM
    foot = HEIGHT - BOTTOM
    levels = [(level, value(level)) for level in scale]
    left = svg.room((label for _, label in levels), LEFT)
    drawn = [_grid(levels, left, foot, height)]
    room = (WIDTH - left - RIGHT) / max(1, len(steps))
    wide = max(1.0, room * 0.78)
    for place, (name, amount) in enumerate(steps):
        tall = height * max(0.0, amount) / scale[-1]
        x = left + place * room + (room - wide) / 2
        said = svg.tag("title", escape(f"{name}: {value(amount)}"))
        if tall > 0:
            drawn.append(
                svg.tag("rect", said, class_="bar", x=x, y=foot - tall, width=wide, height=tall)
            )
    drawn.append(_names([name for name, _ in steps], room, left))
    return svg.image(WIDTH, HEIGHT, title, description, "columns", *drawn)


def _grid(levels: list[tuple[float, str]], left: float, foot: float, height: float) -> str:
    parts = []
    for level, label in levels:
        y = foot - height * level / levels[-1][0]
        ends = [(left, y), (WIDTH - RIGHT, y)]
        parts.append(svg.tag("path", class_="grid" if level else "axis", d=svg.path(ends)))
        parts.append(svg.text(label, left - 8, y + 4, class_="tick", text_anchor="end"))
    return svg.tag("g", *parts)


def _names(names: list[str], room: float, left: float) -> str:
    """As many names as fit, the first and the last among them."""
    count = min(LABELS, len(names))
    if not count:
        return ""
    last = len(names) - 1
    places = sorted({round(i * last / max(1, count - 1)) for i in range(count)})
    parts = []
    for place in places:
        anchor = "start" if place == 0 and last else "end" if place == last and last else "middle"
        at = {"start": left, "end": WIDTH - RIGHT}.get(anchor, left + (place + 0.5) * room)
        parts.append(svg.text(names[place], at, HEIGHT - 12, class_="tick", text_anchor=anchor))
    return svg.tag("g", *parts)
