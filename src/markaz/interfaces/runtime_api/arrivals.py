"""Whether a submission that is like an earlier one is another job, or the same sent again.

A client that lost the answer to a submission sends it again, and does not say so. It is
another job if the first answer is known to have arrived: something came since that a client
sends only after it. Everything else is left to the note in the database (``jobs.again``),
which outlives this process.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

REMEMBERED: Final = 50_000


@dataclass(slots=True)
class _Seen:
    """The last of its kind: where it came from, the job that it became, whether that job was
    asked for."""

    at: float
    connection: int | None
    job: str = ""
    asked: bool = False


class Arrivals:
    """Submissions of the last ``seconds``. For one thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()
        self._jobs: OrderedDict[str, _Seen] = OrderedDict()
        self._begun: OrderedDict[int | str, bool] = OrderedDict()

    def began(self, connection: int | None, login: str) -> None:
        """The client asked what it asks before each submission, and not before a repetition."""
        if where := connection or login:
            self._begun[where] = True
            _bound(self._begun)

    def came(self, user: str, fingerprint: str, connection: int | None, login: str) -> bool:
        """A submission came; True if it is known to be no repetition."""
        begun = self._begun.pop(connection or login, False)
        before = self._seen.get((user, fingerprint))
        fresh = before is not None and self._clock() - before.at < self._seconds
        self._seen[user, fingerprint] = _Seen(self._clock(), connection)
        self._seen.move_to_end((user, fingerprint))
        _bound(self._seen)
        if before is None or not fresh:
            return begun
        # The client cannot send on a connection before it has read the answer to what it
        # sent there last.
        return begun or before.asked or (connection is not None and connection == before.connection)

    def became(self, user: str, fingerprint: str, job: str) -> None:
        """A submission became this job."""
        seen = self._seen.get((user, fingerprint))
        if seen is not None:
            seen.job = job
            self._jobs[job] = seen
            _bound(self._jobs)

    def asked(self, job: str) -> None:
        """Its owner asked for a job, so the answer that named it has arrived."""
        seen = self._jobs.pop(job, None)
        if seen is not None and seen.job == job:
            seen.asked = True


def _bound(table: OrderedDict[Any, Any]) -> None:
    while len(table) > REMEMBERED:
        table.popitem(last=False)
