"""Rate limits: how much, how soon again, and what is remembered."""

from __future__ import annotations

import pytest

from markaz.interfaces.rest_api import limits
from markaz.interfaces.rest_api.limits import Limit


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_can_be_used_at_once_and_no_more() -> None:
    limit = Limit(5, Hand())
    left = [limit.take("a").left for _ in range(5)]
    refused = limit.take("a")
    assert (left, refused.refused, refused.left) == ([4, 3, 2, 1, 0], True, 0)
    assert limit.take("b").refused is False


def test_what_is_refused_says_when_it_is_not() -> None:
    hand = Hand()
    limit = Limit(6, hand)
    for _ in range(6):
        limit.take("a")
    wait = limit.take("a").retry_after
    assert wait == pytest.approx(10.0)
    hand.now += wait - 0.01
    assert limit.take("a").refused
    hand.now += 0.01
    assert not limit.take("a").refused


@pytest.mark.parametrize("quota", [1, 10, 6000])
def test_over_an_hour_no_more_than_the_rate_passes(quota: int) -> None:
    hand = Hand()
    limit = Limit(quota, hand)
    passed = 0
    for _ in range(60 * min(quota, 100)):
        passed += not limit.take("a").refused
        hand.now += 60 / min(quota, 100)
    assert passed <= quota * 61


def test_looking_counts_nothing() -> None:
    limit = Limit(2, Hand())
    assert [limit.look("a").left for _ in range(4)] == [2, 2, 2, 2]
    limit.take("a")
    limit.take("a")
    assert limit.look("a").refused


def test_a_refusal_costs_nothing_more() -> None:
    hand = Hand()
    limit = Limit(1, hand)
    limit.take("a")
    for _ in range(1000):
        limit.take("a")
    hand.now += 60
    assert not limit.take("a").refused


def test_callers_with_full_quotas_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TIDY_AT", 10)
    hand = Hand()
    limit = Limit(60, hand)
    for number in range(10):
        limit.take(str(number))
    hand.now += 2
    limit.take("new")
    assert len(limit._full_at) == 1


def test_headers_name_policy_rest_and_reset() -> None:
    limit = Limit(4, Hand())
    assert limit.take("a").headers("person") == {
        "RateLimit-Policy": '"person";q=4;w=60',
        "RateLimit": '"person";r=3;t=15',
    }
