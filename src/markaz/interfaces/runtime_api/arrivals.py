"""Whether a submission that is like an earlier one is another job, or the same sent again.

Whoever lost the answer to a submission sends it again, and does not say so. It is another job
if the first answer is known to have arrived: something came since that is sent only after it.
Everything else, and all after a restart, is left to the note in the database (``jobs.again``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from markaz.interfaces.connections import Connection

REMEMBERED: Final = 50_000
# A client that has an answer keeps its connection, or ends by itself, and then the next one
# has another login. One that lost it is cut off at once.
CUT_OFF: Final = 2.0  # seconds


class Sign(Enum):
    """What is known of a submission when it comes."""

    ANOTHER = "another"  # no repetition
    FIRST = "first"  # of no submission that this process has seen
    UNKNOWN = "unknown"


@dataclass(slots=True)
class _Seen:
    """The last of its kind: where it came from, what came of it, and when it was answered."""

    at: float
    connection: Connection | None
    requests: int  # of the connection, when it came
    login: str
    job: str = ""
    answered: float | None = None
    asked: bool = False

    def was_cut_off(self) -> bool:
        """Whether the connection ended before, or right after, the answer was sent."""
        line = self.connection
        if line is None or line.ended is None or line.requests > self.requests:
            return False
        return self.answered is None or line.ended - self.answered < CUT_OFF


class Arrivals:
    """Submissions of the last ``seconds``. For one thread; ``clock`` counts as connections do."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()
        self._jobs: OrderedDict[str, _Seen] = OrderedDict()
        self._begun: OrderedDict[Connection | str, bool] = OrderedDict()

    def began(self, connection: Connection | None, login: str) -> None:
        """The client asked what it asks before each submission, and not before a repetition."""
        if where := connection or login:
            self._begun[where] = True
            _bound(self._begun)

    def came(self, user: str, fingerprint: str, connection: Connection | None, login: str) -> Sign:
        """A submission came."""
        begun = self._begun.pop(connection or login, False)
        before = self._seen.get((user, fingerprint))
        now, requests = self._clock(), 0 if connection is None else connection.requests
        self._seen[user, fingerprint] = _Seen(now, connection, requests, login)
        self._seen.move_to_end((user, fingerprint))
        _bound(self._seen)
        if before is None or now - before.at >= self._seconds:
            return Sign.FIRST if begun else Sign.UNKNOWN
        # A client cannot send on a connection before it has read the answer to what it sent
        # there last.
        if before.asked or (connection is not None and connection is before.connection):
            return Sign.ANOTHER
        # Who begins anew means another job, unless it is somebody who was cut off and tries again.
        cut_off = before.was_cut_off() and before.login == login
        return Sign.ANOTHER if begun and not cut_off else Sign.UNKNOWN

    def became(self, user: str, fingerprint: str, job: str) -> None:
        """A submission became this job, which is being answered."""
        seen = self._seen.get((user, fingerprint))
        if seen is not None:
            seen.job, seen.answered = job, self._clock()
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
