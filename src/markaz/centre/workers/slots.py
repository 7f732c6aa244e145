"""A worker's slots: jobs that run in children, and those that wait for a slot.

A child gets short jobs of its one tenant several at a time, so that it need not be woken for
each: it answers them in turn, and what has no answer when it must end has not begun, but for
the first of them.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from markaz.centre.errors import CentreError
from markaz.centre.workers import crash, frames
from markaz.centre.workers.autopsy import cause_of_death
from markaz.centre.workers.messages import Assign, Finished, Message, Returned, Started
from markaz.centre.workers.nursery import Child, NurseryClosed
from markaz.centre.workers.pool import DYING_SECONDS, Pool, Warm
from markaz.centre.workers.run_child import RESULT_BYTES, request

GRACE_SECONDS: Final = 1.5  # beyond its limit, for a job to say itself that time is up
IDLE_SECONDS: Final = 20.0  # after which a child without a job ends
AHEAD_SECONDS: Final = 1.0  # a job that waited so long behind another goes back to the queue
WARM: Final = 8  # children for each slot that are kept for their tenants
TOGETHER: Final = 8  # jobs that a child is given at once
TOGETHER_BYTES: Final = 32 << 10  # of their circuits: they must fit the socket while it computes

Key = tuple[str, int]
Item = tuple[Assign, float]  # a job that waits, and since when (monotonic seconds)


class Runner(Warm):
    """A child that runs jobs."""

    def __init__(self, tenant: str, child: Child) -> None:
        super().__init__(tenant, child, RESULT_BYTES)


@dataclass(slots=True)
class Run:
    """A job in a child, and those that it has been given to do next; times are monotonic
    seconds. ``recalled``: they were taken from it again, so that it must end with this one."""

    job: Assign
    runner: Runner
    started: float
    deadline: float
    following: deque[Item] = field(default_factory=deque)
    recalled: bool = False


def key_of(job: Assign) -> Key:
    """Which attempt of which job."""
    return job.job, job.attempt


class Slots:
    """Runs at most ``count`` jobs at once, each with at most ``memory`` bytes.

    Every end is told by ``say`` (Finished or Returned). Children's sockets are registered
    with ``selector`` under the job's key; call ``hear`` with it when there is something.
    """

    def __init__(
        self,
        count: int,
        memory: int,
        selector: selectors.BaseSelector,
        say: Callable[[Message], None],
    ) -> None:
        self._count, self._memory, self._selector, self._say = count, memory, selector, say
        self._pool = Pool("run", {"memory": memory}, count * (1 + WARM), Runner)
        self._waiting: deque[Item] = deque()
        self._running: dict[Key, Run] = {}
        self._next_look = 0.0
        self._clock = 0

    def wait_ready(self) -> None:
        """Until children can be had at once."""
        self._pool.wait_ready()
        self._pool.refill()

    def close(self) -> None:
        """End all children."""
        self._pool.close()

    def held(self) -> list[Key]:
        """What waits or runs."""
        items = [*self._waiting, *(item for r in self._running.values() for item in r.following)]
        return [*(key_of(job) for job, _ in items), *self._running]

    @property
    def busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._running)

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting) + sum(len(r.following) for r in self._running.values())

    def next_moment(self) -> float:
        """When ``tick`` has something to do."""
        moments = [self._next_look, *(run.deadline for run in self._running.values())]
        queues = [self._waiting, *(run.following for run in self._running.values())]
        return min([*moments, *(items[0][1] + AHEAD_SECONDS for items in queues if items)])

    def tick(self) -> None:
        """What time brings: jobs that are overdue, or wait for too long; idle children."""
        now = time.monotonic()
        for run in [r for r in self._running.values() if r.deadline < now]:
            self._stop(run)
            text = f"stopped after {run.job.limit_seconds:g} s"
            self._report(run.job, "failed", run.started, "limit-time", text)
        for run in self._running.values():
            if run.following and run.following[0][1] + AHEAD_SECONDS <= now:
                self._recall(run)
        while self._waiting and self._running and self._waiting[0][1] + AHEAD_SECONDS <= now:
            job, _ = self._waiting.popleft()
            self._say(Returned(job.job, job.attempt, "the slot was not free in time"))
        if now >= self._next_look:
            self._next_look = now + IDLE_SECONDS / 4
            self._pool.end_idle(IDLE_SECONDS)
        self.fill()

    def take(self, job: Assign) -> None:
        """One more job; it begins when a slot is free."""
        now = time.monotonic()
        self._clock = job.at - round(1e6 * now)
        self._waiting.append((job, now))

    def fill(self) -> None:
        """Begin what waits while slots are free."""
        while self._waiting and len(self._running) < self._count:
            job, _ = self._waiting.popleft()
            try:
                runner = self._pool.hire(job.tenant)
            except (NurseryClosed, CentreError) as error:
                reason = f"no child can be started: {error}"
                self._say(Returned(job.job, job.attempt, reason, unwell=True))
                continue
            if job.ahead:
                self._say(Started(job.job, job.attempt))
            self._start(job, runner, self._behind(job))

    def _behind(self, job: Assign) -> deque[Item]:
        """Jobs that ``job``'s child may have at once, taken from those that wait: of its
        tenant, short (only such are handed out ahead), and none that an idle slot begins."""
        idle = self._count - len(self._running) - 1
        left = TOGETHER_BYTES - len(job.blob)
        found: deque[Item] = deque()
        others: deque[Item] = deque()
        for item in self._waiting:
            mine = item[0].ahead and item[0].tenant == job.tenant and len(others) >= idle
            if mine and len(found) < TOGETHER - 1 and len(item[0].blob) <= left:
                left -= len(item[0].blob)
                found.append(item)
            else:
                others.append(item)
        self._waiting = others
        return found

    def _start(self, job: Assign, runner: Runner, following: deque[Item]) -> None:
        now = time.monotonic()
        run = Run(job, runner, now, now + job.limit_seconds + GRACE_SECONDS, following)
        self._running[key_of(job)] = run
        self._selector.register(runner.child.fd, selectors.EVENT_READ, key_of(job))
        jobs = [job, *(one for one, _ in following)]
        try:
            runner.give(b"".join(map(self._packed, jobs)), GRACE_SECONDS, len(jobs))
        except OSError:
            return  # its socket says so too, and is heard next
        crash.at("worker_running")
        self._pool.refill()

    def _packed(self, job: Assign) -> bytes:
        header = request(
            job.kind, job.options, job.program_hash, job.limit_seconds, self._memory,
            job.about, job.tail, self._clock,
        )  # fmt: skip
        return frames.pack(header, job.blob)

    def hear(self, key: Key) -> None:
        """Take what a job's child says, or notice that it died."""
        run = self._running.get(key)
        if run is None:
            return
        try:
            alive = run.runner.incoming.pump()
            while (frame := run.runner.incoming.take()) is not None:
                if not self._answered(run, *frame):
                    return
        except (OSError, frames.FrameError):
            alive = False
        if not alive:
            self._died(run)

    def _answered(self, run: Run, header: dict[str, object], body: bytes) -> bool:
        """A job has ended; whether its child goes on with the next one."""
        crash.at("worker_computed")
        job, started = run.job, run.started
        goes_on = bool(run.following)
        if goes_on:
            self._go_on(run)
        else:
            self._release(run)
            run.runner.dead |= run.recalled
            self._pool.give_back(run.runner, 0.0 if run.recalled else DYING_SECONDS)
        error = header.get("error")
        if isinstance(error, dict):
            said = str(error.get("kind")), str(error.get("message"))
            self._report(job, "failed", started, *said)
        else:
            self._report(job, "completed", started, blob=body)
        if goes_on:
            self._say(Started(run.job.job, run.job.attempt))
        return goes_on

    def _go_on(self, run: Run) -> None:
        """The child is at its next job."""
        del self._running[key_of(run.job)]
        run.job, _ = run.following.popleft()
        run.started = time.monotonic()
        run.deadline = run.started + run.job.limit_seconds + GRACE_SECONDS
        self._running[key_of(run.job)] = run
        self._selector.modify(run.runner.child.fd, selectors.EVENT_READ, key_of(run.job))

    def _recall(self, run: Run) -> None:
        """What follows goes back to those that wait; its child, which has it, must not run it."""
        run.recalled |= bool(run.following)
        self._waiting.extendleft(reversed(run.following))
        run.following.clear()

    def _died(self, run: Run) -> None:
        self._release(run)
        self._recall(run)
        run.runner.dead = True
        code = self._pool.give_back(run.runner)
        cause = cause_of_death(code, run.job.attempt, run.job.limit_seconds)
        if cause is None:
            reason = "its process was killed"
            self._say(Returned(run.job.job, run.job.attempt, reason, unwell=True))
        else:
            self._report(run.job, "failed", run.started, *cause)

    def cancel(self, key: Key) -> None:
        """Stop a job, if it is here."""
        run = self._running.get(key)
        if run is not None:
            self._stop(run)
            self._report(run.job, "cancelled", run.started)
            return
        for run in self._running.values():
            if any(key_of(job) == key for job, _ in run.following):
                self._recall(run)
        for item in [w for w in self._waiting if key_of(w[0]) == key]:
            self._waiting.remove(item)
            self._report(item[0], "cancelled", time.monotonic())

    def keep_only(self, keys: Collection[Key]) -> None:
        """Stop everything else without a word: it is not ours any more."""
        for run in [r for k, r in self._running.items() if k not in keys]:
            self._stop(run)
        for run in self._running.values():
            if not all(key_of(job) in keys for job, _ in run.following):
                self._recall(run)
        self._waiting = deque(w for w in self._waiting if key_of(w[0]) in keys)

    def hand_back(self, reason: str, *, running: bool) -> None:
        """Return what waits, and with ``running`` what children have too."""
        for run in list(self._running.values()) if running else ():
            self._stop(run)
            self._say(Returned(run.job.job, run.job.attempt, reason))
        while self._waiting:
            job, _ = self._waiting.popleft()
            self._say(Returned(job.job, job.attempt, reason))

    def told(self, message: Message) -> None:
        """Nothing to do: what is accepted is the supervisor's."""

    def _stop(self, run: Run) -> None:
        """Kill a job's child; nothing of it runs afterwards."""
        self._release(run)
        self._recall(run)
        run.runner.dead = True
        self._pool.give_back(run.runner, 0.0)

    def _release(self, run: Run) -> None:
        self._selector.unregister(run.runner.child.fd)
        del self._running[key_of(run.job)]

    def _report(
        self,
        job: Assign,
        state: str,
        started: float,
        kind: str = "",
        message: str = "",
        blob: bytes = b"",
    ) -> None:
        seconds = round(time.monotonic() - started, 6)
        self._say(Finished(job.job, job.attempt, state, seconds, kind, message, blob))
