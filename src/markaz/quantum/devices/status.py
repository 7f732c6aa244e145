"""Words for the state of a device: those of QDMI, beside a flag for accepting jobs."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What a device is doing now."""

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY = "busy"
    ERROR = "error"
    MAINTENANCE = "maintenance"
    CALIBRATION = "calibration"
    NEEDS_CALIBRATION = "needs-calibration"


# In these a job may start, if the device accepts jobs.
RUNS: frozenset[Status] = frozenset({Status.IDLE, Status.BUSY})
