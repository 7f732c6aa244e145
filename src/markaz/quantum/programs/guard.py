"""Opening a stranger's program: in a disposable child, behind walls, against the clock.

The parent forks, the child gives up its rights (``sandbox``), parses, and sends the circuit
back through a pipe as plain arrays (``wire``), which the parent checks as a stranger's.
Whatever happens to the child is an answer to whoever handed the program in.

The child runs nothing but the reader and leaves through ``os._exit``. It takes no lock, so
that forking from a process with threads is safe.
"""

from __future__ import annotations

import gc
import json
import math
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from markaz.quantum.programs import readers, sandbox, wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import KINDS, ProgramError
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.sandbox import Confinement

_FRAME: Final = struct.Struct("<BQ")  # status, bytes that follow
_ANSWER, _ERROR = 0, 1
_EXIT_MEMORY: Final = 71
_ERROR_BYTES: Final = 1 << 16
_MESSAGE: Final = 500  # characters of a reader's message that are shown
_IGNORED: Final = {signal.SIGINT, signal.SIGTERM}


def open_guarded(data: bytes, fmt: str, limits: Limits, confinement: Confinement) -> Circuit:
    """The circuit in ``data``, read in a confined child.

    ``fmt`` is "openqasm", "qpy" or "qcis"; ``confinement`` bounds the child's memory (bytes)
    and time (seconds). Raises ProgramError: the reader's own, ``limit-time`` or
    ``limit-memory`` when the child went beyond, ``parse`` when it died otherwise.
    """
    deadline = time.monotonic() + confinement.wall_seconds
    _prepare(data, fmt, limits, confinement)
    left = max(deadline - time.monotonic(), 0.001)
    child = Confinement(confinement.memory_bytes, left)

    def work() -> list[wire.Buffer]:
        readers.enter_child(fmt)
        return wire.encode_parts(readers.read(data, fmt, limits))

    answer = run_guarded(work, child, wire.message_limit(limits))
    try:
        return wire.decode(answer, limits)
    except wire.WireError as error:
        message = f"what the reader made of this program is not a circuit: {error}"
        raise ProgramError("parse", message) from error


def _prepare(data: bytes, fmt: str, limits: Limits, confinement: Confinement) -> None:
    """Import the reader; for QPY check the file's structure before paying for Qiskit."""
    if fmt == "qpy" and "qiskit" not in sys.modules:
        from markaz.quantum.programs import qpy  # noqa: PLC0415 - only for QPY

        def check() -> list[wire.Buffer]:
            qpy.check_structure(data, limits)
            return []

        run_guarded(check, confinement, 0)
    readers.prepare(fmt)


def run_guarded(
    work: Callable[[], Sequence[wire.Buffer]], confinement: Confinement, max_bytes: int
) -> bytearray:
    """What ``work`` returns (buffers, joined) when run in a confined child.

    At most ``max_bytes`` bytes are accepted. Raises ProgramError as ``open_guarded``;
    ``internal`` where a child cannot be confined (Windows).
    """
    if not sandbox.available():
        message = "strangers' programs can be opened on Linux and macOS only (os.fork is missing)"
        raise ProgramError("internal", message)
    child = _Child(confinement)
    try:
        child.start(work)
        status, body = child.answer(max_bytes)
    finally:
        exit_code = child.end()
    if status == _ANSWER:
        return body
    if status == _ERROR:
        raise _reported(body)
    raise _died(exit_code, child.late, confinement)


class _Child:
    """One forked child and the pipe to it."""

    def __init__(self, confinement: Confinement) -> None:
        self._confinement = confinement
        self._pid = 0
        self._pipe = -1
        self._deadline = math.inf
        self._silent = False  # the pipe was closed without an answer
        self.late = False

    def start(self, work: Callable[[], Sequence[wire.Buffer]]) -> None:
        """Fork. Ctrl-C waits until the child is on record, and never reaches the child."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED)
        try:
            self._pipe, write_end = os.pipe()
            try:
                parent = os.getpid()
                self._deadline = time.monotonic() + self._confinement.wall_seconds
                self._pid = os.fork()
                if self._pid == 0:
                    _be_child(work, self._confinement, write_end, parent)
            finally:
                os.close(write_end)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def answer(self, max_bytes: int) -> tuple[int | None, bytearray]:
        """Status and body of the child's frame; status None if no whole frame came."""
        head = self._read(_FRAME.size)
        if len(head) < _FRAME.size:
            return None, head
        status, size = _FRAME.unpack(head)
        if status not in (_ANSWER, _ERROR):
            return None, head
        if size > (max_bytes if status == _ANSWER else _ERROR_BYTES):
            raise ProgramError("limit-size", f"the opened program takes {size} bytes, too many")
        body = self._read(size)
        return (status, body) if len(body) == size else (None, body)

    def _read(self, size: int) -> bytearray:
        """``size`` bytes, or fewer if the child closed the pipe or time is up."""
        buffer = bytearray(size)
        view, got = memoryview(buffer), 0
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while got < size:
            left = self._deadline - time.monotonic()
            if left <= 0 or not poll.poll(math.ceil(left * 1000)):
                self.late = True
                break
            count = os.readv(self._pipe, [view[got:]])
            if count == 0:
                self._silent = True
                break
            got += count
        view.release()
        del buffer[got:]
        return buffer

    def end(self) -> int | None:
        """Kill and reap; the exit code as ``subprocess`` counts it, None if unknown."""
        if self._pipe >= 0:
            os.close(self._pipe)
        if self._pid == 0:
            return None
        try:
            return self._reap_dying() if self._silent else self._kill()
        except (ChildProcessError, ProcessLookupError):  # reaped by a handler of the host's
            return None

    def _kill(self) -> int | None:
        """The child's own exit code; None if it took this signal to end it."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        return None

    def _reap_dying(self) -> int | None:
        """How a child ended that closed the pipe without an answer; it has a second."""
        for _ in range(200):
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        return self._kill()


def _be_child(
    work: Callable[[], Sequence[wire.Buffer]], confinement: Confinement, pipe: int, parent: int
) -> NoReturn:
    code = 1
    try:
        gc.disable()
        sandbox.confine(confinement, pipe, parent)
        for part in _frame(work):
            _write(part)
        code = 0
    except MemoryError:  # too little is left to say so in words
        code = _EXIT_MEMORY
    finally:
        os._exit(code)


def _frame(work: Callable[[], Sequence[wire.Buffer]]) -> list[wire.Buffer]:
    status = _ANSWER
    try:
        parts = list(work())
    except MemoryError:
        raise
    except BaseException as error:
        status, parts = _ERROR, [_report(error)]
    return [_FRAME.pack(status, sum(len(p) for p in parts)), *parts]


def _write(part: wire.Buffer) -> None:
    view = memoryview(part)
    while view:
        view = view[os.write(sandbox.RESULT_FD, view) :]


def _report(error: BaseException) -> bytes:
    """The error as JSON, in the child."""
    if not isinstance(error, ProgramError):
        error = _explained(error)
    message = error.message[: 4 * _MESSAGE]
    return json.dumps([error.kind, message, error.line, error.column]).encode()


def _explained(error: BaseException) -> ProgramError:
    """What a reader's unexpected exception means to whoever handed the program in."""
    if isinstance(error, RecursionError):
        return ProgramError("limit-size", "the program is nested too deeply")
    if isinstance(error, wire.WireError):
        return ProgramError("limit-size", f"the circuit is too large or too deep: {error}")
    reason = (str(error).strip().splitlines() or [""])[0]
    reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return ProgramError("parse", f"the reader failed on this program ({reason})")


def _reported(body: bytes | bytearray) -> ProgramError:
    """The child's error, in the parent: nothing in it is trusted."""
    try:
        kind, message, line, column = json.loads(bytes(body))
    except (ValueError, TypeError, RecursionError):
        return ProgramError("parse", "the reader failed on this program")
    places = [n if type(n) is int and 0 < n < 1 << 40 else None for n in (line, column)]
    kind = kind if kind in KINDS else "parse"
    return ProgramError(kind, _printable(str(message)), *places)


def _printable(message: str) -> str:
    """``message`` without control characters, and not longer than is useful."""
    shown = "".join(c if c.isprintable() else " " for c in message[:_MESSAGE])
    return shown + ("…" if len(message) > _MESSAGE else "")


def _died(exit_code: int | None, late: bool, confinement: Confinement) -> ProgramError:
    """Why there is no answer."""
    if late or exit_code == -signal.SIGXCPU:
        seconds = f"{confinement.wall_seconds:.3g} s"
        return ProgramError("limit-time", f"opening the program took longer than {seconds}")
    if exit_code in (_EXIT_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
        size = f"{confinement.memory_bytes / 2**20:.0f} MiB"
        return ProgramError("limit-memory", f"opening the program takes more than {size} of memory")
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        message = f"the reader crashed ({name}): the program is nested too deeply or damaged"
        return ProgramError("parse", message)
    return ProgramError("parse", "the reader ended without an answer on this program")
