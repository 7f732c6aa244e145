"""What tells another job from the same one sent again."""

from __future__ import annotations

import pytest

from markaz.interfaces.connections import Connection
from markaz.interfaces.runtime_api import arrivals as module
from markaz.interfaces.runtime_api.arrivals import Arrivals, Sign

BODY, OTHER = "a" * 64, "b" * 64


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Somebody's connections, and what comes over them."""

    def __init__(self, login: str = "login", user: str = "me") -> None:
        self.clock = Clock()
        self.found = Arrivals(300.0, self.clock)
        self.login, self.user = login, user
        self.lines: dict[int, Connection] = {}
        self.jobs = 0

    def line(self, number: int) -> Connection:
        return self.lines.setdefault(number, Connection())

    def begin(self, number: int) -> None:
        self.line(number).requests += 1
        self.found.began(self.line(number), self.login)

    def sign(self, number: int, body: str = BODY) -> Sign:
        line = self.line(number)
        line.requests += 1
        sign = self.found.came(self.user, body, line, self.login)
        self.jobs += 1
        self.found.became(self.user, body, f"job{self.jobs}")
        return sign

    def submit(self, number: int, body: str = BODY) -> bool:
        """Whether it is known to be another job."""
        return self.sign(number, body) is Sign.ANOTHER

    def cut_off(self, number: int, after: float = 0.01) -> None:
        self.line(number).ended = self.clock.now + after


def test_sent_again_over_a_new_connection_it_may_be_the_same() -> None:
    client = Client()
    assert [client.submit(1), client.submit(2)] == [False, False]


def test_over_the_same_connection_the_answer_was_read() -> None:
    client = Client()
    assert [client.submit(1) for _ in range(4)] == [False, True, True, True]


def test_the_connection_of_another_body_says_nothing() -> None:
    client = Client()
    assert [client.submit(1), client.submit(2, OTHER), client.submit(2)] == [False] * 3


def test_whoever_asked_for_the_job_had_the_answer() -> None:
    client = Client()
    client.submit(1)
    client.found.asked("job1")
    assert client.submit(2)
    client.found.asked("job1")  # an old one tells nothing of the new one
    assert not client.submit(3)


def test_whoever_began_anew_means_another() -> None:
    client = Client()
    client.submit(1)
    client.begin(2)  # another thread of the same client
    assert client.submit(2)
    assert not client.submit(3)


def test_whoever_was_cut_off_and_begins_anew_tries_again() -> None:
    client = Client()
    client.begin(1)
    client.submit(1)
    client.cut_off(1)
    client.begin(2)
    assert not client.submit(2)
    client.login = "another process"
    client.cut_off(2)
    client.begin(3)
    assert client.submit(3)


@pytest.mark.parametrize(("after", "anew"), [(0.0, False), (1.9, False), (2.1, True)])
def test_a_connection_that_ends_later_was_not_cut_off(after: float, anew: bool) -> None:
    client = Client()
    client.submit(1)
    client.cut_off(1, after)
    client.begin(2)
    assert client.submit(2) is anew


def test_a_connection_over_which_more_came_was_not_cut_off() -> None:
    client = Client()
    client.submit(1)
    client.line(1).requests += 1
    client.cut_off(1)
    client.begin(2)
    assert client.submit(2)


def test_a_connection_that_ended_before_the_answer_was_cut_off() -> None:
    client = Client()
    client.line(1).requests += 1
    client.found.came("me", BODY, client.line(1), "login")
    client.cut_off(1, -5.0)
    client.begin(2)
    assert not client.submit(2)


def test_one_beginning_is_for_one_submission_whatever_it_is() -> None:
    client = Client()
    client.submit(1)
    client.begin(2)
    client.submit(2, OTHER)
    assert not client.submit(3)


def test_behind_a_proxy_the_login_stands_for_the_connection() -> None:
    found = Arrivals(300.0, Clock())
    assert [found.came("me", BODY, None, "one") for _ in range(2)] == [Sign.UNKNOWN] * 2
    found.began(None, "two")
    assert found.came("me", BODY, None, "one") is Sign.UNKNOWN
    assert found.came("me", BODY, None, "two") is Sign.ANOTHER
    found.began(None, "")  # a bare key behind a proxy: nobody in particular
    assert found.came("me", BODY, None, "") is Sign.UNKNOWN


def test_what_is_not_remembered_is_left_to_the_database() -> None:
    client = Client()
    client.begin(1)
    assert client.sign(1) is Sign.FIRST  # as after a restart


def test_a_beginning_long_after_is_a_first_one_again() -> None:
    client = Client()
    client.submit(1)
    client.clock.now += 300.0
    client.begin(2)
    assert client.sign(2) is Sign.FIRST


def test_persons_do_not_mix() -> None:
    client = Client()
    client.submit(1)
    client.user = "you"
    assert not client.submit(1)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    client = Client()
    for number in range(10):
        client.begin(100 + number)
        client.submit(number, f"{number:064}")
    found = client.found
    assert (len(found._seen), len(found._jobs), len(found._begun)) == (3, 3, 3)
