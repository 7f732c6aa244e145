"""Multifactor priority: what puts one waiting job before another, as numbers and in words.

``priority = boost · STEP + W_qos·F_qos + W_fair·F_fair + W_age·F_age + W_size·F_size``, every
F in [0, 1] and the weights from the settings. With the default weights the QoS class comes
before everything but an operator's override.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log, log2
from typing import Any, Final

import numpy as np

# Class -> what it is for; first comes first. F_qos falls in equal steps from 1 to 0.
QOS: Final[dict[str, str]] = {
    "calibration": "calibration and acceptance tests (operators)",
    "booking": "the project that has booked the device",
    "session": "a job of an open session",
    "teaching": "a class at work (projects of the programme teaching)",
    "normal": "ordinary work",
    "scavenger": "free of charge, when nothing else wants the device",
}
NAMES: Final = tuple(QOS)
CALIBRATION: Final = NAMES.index("calibration")
FACTORS: Final = np.linspace(1.0, 0.0, len(NAMES))
MAX_BOOST: Final = 9
_PER_OCTAVE: Final = 4


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the factors, and the times that scale age and size (seconds)."""

    fair: float
    age: float
    qos: float
    size: float
    max_age: float
    max_seconds: float

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Weights:
        """As the settings say."""
        return cls(
            fair=settings["weight_fair_share"],
            age=settings["weight_age"],
            qos=settings["weight_qos"],
            size=settings["weight_size"],
            max_age=settings["max_age_days"] * 86400.0,
            max_seconds=settings["max_job_seconds"],
        )

    @property
    def step(self) -> float:
        """What one level of an operator's override is worth: more than all the rest."""
        return 2.0 * (self.fair + self.age + self.qos + self.size) + 1.0

    def standing(self, boost: Any, qos: Any, fair: Any, size_class: Any) -> Any:
        """The part that does not depend on time; numbers or arrays. ``qos``: index in NAMES."""
        size = size_factor(size_class, self.max_seconds)
        return boost * self.step + self.qos * FACTORS[qos] + self.fair * fair + self.size * size

    def age_points(self, since: Any, now: int) -> Any:
        """The part that grows: points for waiting since ``since`` (microseconds)."""
        return self.age * np.clip((now - since) * (1e-6 / self.max_age), 0.0, 1.0)


def size_class(limit_seconds: float) -> int:
    """The class of a time limit: ⌈4 · log2(limit)⌉, so that 2^(class/4) is at most 19 % over."""
    found = ceil(_PER_OCTAVE * log2(limit_seconds))
    return found if class_seconds(found) >= limit_seconds else found + 1


def class_seconds(which: Any) -> Any:
    """The longest time limit of a size class, seconds; a number or an array."""
    return 2.0 ** (which / _PER_OCTAVE)


def size_factor(which: Any, max_seconds: float) -> Any:
    """1 for the shortest jobs, 0 for the longest: ``1 − ln(1 + limit) / ln(1 + longest)``."""
    return np.clip(1.0 - np.log1p(class_seconds(which)) / log(1.0 + max_seconds), 0.0, 1.0)


def factors(
    weights: Weights, *, boost: int, qos: str, fair: float, which: int, since: int, now: int
) -> list[dict[str, Any]]:
    """Every factor of one waiting job: name, value, weight, points, and words."""
    wait = max(0.0, (now - since) / 1e6)
    age = min(1.0, wait / weights.max_age)
    size = float(size_factor(which, weights.max_seconds))
    rows = [
        ("qos", float(FACTORS[NAMES.index(qos)]), weights.qos, f"{qos}: {QOS[qos]}"),
        ("fair share", fair, weights.fair, _fair_words(fair)),
        ("age", age, weights.age, f"waits for {span(wait)}; full after {span(weights.max_age)}"),
        ("size", size, weights.size, f"may run for up to {span(float(class_seconds(which)))}"),
    ]
    found = [
        {"name": name, "factor": factor, "weight": weight, "points": factor * weight, "words": text}
        for name, factor, weight, text in rows
    ]
    if boost:
        words = "an operator put it before others" if boost > 0 else "an operator put it back"
        found.insert(0, _override(boost, weights.step, words))
    return found


def _override(boost: int, step: float, words: str) -> dict[str, Any]:
    return {
        "name": "override",
        "factor": boost,
        "weight": step,
        "points": boost * step,
        "words": words,
    }


def _fair_words(fair: float) -> str:
    if fair >= 0.995:
        return "nobody has used less of their share"
    return f"{round(100 * (1 - fair))} of 100 have used less of their share"


def span(seconds: float) -> str:
    """A time span as people say it."""
    for size, name in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size * 0.995:
            return _counted(seconds / size, name)
    return _counted(seconds, "second")


def _counted(amount: float, name: str) -> str:
    text = f"{amount:.1f}".removesuffix(".0") if amount < 10 else f"{amount:.0f}"
    return f"{text} {name}{'' if text == '1' else 's'}"
