"""An agent's jobs: each has a thread that waits for its child and for the device.

What is said to the centre is on disk before. Nothing is handed back once the device may have
it: a restarted agent goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.workers import frames, run_child
from markaz.centre.workers.autopsy import cause_of_death
from markaz.centre.workers.messages import (
    Accepted,
    Assign,
    Condition,
    Finished,
    Message,
    Noted,
    Returned,
    Welcome,
)
from markaz.centre.workers.nursery import NurseryClosed
from markaz.centre.workers.pool import Pool
from markaz.centre.workers.slots import Key, Runner, key_of
from markaz.interfaces.agent.drivers.base import (
    Driver,
    DriverError,
    NotNow,
    Refused,
    Submission,
)
from markaz.interfaces.agent.executing import Executor, Pace, Stop, Stopped
from markaz.interfaces.agent.spool import Entry, Spool
from markaz.quantum.devices.status import Status
from markaz.quantum.operate.opening import packed

_log: Final = structlog.get_logger(__name__)

SEED_BITS: Final = 63
LOOK_SECONDS: Final = 1.0
GIVE_SECONDS: Final = 5.0  # for a child to take what it is given
_WOKEN: Final = "agent"


@dataclass(slots=True)
class Work:
    """A job under way."""

    entry: Entry
    stop: Stop = field(default_factory=lambda: Stop(threading.Event()))
    dropped: bool = False  # the centre has forgotten it: nothing is to be said of it
    runner: Runner | None = None  # its child, under ``lock``
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Place:
    """What an agent works with. ``model`` is the text of its device file; ``memory`` bytes
    that a child may use; ``clock`` gives µs UTC."""

    device: str
    model: str
    driver: Driver
    spool: Spool
    pool: Pool[Runner]
    pace: Pace
    slots: int
    memory: int
    clock: Callable[[], int] = lambda: time.time_ns() // 1000


class AgentRuns:
    """Runs jobs on one device (``workers.supervisor.Runs``)."""

    def __init__(
        self, place: Place, selector: selectors.BaseSelector, say: Callable[[Message], None]
    ) -> None:
        self._place, self._say = place, say
        self._executor = Executor(place.driver, place.spool, place.pace, place.clock)
        self._waiting: deque[Entry] = deque()
        self._working: dict[Key, Work] = {}
        self._done: queue.SimpleQueue[tuple[Work | None, Message]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        selector.register(self._woken, selectors.EVENT_READ, _WOKEN)
        self._condition: Condition | None = None
        self.status: Status | None = None  # the latest that was told
        for entry in place.spool.entries.values():
            if entry.outcome is not None:
                say(entry.outcome)
            else:
                self._waiting.append(entry)

    # What the supervisor asks for.

    def wait_ready(self) -> None:
        """Until jobs can begin at once; those from before do."""
        self._place.pool.wait_ready()
        self.fill()

    def close(self) -> None:
        """Let go; the device goes on with what it has."""
        for work in self._working.values():
            self._end(work)
        self._wake.close()
        self._woken.close()

    def held(self) -> list[Key]:
        """What waits or runs."""
        return [*(key_of(entry.job) for entry in self._waiting), *self._working]

    @property
    def busy(self) -> bool:
        """Never: what runs goes on without the agent, which finds it again."""
        return False

    @property
    def waiting(self) -> int:
        """Jobs that wait for a slot."""
        return len(self._waiting)

    def next_moment(self) -> float:
        """Nothing is due by itself."""
        return time.monotonic() + LOOK_SECONDS

    def tick(self) -> None:
        """Begin what can begin."""
        self.fill()

    def take(self, job: Assign) -> None:
        """One more job, on disk before it is begun. What was drawn by chance is fixed now, so
        that the job repeats itself."""
        options = dict(job.options)
        if options.get("seed") is None:
            options["seed"] = secrets.randbits(SEED_BITS)
        try:
            self._waiting.append(self._place.spool.take(replace(job, options=options)))
        except OSError as error:
            reason = f"the agent's spool cannot be written: {error}"
            self._say(Returned(job.job, job.attempt, reason, unwell=True))

    def fill(self) -> None:
        """Begin what waits while slots are free."""
        while self._waiting and len(self._working) < self._place.slots:
            work = Work(self._waiting.popleft())
            key = key_of(work.entry.job)
            self._working[key] = work
            name = f"markaz-job-{key[0]}"
            threading.Thread(target=self._work, args=(work,), name=name, daemon=True).start()

    def hear(self, key: Any) -> None:
        """Say what threads have to say."""
        del key
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(1 << 12)
        with contextlib.suppress(queue.Empty):
            while True:
                self._deliver(*self._done.get_nowait())
        self.fill()

    def cancel(self, key: Key) -> None:
        """Stop a job, if it is here and has not ended."""
        work = self._working.get(key)
        if work is not None:
            self._cancel(work)
            return
        for entry in [e for e in self._waiting if key_of(e.job) == key]:
            self._waiting.remove(entry)
            outcome = Finished(*key, "cancelled", entry.seconds)
            self._place.spool.note_outcome(entry, outcome)
            self._say(outcome)

    def keep_only(self, keys: Collection[Key]) -> None:
        """Stop everything else without a word: it is not ours any more."""
        for key, work in self._working.items():
            if key not in keys:
                work.dropped = True
                self._cancel(work)
        for entry in [e for e in self._waiting if key_of(e.job) not in keys]:
            self._waiting.remove(entry)
            self._place.spool.drop(entry)

    def hand_back(self, reason: str, *, running: bool) -> None:
        """Nothing is handed back: the next agent with this spool goes on."""

    def told(self, message: Welcome | Accepted | Noted) -> None:
        """The centre knows us, or has something on record."""
        spool = self._place.spool
        if isinstance(message, Welcome):
            spool.note_worker(message.worker)
            self._introduce()
        elif isinstance(message, Noted):
            spool.drop_sheet(message.sheet)
        else:
            entry = spool.entries.get(f"{message.job}.{message.attempt}")
            if entry is not None and entry.outcome is not None:
                spool.drop(entry)

    def _introduce(self) -> None:
        """Say how the device is, and what sheets the centre has not got."""
        if self._condition is None:
            return
        status = self._condition.status
        for identity, text in self._place.spool.sheets().items():
            self._say(Condition(self._place.device, status, identity, text))
        self._say(self._condition)

    # From other threads.

    def note_condition(self, status: Status, sheet: tuple[str, bytes] | None = None) -> None:
        """The device is like this; ``sheet`` (id, JSON) is new and in the spool."""
        self.status = status
        plain = Condition(self._place.device, str(status))
        if sheet is not None:
            self._tell(None, replace(plain, sheet=sheet[0], blob=sheet[1]))
        self._tell(None, plain)

    def _tell(self, work: Work | None, message: Message) -> None:
        self._done.put((work, message))
        with contextlib.suppress(OSError):  # then it is awake already, or has ended
            self._wake.send(b"x")

    def _deliver(self, work: Work | None, message: Message) -> None:
        if isinstance(message, Condition):
            if not message.blob:
                self._condition = message
            self._say(message)
            return
        assert work is not None, message
        self._working.pop(key_of(work.entry.job), None)
        if work.dropped or isinstance(message, Returned):
            self._place.spool.drop(work.entry)
        if not work.dropped:
            self._say(message)

    def _cancel(self, work: Work) -> None:
        work.stop.cancelled = True
        self._end(work)

    def _end(self, work: Work) -> None:
        work.stop.wanted.set()
        with work.lock, contextlib.suppress(OSError):
            if work.runner is not None:  # if it computes, its thread hears that it is gone
                work.runner.child.socket.shutdown(socket.SHUT_RDWR)

    # A job's own thread.

    def _work(self, work: Work) -> None:
        try:
            message = self._outcome(work)
        except Stopped:
            if not work.stop.cancelled:
                return  # the agent ends
            message = self._finished(work.entry, "cancelled")
        except Exception as error:
            _log.exception("agent.job_failed", job=work.entry.name)
            message = self._failed(work.entry, "internal", f"{type(error).__name__}: {error}")
        if isinstance(message, Finished) and not work.dropped:
            self._note(work.entry, message)
        self._tell(work, message)

    def _note(self, entry: Entry, message: Finished) -> None:
        while True:
            try:
                self._place.spool.note_outcome(entry, message)
                return
            except OSError as error:
                _log.error("agent.spool_not_written", error=str(error))
                time.sleep(LOOK_SECONDS)

    def _outcome(self, work: Work) -> Finished | Returned:
        job = work.entry.job
        try:
            runner = self._place.pool.hire(job.tenant)
        except (NurseryClosed, CentreError) as error:
            return self._returned(work.entry, f"no child can be started: {error}")
        with work.lock:
            work.runner = runner
        try:
            work.stop.check()
            header, body = self._conversation(work, runner)
        except (EOFError, OSError, frames.FrameError) as error:
            code = self._let_go(work, runner, dead=True)
            work.stop.check()
            return self._died(work, error, code)
        except (DriverError, Refused) as error:
            self._let_go(work, runner, dead=isinstance(error, NotNow))
            return self._blamed(work, error)
        except BaseException:
            self._let_go(work, runner, dead=True)
            raise
        self._let_go(work, runner)
        said = header.get("error")
        if said is not None:
            return self._failed(work.entry, str(said["kind"]), str(said["message"]))
        return self._finished(work.entry, "completed", blob=body)

    def _let_go(self, work: Work, runner: Runner, *, dead: bool = False) -> int | None:
        with work.lock:
            work.runner = None
            runner.dead = dead or work.stop.wanted.is_set()
        return self._place.pool.give_back(runner)

    def _conversation(self, work: Work, runner: Runner) -> frames.Frame:
        """The child's last word; on the way it has programs executed."""
        header, data = self._request(work.entry.job)
        runner.give(frames.pack(header, data), GIVE_SECONDS)
        for n in range(1 << 30):
            header, body = runner.incoming.next()
            if "answer" in header:
                return header["answer"], body
            asked = header["execute"]
            name = f"{work.entry.name}.{n}"
            program = Submission(
                name, body.decode(), asked["shots"], asked["bits"], tuple(asked["qubits"])
            )
            try:
                run = self._executor.execute(work.entry, n, asked["what"], program, work.stop)
            except (DriverError, Refused) as error:
                if not isinstance(error, NotNow):
                    self._comfort(runner)
                raise
            counts = json.dumps(run.counts).encode()
            runner.give(frames.pack({"seconds": run.seconds}, counts), GIVE_SECONDS)
        raise AssertionError("unreachable")

    def _comfort(self, runner: Runner) -> None:
        """Tell a child that its program has failed, so that it ends the job and can be used
        again: what went wrong is known here."""
        error = {"kind": "engine", "message": "the program did not run"}
        runner.give(frames.pack({"error": error}), GIVE_SECONDS)
        header, _ = runner.incoming.next()
        if "answer" not in header:
            raise frames.FrameError("a child that goes on after its program failed")

    def _request(self, job: Assign) -> tuple[dict[str, Any], bytes]:
        """What the child gets: the device as the centre has it, else as we know it."""
        place, tail, data = self._place, job.tail, job.blob
        if not tail:
            station = packed(place.model, None)
            tail, data = len(station), data + station
        # What is measured is dated by the laboratory's clock; leases are the centre's.
        now = time.time_ns() // 1000
        header = run_child.request(
            job.kind, job.options, job.program_hash, job.limit_seconds, place.memory,
            job.about, tail, now - time.monotonic_ns() // 1000,
        )  # fmt: skip
        lab = {"name": place.device, "form": place.driver.format, "at": now}
        return {**header, **lab}, data

    def _blamed(self, work: Work, error: DriverError | Refused) -> Finished | Returned:
        _log.warning("agent.job_not_run", job=work.entry.name, error=str(error))
        if isinstance(error, Refused):
            return self._failed(work.entry, "unsupported", f"the device refuses it: {error}")
        if isinstance(error, NotNow):
            self.note_condition(error.status)
            return self._returned(work.entry, str(error))
        return self._failed(work.entry, "engine", str(error))

    def _died(self, work: Work, error: Exception, code: int | None) -> Finished | Returned:
        job = work.entry.job
        cause = None
        if not isinstance(error, OSError):  # else it is the spool or the socket
            cause = cause_of_death(code, job.attempt, job.limit_seconds)
        if cause is not None:
            return self._failed(work.entry, *cause)
        if not work.entry.runs:
            return self._returned(work.entry, f"its process was killed: {error}")
        return self._failed(work.entry, "internal", f"its process was killed: {error}")

    def _returned(self, entry: Entry, reason: str) -> Returned:
        return Returned(entry.job.job, entry.job.attempt, reason, unwell=True)

    def _failed(self, entry: Entry, kind: str, message: str) -> Finished:
        return self._finished(entry, "failed", kind, message[:2000])

    def _finished(
        self, entry: Entry, state: str, kind: str = "", message: str = "", blob: bytes = b""
    ) -> Finished:
        job, seconds = entry.job, round(entry.seconds, 6)
        return Finished(job.job, job.attempt, state, seconds, kind, message, blob)
