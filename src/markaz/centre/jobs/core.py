"""What happens to jobs, decided over an abstract store of them.

The same functions run over the database (``store.DatabaseJobs``) and over dictionaries
(``MemoryJobs``), where a seeded scheduler drives thousands of histories with workers that
die, zombies that answer late and people who cancel at the worst moment. A store changes a
job only by ``apply``: one conditional step that either happens as ``states.TRANSITIONS``
says or touches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from markaz.centre.errors import CentreError
from markaz.centre.jobs.states import ACTIVE, FINAL, TRANSITIONS, Event, State

CENTRES_FAULT: Final = frozenset({"internal", "engine"})  # error kinds that cost nothing


class Rate(Protocol):
    """The price that was in force when the job was submitted (``ledger.prices``)."""

    @property
    def per_second(self) -> int:
        """Micro-credits for a second."""

    def cost(self, seconds: float, shots: int) -> int:
        """Micro-credits for a whole job."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the decisions look at. Times in microseconds, ``reserved`` in micro-credits.

    ``losses``: how often the job's worker was lost; ``cancel_by``: "user" or "operator" when
    a running job is to be stopped.
    """

    id: str
    state: State
    attempt: int = 0
    losses: int = 0
    cancel_by: str | None = None
    claimed_at: int | None = None
    started_at: int | None = None
    shots: int = 0
    reserved: int = 0
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of an attempt; ``seconds`` is the run time that it measured.

    ``began_at``: when the centre heard that it began, if that is not on record (microseconds).
    """

    state: State
    error_kind: str | None = None
    error_message: str | None = None
    seconds: float | None = None
    result_hash: str | None = None
    began_at: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """An attempt that ends: the ``job`` as it was, what its row takes, seconds that it used
    of its device, and what it costs (micro-credits)."""

    job: Snapshot
    event: Event
    values: dict[str, Any]
    seconds: float
    charge: int


class Jobs(Protocol):
    """A store of jobs."""

    def find(self, job: str) -> Snapshot | None:
        """The job as it is now."""

    def find_many(self, jobs: Sequence[str]) -> dict[str, Snapshot]:
        """Those of ``jobs`` that there are."""

    def end_many(self, ended: Sequence[Ending]) -> int:
        """Let the events of ``ended`` happen, each if its attempt is still the job's; how
        many did."""

    def settle_many(self, ended: Sequence[Ending]) -> None:
        """As ``settle`` for each."""

    def apply(self, job: str, event: Event, attempt: int | None = None, **values: Any) -> bool:
        """Let ``event`` happen if it may follow, writing ``values``; False: nothing changed."""

    def want_cancel(self, job: Snapshot, by: str, now: int) -> bool:
        """Note that an active job is to be stopped; False: it is not active any more."""

    def settle(self, job: Snapshot, charge: int) -> None:
        """Charge ``charge`` and release the rest of what was reserved; once for each job."""


def charge_of(job: Snapshot, outcome: Outcome, now: int) -> int:
    """Micro-credits for an attempt that ended: never more than was reserved.

    A completed job costs its price; one that its user cancelled, or that its own limits
    ended, costs the time that it used; a fault of the centre, or an operator's cancel, nothing.
    """
    if job.rate is None or outcome.error_kind in CENTRES_FAULT:
        return 0
    seconds = charged_seconds(job, outcome, now)
    if outcome.state is State.COMPLETED:
        return min(job.reserved, job.rate.cost(seconds, job.shots))
    if outcome.state is State.CANCELLED and job.cancel_by != "user":
        return 0
    return min(job.reserved, -(-job.rate.per_second * round(seconds * 1e6) // 1_000_000))


def charged_seconds(job: Snapshot, outcome: Outcome, now: int) -> float:
    """Run time of the device: as the worker measured it, but not more than the server saw.

    The worker's figure leaves out the wire and the commit, which are the centre's; the
    server's bounds it, so that no worker can charge more than really passed.
    """
    since = job.started_at or outcome.began_at or job.claimed_at
    seen = max(0.0, (now - since) / 1e6) if since is not None else 0.0
    return seen if outcome.seconds is None else min(seen, max(0.0, outcome.seconds))


_ENDINGS: Final = {
    State.COMPLETED: Event.COMPLETE,
    State.FAILED: Event.FAIL,
    State.CANCELLED: Event.STOP,
}


def finish(jobs: Jobs, job: str, attempt: int, outcome: Outcome, now: int) -> tuple[Snapshot, int]:
    """End an attempt: the job as it was, and the charge.

    Raises CentreError ``stale`` if another attempt owns the job, or it ended already.
    """
    [ending] = finish_many(jobs, [(job, attempt, outcome)], now)
    if ending is None:
        raise stale(job, attempt)
    return ending.job, ending.charge


def finish_many(
    jobs: Jobs, said: Sequence[tuple[str, int, Outcome]], now: int
) -> list[Ending | None]:
    """End attempts (job, attempt, outcome), all in few steps; None for those that are over.

    Raises CentreError ``conflict`` if another server changed one of several meanwhile: then
    the caller undoes everything and ends them one by one.
    """
    found = jobs.find_many([job for job, _, _ in said])
    answers = [_ending(found.get(job), attempt, outcome, now) for job, attempt, outcome in said]
    ended = [one for one in answers if one is not None]
    if jobs.end_many(ended) != len(ended):
        if len(ended) > 1:
            raise CentreError("conflict", f"one of {len(ended)} jobs changed while they ended")
        return [None] * len(said)
    jobs.settle_many(ended)
    return answers


def _ending(found: Snapshot | None, attempt: int, outcome: Outcome, now: int) -> Ending | None:
    if found is None or found.state not in ACTIVE or found.attempt != attempt:
        return None
    seconds, charge = charged_seconds(found, outcome, now), charge_of(found, outcome, now)
    values = {
        "result_hash": outcome.result_hash,
        "error_kind": outcome.error_kind,
        "error_message": outcome.error_message,
        "run_seconds": seconds,
        "charged": charge,
        "started_at": _began(found, outcome, seconds, now),
        "ended_at": now,
    }
    return Ending(found, _ENDINGS[outcome.state], values, seconds, charge)


def _began(found: Snapshot, outcome: Outcome, seconds: float, now: int) -> int | None:
    """When it started; a short job that was handed out ahead may end before anybody said so."""
    if found.started_at is not None or outcome.state is State.CANCELLED:
        return found.started_at
    return outcome.began_at or now - round(seconds * 1e6)


def stale(job: str, attempt: int) -> CentreError:
    """The refusal of a zombie."""
    return CentreError("stale", f"attempt {attempt} of job {job} is over", job=job, attempt=attempt)


class Cancelled(StrEnum):
    """What a cancel did."""

    NOW = "cancelled"
    WANTED = "wanted"
    TOO_LATE = "too late"


def cancel(jobs: Jobs, job: str, by: str, now: int) -> tuple[Cancelled, Snapshot]:
    """Cancel a waiting job, or ask for a running one to be stopped; ``by`` as in Snapshot.

    A step of somebody else may come between looking and changing: then look again.
    """
    while True:
        found = jobs.find(job)
        assert found is not None, job
        if found.state in FINAL:
            return Cancelled.TOO_LATE, found
        if found.state in ACTIVE:
            if jobs.want_cancel(found, by, now):
                return Cancelled.WANTED, found
        elif jobs.apply(job, Event.CANCEL, charged=0, ended_at=now):
            jobs.settle(found, 0)
            return Cancelled.NOW, found


def lost(jobs: Jobs, job: str, attempt: int, max_losses: int, now: int) -> Event | None:
    """The worker of ``attempt`` is gone: what becomes of the job (None: nothing, it moved on).

    Back to the queue at its old place; cancelled if that was wanted anyway; failed without a
    charge when it has taken ``max_losses`` workers down.
    """
    found = jobs.find(job)
    if found is None or found.attempt != attempt:
        return None
    ended: dict[str, Any] = {"charged": 0, "run_seconds": None, "ended_at": now}
    if found.cancel_by is not None:
        event, values = Event.STOP, ended
    elif found.losses + 1 >= max_losses:
        message = f"its worker was lost {found.losses + 1} times"
        event = Event.FAIL
        values = {**ended, "error_kind": "internal", "error_message": message}
    else:
        event, values = Event.GIVE_BACK, {"losses": found.losses + 1}
    if not jobs.apply(job, event, attempt, **values):
        return None
    if event is not Event.GIVE_BACK:
        jobs.settle(found, 0)
    return event


@dataclass(slots=True)
class MemoryJobs:
    """Jobs in a dictionary; ``charges`` lists (job, amount) in the order they were made."""

    jobs: dict[str, Snapshot] = field(default_factory=dict)
    charges: list[tuple[str, int]] = field(default_factory=list)

    def find(self, job: str) -> Snapshot | None:
        """The job as it is now."""
        return self.jobs.get(job)

    def find_many(self, jobs: Sequence[str]) -> dict[str, Snapshot]:
        """Those of ``jobs`` that there are."""
        return {job: self.jobs[job] for job in jobs if job in self.jobs}

    def end_many(self, ended: Sequence[Ending]) -> int:
        """Let each happen if it may follow; how many did."""
        return sum(self.apply(e.job.id, e.event, e.job.attempt, **e.values) for e in ended)

    def settle_many(self, ended: Sequence[Ending]) -> None:
        """Remember the charges."""
        for one in ended:
            self.settle(one.job, one.charge)

    def apply(self, job: str, event: Event, attempt: int | None = None, **values: Any) -> bool:
        """Let ``event`` happen if it may follow."""
        found, step = self.jobs[job], TRANSITIONS[event]
        if found.state not in step.sources or (step.fenced and found.attempt != attempt):
            return False
        values |= dict.fromkeys(step.clears)
        known = {k: v for k, v in values.items() if k in Snapshot.__dataclass_fields__}
        if step.target is not None:
            known["state"] = step.target
        known["attempt"] = found.attempt + step.raises
        self.jobs[job] = replace(found, **known)
        return True

    def want_cancel(self, job: Snapshot, by: str, now: int) -> bool:
        """Note that an active job is to be stopped."""
        found = self.jobs[job.id]
        if found.state not in ACTIVE:
            return False
        self.jobs[job.id] = replace(found, cancel_by=found.cancel_by or by)
        return True

    def settle(self, job: Snapshot, charge: int) -> None:
        """Remember the charge."""
        self.charges.append((job.id, charge))
