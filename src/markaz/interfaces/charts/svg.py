"""The few pieces of SVG that charts are made of. All text is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape
from typing import Final

CHARACTER: Final = 7.4  # of a label, at most, on average
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


def number(value: float) -> str:
    """A coordinate: two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def tag(name: str, *inside: str, **attributes: str | float) -> str:
    """An element; names of attributes have ``_`` for ``-`` and may end in one (``class_``)."""
    parts = []
    for key, value in attributes.items():
        text = value if isinstance(value, str) else number(value)
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    body = "".join(inside)
    return f"<{name}{''.join(parts)}>{body}</{name}>" if body else f"<{name}{''.join(parts)}/>"


def text(words: str, x: float, y: float, **attributes: str | float) -> str:
    """A line of text; one from right to left keeps its own order in the picture, which is not."""
    if _RIGHT_TO_LEFT.search(words):
        words = f"\u2068{words}\u2069"
    return tag("text", escape(words), x=x, y=y, **attributes)


def room(labels: Iterable[str], least: float) -> float:
    """The width that the labels of an axis need beside it, ``least`` at least."""
    return max(least, 14 + CHARACTER * max(map(len, labels), default=0))


def image(
    width: float, height: float, title: str, description: str, kind: str, *inside: str
) -> str:
    """The whole picture. It runs left to right in any language, and grows with its box."""
    label = f"{title}. {description}" if description else title
    return tag(
        "svg",
        tag("title", escape(title)),
        *inside,
        class_=f"chart chart-{kind}",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=label,
        direction="ltr",
    )


def path(points: Iterable[tuple[float, float]]) -> str:
    """The ``d`` of straight lines through ``points``."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def ticks(high: float, about: int = 4) -> list[float]:
    """Round values from 0 up to ``high`` or just beyond, about ``about`` of them."""
    if not (high > 0 and math.isfinite(high)):
        return [0.0, 1.0]
    rough = high / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= rough * (1 - 1e-9))
    return [step * i for i in range(math.ceil(high / step - 1e-9) + 1)]
