"""Children of the benchmarks: limits hold, and failures are told apart."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks import forks
from benchmarks.engines_direct import Adapter


class Fake(Adapter):
    """Does what the text says."""

    name = library = "fake"

    def __init__(self, resident: bool = False) -> None:
        self.resident = resident
        self.runs = 0

    def warm(self) -> None:
        """Nothing to warm."""

    def convert(self, text: str) -> str:
        return text

    def sample(self, circuit: str, shots: int, seed: int) -> dict[str, int]:
        self.runs += 1
        match circuit:
            case "sleep":
                time.sleep(30)
            case "die":
                os._exit(3)
            case "memory":
                np.ones(1 << 32)
            case "refuse":
                raise ValueError("not mine")
            case "few":
                return {"0": shots - 1}
        return {"0": shots}

    def counts(self, outcome: dict[str, int], width: int) -> dict[str, int]:
        return outcome

    def note(self, outcome: dict[str, int]) -> dict[str, object]:
        return {"runs": self.runs, "pid": os.getpid()}


@contextmanager
def runner(resident: bool = False) -> Iterator[forks.Runner]:
    """A runner that is closed afterwards."""
    made = forks.Runner(Fake(resident))
    try:
        yield made
    finally:
        made.close()


def task(text: str) -> forks.Task:
    """A task with a short limit."""
    return forks.Task("fake", text, 1, shots=64, limit=0.5, memory=8 << 30)


@pytest.mark.parametrize(
    ("text", "status"),
    [("sleep", "timeout"), ("die", "crash"), ("memory", "memory"), ("refuse", "refused")],
)
def test_failures_are_told_apart(text: str, status: str) -> None:
    with runner() as made:
        assert made.run(task(text)).status == status


def test_missing_shots_are_a_refusal_that_says_so() -> None:
    with runner() as made:
        found = made.run(task("few"))
    assert (found.status, found.error) == ("refused", "ValueError: 63 shots returned")


def test_a_short_run_is_repeated_and_summed_up() -> None:
    with runner() as made:
        found = made.run(task("fine"))
    assert (found.status, found.reps, found.note["runs"]) == ("ok", 3, 3)
    assert found.summary["outcome"] == {"0": 1.0}


def test_forks_do_not_see_each_other_and_residents_go_on() -> None:
    with runner() as made:
        first, second = (made.run(task("fine")).note for _ in range(2))
    assert first["pid"] != second["pid"]
    assert second["runs"] == 3
    with runner(resident=True) as made:
        first, second = (made.run(task("fine")).note for _ in range(2))
    assert first["pid"] == second["pid"]
    assert second["runs"] == 6


def test_a_resident_that_overran_is_replaced() -> None:
    with runner(resident=True) as made:
        first = made.run(task("fine")).note["pid"]
        assert made.run(task("sleep")).status == "timeout"
        assert made.run(task("fine")).note["pid"] != first
