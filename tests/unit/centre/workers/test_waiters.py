from __future__ import annotations

import threading

from markaz.centre.workers.waiters import REMEMBERED, Waiters


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_whoever_waits_for_a_job_is_woken_and_nobody_else() -> None:
    waiters = Waiters()
    first, second, other = waiters.wait("a", 60), waiters.wait("a", 60), waiters.wait("b", 60)
    waiters.ended("a")
    assert (first.result(0), second.result(0), other.done()) == (True, True, False)
    assert len(waiters) == 1


def test_time_runs_out_for_each_by_itself() -> None:
    time = Time()
    waiters = Waiters(time)
    short, long = waiters.wait("a", 1), waiters.wait("a", 10)
    assert waiters.next_end() == 101
    time.now = 101
    waiters.expire()
    assert (short.result(0), long.done(), waiters.next_end()) == (False, False, 110)
    waiters.ended("a")
    assert long.result(0) is True
    waiters.expire()
    assert (len(waiters), waiters.next_end()) == (0, float("inf"))


def test_those_who_lost_interest_leave_nothing_behind() -> None:
    waiters = Waiters()
    for _ in range(100):
        waiters.wait("a", 60).cancel()
    assert len(waiters) == 0
    waiters.ended("a")
    waiters.expire()
    assert waiters.next_end() == float("inf")


def test_many_threads_may_wait_and_wake() -> None:
    waiters = Waiters()
    futures = [waiters.wait(f"job{i % 10}", 60) for i in range(1000)]
    threads = [threading.Thread(target=waiters.ended, args=(f"job{i}",)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f.result(5) for f in futures] == [True] * 1000
    assert len(waiters) == 0


def test_who_asks_after_the_end_is_told_at_once() -> None:
    waiters = Waiters()
    for number in range(REMEMBERED + 1):
        waiters.ended(f"job{number}")
    assert waiters.wait(f"job{REMEMBERED}", 60).result(0) is True
    assert waiters.wait("job1", 60).result(0) is True
    assert not waiters.wait("job0", 60).done()  # too long ago: look
    assert len(waiters) == 1
