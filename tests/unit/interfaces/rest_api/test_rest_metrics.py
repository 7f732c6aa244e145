"""The metrics of jobs: how wrong the stated waits and the predicted run times were."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from markaz.interfaces.rest_api.metrics import Metrics

SECOND = 1_000_000


def ended(wait: float, stated: tuple[float, float] | None, **more: Any) -> dict[str, Any]:
    """A job of 2 s on ``sim``, predicted to take 1, that waited for ``wait`` seconds."""
    low, high = stated or (None, None)
    job = {
        "device_id": "sim",
        "state": "completed",
        "eligible_at": 0,
        "started_at": int(wait * SECOND),
        "ended_at": int((wait + 2) * SECOND),
        "run_seconds": 2.0,
        "predicted_seconds": 1.0,
        "wait_p50": low,
        "wait_p90": high,
    }
    return job | more


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Values by name and the last label's value."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (one.name, next(reversed(one.labels.values()), "")): one.value
        for family in families
        for one in family.samples
    }


def test_stated_waits_are_scored() -> None:
    metrics = Metrics()
    jobs = [
        ended(0.5, (1.0, 4.0)),
        ended(3.0, (1.0, 4.0)),
        ended(4.0, (1.0, 4.0)),
        ended(52.0, (0.0, 0.075)),
        ended(9.0, None),
        ended(0.0, (1.0, 4.0), started_at=None),  # cancelled while it waited
    ]
    assert metrics.look({"depths": [], "ended": jobs}) == jobs[-1]["ended_at"]
    found = samples(metrics)
    parts = ("before_p50", "p50_to_p90", "after_p90")
    assert [found["markaz_wait_forecasts_total", part] for part in parts] == [1, 2, 1]
    assert found["markaz_wait_forecast_error_seconds_count", "sim"] == 4
    assert found["markaz_wait_forecast_error_seconds_sum", "sim"] == 0.5 + 2.0 + 3.0 + 52.0
    assert found["markaz_job_wait_seconds_count", "sim"] == 5
    assert (
        found["markaz_run_forecast_ratio_count", ""],
        found["markaz_run_forecast_ratio_sum", ""],
    ) == (5, 10)
