"""The engine child: runs tasks that may not end, so that they can be ended from outside.

Started as ``python -m markaz.quantum.simulate.host FD`` with one end of a Unix socket. It
imports engine libraries when first asked and forks workers ahead of their tasks, so that a
task starts warm and the death of its worker costs nothing. A worker that has answered takes
the next task, because the first pages that a fresh fork touches cost milliseconds; one that
failed ends. A request is a length, a message (``programs.wire``) and a file descriptor for
the answer; the reply on the socket is the process id of the worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from markaz.quantum.programs import wire
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.registry import get
from markaz.quantum.simulate.kernels import compile_kernels
from markaz.quantum.simulate.tasks import Task, perform, to_message

LENGTH = struct.Struct("<Q")
PID = struct.Struct("<q")
QUIET_SECONDS = 0.002
FOREVER = 3600.0
SPARE = 2  # workers that are kept ready
KEPT_BYTES = 1 << 28  # growth after which a worker is not used again
IDLE = b"i"
PR_SET_PDEATHSIG = 1


def receive(connection: socket.socket) -> tuple[bytes, int] | None:
    """One request and its answer descriptor; None at the end of the stream."""
    head, fds, _, _ = socket.recv_fds(connection, LENGTH.size, 1)
    if not head:
        return None
    (size,) = LENGTH.unpack(head)
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(min(size - len(data), 1 << 20))
        if not chunk:
            return None
        data += chunk
    return bytes(data), fds[0]


def preload(key: str) -> None:
    """Import the engine's library here, before the fork."""
    with contextlib.suppress(ImportError):
        get(key).load()


def limit_memory(extra: int) -> None:
    """Let this process grow by at most ``extra`` bytes of address space."""
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[0])
    limit = pages * resource.getpagesize() + extra
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    if highest != resource.RLIM_INFINITY:
        limit = min(limit, highest)
    resource.setrlimit(resource.RLIMIT_AS, (limit, highest))


def answer(message: bytes) -> tuple[str, bytes]:
    """Run the task of a request: the kind of answer, and the answer as a message.
    Refusals and faults become one too."""
    try:
        header, arrays = wire.unpack(message, len(message))
        circuit = wire.decode(arrays[0].tobytes())
        limit_memory(int(header["memory"]))
        result = perform(get(header["engine"]), circuit, Task.from_json(header["task"]))
        return "result", wire.pack(*to_message(result))
    except EngineRefusal as refusal:
        return _failure("refused", str(refusal))
    except MemoryError:
        return _failure("memory", "out of memory")
    except BaseException as error:  # a Rust panic is no Exception
        return _failure("fault", f"{type(error).__name__}: {error}")


def _failure(kind: str, text: str) -> tuple[str, bytes]:
    return kind, wire.pack({"answer": kind, "message": text}, [])


def resident_bytes(pid: int | str = "self") -> int:
    """Memory that a process holds now. OSError where that cannot be read."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def work(connection: socket.socket, parent: int) -> NoReturn:
    """In a worker: answer requests, then leave without any clean-up of the parent's state."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _die_with(parent)
    gc.freeze()
    start = resident_bytes()
    while (request := receive(connection)) is not None:
        message, out = request
        kind, data = answer(message)
        with os.fdopen(out, "wb", buffering=0) as pipe:
            left = memoryview(data)
            while left:
                left = left[pipe.write(left) :]
            if kind in ("fault", "memory") or resident_bytes() > start + KEPT_BYTES:
                break
            connection.send(IDLE)  # before the pipe's end tells the asker that this is free
        del request, message, data, left
        gc.collect()
    os._exit(0)


def _die_with(parent: int) -> None:
    """End with the parent, even when stopped; where the system can do that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


class Worker:
    """A fork of this process that performs tasks one after another."""

    def __init__(self, inherited: Iterable[int]) -> None:
        """Fork; the worker closes the ``inherited`` descriptors, which are the parent's."""
        self.socket, theirs = socket.socketpair()
        self.idle = True
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                for descriptor in (self.socket.fileno(), *inherited):
                    os.close(descriptor)
                work(theirs, parent)
            finally:  # whatever happens, a worker never goes on as its parent
                os._exit(1)
        theirs.close()

    def give(self, message: bytes, out: int) -> None:
        """Hand over a task. OSError if the worker has died."""
        self.idle = False
        socket.send_fds(self.socket, [LENGTH.pack(len(message))], [out])
        self.socket.sendall(message)

    def heard(self) -> bool:
        """Read what it says, which must be there; False if it has died."""
        with contextlib.suppress(OSError):
            self.idle = self.socket.recv(1) == IDLE
            return self.idle
        return False


class Workers:
    """Workers that run, have been stopped, or wait for a task; requests come over
    ``connection``."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.all: list[Worker] = []

    def listen(self, seconds: float) -> bool:
        """Hear what workers say for some time; True at once when a request is there."""
        sockets = {w.socket: w for w in self.all}
        ready = select.select([self.connection, *sockets], [], [], seconds)[0]
        for worker in (sockets[s] for s in ready if s in sockets):
            if not worker.heard():
                worker.socket.close()
                self.all.remove(worker)
        return self.connection in ready

    def give(self, message: bytes, out: int) -> int:
        """Hand a task to an idle worker, a new one if there is none; its process id."""
        self.listen(0.0)
        while True:
            worker = next((w for w in self.all if w.idle), None) or self.add(out)
            try:
                worker.give(message, out)
            except OSError:
                self.all.remove(worker)
                continue
            return worker.pid

    def add(self, *descriptors: int) -> Worker:
        """One more; ``descriptors`` are open here and none of its business."""
        ours = (self.connection.fileno(), *(w.socket.fileno() for w in self.all))
        self.all.append(Worker((*ours, *descriptors)))
        return self.all[-1]

    def dismiss(self) -> None:
        """End those that wait: they lack a library that has been loaded since."""
        for worker in [w for w in self.all if w.idle]:
            worker.socket.close()
            self.all.remove(worker)

    def wait(self) -> None:
        """Until a request is there; while nothing runs, idle workers are made ready."""
        while not self.listen(QUIET_SECONDS):
            if all(w.idle for w in self.all) and len(self.all) < SPARE:
                self.add()
            elif self.listen(FOREVER):
                return


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers = Workers(connection)
    while (request := receive(connection)) is not None:
        message, out = request
        header: dict[str, Any] = wire.unpack(message, len(message))[0]
        if not get(header["engine"]).loaded():
            workers.dismiss()
        preload(header["engine"])
        if header.get("preload"):
            compile_kernels()
            pid = 0
        else:
            pid = workers.give(message, out)
        os.close(out)
        connection.sendall(PID.pack(pid))
        workers.wait()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
