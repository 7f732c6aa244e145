"""Noisy matrix product states."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy import mps
from markaz.quantum.simulate.noisy.exact import distribution
from tests.noisy_programs import fits, frequencies, random_program

LATER = 1e12


def test_samples_fit_the_exact_distribution() -> None:
    """Where T2 <= T1, resets and dephasing make relaxation exactly."""
    p = random_program(4, 5, seed=3)
    none = np.zeros(len(p.measured))
    program = replace(p, decay=0.3 * p.dephase, read1=none, read0=none)
    bits, kept = mps.sample(program, 2500, np.random.SeedSequence(3), LATER)
    chances = distribution(program, np.zeros((1, 4)))[0]
    assert fits(frequencies(bits[:, program.measured]), chances)
    assert kept == pytest.approx(1.0, abs=1e-6)


def test_far_pairs_are_brought_together() -> None:
    p = random_program(4, 4, seed=5, noise=0.0)
    none = np.zeros(len(p.measured))
    pairs = p.pairs.copy()
    pairs[:, 0] = (pairs[:, 1] + 2) % 4
    program = replace(p, pairs=pairs, read1=none, read0=none)
    bits, _ = mps.sample(program, 2500, np.random.SeedSequence(1), LATER)
    chances = distribution(program, np.zeros((1, 4)))[0]
    assert fits(frequencies(bits[:, program.measured]), chances)


def test_truncation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mps, "MOST_BOND", 1)
    program = random_program(4, 4, seed=5, noise=0.0)
    _, kept = mps.sample(program, 4, np.random.SeedSequence(1), LATER)
    assert 0.0 < kept < 0.97


def test_small_unmeant_angles_become_flips() -> None:
    p = random_program(3, 4, seed=5)
    program = replace(p, pair_angle=np.full(len(p.pairs), 0.1), ideal_angle=np.zeros(len(p.pairs)))
    drawn = mps.drawn(program)
    assert len(drawn.pairs) == 0
    hit = p.pair_step, p.pairs[:, 0]
    gained = (1 - 2 * drawn.dephase[hit]) * np.sqrt(1 - p.decay[hit]) < 1 - 2 * p.dephase[hit]
    assert gained.all()


def test_line_follows_the_pairs() -> None:
    p = random_program(6, 8, seed=1)
    order = mps.line(p)
    assert order in (list(range(6)), list(range(5, -1, -1)))


def test_time_limit_is_kept() -> None:
    with pytest.raises(ProgramError, match="0 of 10 noisy shots were done in time") as caught:
        mps.sample(random_program(2, 3, 1), 10, np.random.SeedSequence(1), time.monotonic() - 1)
    assert caught.value.kind == "limit-time"
