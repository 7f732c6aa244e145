"""One criterion of a contract as a picture: what was measured, its interval, and the bound.

The shapes are plain values, so that a web page and a page of paper show the same picture, and
numbers are written here, so that picture and text show the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markaz.interfaces.charts import svg

WIDTH: Final = 480.0
HEIGHT: Final = 86.0
_LEFT, _RIGHT, _LINE = 20.0, 460.0, 34.0
_MARGIN: Final = 0.12  # of the span of values, on either side
_LETTER: Final = 3.3  # half the width of a letter of the labels
_UNITS: Final = {"us": "µs"}
GROUPED: Final = 10_000  # from here on thousands are told apart


def written(value: float, unit: str = "") -> str:
    """A value to four digits, with its unit: 47.39 µs, 49,420."""
    if abs(value) >= GROUPED and math.isfinite(value):
        text = f"{float(f'{value:.4g}'):,.0f}"
    else:
        text = f"{value:.4g}"
    return f"{text} {_UNITS.get(unit, unit)}".strip()


@dataclass(frozen=True, slots=True)
class Shape:
    """A ``kind`` of mark at x and y, to x2 and y2 where it has an extent.

    Kinds: ``axis`` and ``interval`` (lines), ``allowed`` (an area), ``bound`` (a line),
    ``value`` (a large dot), ``dot`` (a small one) and ``text``.
    """

    kind: str
    x: float
    y: float
    x2: float = 0.0
    y2: float = 0.0
    words: str = ""


def shapes(one: Mapping[str, Any]) -> list[Shape]:
    """The picture of a criterion as a record of an acceptance has it; empty where nothing was
    measured. Width ``WIDTH``, height ``HEIGHT``, y downwards."""
    if one["value"] is None:
        return []
    values: Sequence[float] = one.get("values") or ()
    seen = [one["bound"], one["low"], one["high"], one["value"], *values]
    low, high = min(seen), max(seen)
    margin = _MARGIN * (high - low) or abs(high) * _MARGIN or 1.0
    low, high = low - margin, high + margin

    def x(value: float) -> float:
        return float(_LEFT + (_RIGHT - _LEFT) * (value - low) / (high - low))

    bound = x(one["bound"])
    allowed = (bound, _RIGHT) if one["at_least"] else (_LEFT, bound)
    side = "at least" if one["at_least"] else "at most"
    unit = str(one["unit"])
    return [
        Shape("allowed", allowed[0], _LINE - 20, allowed[1], _LINE + 10),
        Shape("axis", _LEFT, _LINE + 10, _RIGHT, _LINE + 10),
        *_scale(low, high, x, unit),
        *(Shape("dot", x(value), _LINE + 4) for value in values),
        Shape("bound", bound, _LINE - 22, bound, _LINE + 14),
        Shape("interval", x(one["low"]), _LINE - 8, x(one["high"]), _LINE - 8),
        Shape("value", x(one["value"]), _LINE - 8),
        _label(f"contracted: {side} {written(one['bound'], unit)}", bound, _LINE + 46),
        _label(f"measured: {written(one['value'], unit)}", x(one["value"]), _LINE - 22),
    ]


def _scale(low: float, high: float, x: Callable[[float], float], unit: str) -> list[Shape]:
    """Round values along the axis, the last one with the unit."""
    step = svg.ticks(high - low)[1]
    first, last = math.ceil(low / step), math.floor(high / step)
    found = []
    for k in range(first, last + 1):
        words = written(step * k, unit if k == last else "")
        found.append(Shape("axis", x(step * k), _LINE + 10, x(step * k), _LINE + 14))
        found.append(_label(words, x(step * k), _LINE + 26))
    return found


def _label(words: str, x: float, y: float) -> Shape:
    """Words around x, moved so far that the picture holds them."""
    half = _LETTER * len(words)
    return Shape("text", min(max(x, half), WIDTH - half), y, words=words)


def verdict(one: Mapping[str, Any]) -> str:
    """The picture as SVG."""
    drawn = [_drawn(shape) for shape in shapes(one)]
    words = f"{one['words']}: {one['verdict']}"
    return svg.image(WIDTH, HEIGHT, words, "", "verdict", *drawn)


def _drawn(shape: Shape) -> str:
    if shape.kind == "text":
        return svg.text(shape.words, shape.x, shape.y, class_="tick", text_anchor="middle")
    if shape.kind in ("value", "dot"):
        radius = 4.5 if shape.kind == "value" else 2.0
        return svg.tag("circle", class_=shape.kind, cx=shape.x, cy=shape.y, r=radius)
    if shape.kind == "allowed":
        size = {"width": shape.x2 - shape.x, "height": shape.y2 - shape.y}
        return svg.tag("rect", class_="allowed", x=shape.x, y=shape.y, **size)
    ends = [(shape.x, shape.y), (shape.x2, shape.y2)]
    return svg.tag("path", class_=shape.kind, d=svg.path(ends))
