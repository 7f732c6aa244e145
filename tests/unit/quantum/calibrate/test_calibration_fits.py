"""Fits of counts that were drawn from known curves: are the stated intervals honest?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.calibrate import fits
from markaz.quantum.calibrate.fits import Fitted
from markaz.quantum.devices.decay import t2_star

SHOTS = 1000
WAITS = np.array([0.0, *np.geomspace(2, 240, 15)])
LATE = np.linspace(0, 54, 31)
LENGTHS = (2, 30, 90, 200, 400)


def covered(found: Fitted, truth: float) -> bool:
    """Whether the 95 % interval holds the truth."""
    assert found.value is not None and found.error is not None
    return abs(found.value - truth) <= 1.96 * found.error


def within(share: float) -> bool:
    return 0.90 <= share <= 0.99


def test_relaxation_times_of_all_sizes() -> None:
    rng = np.random.default_rng(1)
    hits = []
    for t1 in rng.uniform(15, 150, 300):
        p = 0.02 + 0.94 * np.exp(-WAITS / t1)
        hits.append(covered(fits.decay_time(WAITS, rng.binomial(SHOTS, p), SHOTS), t1))
    assert within(np.mean(hits))


def test_echo_and_fringe_together() -> None:
    rng = np.random.default_rng(2)
    echo_hits, star_hits, detuning_hits = [], [], []
    for _ in range(250):
        echo, slow, f = rng.uniform(15, 80), rng.uniform(0.02, 0.08), rng.uniform(-15, 15)
        p1 = 0.5 - 0.46 * np.exp(-WAITS / echo)
        contrast = np.exp(-LATE / echo - (slow * LATE) ** 2 / 2)
        p2 = 0.5 + 0.46 * contrast * np.cos(2 * np.pi * (111.0 + f) * 1e-3 * LATE + 0.05)
        found = fits.coherence(
            (WAITS, rng.binomial(SHOTS, p1)), (LATE, rng.binomial(SHOTS, p2)), SHOTS, 111.0
        )
        echo_hits.append(covered(found.echo, echo))
        star_hits.append(covered(found.star, t2_star(echo, slow)))
        detuning_hits.append(covered(found.detuning, f))
    assert within(np.mean(echo_hits))
    assert within(np.mean(star_hits))
    assert within(np.mean(detuning_hits))


def test_survival_of_random_sequences() -> None:
    rng = np.random.default_rng(3)
    hits = []
    for loss in rng.uniform(5e-4, 5e-3, 300):
        means = [rng.binomial(300, 0.5 + 0.47 * (1 - loss) ** n, 8) / 300 for n in LENGTHS]
        hits.append(covered(fits.survival(LENGTHS, means, 300, 0.5), 1 - loss))
    assert within(np.mean(hits))


def test_sequences_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    ideal = [0.5 + 0.46 * 0.998**n for n in LENGTHS]
    alike = [rng.binomial(300, np.full(8, p)) / 300 for p in ideal]
    apart = [rng.binomial(300, np.clip(p + rng.normal(0, 0.08, 8), 0, 1)) / 300 for p in ideal]
    narrow, wide = (fits.survival(LENGTHS, m, 300, 0.5) for m in (alike, apart))
    assert wide.error is not None and narrow.error is not None
    assert wide.error > 1.5 * narrow.error


def test_shares_are_never_certain() -> None:
    found = fits.share(0, 4000)
    assert found.value == 0.0
    assert found.error is not None and found.error > 0
    assert fits.share(0, 4000, 1e-3).error == pytest.approx(math.hypot(found.error, 1e-3))


@pytest.mark.parametrize("ones", [np.full(16, 500), np.zeros(16), np.full(16, 1000)])
def test_what_does_not_decay_has_no_decay_time(ones: np.ndarray) -> None:
    assert fits.decay_time(WAITS, ones.astype(float), SHOTS).value is None


def test_errors_of_gates_follow_from_decays() -> None:
    decay = Fitted(0.998, 1e-4)
    assert fits.pulse_error(decay, 2.0) == Fitted(pytest.approx(5e-4), pytest.approx(2.5e-5))
    slower = Fitted(0.98, 1e-4)
    found = fits.interleaved_error(decay, slower, dimension=4)
    assert found.value == pytest.approx(0.75 * (1 - 0.98 / 0.998))
    assert found.error == pytest.approx(0.75 * math.hypot(1e-4 / 0.998, 0.98e-4 / 0.998**2))
    assert fits.interleaved_error(slower, decay, dimension=4).value == 0.0
    assert fits.interleaved_error(fits.UNKNOWN, decay, dimension=2) == fits.UNKNOWN
    assert fits.pulse_error(fits.UNKNOWN, 2.0) == fits.UNKNOWN
