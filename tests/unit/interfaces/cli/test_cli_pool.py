"""Workers: order-free completion, crashes, hangs, noise and Ctrl-C."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from markaz.interfaces.cli import pool as pool_module
from markaz.interfaces.cli.pool import Pool, isolated
from markaz.quantum.programs.errors import ProgramError
from tests.dispatcher_tools import Time

Progress = Callable[[str], None]


def outcomes(work: Callable[[object, Progress], object], tasks: list[object], jobs: int = 2,
             limit: float = 20.0) -> dict[int, object]:  # fmt: skip
    with Pool(work, tasks, jobs, limit) as pool:
        return dict(pool)


def test_every_task_has_its_outcome() -> None:
    found = outcomes(lambda task, _: (task, os.getpid()), list(range(7)))
    assert [found[i][0] for i in range(7)] == list(range(7))  # type: ignore[index]
    pids = {found[i][1] for i in range(7)}  # type: ignore[index]
    assert len(pids) <= 2
    assert os.getpid() not in pids


def test_a_crash_costs_one_task() -> None:
    def work(task: object, _: Progress) -> object:
        if task == 1:
            faulthandler.disable()  # pytest's would write a traceback
            os.kill(os.getpid(), signal.SIGSEGV)
        if task == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == 3:
            os._exit(3)
        return task

    found = outcomes(work, list(range(5)))
    assert [found[0], found[4]] == [0, 4]
    errors = [found[i] for i in (1, 2, 3)]
    assert [(e.kind, e.message) for e in errors if isinstance(e, ProgramError)] == [
        ("engine", "the process of the run ended with SIGSEGV"),
        ("limit-memory", "the run was killed, probably for want of memory"),
        ("engine", "the process of the run ended with code 3"),
    ]


def test_a_hang_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Time()
    clock.stop()  # however long the other one takes to start
    monkeypatch.setattr(pool_module, "time", SimpleNamespace(monotonic=clock))
    with Pool(lambda task, _: time.sleep(60 * int(str(task))), [1, 0], 2, 0.5) as pool:
        found = iter(pool)
        assert next(found) == (1, None)
        clock.ahead += 0.6
        index, error = next(found)
        assert list(found) == []
    assert index == 0
    assert isinstance(error, ProgramError)
    assert error.kind == "limit-time"


def test_exceptions_keep_their_kind() -> None:
    raised: list[object] = [
        ProgramError("parse", "bad", 2, 3),
        MemoryError(),
        KeyError("x"),
        lambda: None,
    ]

    def work(task: object, _: Progress) -> object:
        if isinstance(task, Exception):
            raise task
        return task  # a function, which cannot be sent back

    found = outcomes(work, raised)
    kinds = [e.kind for _, e in sorted(found.items()) if isinstance(e, ProgramError)]
    assert kinds == ["parse", "limit-memory", "internal", "internal"]
    assert (found[0].line, found[0].column) == (2, 3)  # type: ignore[attr-defined]
    assert str(found[2]).startswith("KeyError: 'x' (test_cli_pool.py:")


def test_what_a_worker_prints_never_reaches_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def work(_task: object, _: Progress) -> object:
        os.write(1, b"native noise\n")
        return 1

    assert outcomes(work, [0]) == {0: 1}
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "native noise\n"


def test_progress_reaches_the_parent() -> None:
    def work(task: object, progress: Progress) -> object:
        progress(f"on it: {task}")
        return task

    seen: list[tuple[int, str]] = []
    with Pool(work, ["a"], 1, 20, lambda index, text: seen.append((index, text))) as pool:
        assert list(pool) == [(0, "a")]
    assert [s for s in seen if s[0] >= 0] == [(0, "on it: a")]


def test_leaving_early_stops_the_workers() -> None:
    with Pool(lambda task, _: (os.getpid(), time.sleep(int(str(task)))), [0, 60], 2, 100) as pool:
        iterator = iter(pool)
        assert next(iterator)[0] == 0
        pids = [w.process.pid for w in pool._workers]
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_isolated_returns_or_raises() -> None:
    assert isolated(lambda: 42, 20) == 42

    def bad() -> int:
        raise ProgramError("unsupported", "no")

    with pytest.raises(ProgramError, match="no"):
        isolated(bad, 20)
