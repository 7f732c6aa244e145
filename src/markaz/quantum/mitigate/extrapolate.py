"""Zero-noise extrapolation: noise amplified by repeating gates, and values carried to none.

Gate folding: T. Giurgica-Tiron et al., IEEE QCE 2020, arXiv:2005.10921; extrapolation:
K. Temme, S. Bravyi, J. Gambetta, Phys. Rev. Lett. 119, 180509 (2017).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLEAR = 3.0  # standard errors that a value must be from zero for its logarithm to be taken


def repeats(gates: int, factor: float, generator: np.random.Generator) -> Ints:
    """How often each of ``gates`` two-qubit gates is repeated (odd numbers), for their total
    to be nearest to ``factor`` times their number; the gates repeated more are drawn."""
    extra = round((factor - 1) / 2 * gates)  # pairs of gate and inverse to spread
    each, rest = divmod(extra, gates)
    counts = np.full(gates, each)
    counts[generator.permutation(gates)[:rest]] += 1
    return (1 + 2 * counts).astype(np.int64)


def to_zero(factors: Floats, values: Floats, errors: Floats, kind: str) -> tuple[Floats, Floats]:
    """Values at no noise, and how far the other model is from them.

    ``factors`` (k,); ``values`` (k, …) at those; ``errors`` like ``values``, their standard
    errors, which decide weights and models, not the result's error. ``kind``: ``linear``
    (least squares), ``exponential`` (least squares of logarithms), ``richardson`` (the
    polynomial through all points), ``auto``: exponential where every value has one sign and
    is CLEAR of zero and no value grows with the noise, else linear. The second result is
    the distance between the exponential and the linear model, 0 where only one applies.
    """
    if kind == "richardson":
        weights = np.array([
            math.prod(g / (g - f) for g in factors if g != f) for f in factors.tolist()
        ])  # fmt: skip
        return np.tensordot(weights, values, axes=1), np.zeros(values.shape[1:])
    straight = _line(factors, values, errors)
    if kind == "linear":
        return straight, np.zeros(values.shape[1:])
    size, sign = np.abs(values), np.sign(values[0])
    clear = np.all((np.sign(values) == sign) & (size > CLEAR * errors), axis=0)
    safe = np.where(size > 0, size, 1.0)
    logs = _line(factors, np.log(safe), np.where(size > 0, errors / safe, 1.0))
    curved = sign * np.exp(logs)
    if kind == "exponential":
        return np.where(clear, curved, straight), np.where(clear, np.abs(curved - straight), 0.0)
    clear &= logs >= np.log(safe[0])
    return np.where(clear, curved, straight), np.where(clear, np.abs(curved - straight), 0.0)


def _line(factors: Floats, values: Floats, errors: Floats) -> Floats:
    """Where the weighted least-squares line through the points meets factor 0."""
    x = factors.reshape(-1, *[1] * (values.ndim - 1))
    weight = 1 / np.maximum(errors, 1e-12) ** 2
    total = weight.sum(axis=0)
    mean_x, mean_y = (weight * x).sum(axis=0) / total, (weight * values).sum(axis=0) / total
    spread = (weight * (x - mean_x) ** 2).sum(axis=0)
    slope = (weight * (x - mean_x) * (values - mean_y)).sum(axis=0) / spread
    result: Floats = mean_y - slope * mean_x
    return result
