from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from markaz.centre.workers import local
from markaz.centre.workers.local import LocalWorkers, worker_command
from markaz.centre.workers.supervisor import PARENT
from tests.waiting import until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)", "markaz", "worker"]
DEAF = [sys.executable, "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"]  # fmt: skip


@pytest.fixture
def died() -> list[int]:
    return []


@pytest.fixture
def two(died: list[int]) -> Iterator[LocalWorkers]:
    made = LocalWorkers(2, SLEEPER, died.append)
    made.start()
    until(lambda: len(made.pids()) == 2)
    yield made
    made.close(5)


def test_one_that_is_killed_is_reported_and_replaced(
    two: LocalWorkers, died: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()  # stands still, so that no pause ever ends: it is replaced at once
    monkeypatch.setattr(local, "time", SimpleNamespace(monotonic=lambda: now, sleep=time.sleep))
    before = two.pids()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(two.pids()) == 2 and before[0] not in two.pids())
    assert died == [before[0]]
    assert before[1] in two.pids()


def test_one_that_cannot_start_is_not_tried_all_the_time(died: list[int]) -> None:
    made = LocalWorkers(1, [sys.executable, "-c", "raise SystemExit(3)"], died.append)
    started = time.monotonic()
    made.start()
    until(lambda: len(died) == 3)
    made.close(5)
    assert time.monotonic() - started > 0.4 + 0.8  # each pause is twice the one before


def test_they_know_whose_they_are(two: LocalWorkers) -> None:
    for pid in two.pids():
        with open(f"/proc/{pid}/environ", "rb") as environ:
            assert f"{PARENT}={os.getpid()}".encode() in environ.read().split(b"\0")


def is_deaf(pid: int) -> bool:
    """Whether a process ignores SIGTERM by now."""
    with open(f"/proc/{pid}/status") as status:
        (mask,) = [line.split()[1] for line in status if line.startswith("SigIgn")]
    return bool(int(mask, 16) >> signal.SIGTERM - 1 & 1)


def test_closing_asks_first_and_kills_the_deaf(died: list[int]) -> None:
    made = LocalWorkers(1, DEAF, died.append)
    made.start()
    (pid,) = until(made.pids)
    until(lambda: is_deaf(pid))
    started = time.monotonic()
    made.close(0.5)
    assert 0.4 < time.monotonic() - started < 5
    assert not os.path.exists(f"/proc/{pid}")


def test_a_worker_follows_its_parent_into_the_end() -> None:
    code = (
        "import subprocess, sys, os, time\n"
        "child = 'import signal, sys, time; from markaz.centre.workers.supervisor import "
        "follow_parent; signal.signal(15, lambda *_: sys.exit(0)); follow_parent(); "
        "print(1, flush=True); time.sleep(60)'\n"
        f"env = {{**os.environ, '{PARENT}': str(os.getpid())}}\n"
        "p = subprocess.Popen([sys.executable, '-c', child], env=env, stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        until(lambda: not os.path.exists(f"/proc/{child}/fd/0"), 10)


def test_the_command_line_says_what_it_is() -> None:
    assert " ".join(worker_command()).endswith("markaz worker")
    assert local.LOOK_SECONDS < 0.5
