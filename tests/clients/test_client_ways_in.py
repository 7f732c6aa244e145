"""Pointing the client at a centre: https, without discovery, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import guest_at
from tests.clients.guests import GuestError, Place, variables


def test_https_with_an_authority_of_its_own(tls_place: Place, tmp_path: Path) -> None:
    printed = variables(tls_place)
    assert printed["IAM_URL"].startswith("https://127.0.0.1")
    with guest_at(tls_place, "newest", tmp_path) as found:
        counts = found.call("sampling.bell_counts", kind="server", shots=50)["counts"]
        assert sum(counts.values()) == 50
        assert set(counts) == {"00", "11"}


def test_without_discovery(place: Place, tmp_path: Path) -> None:
    printed = variables(place)
    crn = str(place.up.document["crn"])
    own = place.look("/projects")["items"][0]["id"]
    instance = crn.replace(crn.split(":")[-3], own)
    hidden = dict.fromkeys(("GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"), "http://127.0.0.1:9")
    assert set(hidden) <= set(printed)  # else this test would show nothing
    changes = {"QISKIT_FUNCTIONS_EXPERIMENTAL": "1", "QISKIT_IBM_INSTANCE": instance, **hidden}
    with guest_at(place, "newest", tmp_path, **changes) as found:
        assert found.call("working.about")["instances"] == [instance]
        assert found.call("sampling.shots_of")[:2] == [11, 13]


@pytest.mark.nightly
def test_wrong_key(place: Place, tmp_path: Path) -> None:
    wrong = place.key[:-1] + ("A" if place.key[-1] != "A" else "B")
    with (
        guest_at(place, "newest", tmp_path, QISKIT_IBM_TOKEN=wrong) as found,
        pytest.raises(GuestError) as caught,
    ):
        found.call("working.about")
    assert "Provided API key could not be found" in str(caught.value)
