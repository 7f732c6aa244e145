"""Parts of a whole as one bar, each part with its own pattern of colour and its name below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markaz.interfaces.charts import svg

WIDTH: Final = 640.0
HEIGHT: Final = 24.0
GAP: Final = 2.0


def bars(
    parts: Sequence[tuple[str, float]], *, title: str, description: str = "", whole: float = 0.0
) -> str:
    """``parts`` of (kind, amount), drawn one after the other out of ``whole`` (or their sum).

    A kind is the class of its part: ``used``, ``reserved``, ``free``. A gap divides parts,
    so that they are told apart without colour; names and amounts belong beside it.
    """
    total = max(whole, sum(amount for _, amount in parts)) or 1.0
    drawn, at = [], 0.0
    for kind, amount in parts:
        width = WIDTH * max(0.0, amount) / total
        if width >= 0.5:
            inner = max(0.5, width - GAP)
            drawn.append(
                svg.tag("rect", class_=f"part part-{kind}", x=at, y=0, width=inner, height=HEIGHT)
            )
        at += width
    rest = WIDTH - at
    if rest >= 0.5:
        drawn.append(svg.tag("rect", class_="part part-rest", x=at, y=0, width=rest, height=HEIGHT))
    return svg.image(WIDTH, HEIGHT, title, description, "bars", *drawn)
