from __future__ import annotations

import time

import pytest

from markaz.centre.db import clock as module
from markaz.centre.db.clock import JUMP, Clock

HOUR = 3_600_000_000


class Times:
    """Wall and monotonic time that tests move, in microseconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.mono = 10 * HOUR, 500
        monkeypatch.setattr(time, "time_ns", lambda: self.wall * 1000)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.mono * 1000)
        monkeypatch.setattr(time, "monotonic", lambda: self.mono / 1e6)

    def pass_(self, micros: int) -> None:
        self.wall += micros
        self.mono += micros


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


def test_no_time_is_given_twice(times: Times) -> None:
    clock = Clock()
    assert [clock.now() for _ in range(3)] == [10 * HOUR, 10 * HOUR + 1, 10 * HOUR + 2]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_setting_the_machines_clock_changes_nothing(times: Times, jump: int) -> None:
    clock = Clock()
    start = clock.now()
    times.wall += jump
    times.pass_(1000)
    assert clock.now() - start == 1000


def test_it_never_goes_below_what_was_stored(times: Times) -> None:
    assert Clock(at_least=11 * HOUR).now() == 11 * HOUR + 1


def test_the_followed_clocks_word_is_taken_first(times: Times) -> None:
    clock = Clock()
    assert clock.should_follow()
    assert clock.follow(9 * HOUR)
    assert not clock.should_follow()
    times.pass_(1000)
    assert clock.now() == 9 * HOUR + 1000


def test_small_differences_are_followed_and_jumps_are_not(times: Times) -> None:
    clock = Clock()
    clock.follow(9 * HOUR)
    times.pass_(int(module.FOLLOW_SECONDS * 1e6) + 1)
    assert clock.should_follow()
    before = clock.now()

    assert clock.follow(before + 5000)
    assert clock.now() == before + 5000
    assert not clock.follow(before + HOUR)
    assert not clock.follow(before - JUMP)
    times.pass_(1000)
    assert clock.now() == before + 6000
    assert clock.follow(before)
    assert clock.now() == before + 6001
