"""Drawing measurement outcomes from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.kernel_draws import count_drawn

_DRAW_ALL: Final = 4096  # outcomes up to which one multinomial draw is quicker


def draw(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Outcomes that occur in ``shots`` draws, ascending, and how often each does."""
    if len(probabilities) <= min(_DRAW_ALL, max(shots, 64)):
        times = rng.multinomial(shots, probabilities / probabilities.sum())
        states = times.nonzero()[0]
        return states, times[states]
    total = np.cumsum(probabilities)
    drawn = rng.random(shots) * total[-1]
    if not count_drawn.ready:
        where = np.searchsorted(total, drawn, side="right")
        return np.unique(np.minimum(where, _last(total)), return_counts=True)
    # Rounding may point behind the last outcome that can occur.
    drawn = np.minimum(np.sort(drawn), np.nextafter(total[_last(total)], 0.0))
    states, times = np.empty((2, shots), np.int64)
    found = count_drawn.fast(total, drawn, states, times)
    return states[:found], times[:found]


def _last(total: NDArray[np.float64]) -> int:
    """The last outcome that can occur, by probabilities added up."""
    return int(np.searchsorted(total, total[-1], side="left"))


def columns(states: NDArray[np.int64], qubits: Sequence[int]) -> NDArray[np.uint8]:
    """The bits of basis-state numbers at ``qubits``, shape (states, qubits)."""
    return ((states[:, None] >> np.asarray(qubits, np.int64)) & 1).astype(np.uint8)
