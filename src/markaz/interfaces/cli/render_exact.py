"""What ``markaz run --probabilities`` and ``--statevector`` print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markaz.interfaces.cli.render import TOP, Style, bar, shorten, spaced, top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBER = 24  # columns of a number, its bar's margin and a share
SEEN = 1e-15  # probability from which an amplitude is more than rounding


def probability_lines(
    probabilities: Mapping[str, float], registers: Sequence[tuple[str, int]], style: Style
) -> list[str]:
    """Bars of the likeliest outcomes; the rest are summed up as "others"."""
    rows = top(probabilities, TOP)
    texts = [(spaced(bits, registers), f"{p:.10f}", p) for bits, p in rows]
    return _bars(texts, len(probabilities) - len(rows), style)


def state_lines(state: NDArray[np.complex128], style: Style) -> list[str]:
    """The largest amplitudes with bars of their probabilities."""
    width = len(state).bit_length() - 1
    weights = (state.real**2 + state.imag**2).tolist()
    # All are looked at, but only those that can be seen are written as bit strings.
    order = sorted(range(len(weights)), key=lambda k: -weights[k])[:TOP]
    seen = sorted(k for k in order if weights[k] > SEEN)
    texts = [
        (f"{k:0{width}b}" if width else "", _amplitude(complex(state[k])), weights[k]) for k in seen
    ]
    return _bars(texts, sum(w > SEEN for w in weights) - len(seen), style)


def _amplitude(value: complex) -> str:
    return f"{value.real + 0.0:+.6f} {value.imag + 0.0:+.6f}i"


def _bars(rows: Sequence[tuple[str, str, float]], rest: int, style: Style) -> list[str]:
    peak = max((weight for _, _, weight in rows), default=1.0)
    numbers = max((len(number) for _, number, _ in rows), default=0)
    room = max(8, style.width - numbers - NUMBER)
    labels = [shorten(label, room, style) for label, _, _ in rows]
    width = max((len(x) for x in labels), default=0)
    longest = max(4, style.width - width - numbers - 14)
    lines = []
    for label, (_, number, weight) in zip(labels, rows, strict=True):
        drawn = style.paint(bar(weight / peak, longest, style), "bar")
        lines.append(f"  {label:>{width}} {number:>{numbers}} {100 * weight:5.1f} %  {drawn}")
    if rest:
        left = max(0.0, 1 - sum(weight for _, _, weight in rows))
        lines.append(style.paint(f"  {rest:,} others, {100 * left:.1f} %", "dim"))
    return [line.rstrip() for line in lines]
