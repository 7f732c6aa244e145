"""Random noisy programs, and tests of whether samples fit a distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from markaz.quantum.simulate.noisy.program import NoisyProgram

ALPHA = 1e-6  # chance that a right sampler fails one of these tests


def random_program(
    n: int, steps: int, seed: int, *, noise: float = 1.0, slow: float = 0.0
) -> NoisyProgram:
    """All kinds of turns and errors on a line of ``n`` qubits; all but one are measured."""
    rng = np.random.default_rng(seed)
    shape = (steps, n)
    turned = rng.random(shape) < 0.7
    turned[-1] = False
    turn = np.where(turned, 2 * rng.normal(size=shape), 0.0)
    z = rng.normal(size=shape)
    pairs = [(s, a) for s in range(steps) for a in range(n - 1) if rng.random() < 0.6]
    hit = [p for p in pairs if rng.random() < 0.5]
    angle = rng.normal(size=len(pairs))
    measured = rng.permutation(n)[: max(1, n - 1)].astype(np.int64)
    return NoisyProgram(
        z=z,
        wait=rng.random(shape),
        decay=0.2 * noise * rng.random(shape),
        dephase=0.05 * noise * rng.random(shape),
        has_turn=turned,
        axis=np.where(turned, 6 * rng.random(shape), 0.0),
        turn=turn,
        flip=np.where(turned, 0.03 * noise, 0.0),
        ideal_z=z,
        ideal_turn=turn,
        pair_step=np.array([p[0] for p in pairs], np.int64),
        pairs=np.array([(p[1] + 1, p[1]) for p in pairs], np.int64).reshape(-1, 2),
        pair_angle=angle,
        ideal_angle=angle,
        error_step=np.array([p[0] for p in hit], np.int64),
        error_pairs=np.array([(p[1], p[1] + 1) for p in hit], np.int64).reshape(-1, 2),
        error=np.full(len(hit), 0.05 * noise),
        slow=np.full(n, slow),
        measured=measured,
        read1=0.02 * noise * rng.random(len(measured)),
        read0=0.05 * noise * rng.random(len(measured)),
    )


def frequencies(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each outcome occurs; bit j of an outcome is column j."""
    values = (bits.astype(np.int64) << np.arange(bits.shape[1])).sum(axis=1)
    return np.bincount(values, minlength=1 << bits.shape[1])


def fits(counts: NDArray[np.int64], chances: NDArray[np.float64]) -> bool:
    """Pearson's test at level ALPHA; outcomes expected less than five times are one."""
    expected = chances * counts.sum()
    rare = expected < 5
    pooled = np.append(expected[~rare], expected[rare].sum())
    seen = np.append(counts[~rare], counts[rare].sum())
    keep = pooled > 0
    if seen[~keep].any():
        return False
    statistic = ((seen[keep] - pooled[keep]) ** 2 / pooled[keep]).sum()
    return bool(statistic < chi2.ppf(1 - ALPHA, max(1, keep.sum() - 1)))
