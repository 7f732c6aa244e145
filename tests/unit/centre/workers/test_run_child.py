"""Limits of a job's child, each tried in a process that can do without them afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from markaz.centre.workers.autopsy import cause_of_death
from markaz.centre.workers.run_child import KINDS, request
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from tests.worker_tools import BELL

CHILD = """
import json, sys
from markaz.centre.workers import run_child
def hog(circuit, request): return {"size": len(bytearray(2 << 30))}
def spin(circuit, request):
    while True: pass
def large(circuit, request): return b"x" * 100
def broken(circuit, request): raise RuntimeError("a bug")
run_child.KINDS |= {"hog": hog, "spin": spin, "large": large, "broken": broken}
run_child.RESULT_BYTES = 50
header, body = run_child.answered(json.loads(sys.argv[1]), sys.stdin.buffer.read())
print(json.dumps(header))
"""


def run(
    kind: str, seconds: float = 60.0, memory: int = 256 << 20
) -> subprocess.CompletedProcess[bytes]:
    circuit = load(BELL)
    asked = request(kind, {"shots": 10}, program_hash(circuit), seconds, 256 << 20)
    return subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(asked)],
        input=wire.encode(circuit), capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("hog", "limit-memory", "more than 0.25 GiB"),
        ("large", "limit-size", "more than may be stored"),
        ("broken", "internal", "RuntimeError: a bug"),
        ("unknown", "unsupported", "'unknown' jobs"),
    ],
)
def test_what_ends_badly_says_so_itself(kind: str, error: str, says: str) -> None:
    done = run(kind)
    said: dict[str, Any] = json.loads(done.stdout)["error"]
    assert said["kind"] == error
    assert says in said["message"]


def test_processor_time_is_bounded_by_the_kernel() -> None:
    done = run("spin", seconds=0.1)
    assert done.returncode == -signal.SIGXCPU
    assert cause_of_death(done.returncode, 1, 0.1) == (
        "limit-time", "the job used more processor time than its 0.1 s",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "attempt", "kind"),
    [
        (None, 1, None),
        (None, 3, None),
        (-signal.SIGKILL, 1, None),
        (-signal.SIGKILL, 2, "limit-memory"),
        (-signal.SIGABRT, 1, "engine"),
        (1, 1, "internal"),
    ],
)
def test_a_death_means_something(code: int | None, attempt: int, kind: str | None) -> None:
    cause = cause_of_death(code, attempt, 60.0)
    assert (None if cause is None else cause[0]) == kind


def test_a_job_asks_for_no_more_memory_than_its_worker_gives() -> None:
    assert request("run", {"memory_limit": 5}, "", 1.0, 10)["memory"] == 5
    assert request("run", {"memory_limit": 50}, "", 1.0, 10)["memory"] == 10
    assert request("run", {"memory_limit": None}, "", 1.0, 10)["memory"] == 10
    client, measuring = {"sampler", "estimator", "executor"}, {"calibration", "monitoring"}
    assert set(KINDS) == {"run", "benchmark"} | client | measuring
