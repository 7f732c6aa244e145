"""Random processes that can be asked for any moment, in any order, without their history.

Every random number is a function of a key (seed, name, place in time), never of what was
drawn before. Times are µs, results arrays with one independent process for each element.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_FORGOTTEN = 64  # correlation times after which values are independent: exp(-64) is nothing
_FINEST = 12  # halvings of one correlation time below which a process is drawn as a line


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """The generator of a key."""
    text = "/".join(map(str, (seed, *key))).encode()
    words = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), np.uint64)
    return np.random.Generator(np.random.Philox(key=words))


def wandering(seed: int, name: str, size: int, at_us: int, memory_us: int) -> Array:
    """Ornstein-Uhlenbeck processes of mean 0 and variance 1 with correlation exp(-dt/memory).

    Exact by bridges: values so far apart that they are independent are drawn first; the
    process is Markovian and Gaussian, so the middle of an interval depends on its two ends
    alone, and intervals are halved down to where a straight line will do.
    """
    span = _FORGOTTEN * memory_us
    index = at_us // span
    left, right = (stream(seed, name, "a", index + k).standard_normal(size) for k in (0, 1))
    start, width = index * span, float(span)
    for level in range(round(math.log2(_FORGOTTEN)) + _FINEST):
        width /= 2
        index *= 2
        middle = _bridged(left, right, width / memory_us, stream(seed, name, level, index))
        if at_us - start < width:
            right = middle
        else:
            left, start, index = middle, start + round(width), index + 1
    return left + (right - left) * ((at_us - start) / width)


def _bridged(left: Array, right: Array, step: float, rng: np.random.Generator) -> Array:
    """The middle between two values, ``step`` correlation times from each."""
    kept = math.exp(-step)
    mean = (left + right) * (kept / (1 + kept * kept))
    spread = math.sqrt((1 - kept * kept) / (1 + kept * kept))
    return mean + spread * rng.standard_normal(len(left))


def flicker(seed: int, name: str, size: int, at_us: int) -> Array:
    """1/f noise of variance 1: eight Ornstein-Uhlenbeck processes of equal variance, with
    memories of one minute to eleven days in steps of four."""
    parts = [wandering(seed, f"{name}{k}", size, at_us, 60_000_000 * 4**k) for k in range(8)]
    return np.asarray(np.sum(parts, axis=0) / math.sqrt(len(parts)))


def telegraph(
    seed: int, name: str, size: int, at_us: int, per_window: float, window_us: int, mean_us: float
) -> NDArray[np.bool_]:
    """Whether an event is on: Poisson starts, ``per_window`` of them in a window, and
    exponential lengths of mean ``mean_us``, cut at two windows."""
    on = np.zeros(size, np.bool_)
    now = at_us // window_us
    for index in (now - 2, now - 1, now):
        rng = stream(seed, name, index)
        hits = rng.poisson(per_window, size)
        owner = np.repeat(np.arange(size), hits)
        start = index * window_us + rng.random(len(owner)) * window_us
        length = np.minimum(rng.exponential(mean_us, len(owner)), 2 * window_us)
        on[owner[(start <= at_us) & (at_us < start + length)]] = True
    return on
