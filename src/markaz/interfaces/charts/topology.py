"""A device's qubits and couplers as they lie, coloured by what was measured of them.

Seven steps from light yellow to dark blue: their lightness falls evenly, so that they keep
their order in print and for colour-blind people. What was not measured is drawn with dashes,
a coupler that does not work with a cross. Every number belongs in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from markaz.interfaces.charts import svg

STEPS: Final = 7
WIDTH: Final = 640.0
MARGIN: Final = 26.0
LARGEST: Final = 24.0  # radius of a qubit
SMALLEST: Final = 8.5
LEGEND: Final = 64.0
SPREAD: Final = 20.0  # largest over smallest value from which steps are factors
Target = tuple[int, ...]


def topology(
    sites: Sequence[tuple[float, float]],
    couplers: Sequence[tuple[int, int]],
    dead: Sequence[tuple[int, int]],
    values: Mapping[Target, float],
    *,
    title: str,
    description: str = "",
    value: Callable[[float], str] = lambda v: f"{v:.3g}",
    unmeasured: str = "not measured",
    broken: str = "does not work",
) -> str:
    """``sites``: a place for each qubit (x to the right, y downwards); ``values`` by qubit
    ``(3,)`` or by coupler ``(3, 4)`` in either order. ``value`` writes a number with its unit;
    ``unmeasured`` and ``broken`` are words of the legend."""
    places, radius, height = _laid_out(sites, couplers)
    known = {_key(target): amount for target, amount in values.items()}
    scale = bounds(list(known.values()))
    of_pairs = any(len(target) == 2 for target in known)
    gone = {_key(pair) for pair in dead}
    drawn = [
        _coupler(places, _key(pair), known, scale, of_pairs, value, gone, (unmeasured, broken))
        for pair in couplers
    ]
    drawn += [
        _qubit(place, n, radius, known.get((n,)), scale, of_pairs, value, unmeasured)
        for n, place in enumerate(places)
    ]
    words = (unmeasured, broken if dead else "")
    drawn.append(_legend(scale, height, value, words))
    wide = max((x for x, _ in places), default=0.0) + MARGIN + radius
    return svg.image(max(WIDTH, wide), height + LEGEND, title, description, "topology", *drawn)


def bounds(values: Sequence[float]) -> list[float]:
    """The ``STEPS`` + 1 bounds of the steps: equal differences, or equal factors for values
    of different orders of magnitude; empty without values."""
    low, high = min(values, default=math.nan), max(values, default=math.nan)
    if not (math.isfinite(low) and math.isfinite(high)):
        return []
    if low > 0 and high / low > SPREAD:
        return [low * (high / low) ** (i / STEPS) for i in range(STEPS + 1)]
    return [low + (high - low) * i / STEPS for i in range(STEPS + 1)]


def step_of(amount: float, scale: Sequence[float]) -> int:
    """The step, from 0, in which a value lies."""
    return sum(amount >= bound for bound in scale[1:-1]) if scale[0] < scale[-1] else STEPS // 2


def _key(target: Target) -> Target:
    return tuple(sorted(target))


def _laid_out(
    sites: Sequence[tuple[float, float]], couplers: Sequence[tuple[int, int]]
) -> tuple[list[tuple[float, float]], float, float]:
    """Places in the picture, the radius of a qubit, and the height that they take."""
    xs, ys = [x for x, _ in sites] or [0.0], [y for _, y in sites] or [0.0]
    apart = min((math.dist(sites[a], sites[b]) for a, b in couplers), default=1.0) or 1.0
    wide = max(xs) - min(xs)
    room = WIDTH - 2 * (MARGIN + LARGEST)
    unit = room / wide if wide else 3 * LARGEST / apart
    unit = min(max(unit, 2.4 * SMALLEST / apart), 3 * LARGEST / apart)
    radius = max(SMALLEST, min(LARGEST, 0.38 * apart * unit))
    left = max(MARGIN + radius, (WIDTH - wide * unit) / 2)
    top = MARGIN + radius
    places = [(left + (x - min(xs)) * unit, top + (y - min(ys)) * unit) for x, y in sites]
    return places, radius, top + (max(ys) - min(ys)) * unit + radius + MARGIN


def _coupler(
    places: Sequence[tuple[float, float]],
    pair: Target,
    known: Mapping[Target, float],
    scale: Sequence[float],
    of_pairs: bool,
    value: Callable[[float], str],
    gone: set[Target],
    words: tuple[str, str],
) -> str:
    ends = [places[q] for q in pair]
    amount = known.get(pair)
    name = "-".join(map(str, pair))
    if pair in gone:
        said, kind = f"{name}: {words[1]}", "coupler dead"
    elif not of_pairs:
        said, kind = name, "coupler"
    elif amount is None:
        said, kind = f"{name}: {words[0]}", "coupler unmeasured"
    else:
        said, kind = f"{name}: {value(amount)}", f"coupler wide step-{step_of(amount, scale)}"
    line = svg.tag("path", svg.tag("title", escape(said)), class_=kind, d=svg.path(ends))
    if of_pairs and "wide" in kind:  # an edge, so that light steps are seen on a light page
        line = svg.tag("path", class_="coupler rim", d=svg.path(ends)) + line
    return line + (_cross(ends) if pair in gone else "")


def _cross(ends: Sequence[tuple[float, float]], size: float = 6.0) -> str:
    (x0, y0), (x1, y1) = ends
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    one = svg.path([(x - size, y - size), (x + size, y + size)])
    return svg.tag("path", class_="cross", d=one + svg.path([(x - size, y + size),
                                                            (x + size, y - size)]))  # fmt: skip


def _qubit(
    place: tuple[float, float],
    number: int,
    radius: float,
    amount: float | None,
    scale: Sequence[float],
    of_pairs: bool,
    value: Callable[[float], str],
    unmeasured: str,
) -> str:
    x, y = place
    kind, said = "qubit plain", f"{number}"
    if not of_pairs:
        kind = "qubit unmeasured" if amount is None else f"qubit step-{step_of(amount, scale)}"
        said = f"{number}: {unmeasured if amount is None else value(amount)}"
    size = "" if radius >= 13 else " tiny"
    dark = amount is not None and not of_pairs and step_of(amount, scale) > STEPS // 2
    ink = "on-dark" if dark else "on-page" if "step" not in kind else "on-light"
    return svg.tag(
        "g",
        svg.tag("title", escape(said)),
        svg.tag("circle", class_=kind, cx=x, cy=y, r=radius),
        svg.text(str(number), x, y + (4 if radius >= 13 else 3), text_anchor="middle",
                 class_=f"label {ink}{size}"),
    )  # fmt: skip


def _legend(
    scale: Sequence[float], top: float, value: Callable[[float], str], words: tuple[str, str]
) -> str:
    parts = []
    box = 56.0
    if scale:
        shown = range(STEPS) if scale[0] < scale[-1] else (STEPS // 2,)
        for at, step in enumerate(shown):
            x = MARGIN + at * box
            parts.append(
                svg.tag("rect", class_=f"shade step-{step}", x=x, y=top, width=box, height=14)
            )
        edges = [scale[0], scale[-1]] if len(shown) > 1 else [scale[0]]
        middle = [scale[STEPS // 2]] if len(shown) > 1 else []
        for amount, part in zip((*edges, *middle), (0, STEPS, STEPS // 2), strict=False):
            anchor = "start" if part == 0 else "end" if part == STEPS else "middle"
            parts.append(svg.text(value(amount), MARGIN + part * box, top + 32, class_="tick",
                                  text_anchor=anchor))  # fmt: skip
    x = MARGIN + (STEPS + 0.5) * box
    parts.append(svg.tag("circle", class_="qubit unmeasured", cx=x, cy=top + 7, r=7))
    parts.append(svg.text(words[0], x + 14, top + 11, class_="tick"))
    if words[1]:
        ends = [(x - 9, top + 32), (x + 9, top + 32)]
        parts.append(svg.tag("path", class_="coupler dead", d=svg.path(ends)) + _cross(ends, 4))
        parts.append(svg.text(words[1], x + 14, top + 36, class_="tick"))
    return svg.tag("g", *parts, class_="key")
