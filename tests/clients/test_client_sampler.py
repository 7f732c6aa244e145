"""Samplers of the unmodified runtime client: what comes back is right."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest

from tests.clients.conftest import NOISY_DEVICE
from tests.clients.guests import Guest, GuestError

Close = Callable[[float, int, float], bool]
BOTH = pytest.mark.parametrize("kind", ["server", "client"])


@BOTH
def test_bell_pair(client: Guest, kind: str, close: Close) -> None:
    found = client.call("sampling.bell_counts", kind=kind, shots=4000, seed=5)
    assert found["status"] == "DONE"
    assert set(found["counts"]) == {"00", "11"}
    assert sum(found["counts"].values()) == 4000
    assert close(found["counts"]["11"], 4000, 0.5)


@BOTH
def test_several_registers_and_circuits(client: Guest, kind: str) -> None:
    assert client.call("sampling.registers", kind=kind) == [
        {"two": {"10": 10}, "one": {"1": 10}},
        {"two": {"10": 10}, "never": {"00": 10}},
    ]


@BOTH
def test_register_wider_than_a_machine_word(client: Guest, kind: str) -> None:
    found = client.call("sampling.wide", kind=kind)
    assert found["strings"] == [found["expected"]] * 3
    assert found["bits"] == len(found["expected"]) == 80


@BOTH
def test_dynamic_circuit(client: Guest, kind: str, close: Close) -> None:
    found = client.call("sampling.dynamic", kind=kind, shots=300)
    assert set(found) == {"coin", "copy", "rest"}
    assert found["copy"] == ["0"] * 300  # the loop ends when it is 0
    assert found["rest"] == ["0"] * 300  # twice flipped after a 0, never after a 1
    assert close(found["coin"].count("1"), 300, 0.5)


@BOTH
def test_grid_of_parameters_in_one_pub(client: Guest, kind: str, close: Close) -> None:
    shots = 2000
    found = client.call("sampling.rotations", kind=kind, shots=shots, seed=6)
    assert (found["shape"], found["shots"]) == ([3, 2], shots)
    for i, j in product(range(3), range(2)):
        a, b = (math.sin(angle / 2) ** 2 for angle in found["values"][i][j])
        expected = [(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]
        counted = found["counts"][i][j]
        assert sum(counted) == shots
        assert [close(n, shots, p) for n, p in zip(counted, expected, strict=True)] == [True] * 4


def test_which_shots_count(client: Guest) -> None:
    assert client.call("sampling.shots_of") == [11, 13, 12, 13, 4096]


def test_seed_gives_the_same_outcomes(client: Guest) -> None:
    first, second = client.call("sampling.twice", seed=11)
    assert first == second
    assert set(first) == {"00", "11"}


def test_twirled_by_the_client(client: Guest, close: Close) -> None:
    counts = client.call("sampling.twirled", shots=2000)
    assert set(counts) == {"00", "11"}
    assert close(counts["11"], sum(counts.values()), 0.5)


@BOTH
def test_when_outcomes_were_gained(client: Guest, kind: str) -> None:
    found = client.call("sampling.timing", kind=kind)
    each = 40 if kind == "server" else 1  # shots there, points here
    assert found["parts"] == [[[0, each]], [[1, 6 * each]]]
    job = client.place.look(f"/jobs/{found['id']}")
    (first, end_of_first), (second, end_of_second) = found["times"]
    assert job["created_at"] <= first <= end_of_first <= second <= end_of_second
    assert end_of_second <= job["ended_at"]


def test_twirling_and_decoupling_on_a_noisy_device(client: Guest) -> None:
    shots = 1200
    found = client.call("sampling.against_noise", name=NOISY_DEVICE, shots=shots)
    for one in found:
        counts = one["counts"]
        assert sum(counts.values()) == shots
        assert counts["00"] + counts["11"] > 0.8 * shots  # flips were undone
    plain, twirled, decoupled = (one["said"] for one in found)
    assert plain == {}
    assert twirled["applied"] == [
        "Pauli twirling of 1 two-qubit gates in 24 copies",
        "flips before measurements in 24 copies, undone in the samples",
    ]
    assert twirled["shots_per_randomization"] == [shots // 24] * 24
    # a Bell pair has no wait in which an echo would do good, and the result says so
    nothing = ["dynamical decoupling: no wait is long enough for an echo"]
    assert (decoupled["applied"], decoupled["not_applied"]) == ([], nothing)


def test_refusal_reaches_the_user(client: Guest) -> None:
    with pytest.raises(GuestError, match="mystery"):
        client.call("sampling.refused")
