from __future__ import annotations

import math

import pytest

from markaz.centre.ledger.prices import FREE, Rate, reserved_seconds

RATE = Rate(per_second=1000, per_shot=3, per_job=7)


@pytest.mark.parametrize(
    ("seconds", "shots", "cost"),
    [
        (0.0, 0, 7),
        (1.0, 0, 1007),
        (0.1, 0, 107),  # exactly a tenth, although 0.1 has no exact binary form
        (0.0001, 0, 8),  # a tenth of a micro-credit is rounded up to one
        (0.001001, 0, 9),
        (2.5, 100, 7 + 300 + 2500),
        (3e-7, 1, 10),  # less than half a microsecond is no time
    ],
)
def test_cost_is_rounded_up_once(seconds: float, shots: int, cost: int) -> None:
    assert RATE.cost(seconds, shots) == cost


@pytest.mark.parametrize(("seconds", "shots"), [(-1, 1), (math.nan, 1), (math.inf, 1), (1, -1)])
def test_no_price_for_what_cannot_be(seconds: float, shots: int) -> None:
    with pytest.raises(ValueError, match="no job runs"):
        RATE.cost(seconds, shots)


@pytest.mark.parametrize(
    ("predicted", "limit", "seconds"),
    [(0.001, 60, 1.0), (0.5, 60, 2.0), (100, 60, 60), (None, 60, 60), (0.001, 0.5, 0.5)],
)
def test_four_times_the_prediction_is_reserved_within_the_limit(
    predicted: float | None, limit: float, seconds: float
) -> None:
    assert reserved_seconds(predicted, limit) == seconds
    assert RATE.reservation(predicted=predicted, limit=limit, shots=2) == RATE.cost(seconds, 2)


def test_a_charge_never_exceeds_the_reservation() -> None:
    assert RATE.charge(1.0, 1, reserved=2000) == 1010
    assert RATE.charge(9.0, 1, reserved=2000) == 2000


def test_a_rate_survives_json() -> None:
    assert Rate(**RATE.document()) == RATE
    assert FREE.cost(1e6, 10**6) == 0
