"""The walls of a child that opens a stranger's program.

First layer, POSIX: resource limits (memory, processor time, no file growth, no new
descriptors and so no files and no sockets, no processes, no core dump) and no inherited
descriptor but the pipe to the parent. Second layer, Linux: no new privileges, not traceable,
dies with its parent, and a system-call filter (``seccomp``). The wall clock is the
parent's business: a child can stop its own alarm.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from markaz.quantum.programs import seccomp

try:
    import resource
except ImportError:  # Windows, where confine() refuses
    resource = None  # type: ignore[assignment]

RESULT_FD: Final = 3
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SYS_CLOSE_RANGE: Final = 436  # the same on every architecture


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child may use: ``memory_bytes`` beyond what the process has at the fork,
    ``wall_seconds`` from the fork (processor time likewise)."""

    memory_bytes: int = 2 << 30
    wall_seconds: float = 60.0


DEFAULT_CONFINEMENT: Final = Confinement()


def available() -> bool:
    """Whether this platform can confine a child at all."""
    return hasattr(os, "fork") and resource is not None


def confine(limits: Confinement, result: int, parent: int) -> None:
    """Give up everything but processor, memory and the descriptor ``result``, which moves to
    RESULT_FD.

    For a freshly forked child only, with no other thread; ``parent`` is the id of the
    process that forked. Raises OSError if the first layer cannot be put up.
    """
    libc = ctypes.CDLL(None)
    _keep_only(result, libc)
    _limit_resources(limits)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before it was watched
            os._exit(1)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        seccomp.install(libc, os.getpid())


def _keep_only(result: int, libc: ctypes.CDLL) -> None:
    """Null device on 0 to 2, ``result`` on RESULT_FD, nothing else."""
    if result != RESULT_FD:
        os.dup2(result, RESULT_FD)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(RESULT_FD):
        os.dup2(null, fd)
    # One system call however many descriptors there are (Linux 5.9); else one for each.
    first, last = ctypes.c_uint(RESULT_FD + 1), ctypes.c_uint(0xFFFFFFFF)
    if sys.platform != "linux" or libc.syscall(_SYS_CLOSE_RANGE, first, last, 0) != 0:
        os.closerange(RESULT_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit_resources(limits: Confinement) -> None:
    _lower(resource.RLIMIT_CPU, math.ceil(limits.wall_seconds) + 1)
    used = _address_space()
    if used is not None:
        _lower(resource.RLIMIT_AS, used + limits.memory_bytes)
    for name in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        _lower(name, 0)
    _lower(resource.RLIMIT_NOFILE, 0)


def _lower(name: int, value: int) -> None:
    """Set soft and hard limit to ``value``, or to the present hard limit if that is lower."""
    hard = resource.getrlimit(name)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(name, (value, value))


def _address_space() -> int | None:
    """Bytes of address space in use; None where the kernel does not say."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def probe() -> dict[str, bool]:
    """Which walls hold on this machine: what a confined child was refused.

    Keys: ``fork``, ``memory``, ``files``, ``network``, ``processes``, ``executable-memory``
    (the last two may need seccomp). Starts one child; takes a few milliseconds.
    """
    if not available():
        return {"fork": False} | dict.fromkeys(_ATTEMPTS, False)
    import socket  # noqa: PLC0415, F401 - for the child, which can open no module

    read_end, write_end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _attempt_all(write_end, parent)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        refused = pipe.read(len(_ATTEMPTS))
    os.waitpid(pid, 0)
    held = dict.fromkeys(_ATTEMPTS, False)
    return {"fork": True} | held | {k: bool(v) for k, v in zip(_ATTEMPTS, refused, strict=False)}


def _attempt_all(write_end: int, parent: int) -> None:
    try:
        confine(Confinement(64 << 20, 5.0), write_end, parent)
        os.write(RESULT_FD, bytes(_refused(attempt) for attempt in _ATTEMPTS.values()))
    finally:
        os._exit(0)


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return True
    return False


def _fork_once() -> None:
    if os.fork() == 0:
        os._exit(0)


def _open_socket() -> None:
    import socket  # noqa: PLC0415 - costs a cold start some milliseconds

    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


_ATTEMPTS: Final[dict[str, Callable[[], object]]] = {
    "memory": lambda: bytearray(128 << 20),
    "files": lambda: os.open("/", os.O_RDONLY),
    "network": _open_socket,
    "processes": _fork_once,
    "executable-memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
}
