"""What others built on the runtime client works through it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.conftest import DEVICE, NOISY_DEVICE, SIGMAS
from tests.clients.guests import Guest

NEWEST = pytest.mark.parametrize("client", ["newest-http"], indirect=True)
DELAYS = [1e-6, 1e-5, 3e-5, 8e-5, 2e-4]
SHOTS = 400


@NEWEST
def test_m3_mitigation(client: Guest, close: Callable[[float, int, float], bool]) -> None:
    found = client.call("applications.m3", shots=SHOTS)
    # a noiseless device has perfect readout, and then there is nothing to correct
    assert found["calibrations"] == [[[1.0, 0.0], [0.0, 1.0]]] * 2
    assert sum(found["counts"].values()) == SHOTS
    shares = {bits: n / SHOTS for bits, n in found["counts"].items()}
    assert found["quasi"] == pytest.approx(shares, abs=1e-6)
    assert close(found["counts"]["11"], SHOTS, 0.5)


@NEWEST
def test_circuit_cutting(client: Guest) -> None:
    shots = 4000
    found = client.call("applications.cutting", shots=shots, seed=21)
    # one cut gate multiplies the error of a term by 3 at most; four terms
    assert abs(found["value"] - found["exact"]) <= SIGMAS * 4 * 3 / shots**0.5
    assert abs(found["value"] - found["exact"]) < 0.5


@NEWEST
def test_t1_experiment_without_noise(client: Guest) -> None:
    found = client.call("applications.t1", name=DEVICE, delays=DELAYS, shots=SHOTS)
    assert found["delays"] == pytest.approx(DELAYS)
    assert found["ones"] == found["shots"] == [SHOTS] * len(DELAYS)  # nothing decays


@NEWEST
def test_t1_experiment(client: Guest) -> None:
    found = client.call("applications.t1", name=NOISY_DEVICE, delays=DELAYS, shots=SHOTS)
    assert found["delays"] == pytest.approx(DELAYS, abs=1e-9)  # in whole steps of the device
    assert found["shots"] == [SHOTS] * len(DELAYS)
    assert found["ones"] == sorted(found["ones"], reverse=True)
    assert found["ones"][0] > 0.8 * SHOTS > 0.4 * SHOTS > found["ones"][-1]
    # what the experiment finds is about what the sheet says; the device has drifted since
    assert 1 / 3 < found["fitted"] / found["published"] < 3


@NEWEST
def test_readout_experiment_without_noise(client: Guest) -> None:
    found = client.call("applications.readout", name=DEVICE, shots=SHOTS)
    assert found["matrices"] == [[[1.0, 0.0], [0.0, 1.0]]] * 3


@NEWEST
def test_readout_experiment(client: Guest) -> None:
    found = client.call("applications.readout", name=NOISY_DEVICE, shots=SHOTS)
    assert found["shots"] == [SHOTS] * 2
    for (p00, p01), (p10, p11) in found["matrices"]:
        assert (p00 + p10, p01 + p11) == pytest.approx((1, 1))
        assert max(p01, p10) < 0.2
    errors = [p for (_, p01), (p10, _) in found["matrices"] for p in (p01, p10)]
    assert sum(errors) > 0
