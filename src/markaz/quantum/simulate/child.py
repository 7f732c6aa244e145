"""Parent's side of the engine child: start it, send tasks, end those that overrun."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.engines.base import EngineFault, EngineRefusal
from markaz.quantum.simulate.host import LENGTH, PID, resident_bytes
from markaz.quantum.simulate.tasks import Answer, Task, from_message

PATIENCE = 1.0  # seconds at least for a worker to be found: a short slice ends no child
LONGER = 4.0  # times its seconds, that a task on a busy machine may take
SHORT_BY = 0.1  # of its seconds, below which a task has had them
PROCESS_CLOCK = 2  # of a process, by Linux' numbers for clocks
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def processor_seconds(pid: int) -> float:
    """Processor time of another process; infinite where that cannot be read."""
    try:
        return time.clock_gettime(~pid << 3 | PROCESS_CLOCK)
    except OSError:
        return math.inf


class Overrun(Exception):
    """The task did not end within its time; ``paused``: it can go on."""

    def __init__(self, paused: Paused | None = None) -> None:
        super().__init__()
        self.paused = paused


class OutOfMemory(Exception):
    """The task did not fit its memory."""


@dataclass(slots=True)
class Running:
    """A task in a worker: its engine, the process, the pipe for the answer, and what has
    been read of that."""

    key: str
    pid: int
    pipe: int
    chunks: list[bytes] = field(default_factory=list)

    def read(self, seconds: float, keep: int = 0, most: float = 0.0) -> Answer:
        """The answer, if it comes within ``seconds``; where the worker has had to share its
        processor, within as much processor time, but ``most`` seconds in all.

        Raises what ``Host.run`` raises, and ends the task with it; but where it overruns and
        holds at most ``keep`` bytes of memory it is stopped, to be gone on with.
        """
        try:
            self._read(seconds, max(seconds, min(most, LONGER * seconds)))
        except Overrun:
            if self._stop(keep):
                raise Overrun(Paused(self)) from None
            self.end()
            raise
        except BaseException:
            self.end()
            raise
        os.close(self.pipe)
        return _opened(self.key, b"".join(self.chunks))

    def _read(self, seconds: float, most: float) -> None:
        started, used = time.monotonic(), processor_seconds(self.pid)
        left = seconds
        while True:
            if not select.select([self.pipe], [], [], max(left, 0.0))[0]:
                # Predictions and slices are for a processor of its own.
                owed = seconds - (processor_seconds(self.pid) - used)
                left = min(owed, started + most - time.monotonic())
                if not left > SHORT_BY * seconds:
                    raise Overrun
                continue
            chunk = os.read(self.pipe, 1 << 20)
            if not chunk:
                return
            self.chunks.append(chunk)
            left = started + most - time.monotonic()

    def _stop(self, keep: int) -> bool:
        """Stop the worker unless it holds more than ``keep`` bytes."""
        if not keep:
            return False
        try:
            os.kill(self.pid, signal.SIGSTOP)
            return resident_bytes(self.pid) <= keep
        except OSError:
            return False

    def end(self) -> None:
        """Kill the worker."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)


@dataclass(frozen=True, slots=True)
class Paused:
    """A task that was stopped at the end of its time: ``go_on`` or ``end`` it."""

    task: Running

    def go_on(self, seconds: float, keep: int = 0, most: float = 0.0) -> Answer:
        """As ``Running.read``, after it was let run again."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.task.pid, signal.SIGCONT)
        return self.task.read(seconds, keep, most)

    def end(self) -> None:
        """Kill it."""
        self.task.end()


class Host:
    """One engine child process for a number of threads."""

    def __init__(self, threads: int = 1) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "markaz.quantum.simulate.host", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._preloaded: set[str] = set()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def run(
        self,
        key: str,
        circuit: Circuit,
        task: Task,
        seconds: float,
        memory: int,
        keep: int = 0,
        most: float = 0.0,
    ) -> Answer:
        """Run a task; raises Overrun, OutOfMemory, EngineRefusal or EngineFault. At an
        Overrun the task can go on later if it holds at most ``keep`` bytes of memory.
        ``seconds`` and ``most`` as in ``Running.read``."""
        body = np.frombuffer(wire.encode(circuit), np.uint8)
        header = {"engine": key, "task": task.to_json(), "memory": memory}
        with self._lock:
            pid, pipe = self._request(wire.pack(header, [body]), max(seconds, PATIENCE))
            self._preloaded.add(key)
        return Running(key, pid, pipe).read(seconds, keep, most)

    def preload(self, key: str) -> None:
        """Import an engine's library there, ahead of its first task."""
        with self._lock:
            _, pipe = self._request(wire.pack({"engine": key, "preload": True}, []), 120.0)
            os.close(pipe)
            self._preloaded.add(key)

    def _request(self, message: bytes, seconds: float) -> tuple[int, int]:
        """Send a request; the child's process id and the pipe for its answer.

        The reply comes after the engine's library has been imported, which counts too; an
        import that takes too long ends the whole engine child.
        """
        ours, theirs = os.pipe()
        self._socket.settimeout(seconds)
        try:
            socket.send_fds(self._socket, [LENGTH.pack(len(message))], [theirs])
            self._socket.sendall(message)
            reply = self._socket.recv(PID.size, socket.MSG_WAITALL)
        except TimeoutError:
            os.close(ours)
            self.close()
            raise Overrun from None
        except OSError as error:
            os.close(ours)
            raise EngineFault(f"the engine child has died: {error}") from error
        finally:
            os.close(theirs)
        if len(reply) < PID.size:
            os.close(ours)
            raise EngineFault("the engine child has died")
        return int(PID.unpack(reply)[0]), ours

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


def _opened(key: str, data: bytes) -> Answer:
    if not data:
        raise OutOfMemory(f"{key} died without an answer, most likely for want of memory")
    header, arrays = wire.unpack(data, len(data))
    if header["answer"] == "refused":
        raise EngineRefusal(header["message"])
    if header["answer"] == "memory":
        raise OutOfMemory(f"{key} ran out of memory")
    if header["answer"] == "fault":
        raise EngineFault(f"{key}: {header['message']}")
    return from_message(header, arrays)


_hosts: dict[tuple[int, int], Host] = {}
_lock = threading.Lock()


def host(threads: int = 1) -> Host:
    """The engine child of this process for a number of threads, started when needed."""
    key = (os.getpid(), threads)
    with _lock:
        found = _hosts.get(key)
        if found is None or not found.alive:
            found = _hosts[key] = Host(threads)
        return found


@atexit.register
def _close_all() -> None:
    for (pid, _), child in _hosts.items():
        if pid == os.getpid():
            child.close()
