"""The guarded child: its answers, its deaths, and what stays of it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from markaz.quantum.programs import guard, readers, sandbox, wire
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.sandbox import RESULT_FD, Confinement
from tests.processes import busy

QUICK = Confinement(memory_bytes=128 << 20, wall_seconds=5.0)


def run(work: Callable[[], Any], confinement: Confinement = QUICK, most: int = 1 << 24) -> bytes:
    return bytes(guard.run_guarded(work, confinement, most))


def refused(work: Callable[[], Any], confinement: Confinement = QUICK) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        run(work, confinement)
    return caught.value


def raising(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


def children() -> set[str]:
    """Process ids of this process's children, dead ones that nobody waited for too."""
    tasks = Path("/proc/self/task").glob("*/children") if sys.platform == "linux" else ()
    return {pid for task in tasks for pid in task.read_text().split()}


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Any:
    """No child and no descriptor outlives its call."""
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    others = children()  # servers that other tests of this process use
    yield
    assert children() <= others
    if not others:
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == before


def test_buffers_come_back_joined() -> None:
    assert run(lambda: [b"one ", bytearray(b"two "), memoryview(b"three")]) == b"one two three"
    assert run(lambda: []) == b""


def test_a_large_answer_comes_back_whole() -> None:
    data = np.arange(1 << 20, dtype=np.uint32)
    assert run(lambda: [data.data.cast("B")]) == data.tobytes()


def test_a_program_error_keeps_its_place() -> None:
    error = refused(raising(ProgramError("unsupported", "no such gate", 3, 14)))
    assert (error.kind, error.message, error.line, error.column) == (
        "unsupported",
        "no such gate",
        3,
        14,
    )


class FakePanic(BaseException):
    """Rust panics reach Python as something that is no Exception."""


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("bad\nsecond line"), "parse", "ValueError: bad)"),
        (KeyError(), "parse", "(KeyError)"),
        (FakePanic("capacity overflow"), "parse", "FakePanic: capacity overflow"),
        (SystemExit(3), "parse", "SystemExit"),
        (KeyboardInterrupt(), "parse", "KeyboardInterrupt"),
        (RecursionError("maximum"), "limit-size", "nested too deeply"),
        (wire.WireError("too deep"), "limit-size", "too deep"),
        (MemoryError(), "limit-memory", "128 MiB"),
    ],
)
def test_exceptions_become_refusals(error: BaseException, kind: str, text: str) -> None:
    refusal = refused(raising(error))
    assert refusal.kind == kind
    assert text in refusal.message


def _segfault() -> None:
    ctypes.string_at(0)


def _recurse() -> Any:
    return [_recurse()]


@pytest.mark.parametrize(
    ("work", "kind", "text"),
    [
        (os.abort, "limit-memory", "128 MiB"),
        (_segfault, "parse", "SIGSEGV"),
        (lambda: os._exit(0), "parse", "without an answer"),
        (lambda: os._exit(7), "parse", "without an answer"),
        (lambda: os.close(RESULT_FD), "parse", "without an answer"),
        (lambda: [bytearray(256 << 20)], "limit-memory", "128 MiB"),
        (_recurse, "limit-size", "nested too deeply"),
    ],
    ids=["abort", "segfault", "exit", "exit-7", "close", "memory", "recursion"],
)
def test_deaths_become_refusals(work: Callable[[], Any], kind: str, text: str) -> None:
    refusal = refused(work)
    assert (refusal.kind, text in refusal.message) == (kind, True), refusal.message


def test_time_is_bounded_from_outside() -> None:
    def stubborn() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU):
            signal.signal(number, signal.SIG_IGN)
        while True:
            pass

    start = busy()  # of the processor, which it never leaves: what others do is not counted
    refusal = refused(stubborn, Confinement(64 << 20, 0.3))
    assert refusal.kind == "limit-time"
    assert "0.3 s" in refusal.message
    assert busy() - start < 2


def test_an_answer_that_never_ends_is_cut() -> None:
    def dripping() -> Any:
        os.write(RESULT_FD, guard._FRAME.pack(0, 1 << 20))
        while True:
            os.write(RESULT_FD, b"x")
            time.sleep(0.01)  # slowly, such that time and not size ends it

    assert refused(dripping, Confinement(64 << 20, 0.3)).kind == "limit-time"


@pytest.mark.parametrize("status", [0, 1])
def test_an_answer_that_is_too_large_is_not_read(status: int) -> None:
    def boasting() -> None:
        os.write(RESULT_FD, guard._FRAME.pack(status, 1 << 60))
        os._exit(0)

    assert refused(boasting).kind == "limit-size"


def _answering(frame: bytes) -> Callable[[], None]:
    def work() -> None:
        os.write(RESULT_FD, frame)
        os._exit(0)

    return work


def _error_frame(body: bytes) -> bytes:
    return guard._FRAME.pack(1, len(body)) + body


@pytest.mark.parametrize(
    "frame",
    [
        b"\x07",
        guard._FRAME.pack(9, 0),
        guard._FRAME.pack(0, 100) + b"short",
        _error_frame(b"not json"),
        _error_frame(b"[" * 60_000),
        _error_frame(b"{}"),
        _error_frame(b"[1, 2]"),
        _error_frame(json.dumps([["parse"], {}, -1, "x"]).encode()),
        _error_frame(json.dumps(["root", "a message", 1.5, True]).encode()),
    ],
    ids=range(9),
)
def test_forged_answers_are_refusals(frame: bytes) -> None:
    refusal = refused(_answering(frame))
    assert refusal.kind == "parse"
    assert refusal.line is None
    assert refusal.column is None


def test_messages_are_printable_and_short() -> None:
    text = "\x1b[31mred\x07\u202e" + "a" * 5000
    refusal = refused(raising(ProgramError("parse", text)))
    assert refusal.message.startswith(" [31mred  aaa")
    assert refusal.message.endswith("…")
    assert len(refusal.message) == 501


def test_an_interrupt_kills_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Any, size: int) -> bytearray:
        raise KeyboardInterrupt

    monkeypatch.setattr(guard._Child, "_read", interrupted)
    ended: list[int] = []
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda *to: (ended.append(to[1]), kill(*to)))
    with pytest.raises(KeyboardInterrupt):
        run(lambda: time.sleep(3600), Confinement(128 << 20, 3600.0))
    assert ended == [signal.SIGKILL]  # nothing else ends it before this test has timed out


def test_a_failed_fork_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(os, "fork", fail)
    with pytest.raises(BlockingIOError):
        run(lambda: [])


def test_a_child_that_somebody_else_reaped() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel then reaps by itself
    try:
        assert run(lambda: [b"here"]) == b"here"
        assert refused(lambda: os._exit(3)).kind == "parse"
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_signals_for_the_parent_do_not_run_its_handlers_in_the_child() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(os.getpid()))
    try:
        assert run(lambda: [str(signal.pthread_sigmask(signal.SIG_BLOCK, [])).encode()]).count(
            b"SIGTERM"
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == []
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_many_threads_may_open_at_once() -> None:
    """Forking while others hold locks and allocate must not hang a child."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            json.dumps([list(range(50))] * 20)

    noise = [threading.Thread(target=busy) for _ in range(2)]
    answers: list[bytes] = []
    opening = [
        threading.Thread(target=lambda k=k: answers.append(run(lambda: [b"%d" % k])))
        for k in range(8)
    ]
    for t in noise + opening:
        t.start()
    for t in opening:
        t.join()
    stop.set()
    for t in noise:
        t.join()
    assert sorted(answers) == [b"%d" % k for k in range(8)]


def test_platforms_without_fork_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: False)
    refusal = refused(lambda: [])
    assert refusal.kind == "internal"
    assert "os.fork" in refusal.message


def _circuit() -> Circuit:
    b = Builder()
    b.qreg("q", 2)
    b.gate(Op.CX, [0, 1])
    return b.build()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Circuit]], None]:
    """Puts a reader of its own in place of the real ones."""

    def use(read: Callable[[], Circuit]) -> None:
        monkeypatch.setattr(readers, "prepare", lambda fmt: None)
        monkeypatch.setattr(readers, "read", lambda data, fmt, limits: read())

    return use


def test_a_circuit_comes_back(reader: Callable[[Callable[[], Circuit]], None]) -> None:
    reader(_circuit)
    circuit = guard.open_guarded(b"", "openqasm", DEFAULT, QUICK)
    assert wire.encode(circuit) == wire.encode(_circuit())


def test_a_circuit_that_is_none_is_refused(
    reader: Callable[[Callable[[], Circuit]], None],
) -> None:
    reader(lambda: _circuit().with_arrays(num_qubits=1))
    with pytest.raises(ProgramError, match="not a circuit") as caught:
        guard.open_guarded(b"", "openqasm", DEFAULT, QUICK)
    assert caught.value.kind == "parse"


def test_limits_hold_against_the_child(reader: Callable[[Callable[[], Circuit]], None]) -> None:
    reader(_circuit)
    with pytest.raises(ProgramError, match="2 qubits, at most 1"):
        guard.open_guarded(b"", "openqasm", Limits(qubits=1), QUICK)


def test_openqasm_and_qcis_through_the_real_readers() -> None:
    text = b'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nh q[0];\ncx q[0], q[1];\n'
    assert guard.open_guarded(text, "openqasm", DEFAULT, QUICK).op.tolist() == [Op.H, Op.CX]
    assert guard.open_guarded(b"H Q0\nM Q0\n", "qcis", DEFAULT, QUICK).num_clbits == 1
    with pytest.raises(ProgramError) as caught:
        guard.open_guarded(text + b"nonsense q[0];", "openqasm", DEFAULT, QUICK)
    assert (caught.value.kind, caught.value.line) == ("parse", 6)
