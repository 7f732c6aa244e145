"""Processes that can be asked for any moment."""

from __future__ import annotations

import math

import numpy as np

from markaz.quantum.devices.emulator.processes import (
    DAY_US,
    HOUR_US,
    flicker,
    stream,
    telegraph,
    wandering,
)

SIZE = 4000


def at(us: int) -> np.ndarray:
    return wandering(7, "x", SIZE, us, HOUR_US)


def test_wandering_is_stationary_with_the_stated_correlation() -> None:
    start = 1_000 * DAY_US + 123_456_789
    values = {gap: at(start + gap) for gap in (0, HOUR_US // 60, HOUR_US, 3 * HOUR_US)}
    for gap, value in values.items():
        assert abs(value.mean()) < 0.08
        assert abs(value.var() - 1) < 0.12
        assert abs((values[0] * value).mean() - math.exp(-gap / HOUR_US)) < 0.08


def test_wandering_is_continuous_where_intervals_meet() -> None:
    """Neighbours differ by what the process moves in that time, at the seams of any level."""
    span = 64 * HOUR_US
    for seam in (100 * span, 100 * span + span // 2, 100 * span + span // 256):
        step = HOUR_US // 1000
        moved = at(seam + step) - at(seam - step)
        assert abs(moved.var() - 2 * (1 - math.exp(-2 * step / HOUR_US))) < 0.001


def test_moments_may_be_asked_for_in_any_order() -> None:
    times = [AT + k * HOUR_US for k in (5, 0, 3)]
    forwards = [flicker(3, "f", 5, t) for t in sorted(times)]
    backwards = [flicker(3, "f", 5, t) for t in sorted(times, reverse=True)]
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_seeds_and_names_are_independent() -> None:
    one, two, three = (
        wandering(s, n, SIZE, AT, HOUR_US) for s, n in ((1, "a"), (2, "a"), (1, "b"))
    )
    assert abs(np.corrcoef([one, two, three]) - np.eye(3)).max() < 0.08


AT = 1_763_800_000_000_000


def test_flicker_moves_on_all_scales() -> None:
    """Each octave of memory has the same share of the variance."""
    now = flicker(5, "f", SIZE, AT)
    spread = [float((flicker(5, "f", SIZE, AT + gap) - now).var()) for gap in
              (HOUR_US // 60, HOUR_US, 24 * HOUR_US)]  # fmt: skip

    def moved(gap: float) -> float:
        memories = [60_000_000 * 4**k for k in range(8)]
        return 2 * sum(1 - math.exp(-gap / m) for m in memories) / 8

    expected = [moved(g) for g in (HOUR_US // 60, HOUR_US, 24 * HOUR_US)]
    np.testing.assert_allclose(spread, expected, rtol=0.1)


def test_telegraph_is_on_for_its_share_of_time() -> None:
    """M/G/infinity: the chance to be on is 1 - exp(-rate * mean length)."""
    on = telegraph(1, "t", 20_000, AT, 0.5, DAY_US, 6.0 * HOUR_US)
    share = 1 - math.exp(-0.5 / 4)
    assert abs(on.mean() - share) < 6 * math.sqrt(share / 20_000)
    later = telegraph(1, "t", 20_000, AT + 60_000_000, 0.5, DAY_US, 6.0 * HOUR_US)
    assert (on != later).mean() < 0.003


def test_a_key_gives_the_same_numbers() -> None:
    assert stream(1, "a", 2).random() == stream(1, "a", 2).random()
    assert stream(1, "a", 2).random() != stream(1, "a2").random()
