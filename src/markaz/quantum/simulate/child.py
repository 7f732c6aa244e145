"""Parent's side of the engine child: start it, send tasks, end those that overrun."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np

from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.engines.base import EngineFault, EngineRefusal
from markaz.quantum.simulate.host import LENGTH, PID
from markaz.quantum.simulate.tasks import Answer, Task, from_message

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


class Overrun(Exception):
    """The task did not end within its time."""


class OutOfMemory(Exception):
    """The task did not fit its memory."""


class Host:
    """One engine child process; tasks run one at a time."""

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

    def has_loaded(self, key: str) -> bool:
        """Whether the engine's library is imported there."""
        return key in self._preloaded

    def run(self, key: str, circuit: Circuit, task: Task, seconds: float, memory: int) -> Answer:
        """Run a task; raises Overrun, OutOfMemory, EngineRefusal or EngineFault."""
        body = np.frombuffer(wire.encode(circuit), np.uint8)
        header = {"engine": key, "task": task.to_json(), "memory": memory}
        with self._lock:
            pid, pipe = self._request(wire.pack(header, [body]), seconds)
            self._preloaded.add(key)
        try:
            data = _read(pipe, time.monotonic() + seconds)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            os.close(pipe)
        return _opened(key, data)

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


def _read(pipe: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise Overrun
        chunk = os.read(pipe, 1 << 20)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


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
