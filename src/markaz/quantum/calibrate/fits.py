"""Values and uncertainties from counts.

Every fit is weighted least squares on shares of ones with binomial errors (Laplace's rule
keeps them from being zero), and states the standard error of what it found.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.decay import t2_star

Array = NDArray[np.float64]
_MOST_CALLS: Final = 20_000
_STEP: Final = 1e-4  # of a parameter, for numerical derivatives


@dataclass(frozen=True, slots=True)
class Fitted:
    """A value and its standard error; None where the data do not say."""

    value: float | None
    error: float | None = None


UNKNOWN: Final = Fitted(None)


def shares(ones: Array, shots: int) -> tuple[Array, Array]:
    """Shares of ones and their standard errors."""
    smooth = (ones + 1) / (shots + 2)
    return ones / shots, np.sqrt(smooth * (1 - smooth) / shots)


def decay_time(times: Array, ones: Array, shots: int) -> Fitted:
    """The time constant of a + b exp(-t/T), in the unit of ``times``."""
    seen, errors = shares(ones, shots)

    def curve(t: Array, a: float, b: float, log_time: float) -> Array:
        return np.asarray(a + b * np.exp(-t / np.exp(log_time)))

    guess = (seen[-1], seen[0] - seen[-1], math.log(_middle(times, seen)))
    found = _fit(curve, times, seen, errors, guess)
    if found is None:
        return UNKNOWN
    values, covariance = found
    return _logarithmic(values[2], covariance[2, 2], float(times[-1]))


def _middle(times: Array, seen: Array) -> float:
    """The first time at which two thirds of the change have happened."""
    change = abs(seen - seen[0]) >= 0.63 * abs(seen[-1] - seen[0])
    later = times[change & (times > 0)]
    return float(later[0]) if len(later) else float(times[-1])


def _logarithmic(log_value: float, variance: float, longest: float) -> Fitted:
    """A time from its logarithm; unknown where it is far longer than what was waited."""
    error = math.sqrt(variance)
    if not error < 0.5 or math.exp(log_value) > 20 * longest:
        return UNKNOWN
    return Fitted(math.exp(log_value), math.exp(log_value) * error)


@dataclass(frozen=True, slots=True)
class Coherence:
    """What echo and Ramsey's fringe say together: times in µs, detuning in kHz."""

    echo: Fitted
    star: Fitted
    detuning: Fitted


def coherence(
    echo: tuple[Array, Array], fringe: tuple[Array, Array], shots: int, added_khz: float
) -> Coherence:
    """Fit both (times µs, ones) at once: they share the exponential part of the decay.

    Fringe: a + b exp(-t/T2 - (s t)²/2) cos(2π f t + p); ``added_khz`` is what was added to
    f in software. T2* is where its contrast is 1/e (see ``devices.decay``).
    """
    (t1, ones1), (t2, ones2) = echo, fringe
    seen = np.concatenate([shares(ones1, shots)[0], shares(ones2, shots)[0]])
    errors = np.concatenate([shares(ones1, shots)[1], shares(ones2, shots)[1]])
    half = len(t1)

    def curve(t: Array, *p: float) -> Array:
        rate = np.exp(-p[6])
        first = p[0] + p[1] * np.exp(-t[:half] * rate)
        late = t[half:]
        contrast = np.exp(-late * rate - (p[7] * late) ** 2 / 2)
        second = p[2] + p[3] * contrast * np.cos(2 * np.pi * p[4] * 1e-3 * late + p[5])
        return np.asarray(np.concatenate([first, second]))

    log_time = math.log(_middle(t1, shares(ones1, shots)[0]))
    start = (0.5, -0.5, 0.5, 0.5, _frequency(t2, ones2 / shots), 0.0, log_time, 0.5 / t2[-1])
    found = _fit(curve, np.concatenate([t1, t2]), seen, errors, start)
    if found is None:
        return Coherence(UNKNOWN, UNKNOWN, UNKNOWN)
    values, covariance = found
    time = _logarithmic(values[6], covariance[6, 6], float(t1[-1]))
    offset = Fitted(float(values[4] - added_khz), float(np.sqrt(covariance[4, 4])))
    return Coherence(time, _star(values, covariance), offset)


def _frequency(times: Array, seen: Array) -> float:
    """The frequency, kHz, of the strongest sine in a series."""
    tried = np.linspace(0, 500 * (len(times) - 1) / (times[-1] - times[0]), 8 * len(times))[1:]
    waves = np.exp(2j * np.pi * 1e-3 * np.outer(tried, times))
    return float(tried[np.argmax(np.abs(waves @ (seen - seen.mean())))])


def _star(values: Array, covariance: Array) -> Fitted:
    """T2* and its error, by the derivatives of T2* after both of its parameters."""
    which = [6, 7]
    here = values[which]

    def star(p: Array) -> float:
        return t2_star(math.exp(p[0]), abs(p[1]))

    steps = np.diag(np.maximum(np.abs(here), 1e-3) * _STEP)
    slope = np.array([(star(here + h) - star(here - h)) / (2 * h.max()) for h in steps])
    error = math.sqrt(float(slope @ covariance[np.ix_(which, which)] @ slope))
    return Fitted(star(here), error) if error < 0.5 * star(here) else UNKNOWN


def share(ones: float, shots: int, systematic: float = 0.0) -> Fitted:
    """A probability, with what is not statistical added in quadrature."""
    value, error = shares(np.array([ones]), shots)
    return Fitted(float(value[0]), math.hypot(float(error[0]), systematic))


def survival(lengths: Sequence[int], means: Sequence[Array], shots: int, floor: float) -> Fitted:
    """The decay per element, p in floor + b p^length, of randomised benchmarking.

    ``means``: for each length the survival of every random sequence; their scatter is part
    of the error. ``floor``: the survival of the fully mixed state, which is exact for
    sequences that end in random basis states.
    """
    x = np.asarray(lengths, float)
    y = np.array([m.mean() for m in means])
    errors = np.array([_scatter(m, shots) for m in means])

    def curve(n: Array, b: float, log_loss: float) -> Array:
        return np.asarray(floor + b * np.exp(n * np.log1p(-np.exp(log_loss))))

    left = np.clip((y - floor) / (1 - floor), 0.02, 0.999)
    loss = float(np.median(1 - left[1:] ** (1 / x[1:])))
    found = _fit(curve, x, y, errors, (1 - floor, math.log(max(loss, 1e-6))))
    if found is None:
        return UNKNOWN
    values, covariance = found
    lost, error = math.exp(values[1]), math.sqrt(covariance[1, 1])
    return Fitted(1 - lost, lost * error) if error < 1 and lost < 1 else UNKNOWN


def _scatter(seen: Array, shots: int) -> float:
    """Standard error of a mean over sequences: of shots, or of sequences where that is more."""
    mean = (seen.sum() * shots + 1) / (len(seen) * shots + 2)
    least = math.sqrt(mean * (1 - mean) / (shots * len(seen)))
    return max(least, float(seen.std(ddof=1)) / math.sqrt(len(seen)))


def pulse_error(decay: Fitted, pulses: float) -> Fitted:
    """Average infidelity of a pulse: (1 - p)/2 per element of ``pulses`` pulses."""
    if decay.value is None or decay.error is None:
        return UNKNOWN
    return Fitted((1 - decay.value) / 2 / pulses, decay.error / 2 / pulses)


def interleaved_error(reference: Fitted, interleaved: Fitted, *, dimension: int) -> Fitted:
    """Average infidelity of the interleaved gate: (d - 1)/d (1 - p_i/p_r).

    ``dimension`` d: 2 for a gate on one qubit, 4 for one on two. E. Magesan et al., Phys.
    Rev. Lett. 109, 080505 (2012), equation (4). Below its own error it may be negative,
    which no sheet can state: then 0 is given.
    """
    if reference.value is None or interleaved.value is None:
        return UNKNOWN
    factor = (dimension - 1) / dimension
    p, q = reference.value, interleaved.value
    error = factor * math.hypot((interleaved.error or 0.0) / p, q * (reference.error or 0.0) / p**2)
    return Fitted(max(factor * (1 - q / p), 0.0), error)


def _fit(
    curve: Callable[..., Array], x: Array, y: Array, errors: Array, guess: Sequence[float]
) -> tuple[Array, Array] | None:
    """Parameters and covariance, None where no finite ones are found."""
    # SciPy takes long to load.
    from scipy.optimize import OptimizeWarning, curve_fit

    options: dict[str, Any] = {"sigma": errors, "absolute_sigma": True, "maxfev": _MOST_CALLS}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", OptimizeWarning)
            values, covariance = curve_fit(curve, x, y, p0=guess, **options)
    except (RuntimeError, ValueError):
        return None
    return (values, covariance) if np.isfinite(covariance).all() else None
