"""One program on the device: noted before it is handed over, and asked for ever after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeVar

import structlog

from markaz.interfaces.agent.counts import checked
from markaz.interfaces.agent.drivers.base import (
    Driver,
    DriverError,
    NotNow,
    Phase,
    Progress,
    Submission,
    Uncertain,
    Unreachable,
)
from markaz.interfaces.agent.spool import Entry, Run, Spool

_log: Final = structlog.get_logger(__name__)

T = TypeVar("T")
RETRY_SECONDS: Final = (0.2, 10.0)  # before a call that did not arrive is made again
DISK_SECONDS: Final = 1.0  # before something is written again that did not fit
_FINAL: Final = (Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)


class Stopped(Exception):
    """The job is not to go on here: it was cancelled, or the agent ends."""


@dataclass(slots=True)
class Stop:
    """``wanted`` is set when a job is to stop; ``cancelled``: because the centre says so, and
    not because the agent ends (then the device goes on)."""

    wanted: Event
    cancelled: bool = False

    def check(self) -> None:
        """Raise Stopped if it is wanted."""
        if self.wanted.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as it is wanted."""
        if self.wanted.wait(seconds):
            raise Stopped


@dataclass(frozen=True, slots=True)
class Pace:
    """``timeout``: seconds that a program may take on the device, waiting there included;
    ``poll``: seconds between two questions."""

    timeout: float = 3600.0
    poll: float = 0.5


class Executor:
    """Executes the programs of one job through a driver; what is in the journal already is
    not handed over again. ``clock`` gives µs UTC."""

    def __init__(self, driver: Driver, spool: Spool, pace: Pace, clock: Callable[[], int]) -> None:
        self._driver, self._spool, self._pace, self._clock = driver, spool, pace, clock

    def execute(self, entry: Entry, n: int, what: str, program: Submission, stop: Stop) -> Run:
        """The n-th program of a job, with its counts.

        Raises DriverError for a fault of the device, Refused if it cannot run the program,
        NotNow if it takes none and has not heard of this one, Stopped, OSError if it cannot
        be noted and was not handed over.
        """
        if n < len(entry.runs):
            run = entry.runs[n]
            if run.what != what:
                raise DriverError("after a restart the job was compiled in another way")
            if run.counts is not None:
                return run
            self._find_again(run, program)
        else:
            run = self._hand_over(entry, what, program, stop)
        return self._fetched(entry, run, program, stop)

    def _hand_over(self, entry: Entry, what: str, program: Submission, stop: Stop) -> Run:
        stop.check()
        errors = self._again_on
        if entry.runs:  # half a job is not given back: the device may take the rest soon
            errors = (*errors, NotNow)
        run = self._spool.note_run(entry, what, self._clock())
        until = self._until(run)
        try:
            key = self._again(lambda: self._driver.submit(program), until, stop, errors)
        except NotNow:
            entry.runs.remove(run)  # it never got there; the journal goes with the job
            raise
        if key != program.name:
            self._insist(lambda: self._spool.note_key(entry, run, key))
        run.key = key
        return run

    @property
    def _again_on(self) -> tuple[type[DriverError], ...]:
        """After which errors the same program may be handed over again."""
        return (Unreachable, Uncertain) if self._driver.names else (Unreachable,)

    def _find_again(self, run: Run, program: Submission) -> None:
        """A program that was noted before a restart: by what the device must know it."""
        if run.key is None and self._driver.names:
            run.key = program.name
        if run.key is None:
            raise DriverError(
                "the agent stopped while it handed the program over; whether it ran is not known"
            )

    def _fetched(self, entry: Entry, run: Run, program: Submission, stop: Stop) -> Run:
        assert run.key is not None, program.name
        until, began = self._until(run), None
        while True:
            try:
                found = self._poll(run.key, program, until, stop)
            except Stopped:
                if stop.cancelled:
                    run.seconds = self._cancel(run, program, began)
                raise
            if found.phase is Phase.RUNNING and began is None:
                began = self._clock()
            if found.phase in _FINAL:
                break
            if self._clock() >= until:
                self._cancel(run, program, began)
                raise DriverError(f"the device did not end within {self._pace.timeout:g} s")
        if found.phase is not Phase.COMPLETED:
            raise DriverError(f"the device says {found.phase}: {found.message or 'no reason'}")
        counts = checked(found.counts, program.bits, program.shots)
        seconds = self._taken(run, found, began)
        self._insist(lambda: self._spool.note_counts(entry, run, counts, seconds))
        return run

    def _poll(self, key: str, program: Submission, until: int, stop: Stop) -> Progress:
        """What the device says next. Raises DriverError if it has forgotten the program."""
        stop.check()
        asked = (Unreachable, Uncertain)
        found = self._again(lambda: self._driver.poll(key, program), until, stop, asked)
        if found.phase is Phase.UNKNOWN:
            raise DriverError("the device does not know the program that it was given")
        if found.phase not in _FINAL:
            stop.pause(self._pace.poll)
        return found

    def _taken(self, run: Run, found: Progress, began: int | None) -> float:
        """Seconds for which the device was taken: as it says, else as was seen from here."""
        if found.seconds is not None:
            return found.seconds
        return max(0.0, (self._clock() - (run.at if began is None else began)) / 1e6)

    def _cancel(self, run: Run, program: Submission, began: int | None) -> float:
        """Have the device stop it; seconds that it used."""
        assert run.key is not None, program.name
        try:
            self._driver.cancel(run.key)
            found = self._driver.poll(run.key, program)
        except DriverError as error:
            _log.warning("agent.not_cancelled", program=program.name, error=str(error))
            found = Progress(Phase.UNKNOWN)
        if found.seconds is not None or began is None:
            return found.seconds or 0.0
        return max(0.0, (self._clock() - began) / 1e6)

    def _until(self, run: Run) -> int:
        return run.at + round(self._pace.timeout * 1e6)

    def _again(
        self,
        call: Callable[[], T],
        until: int,
        stop: Stop,
        errors: tuple[type[DriverError], ...],
    ) -> T:
        """What ``call`` gives, made again after ``errors`` while there is time."""
        pause = RETRY_SECONDS[0]
        while True:
            try:
                return call()
            except errors as error:
                if self._clock() + round(pause * 1e6) >= until:
                    raise DriverError(f"the device does not answer: {error}") from None
                _log.info("agent.device_not_reached", error=str(error))
            stop.pause(pause)
            pause = min(2 * pause, RETRY_SECONDS[1])

    def _insist(self, write: Callable[[], None]) -> None:
        """Write what must not be lost, again and again while the disk cannot."""
        while True:
            try:
                return write()
            except OSError as error:
                _log.error("agent.spool_not_written", error=str(error))
                time.sleep(DISK_SECONDS)
