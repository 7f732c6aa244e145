"""A worker: takes jobs from the centre, has children run them, and says that it lives.

One thread decides everything; it never computes, so that a heartbeat means that the worker
can act. A second thread keeps the connection. Jobs run in children (``slots``), each bound to
one tenant; whatever takes too long is killed from here. A result is kept until the centre has
it on record, over any loss of the connection.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import queue
import random
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final, Protocol

import structlog

from markaz import __version__
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers import crash, messages
from markaz.centre.workers.links import Link, LinkClosed
from markaz.centre.workers.machine import cores, job_memory, total_memory
from markaz.centre.workers.messages import (
    Accepted,
    Assign,
    Cancel,
    Finished,
    Heartbeat,
    Hello,
    Leaving,
    Message,
    Noted,
    Refused,
    Returned,
    Welcome,
)
from markaz.centre.workers.slots import Key, Slots

_log: Final = structlog.get_logger(__name__)

PAUSES: Final = (0.05, 0.4)  # seconds between attempts to connect, first and last
GATHER_SECONDS: Final = 0.02  # that ends of jobs wait for the next ones, if more wait here
FEW: Final = 2  # jobs that wait here when it is time to ask for more
DELIVER_SECONDS: Final = 5.0  # at the end, for results to be accepted
PARENT: Final = "MARKAZ_WORKER_PARENT"  # process id of whoever started it, which it follows
_PR_SET_PDEATHSIG: Final = 1


def hello(slots: int = 1, drivers: tuple[str, ...] = ("simulate", "emulate")) -> Hello:
    """What this process says of itself."""
    host = socket.gethostname()
    return Hello(
        name=f"{host}:{os.getpid()}",
        host=host,
        pid=os.getpid(),
        slots=slots,
        cores=cores(),
        memory=total_memory(),
        drivers=list(drivers),
        versions={"markaz": __version__, "python": platform.python_version()},
    )


def work(connect: Callable[[], Link], settings: Settings, slots: int = 1) -> str:
    """Be a worker until told to end (SIGTERM, SIGINT, or the centre); the body of a process.

    ``connect`` as for ``Supervisor``. Returns why the centre refused it, or nothing.
    """
    supervisor = Supervisor(
        connect,
        hello(slots),
        memory=job_memory(settings),
        drain_seconds=settings["drain_seconds"],
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: supervisor.drain())
    follow_parent()
    return supervisor.run()


def follow_parent() -> None:
    """Drain when the process that started this one dies, if it said that it wants that."""
    parent = os.environ.get(PARENT)
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGTERM)


class Runs(Protocol):
    """Where a worker's jobs run: ``slots.Slots``, or an agent's hardware.

    Every end is told by the ``say`` that it was made with; sockets are registered with the
    selector that it was made with, under any key but None.
    """

    def wait_ready(self) -> None:
        """Until jobs can begin at once."""

    def close(self) -> None:
        """End everything."""

    def held(self) -> list[Key]:
        """What waits or runs."""

    @property
    def busy(self) -> bool:
        """Whether something runs that must end before the worker may."""

    @property
    def waiting(self) -> int:
        """Jobs that wait for a slot."""

    def next_moment(self) -> float:
        """When ``tick`` has something to do (monotonic seconds)."""

    def tick(self) -> None:
        """What time brings."""

    def take(self, job: Assign) -> None:
        """One more job."""

    def fill(self) -> None:
        """Begin what waits while slots are free."""

    def hear(self, key: Any) -> None:
        """The socket that was registered under ``key`` has something."""

    def cancel(self, key: Key) -> None:
        """Stop a job, if it is here."""

    def keep_only(self, keys: Collection[Key]) -> None:
        """Stop everything else without a word: it is not ours any more."""

    def hand_back(self, reason: str, *, running: bool) -> None:
        """Return what waits, and with ``running`` what runs too."""

    def told(self, message: Welcome | Accepted | Noted) -> None:
        """The centre has said this."""


class Supervisor:
    """One worker. ``hello`` says what it is; ``memory`` bytes that a job may use. ``runs``
    makes the place where jobs run, if that is not ``Slots``, from a selector and ``say``;
    ``pauses``: seconds between attempts to connect, first and last.

    ``connect`` opens a link to the centre, or raises LinkClosed or OSError (it is tried
    again) or CentreError (the centre does not want this worker).
    """

    def __init__(
        self,
        connect: Callable[[], Link],
        hello: Hello,
        *,
        memory: int,
        drain_seconds: float,
        runs: Callable[[selectors.BaseSelector, Callable[[Message], None]], Runs] | None = None,
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._connect, self._hello = connect, hello
        self._drain_seconds = drain_seconds
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._link: Link | None = None
        self._welcomed = False
        self._out: list[Message] = []
        self._send_by = 0.0
        self._unaccepted: dict[Key, Finished] = {}
        self._heartbeat = 1.0
        self._next_beat = 0.0
        self._drain_by: float | None = None
        self._ended = threading.Event()
        self._reason = ""
        self._pauses = pauses
        self._deliver_seconds = DELIVER_SECONDS if runs is None else 0.0  # else it is on disk
        make = runs or (lambda selector, say: Slots(hello.slots, memory, selector, say))
        self._slots: Runs = make(self._selector, self._say)

    def drain(self) -> None:
        """Finish what runs (within ``drain_seconds``), hand back the rest, end. From any
        thread or a signal handler."""
        self._tell("drain", None)

    def run(self) -> str:
        """Work until drained or refused; then the reason of the refusal, or nothing."""
        self._slots.wait_ready()
        thread = threading.Thread(target=self._keep_connected, name="markaz-link", daemon=True)
        thread.start()
        try:
            while not self._is_over():
                self._step()
        finally:
            self._ended.set()
            self._slots.close()
            if self._link is not None:
                self._link.close()
            self._selector.close()
            self._wake.close()
            self._woken.close()
        return self._reason

    # The connection, in its own thread.

    def _keep_connected(self) -> None:
        pause = self._pauses[0]
        while not self._ended.is_set():
            try:
                link = self._connect()
            except (LinkClosed, OSError) as error:
                _log.info("worker.centre_not_reached", error=str(error))
                self._ended.wait(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, self._pauses[1])
                continue
            except CentreError as error:
                self._tell("refused", str(error))
                return
            pause = self._pauses[0]
            self._tell("up", link)
            with contextlib.suppress(LinkClosed):
                while True:
                    self._tell("frame", link.receive())
            link.close()
            self._tell("down", link)
            self._ended.wait(pause)

    def _tell(self, what: str, value: Any) -> None:
        self._inbox.put((what, value))
        with contextlib.suppress(OSError):  # then it is awake already, or has ended
            self._wake.send(b"x")

    # The deciding thread.

    def _step(self) -> None:
        """Wait for something to happen, and deal with it."""
        for key, _ in self._selector.select(self._patience()):
            if key.data is None:
                self._read_inbox()
            else:
                self._slots.hear(key.data)
        self._slots.tick()
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + self._heartbeat
            self._say(Heartbeat(self._held()))
        self._flush()

    def _patience(self) -> float:
        now = time.monotonic()
        moment = min(self._next_beat, self._slots.next_moment())
        if self._out:
            moment = min(moment, self._send_by)
        if self._drain_by is not None:
            moment = min(moment, now + 0.05)
        return max(0.0, moment - now)

    def _read_inbox(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(1 << 12)
        with contextlib.suppress(queue.Empty):
            while True:
                self._deal(*self._inbox.get_nowait())

    def _deal(self, what: str, value: Any) -> None:
        match what:
            case "up":
                self._greet(value)
            case "down" if value is self._link:
                self._link, self._welcomed = None, False
                self._out.clear()
            case "drain":
                self._begin_drain()
            case "refused":
                self._reason = value
            case "frame":
                self._read(value)

    def _read(self, frame: bytes) -> None:
        try:
            received = messages.decode(frame)
        except messages.MessageError as error:
            _log.error("worker.frame_not_understood", error=str(error))
            return
        for message in received:
            self._receive(message)

    def _greet(self, link: Link) -> None:
        """Say who this is, before anything else."""
        self._link, self._welcomed = link, False
        self._out.clear()
        with contextlib.suppress(LinkClosed):  # the other thread says that it is down
            link.send(messages.encode([replace(self._hello, running=self._held())]))

    def _receive(self, message: Message) -> None:
        match message:
            case Welcome():
                self._welcome(message)
            case Assign():
                self._assign(message)
            case Cancel():
                self._slots.cancel((message.job, message.attempt))
            case Accepted():
                self._unaccepted.pop((message.job, message.attempt), None)
                self._slots.told(message)
            case Noted():
                self._slots.told(message)
            case Refused():
                self._reason = message.reason or "the centre refused this worker"
            case _:
                _log.error("worker.unexpected_message", type=type(message).__name__)

    def _welcome(self, message: Welcome) -> None:
        """Drop what is not ours any more, deliver what was not accepted yet."""
        self._hello = replace(self._hello, worker=message.worker)
        self._welcomed = True
        self._heartbeat, self._next_beat = message.heartbeat_seconds, 0.0
        self._slots.told(message)
        self._slots.keep_only(set(message.keep))
        self._out += self._unaccepted.values()
        if self._drain_by is not None:
            self._say(Leaving())
        _log.info("worker.connected", worker=message.worker, keeps=len(message.keep))

    def _assign(self, job: Assign) -> None:
        crash.at("worker_received")
        if self._drain_by is not None:
            self._say(Returned(job.job, job.attempt, "the worker is leaving"))
            return
        self._slots.take(job)
        self._slots.fill()

    # What is said to the centre.

    def _say(self, message: Message) -> None:
        if isinstance(message, Finished):
            self._unaccepted[message.job, message.attempt] = message
        if self._welcomed:
            if not self._out:
                self._send_by = time.monotonic() + GATHER_SECONDS
            self._out.append(message)

    def _flush(self) -> None:
        """Send what there is to say; while more jobs wait here, what comes soon goes along."""
        if not self._out or self._link is None:
            return
        if self._slots.waiting > FEW and time.monotonic() < self._send_by:
            return
        out, self._out = self._out, []
        try:
            self._link.send(messages.encode(out))
        except LinkClosed:
            return  # results are sent again to the next one
        if any(isinstance(message, Finished) for message in out):
            crash.at("worker_reported")

    def _held(self) -> list[Key]:
        return [*self._slots.held(), *self._unaccepted]

    # The end.

    def _begin_drain(self) -> None:
        if self._drain_by is None:
            self._drain_by = time.monotonic() + self._drain_seconds
            self._say(Leaving())
            self._slots.hand_back("the worker is leaving", running=False)

    def _is_over(self) -> bool:
        if self._reason or self._drain_by is None:
            return bool(self._reason)
        now = time.monotonic()
        if now > self._drain_by:
            self._slots.hand_back("the worker is leaving", running=True)
        if self._slots.busy:
            return False
        self._flush()
        return not self._unaccepted or now > self._drain_by + self._deliver_seconds
