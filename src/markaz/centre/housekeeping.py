"""What the centre does by itself when its time has come: a table, and a thread that keeps it.

Every chore is a verb that finds what is due and may be done again at any time, so that a
missed or doubled turn does no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import delete

from markaz.centre.access import SYSTEM, Act, system, verb
from markaz.centre.calibrations.harvest import harvest
from markaz.centre.calibrations.verbs import measure_due
from markaz.centre.centre import Centre
from markaz.centre.db.tables import idempotency
from markaz.centre.devices.verbs import advance_calendar
from markaz.centre.jobs.retention import sweep_contents
from markaz.centre.jobs.sessions import expire_sessions
from markaz.centre.jobs.tally import tally
from markaz.centre.ledger import notices
from markaz.centre.ledger import verbs as ledger
from markaz.centre.ledger.queries import due_notices
from markaz.centre.people.credentials import tidy
from markaz.centre.projects.verbs import expire_due as expire_projects
from markaz.centre.services import Turns
from markaz.centre.storage.sweep import sweep
from markaz.centre.work import Work

HOUR: Final = 3600 * 1_000_000  # microseconds
LOOK_SECONDS: Final = 0.5
TALLIES: Final = 4  # in one turn, so that other chores are not kept waiting
_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every ``seconds``."""

    name: str
    seconds: float
    do: Callable[[Centre], Any]


@verb("centre.forget_answers", rule=system, scope=None)
def forget_answers(work: Work, _: None) -> None:
    """Forget the answers of requests whose Idempotency-Key has run out. Not audited."""
    before = work.now - int(work.services.settings["idempotency_hours"]) * HOUR
    work.run(delete(idempotency).where(idempotency.c.at < before))
    work.nothing_changed()


def _performing(act: Act) -> Callable[[Centre], Any]:
    return lambda centre: centre.perform(act, SYSTEM)


def _tally(centre: Centre) -> None:
    for _ in range(TALLIES):
        if not centre.perform(tally, SYSTEM)["more"]:
            return


def _mail_notices(centre: Centre) -> None:
    notices.deliver(centre, due_notices, ledger.notice_mailed)


CHORES: Final = (
    Chore("sessions", 1, _performing(expire_sessions)),
    Chore("measurements", 1, _performing(harvest)),
    Chore("schedules", 60, _performing(measure_due)),
    Chore("calendar", 1, _performing(advance_calendar)),
    Chore("projects", 10, _performing(expire_projects)),
    Chore("tally", 10, _tally),
    Chore("allocations", 10, _performing(ledger.expire_due)),
    Chore("notices", 60, _mail_notices),
    Chore("accounts", 600, _performing(tidy)),
    Chore("answers", 600, _performing(forget_answers)),
    Chore("retention", 600, _performing(sweep_contents)),
    Chore("store", 3600, sweep),
)


class Housekeeper:
    """Does the chores of a centre in a thread of its own, until closed."""

    def __init__(
        self,
        centre: Centre,
        chores: tuple[Chore, ...] = CHORES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._centre, self._monotonic = centre, monotonic
        self._due = {chore: monotonic() + chore.seconds for chore in chores}
        self._turns = {chore: Turns(chore.seconds) for chore in chores}
        centre.services.chores = {chore.name: turns for chore, turns in self._turns.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="markaz-housekeeper", daemon=True)

    def start(self) -> None:
        """Begin; every chore has its first turn after its time."""
        self._thread.start()

    def close(self) -> None:
        """End after the chore under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def turn(self) -> list[str]:
        """Do what is due; the names. One that fails is logged and comes again in its time."""
        now = self._monotonic()
        done = [chore for chore, due in self._due.items() if due <= now]
        for chore in done:
            self._due[chore] = now + chore.seconds
            turns = self._turns[chore]
            turns.last_at = self._centre.services.clock.now()
            try:
                chore.do(self._centre)
            except Exception as error:
                _log.warning("chore.failed", chore=chore.name, error=str(error))
                turns.error, turns.failures = str(error), turns.failures + 1
            else:
                turns.error, turns.failures = None, 0
        return [chore.name for chore in done]

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.turn()
