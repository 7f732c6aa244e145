"""What tells another job from the same one sent again."""

from __future__ import annotations

from markaz.interfaces.runtime_api.arrivals import Arrivals

BODY, OTHER = "a" * 64, "b" * 64


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def arrivals() -> tuple[Arrivals, Clock]:
    clock = Clock()
    return Arrivals(300.0, clock), clock


def test_sent_again_over_a_new_connection_it_may_be_the_same() -> None:
    found, _ = arrivals()
    assert not found.came("me", BODY, 1, "login")
    found.became("me", BODY, "job1")
    assert not found.came("me", BODY, 2, "login")


def test_over_the_same_connection_the_answer_was_read() -> None:
    found, _ = arrivals()
    assert [found.came("me", BODY, 1, "login") for _ in range(4)] == [False, True, True, True]


def test_the_connection_of_another_body_says_nothing() -> None:
    found, _ = arrivals()
    assert not found.came("me", BODY, 1, "login")
    assert not found.came("me", OTHER, 2, "login")
    assert not found.came("me", BODY, 2, "login")


def test_whoever_asked_for_the_job_had_the_answer() -> None:
    found, _ = arrivals()
    found.came("me", BODY, 1, "login")
    found.became("me", BODY, "job1")
    found.asked("job1")
    assert found.came("me", BODY, 2, "login")
    found.became("me", BODY, "job2")
    found.asked("job1")  # an old one tells nothing of the new one
    assert not found.came("me", BODY, 3, "login")


def test_whoever_began_anew_means_another() -> None:
    found, _ = arrivals()
    found.began(1, "login")
    assert found.came("me", BODY, 1, "login")
    found.began(2, "login")  # another thread of the same client
    assert found.came("me", BODY, 2, "login")
    assert not found.came("me", BODY, 3, "login")


def test_one_beginning_is_for_one_submission_whatever_it_is() -> None:
    found, _ = arrivals()
    found.came("me", BODY, 1, "login")
    found.began(2, "login")
    assert found.came("me", OTHER, 2, "login")
    assert not found.came("me", BODY, 3, "login")


def test_behind_a_proxy_the_login_stands_for_the_connection() -> None:
    found, _ = arrivals()
    assert not found.came("me", BODY, None, "one")
    assert not found.came("me", BODY, None, "one")
    found.began(None, "two")
    assert not found.came("me", BODY, None, "one")
    assert found.came("me", BODY, None, "two")
    found.began(None, "")  # a bare key behind a proxy: nobody in particular
    assert not found.came("me", BODY, None, "")


def test_after_its_time_it_is_left_to_the_database() -> None:
    found, clock = arrivals()
    found.came("me", BODY, 1, "login")
    clock.now += 301
    assert not found.came("me", BODY, 1, "login")


def test_persons_do_not_mix() -> None:
    found, _ = arrivals()
    found.came("me", BODY, 1, "login")
    assert not found.came("you", BODY, 1, "login")
