"""What a job is said to take before it is submitted."""

from __future__ import annotations

import pytest

from markaz.centre.jobs import fits


@pytest.mark.parametrize(
    ("kind", "predicted", "limit", "seconds"),
    [
        ("simulator", 0.0, 60.0, fits.FIXED_SECONDS),  # a Bell pair, drawn directly
        ("simulator", 1.5, 60.0, 1.5),
        ("simulator", 90.0, 60.0, 60.0),
        ("simulator", 0.0, 0.001, 0.001),
        ("simulator", None, 60.0, 60.0),
        ("emulated", 0.0, 60.0, 60.0),
        ("qpu", 0.5, 60.0, 60.0),
    ],
)
def test_an_estimate_is_never_below_what_every_job_takes(
    kind: str, predicted: float | None, limit: float, seconds: float
) -> None:
    assert fits.likely_seconds(kind, predicted, limit) == seconds
