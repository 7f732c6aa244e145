"""The kernel of ``draws.py``."""

from __future__ import annotations

from typing import Any

from markaz.quantum.simulate.jit import lazy_jit


@lazy_jit(signatures=("int64(float64[::1], float64[::1], int64[::1], int64[::1])",))
def count_drawn(total: Any, drawn: Any, states: Any, times: Any) -> int:
    """Sort draws into outcomes: ``total`` are the probabilities added up, ``drawn`` ascending
    numbers below the last of them. Writes the outcomes drawn, ascending, and how often each
    was; returns how many there are."""
    found, state, last = 0, 0, -1
    for number in drawn:
        while total[state] <= number:
            state += 1
        if state != last:
            states[found], times[found] = state, 0
            found += 1
            last = state
        times[found - 1] += 1
    return found
