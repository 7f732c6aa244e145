"""How often each outcome was seen: horizontal bars, the label and the number at each.

Bars lie, so that labels of many bits stay readable and the picture fits a narrow screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from markaz.interfaces.charts import svg

ROW: Final = 22.0
BAR: Final = 14.0
CHARACTER: Final = 7.8  # the width of one in the face for code, at 13 px
MOST_LABEL: Final = 26
WIDTH: Final = 640.0
NUMBERS: Final = 120.0


def shown(
    counts: Mapping[str, int], most: int = 32, *, by_count: bool = False
) -> tuple[list[tuple[str, int]], int]:
    """The outcomes to draw, and how many shots fell on the others.

    In the order of their bits, or the most frequent first; if there are more than ``most``,
    the most frequent.
    """
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = often[:most]
    rest = sum(count for _, count in often[most:])
    return (kept if by_count or rest else sorted(kept)), rest


def histogram(
    rows: list[tuple[str, int]],
    total: int,
    *,
    title: str,
    description: str = "",
    written: Callable[[int, float], str] = lambda count, part: f"{count} ({part:.1%})",
) -> str:
    """``rows`` of (outcome, count) out of ``total``; ``written`` gives the text of a number."""
    highest = max((count for _, count in rows), default=0) or 1
    longest = max((len(_short(name)) for name, _ in rows), default=1)
    left = 12 + longest * CHARACTER
    room = WIDTH - left - NUMBERS
    height = max(1, len(rows)) * ROW + 8
    drawn = [svg.tag("path", class_="axis", d=svg.path([(left, 2), (left, height - 2)]))]
    for at, (name, count) in enumerate(rows):
        top = 4 + at * ROW
        middle = top + ROW / 2 + 4.5
        length = room * count / highest
        drawn.append(
            svg.tag(
                "g",
                svg.tag("title", f"{escape(name)}: {count}"),
                svg.text(_short(name), left - 8, middle, class_="code", text_anchor="end"),
                svg.tag(
                    "rect", class_="bar", x=left, y=top + (ROW - BAR) / 2, width=length, height=BAR
                ),
                svg.text(
                    written(count, count / total if total else 0.0),
                    left + length + 6,
                    middle,
                    class_="value",
                ),
            )
        )
    return svg.image(WIDTH, height, title, description, "histogram", *drawn)


def _short(name: str) -> str:
    """A label that fits; the middle of a long one is left out."""
    if len(name) <= MOST_LABEL:
        return name
    half = (MOST_LABEL - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
