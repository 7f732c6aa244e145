"""Worker processes for ``markaz run``: crashes, hangs and Ctrl-C cost one file at most.

Even a single file runs in a worker. A native engine that crashes, loops or prints to
standard output then does so elsewhere, and Ctrl-C is answered at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, TypeVar

from markaz.quantum.programs.errors import ProgramError

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[T, Callable[[str], None]], R]

_FORK: Final = multiprocessing.get_context("fork")


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    index: int = -1
    deadline: float = float("inf")


class Pool(Generic[T, R]):
    """Runs ``work(task, progress)`` for every task in ``jobs`` forked processes.

    Iterating yields (index, result or ProgramError) as they finish. ``limit`` is the wall
    time in seconds after which a worker is killed. ``progress`` gets (index, text) from the
    workers, and (-1, "") about ten times a second while nothing happens.
    """

    def __init__(
        self,
        work: Work[T, R],
        tasks: Sequence[T],
        jobs: int,
        limit: float,
        progress: Callable[[int, str], None] | None = None,
    ) -> None:
        self._work, self._tasks, self._limit = work, tasks, limit
        self._jobs = max(1, min(jobs, len(tasks)))
        self._progress = progress
        self._workers: list[_Worker] = []
        self._waiting = list(reversed(range(len(tasks))))

    def __enter__(self) -> Pool[T, R]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            _kill(worker)
        self._workers.clear()

    def __iter__(self) -> Iterator[tuple[int, R | ProgramError]]:
        while self._waiting or self._workers:
            while self._waiting and len(self._workers) < self._jobs:
                self._assign(self._start())
            ready = wait([w.pipe for w in self._workers], timeout=0.1)
            for worker in [w for w in self._workers if w.pipe in ready]:
                yield from self._receive(worker)
            now = time.monotonic()
            for worker in [w for w in self._workers if w.deadline < now]:
                yield self._overdue(worker)
            if self._progress and not ready:
                self._progress(-1, "")

    def _start(self) -> _Worker:
        ours, theirs = _FORK.Pipe()
        inherited = [w.pipe for w in self._workers] + [ours]
        process = _FORK.Process(target=self._serve, args=(theirs, inherited))
        process.start()
        theirs.close()
        # Also set in the child: whichever runs first must win before we may kill the group.
        with contextlib.suppress(OSError):
            os.setpgid(process.pid or 0, process.pid or 0)
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _assign(self, worker: _Worker) -> None:
        worker.index = self._waiting.pop()
        worker.deadline = time.monotonic() + self._limit
        with contextlib.suppress(OSError):  # a dead worker is noticed by its closed pipe
            worker.pipe.send(worker.index)

    def _receive(self, worker: _Worker) -> Iterator[tuple[int, R | ProgramError]]:
        try:
            kind, body = worker.pipe.recv()
        except (EOFError, OSError):
            yield worker.index, self._died(worker)
            return
        if kind == "progress":
            if self._progress:
                self._progress(worker.index, body)
            return
        yield worker.index, body
        if self._waiting:
            self._assign(worker)
        else:
            self._retire(worker)

    def _retire(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        _kill(worker)

    def _died(self, worker: _Worker) -> ProgramError:
        worker.process.join(1)
        code = worker.process.exitcode
        self._retire(worker)
        if code == -signal.SIGKILL:
            return ProgramError("limit-memory", "the run was killed, probably for want of memory")
        name = signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"
        return ProgramError("engine", f"the process of the run ended with {name}")

    def _overdue(self, worker: _Worker) -> tuple[int, ProgramError]:
        self._retire(worker)
        text = f"stopped after {self._limit:.0f} s: an engine did not answer"
        return worker.index, ProgramError("limit-time", text)

    def _serve(self, pipe: Connection, inherited: Sequence[Connection]) -> None:
        """Body of a worker: take indices, send results, until the pipe closes."""
        _isolate()
        for connection in inherited:
            connection.close()
        with contextlib.suppress(EOFError, OSError):
            while True:
                index = pipe.recv()
                outcome = self._attempt(index, pipe)
                try:
                    pipe.send(("done", outcome))
                except (TypeError, ValueError, AttributeError) as error:
                    pipe.send(("done", _internal(error)))

    def _attempt(self, index: int, pipe: Connection) -> R | ProgramError:
        try:
            return self._work(self._tasks[index], lambda text: pipe.send(("progress", text)))
        except ProgramError as error:
            return error
        except MemoryError:
            return ProgramError("limit-memory", "the run needs more memory than it was given")
        except Exception as error:  # a stranger's file must never end the whole call
            return _internal(error)


def isolated(work: Callable[[], R], limit: float) -> R:
    """What ``work()`` returns in a worker; raises the ProgramError that it ended with."""
    with Pool[None, R](lambda _task, _progress: work(), [None], 1, limit) as pool:
        outcome = next(iter(pool))[1]
    if isinstance(outcome, ProgramError):
        raise outcome
    return outcome


def _internal(error: Exception) -> ProgramError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    text = f"{type(error).__name__}: {error}{where}"
    return ProgramError("internal", f"{text[:500]}; this is a fault of Markaz, please report it")


def _isolate() -> None:
    """Own process group, no Ctrl-C, standard output to standard error, die with the parent."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    os.dup2(2, 1)
    _die_with_parent()


def _die_with_parent() -> None:
    import ctypes  # noqa: PLC0415 - costs start-up time, and only workers need it

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # 1 is PR_SET_PDEATHSIG


def _kill(worker: _Worker) -> None:
    worker.pipe.close()
    with contextlib.suppress(OSError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.join()
    worker.process.close()
