"""Drawing measurement outcomes from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_DRAW_ALL: Final = 4096  # outcomes up to which one multinomial draw is quicker


def draw(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Outcomes that occur in ``shots`` draws, ascending, and how often each does."""
    if len(probabilities) <= min(_DRAW_ALL, max(shots, 64)):
        times = rng.multinomial(shots, probabilities / probabilities.sum())
        states = np.flatnonzero(times)
        return states, times[states]
    total = np.cumsum(probabilities)
    drawn = np.searchsorted(total, rng.random(shots) * total[-1], side="right")
    # Rounding may point behind the last outcome that can occur.
    last = int(np.searchsorted(total, total[-1], side="left"))
    return np.unique(np.minimum(drawn, last), return_counts=True)


def columns(states: NDArray[np.int64], qubits: Sequence[int]) -> NDArray[np.uint8]:
    """The bits of basis-state numbers at ``qubits``, shape (states, qubits)."""
    return ((states[:, None] >> np.asarray(qubits, np.int64)) & 1).astype(np.uint8)
