"""Prices: what a second, a shot and a job cost on a device, from a date on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import bindparam, select

from markaz.centre.db.frequent import Frequent
from markaz.centre.ledger.tables import rates
from markaz.centre.work import Work

MICRO: Final = 1_000_000
SAFETY: Final = 4  # a job may take this many times its predicted time before it is stopped
LEAST_SECONDS: Final = 1.0  # reserved for at least, since small predictions are rough


@dataclass(frozen=True, slots=True)
class Rate:
    """Micro-credits for a second, a shot and a job."""

    per_second: int
    per_shot: int
    per_job: int

    def cost(self, seconds: float, shots: int) -> int:
        """Micro-credits for ``seconds`` of run time and ``shots``.

        Time counts in whole microseconds; the sum is rounded up once, to a micro-credit.
        Raises ValueError for a negative or infinite amount.
        """
        if not (0 <= seconds < math.inf) or shots < 0:
            raise ValueError(f"no job runs {seconds} s with {shots} shots")
        micros = round(seconds * MICRO)
        return self.per_job + self.per_shot * shots - (-self.per_second * micros // MICRO)

    def reservation(self, *, predicted: float | None, limit: float, shots: int) -> int:
        """Micro-credits to set aside for a job before it runs; its charge is never more.

        ``predicted`` and ``limit`` in seconds; without a prediction the whole limit counts.
        """
        return self.cost(reserved_seconds(predicted, limit), shots)

    def charge(self, seconds: float, shots: int, reserved: int) -> int:
        """Micro-credits to charge a job that ran for ``seconds``."""
        return min(self.cost(seconds, shots), reserved)

    def document(self) -> dict[str, int]:
        """As JSON; ``Rate(**document)`` reads it."""
        return asdict(self)


FREE: Final = Rate(0, 0, 0)

_RATE: Final = Frequent(
    select(rates.c.per_second, rates.c.per_shot, rates.c.per_job)
    .where(rates.c.device_id == bindparam("device"), rates.c.starts_at <= bindparam("at"))
    .order_by(rates.c.starts_at.desc())
    .limit(1)
)


def reserved_seconds(predicted: float | None, limit: float) -> float:
    """Seconds of run time that a reservation pays for."""
    return limit if predicted is None else min(limit, max(SAFETY * predicted, LEAST_SECONDS))


def price(work: Work, *, device: str, at: int) -> Rate:
    """The rate in force on ``device`` at the time ``at``; free before any was set."""
    row = _RATE.first(work.connection, {"device": device, "at": at})
    return Rate(*row) if row is not None else FREE
