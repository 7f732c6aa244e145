"""When devices are taken: a line for each, its bookings and maintenance as bars over days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markaz.interfaces.charts import svg

WIDTH: Final = 640.0
LEFT: Final = 172.0
ROW: Final = 30.0
BAR: Final = 16.0
TOP: Final = 26.0
LEAST: Final = 4.0  # of a bar, so that a short one can be seen
MOST_NAME: Final = 20


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a device is taken: its line, kind (``booking``, ``maintenance``), ends, words."""

    row: int
    kind: str
    starts_at: int
    ends_at: int
    words: str


def agenda(
    rows: Sequence[str],
    spans: Sequence[Span],
    *,
    since: int,
    until: int,
    marks: Sequence[tuple[int, str]],
    title: str,
    description: str = "",
) -> str:
    """``rows``: names of devices; ``marks``: times with their names, as lines through all."""

    def x(at: int) -> float:
        part = (min(until, max(since, at)) - since) / max(1, until - since)
        return LEFT + (WIDTH - LEFT) * part

    height = TOP + ROW * max(1, len(rows)) + 4
    drawn = [_mark(x(at), height, name) for at, name in marks]
    for place, name in enumerate(rows):
        middle = TOP + place * ROW + ROW / 2
        shown = name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "…"
        drawn.append(svg.text(shown, LEFT - 8, middle + 4, class_="name", text_anchor="end"))
        ends = [(LEFT, middle), (WIDTH, middle)]
        drawn.append(svg.tag("path", class_="grid", d=svg.path(ends)))
    drawn += [_bar(one, x) for one in spans]
    return svg.image(WIDTH, height, title, description, "agenda", *drawn)


def _mark(x: float, height: float, name: str) -> str:
    line = svg.tag("path", class_="grid", d=svg.path([(x, TOP - 6), (x, height)]))
    return line + svg.text(name, x + 3, TOP - 10, class_="tick")


def _bar(one: Span, x: Callable[[int], float]) -> str:
    begins, ends = x(one.starts_at), x(one.ends_at)
    top = TOP + one.row * ROW + (ROW - BAR) / 2
    kind = "part-reserved hatched" if one.kind == "maintenance" else "part-used"
    wide = max(LEAST, ends - begins)
    said = svg.tag("title", escape(one.words))
    bar = svg.tag(
        "rect", said, class_=f"part {kind}", x=begins, y=top, width=wide, height=BAR, rx=3.0
    )
    if one.kind != "maintenance":
        return bar
    # Told apart without colour too: a line through the bar.
    ends_at = [(begins, top + BAR / 2), (begins + wide, top + BAR / 2)]
    return bar + svg.tag("path", class_="cross", d=svg.path(ends_at))
