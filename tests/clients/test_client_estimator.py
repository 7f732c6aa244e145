"""Estimators of the unmodified runtime client: values within their stated errors."""

from __future__ import annotations

import math

import pytest

from tests.clients.conftest import NOISY_DEVICE, SIGMAS
from tests.clients.guests import Guest, GuestError

BOTH = pytest.mark.parametrize("kind", ["server", "client"])
PRECISION = 0.02


def near(found: list[float], expected: list[float], error: float) -> bool:
    """Whether all values are within SIGMAS standard errors."""
    assert len(found) == len(expected)
    return all(abs(a - b) <= SIGMAS * error for a, b in zip(found, expected, strict=True))


@BOTH
def test_correlations_of_a_bell_pair(client: Guest, kind: str) -> None:
    found = client.call("estimating.bell_values", kind=kind, precision=PRECISION, seed=3)
    assert near(found["evs"], [1.0, 1.0, -1.0, 0.0, -1.5], PRECISION * 4)  # weights of the sum
    assert near(found["evs"][:4], [1.0, 1.0, -1.0, 0.0], PRECISION)
    assert len(found["stds"]) == 5
    assert max(found["stds"]) < 10 * PRECISION


@BOTH
def test_observables_against_angles(client: Guest, kind: str) -> None:
    found = client.call("estimating.broadcast", kind=kind, precision=PRECISION, seed=4)
    angles = [math.pi * k / 4 for k in range(5)]
    flat = lambda rows: [x for row in rows for x in row]  # noqa: E731 - two words are enough
    table = [[math.cos(a), math.sin(a)] for a in angles]
    if len(found["evs"]) == 2:
        table = [list(row) for row in zip(*table, strict=True)]
    assert near(flat(found["evs"]), flat(table), PRECISION)


def test_projectors(client: Guest) -> None:
    found = client.call("estimating.projectors", kind="client", precision=PRECISION)
    up, plus = math.cos(0.4) ** 2, (1 + math.sin(0.8)) / 2
    minus = 1 - plus
    # the left letter is for qubit 1, which is rotated; qubit 0 is in |+>
    expected = [up * 1.0, 0.5, 1 - up, 2 * plus * 0.5, math.cos(0.8) * 0.0]
    assert minus < plus
    assert near(found["evs"], expected, 2 * PRECISION)


def test_which_precision_counts(client: Guest) -> None:
    assert client.call("estimating.precisions") == [0.1, 0.05, 0.2, 0.05]


def test_resilience_levels_on_a_noisy_device(client: Guest) -> None:
    found = [
        client.call("estimating.leveled", name=NOISY_DEVICE, level=level, precision=0.02)
        for level in range(3)
    ]
    assert [one["asked"] for one in found] == [{"resilience_level": k} for k in range(3)]
    # A level that its canary finds to do harm is left out, and then the result says so.
    readout, twirled = ["readout correction"], ["gate twirling", "measurement twirling"]
    zne = [*readout, *twirled, "zero-noise extrapolation (auto)"]
    by_level = (
        {0: []},
        {0: [], 1: readout, 2: [*readout, "measurement twirling"]},
        {0: [], 1: readout, 2: [*readout, *twirled], 3: zne},
    )
    assert [one["done"] for one in found] == [
        known[one["level"]] for known, one in zip(by_level, found, strict=True)
    ]
    off = [abs(one["value"] - 2) for one in found]
    assert off[0] > 4 * found[0]["error"]  # noise is seen
    assert all(o < off[0] for o, one in zip(off, found, strict=True) if one["level"])


def test_mitigation_that_is_not_done_is_refused(client: Guest) -> None:
    with pytest.raises(GuestError, match="zne"):
        client.call("estimating.mitigation", zne_mitigation=True)
