"""The engine child: runs tasks that may not end, so that they can be ended from outside.

Started as ``python -m markaz.quantum.simulate.host FD`` with one end of a Unix socket. It
imports engine libraries when first asked and forks for each task, so that a child starts
warm and its death costs nothing. A request is a length, a message (``programs.wire``) and
a file descriptor for the answer; the reply on the socket is the process id of the child.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
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
    """The forked child: answer and leave without any clean-up of the parent's state."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    gc.disable()
    with os.fdopen(out, "wb", buffering=0) as pipe:
        data = memoryview(answer(message))
        while data:
            data = data[pipe.write(data) :]
    os._exit(0)


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (request := receive(connection)) is not None:
        message, out = request
        header: dict[str, Any] = wire.unpack(message, len(message))[0]
        preload(header["engine"])
        if header.get("preload"):
            compile_kernels()
            connection.sendall(PID.pack(0))
            os.close(out)
            continue
        child = os.fork()
        if child == 0:
            connection.close()
            run_child(message, out)
        os.close(out)
        connection.sendall(PID.pack(child))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
