"""QRMI, unmodified: a quantum resource as Slurm jobs use it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import DEVICE, SECOND_PROJECT, guest_at
from tests.clients.guests import Guest, Place, variables

SHOTS = 1000
Close = Callable[[float, int, float], bool]


def resource_variables(where: Place) -> dict[str, str]:
    """What `markaz env --qrmi` prints, and what the Slurm plug-in adds."""
    printed = variables(where, "--project", SECOND_PROJECT, "--qrmi", DEVICE)
    lists = {"QRMI_JOB_QPU_RESOURCES": DEVICE, "QRMI_JOB_QPU_TYPES": "ibm-quantum-compute-service"}
    return printed | lists


@pytest.fixture(scope="module")
def resource(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("qrmi")
    with guest_at(place, "newest", folder, **resource_variables(place)) as found:
        yield found


def test_life_of_a_resource(resource: Guest, place: Place) -> None:
    found = resource.call("quantum_resource.life", shots=SHOTS)
    assert found["status"].endswith("Online")
    assert found["target"] == ["configuration", "properties"]
    assert found["qubits"] >= 30
    assert found["state"].endswith("Completed")
    assert found["result"]["__type__"] == "PrimitiveResult"
    job = place.look(f"/jobs/{found['task']}")
    session = place.look(f"/sessions/{found['token']}")
    assert (job["state"], job["session"], job["shots"]) == ("completed", found["token"], SHOTS)
    assert session["state"] == "closed"  # given back


def test_primitives_of_qrmi(resource: Guest, close: Close) -> None:
    found = resource.call("quantum_resource.primitives", shots=SHOTS, precision=0.02)
    assert set(found["bell"]) == {"00", "11"}
    assert close(found["bell"]["11"], SHOTS, 0.5)
    assert found["sweep"] == [{"0": SHOTS}, {"1": SHOTS}]
    assert abs(found["evs"] - math.cos(0.5)) <= 6 * 0.02


def test_stopping_a_task(resource: Guest) -> None:
    assert resource.call("quantum_resource.stopped").endswith("Cancelled")


def test_discovery(resource: Guest) -> None:
    found = resource.call("quantum_resource.discovery")
    # QRMI leaves simulators out unless they are asked for.
    assert sorted(found["usual"]) == ["hunza", "indus", "karakoram"]
    assert found["online"] == [DEVICE]
    assert found["named"] == [DEVICE]
    assert found["huge"] == []


@pytest.mark.nightly
def test_https_with_an_authority_of_its_own(tls_place: Place, tmp_path: Path, close: Close) -> None:
    with guest_at(tls_place, "newest", tmp_path, **resource_variables(tls_place)) as found:
        answer = found.call("quantum_resource.primitives", shots=SHOTS, precision=0.05)
    assert close(answer["bell"]["11"], SHOTS, 0.5)
