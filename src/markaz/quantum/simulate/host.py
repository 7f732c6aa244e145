"""The engine child: runs tasks that may not end, so that they can be ended from outside.

Started as ``python -m markaz.quantum.simulate.host FD`` with one end of a Unix socket. It
imports engine libraries when first asked and forks for each task, one ahead, so that a
child starts warm and its death costs nothing. A request is a length, a message
(``programs.wire``) and a file descriptor for the answer; the reply on the socket is the
process id of the child.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
from typing import Any, NoReturn

from markaz.quantum.programs import wire
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.registry import get
from markaz.quantum.simulate.kernels import compile_kernels
from markaz.quantum.simulate.tasks import Task, perform, to_message

LENGTH = struct.Struct("<Q")
PID = struct.Struct("<q")
QUIET_SECONDS = 0.002


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


def answer(message: bytes) -> bytes:
    """Run the task of a request; refusals and faults become a message too."""
    try:
        header, arrays = wire.unpack(message, len(message))
        circuit = wire.decode(arrays[0].tobytes())
        limit_memory(int(header["memory"]))
        result = perform(get(header["engine"]), circuit, Task.from_json(header["task"]))
        return wire.pack(*to_message(result))
    except EngineRefusal as refusal:
        return wire.pack({"answer": "refused", "message": str(refusal)}, [])
    except MemoryError:
        return wire.pack({"answer": "memory", "message": "out of memory"}, [])
    except BaseException as error:  # a Rust panic is no Exception
        return wire.pack({"answer": "fault", "message": f"{type(error).__name__}: {error}"}, [])


def run_child(message: bytes, out: int) -> NoReturn:
    """In the forked child: answer and leave without any clean-up of the parent's state."""
    with os.fdopen(out, "wb", buffering=0) as pipe:
        data = memoryview(answer(message))
        while data:
            data = data[pipe.write(data) :]
    os._exit(0)


class Spare:
    """A child that is forked ahead of its task, so that the task does not wait for the fork."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            gc.disable()
            request = receive(theirs)
            if request is None:  # the parent has gone
                os._exit(0)
            run_child(*request)
        theirs.close()

    def give(self, message: bytes, out: int) -> None:
        """Hand over the task."""
        socket.send_fds(self.socket, [LENGTH.pack(len(message))], [out])
        self.socket.sendall(message)
        self.socket.close()

    def dismiss(self) -> None:
        """End it unused."""
        self.socket.close()


def wait_for_quiet(connection: socket.socket, pid: int) -> None:
    """Return when the child has ended or the next request is there."""
    while not select.select([connection], [], [], QUIET_SECONDS)[0]:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spare: Spare | None = None
    while (request := receive(connection)) is not None:
        message, out = request
        header: dict[str, Any] = wire.unpack(message, len(message))[0]
        if spare is not None and not get(header["engine"]).loaded():
            spare.dismiss()
            spare = None
        preload(header["engine"])
        if header.get("preload"):
            compile_kernels()
            connection.sendall(PID.pack(0))
            os.close(out)
            continue
        child = spare or Spare()
        child.give(message, out)
        os.close(out)
        connection.sendall(PID.pack(child.pid))
        wait_for_quiet(connection, child.pid)
        spare = Spare()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
