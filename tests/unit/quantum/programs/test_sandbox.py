"""The walls of a parsing child, each leant against from inside."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from markaz.quantum.programs import sandbox, seccomp
from markaz.quantum.programs.sandbox import RESULT_FD, Confinement, confine, probe
from tests.running_centre import alive
from tests.waiting import until

LINUX = sys.platform == "linux"
needs_seccomp = pytest.mark.skipif(
    not seccomp.supported(), reason="no system-call filter for this machine"
)
SMALL = Confinement(memory_bytes=64 << 20, wall_seconds=5.0)


def inside(action: Callable[[], object]) -> str:
    """What ``action`` answers, or the exception that it raises, in a confined child."""
    read_end, write_end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            confine(SMALL, write_end, parent)
            try:
                answer = f"done {action()}"
            except BaseException as error:
                answer = type(error).__name__
            os.write(RESULT_FD, answer.encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        answer = pipe.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return answer or f"exit {code}"


LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *args: object) -> str:
    """A C function's result and the error number it left."""
    result = getattr(LIBC, name)(*args)
    return f"{result} {os.strerror(ctypes.get_errno())}" if result == -1 else str(result)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/markaz-escaped", os.O_CREAT | os.O_WRONLY),
    "list a directory": lambda: os.listdir("/"),
    "read the environment": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "connect": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "connect locally": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "make a pipe": os.pipe,
    "duplicate": lambda: os.dup(RESULT_FD),
    "fork": os.fork,
    "start a program": lambda: os.execv("/bin/true", ["true"]),
    "start a child": lambda: subprocess.run(["/bin/true"], check=True),
}
FILTERED: dict[str, Callable[[], object]] = {
    "kill the parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "kill a group": lambda: os.killpg(0, 0),
    "change directory": lambda: os.chdir("/"),
    "remove": lambda: os.unlink("/tmp/markaz-none"),
    "raise limits": lambda: __import__("resource").setrlimit(7, (10, 10)),
    "change user": lambda: os.setuid(12345),
    "new session": os.setsid,
    "send signals later": lambda: signal.setitimer(signal.ITIMER_REAL, 1.0),
    "look at the machine": os.uname,
    "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_outside_is_in_reach(name: str) -> None:
    refusal = inside(ATTEMPTS[name])
    assert refusal in ("OSError", "PermissionError", "BlockingIOError"), refusal


@needs_seccomp
@pytest.mark.parametrize("name", FILTERED)
def test_the_filter_refuses_other_system_calls(name: str) -> None:
    refusals = ("PermissionError", "ValueError", "OSError", "itimer_error")
    assert inside(FILTERED[name]) in refusals, name


@needs_seccomp
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("ptrace", (0, 0, 0, 0)),
        ("unshare", (0x10000000,)),
        ("mount", (0, 0, 0, 0, 0)),
        ("mprotect", (0, 4096, 4)),
        ("syscall", (ctypes.c_long(321), 0, 0, 0)),
    ],
)
def test_calls_that_python_has_no_function_for(name: str, args: tuple[object, ...]) -> None:
    assert inside(lambda: call(name, *args)) == f"done -1 {os.strerror(1)}"


@needs_seccomp
def test_threads_cannot_be_started() -> None:
    assert inside(lambda: threading.Thread(target=int).start()) == "RuntimeError"


def test_parsing_needs_nothing_that_is_refused() -> None:
    assert inside(lambda: sum(range(10)) + len(bytearray(1 << 20)) - (1 << 20)) == "done 45"
    assert inside(time.monotonic).startswith("done ")
    assert inside(lambda: len(os.urandom(8))) == "done 8"


def test_memory_is_bounded() -> None:
    assert inside(lambda: len(bytearray(48 << 20))).startswith("done")
    assert inside(lambda: bytearray(80 << 20)) == "MemoryError"


def test_memory_is_counted_from_what_the_process_has() -> None:
    ballast = mmap.mmap(-1, 512 << 20)
    try:
        assert inside(lambda: len(bytearray(48 << 20))).startswith("done")
    finally:
        ballast.close()


def test_descriptors_of_the_parent_are_closed() -> None:
    with open(__file__, "rb") as secret:
        fd = secret.fileno()
        assert inside(lambda: os.read(fd, 10)) == "OSError"
    assert inside(lambda: os.read(0, 10)) == "done b''"
    assert inside(lambda: [os.write(fd, b"noise") for fd in (1, 2)]) == "done [5, 5]"


def test_a_result_pipe_among_the_standard_descriptors_survives() -> None:
    code = (
        "import os, sys\n"
        "from markaz.quantum.programs.sandbox import RESULT_FD, Confinement, confine\n"
        "r, w = os.pipe(); os.dup2(r, 0); os.dup2(w, 1); parent = os.getpid()\n"
        "if os.fork() == 0:\n"
        "    confine(Confinement(), 1, parent); os.write(RESULT_FD, b'here'); os._exit(0)\n"
        "sys.exit(0 if os.read(0, 4) == b'here' else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


@pytest.mark.skipif(not LINUX, reason="prctl is Linux's")
def test_an_abort_is_told_from_a_crash() -> None:
    assert inside(os.abort) == f"exit {-signal.SIGABRT}"
    assert inside(lambda: ctypes.string_at(0)) == f"exit {-signal.SIGSEGV}"


@pytest.mark.skipif(not LINUX, reason="prctl is Linux's")
def test_the_child_dies_with_its_parent() -> None:
    code = (
        "import os, sys, time\n"
        "from markaz.quantum.programs.sandbox import Confinement, confine\n"
        "r, w = os.pipe(); parent = os.getpid(); pid = os.fork()\n"
        "if pid == 0:\n"
        "    confine(Confinement(), w, parent); os.write(3, b'x')\n"
        "    time.sleep(60)\n"
        "os.read(r, 1); print(pid, flush=True); os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True)
    pid = int(run.stdout)
    until(lambda: not alive(pid), 5)


def test_probe_says_that_every_wall_holds() -> None:
    walls = probe()
    assert walls == {
        "fork": True,
        "memory": True,
        "files": True,
        "network": True,
        "processes": True,
        "executable-memory": seccomp.supported(),
    }


def test_probe_without_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: False)
    assert set(probe().values()) == {False}


def _run_filter(code: bytes, number: int, arch: int, args: tuple[int, ...] = ()) -> int:
    """A classic BPF interpreter for the instructions that the filter uses."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    steps = [struct.unpack_from("=HBBI", code, 8 * i) for i in range(len(code) // 8)]
    at = accumulator = 0
    while True:
        op, yes, no, k = steps[at]
        at += 1
        if op == 0x06:
            return int(k)
        if op == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, k)
        else:
            hit = accumulator == k if op == 0x15 else accumulator & k
            at += yes if hit else no


@pytest.mark.parametrize(
    ("machine", "arch", "read", "mmap_", "kill", "open_", "clone"),
    [("x86_64", 0xC000003E, 0, 9, 234, 2, 56), ("aarch64", 0xC00000B7, 63, 222, 131, 56, 220)],
)
def test_the_filter_of_each_architecture(
    machine: str, arch: int, read: int, mmap_: int, kill: int, open_: int, clone: int
) -> None:
    code = seccomp.program(machine, 4321)
    allow, refuse = 0x7FFF0000, 0x00050001
    assert _run_filter(code, read, arch) == allow
    assert _run_filter(code, mmap_, arch, (0, 4096, 3)) == allow
    assert _run_filter(code, mmap_, arch, (0, 4096, 7)) == refuse
    assert _run_filter(code, kill, arch, (4321, 4321, 6)) == allow
    assert _run_filter(code, kill, arch, (1, 1, 9)) == refuse
    assert _run_filter(code, open_, arch) == refuse
    assert _run_filter(code, clone, arch) == refuse
    assert _run_filter(code, read, 0x40000003) == refuse  # 32-bit calls have other numbers
    assert _run_filter(code, read | 0x40000000, arch) == refuse  # as have those of x32
    assert len(code) // 8 < 4096
