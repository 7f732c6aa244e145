"""What the centre counts and measures, for Prometheus."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SHORT: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_LONG: Final = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Histogram(
            "markaz_request_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_SHORT,
            registry=registry,
        )
        self.queue = Gauge(
            "markaz_queue_jobs", "Jobs by device and state.", ("device", "state"), registry=registry
        )
        self.wait = Histogram(
            "markaz_job_wait_seconds",
            "From eligible to started.",
            ("device",),
            buckets=_LONG,
            registry=registry,
        )
        self.run = Histogram(
            "markaz_job_run_seconds",
            "Run time of jobs.",
            ("device",),
            buckets=_LONG,
            registry=registry,
        )
        self.ended = Counter(
            "markaz_jobs_ended", "Jobs that ended.", ("device", "state"), registry=registry
        )
        self.forecast = Histogram(
            "markaz_run_forecast_ratio",
            "Measured over predicted run time.",
            buckets=(0.1, 0.25, 0.5, 0.8, 1, 1.25, 2, 4, 10),
            registry=registry,
        )
        self.wait_error = Histogram(
            "markaz_wait_forecast_error_seconds",
            "Between the wait and the P50 that was stated at submission.",
            ("device",),
            buckets=_LONG,
            registry=registry,
        )
        self.stated = Counter(
            "markaz_wait_forecasts",
            "Waits by where they lay in what was stated: before_p50, p50_to_p90, after_p90.",
            ("device", "part"),
            registry=registry,
        )
        self.claim = Histogram(
            "markaz_claim_seconds", "Time to claim jobs.", buckets=_SHORT, registry=registry
        )
        self.commit = Histogram(
            "markaz_commit_seconds",
            "Time of one write transaction.",
            buckets=_SHORT,
            registry=registry,
        )
        self.group = Histogram(
            "markaz_commit_changes",
            "Changes that share one commit.",
            buckets=_SIZES,
            registry=registry,
        )
        self.intake = Histogram(
            "markaz_intake_seconds",
            "Time to open and plan a program.",
            buckets=_SHORT,
            registry=registry,
        )
        self.workers = Gauge("markaz_workers", "Connected workers.", registry=registry)
        self.waiting = Gauge(
            "markaz_waiting_requests", "Requests that wait for a job.", registry=registry
        )
        self.events = Counter("markaz_events", "Events by name.", ("event",), registry=registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(method, route, str(status)).observe(seconds)

    def committed(self, seconds: float, changes: int) -> None:
        """Count one write transaction."""
        self.commit.observe(seconds)
        self.group.observe(changes)

    def count(self, event: str) -> None:
        """Count an event (``zombie`` for a result that came too late, …)."""
        self.events.labels(event).inc()

    def observe(self, name: str, seconds: float) -> None:
        """Take a duration that the centre measured; ``claim`` is the only one so far."""
        if name == "claim":
            self.claim.observe(seconds)

    def look(self, found: dict[str, Any]) -> int | None:
        """Take what ``jobs.measures`` answered; when its last job ended."""
        self.queue.clear()
        for device, state, count in found["depths"]:
            self.queue.labels(device, state).set(count)
        ended = None
        for job in found["ended"]:
            ended = int(job["ended_at"])
            self.ended.labels(job["device_id"], job["state"]).inc()
            if job["started_at"] is None:
                continue
            wait = (job["started_at"] - job["eligible_at"]) / 1e6
            self.wait.labels(job["device_id"]).observe(wait)
            self._waited(job["device_id"], wait, job["wait_p50"], job["wait_p90"])
            self._ran(job["device_id"], job["run_seconds"], job["predicted_seconds"])
        return ended

    def _waited(self, device: str, wait: float, low: float | None, high: float | None) -> None:
        if low is None or high is None:
            return
        self.wait_error.labels(device).observe(abs(wait - low))
        part = "before_p50" if wait < low else "p50_to_p90" if wait <= high else "after_p90"
        self.stated.labels(device, part).inc()

    def _ran(self, device: str, seconds: float | None, predicted: float | None) -> None:
        if seconds is not None:
            self.run.labels(device).observe(seconds)
            if predicted:
                self.forecast.observe(seconds / predicted)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
