from __future__ import annotations

import pytest

from markaz.centre.access import ANONYMOUS, QUERIES, SYSTEM, VERBS
from markaz.centre.centre import Centre
from markaz.centre.jobs.index import QueueIndex
from markaz.interfaces.acts import register_all

register_all()


@pytest.mark.parametrize("database", ["sqlite"])
def test_everybody_sees_how_devices_are_and_no_more(centre: Centre) -> None:
    centre.perform(VERBS["devices.install_shipped"], SYSTEM)
    found = centre.ask(QUERIES["devices.board"], ANONYMOUS)
    assert found["items"][0]["device"] == "simulator"
    names = {"device", "title", "kind", "qubits", "status", "accepting", "default", "emulated"}
    assert all(set(one) == names for one in found["items"])


@pytest.mark.parametrize("database", ["sqlite"])
def test_everybody_sees_how_busy_devices_are(centre: Centre) -> None:
    centre.perform(VERBS["devices.install_shipped"], SYSTEM)
    assert centre.ask(QUERIES["jobs.load"], ANONYMOUS) == {"known": False, "items": []}
    centre.services.queue = QueueIndex(centre.services.settings)
    centre.perform(VERBS["jobs.open_queue"], SYSTEM)
    found = centre.ask(QUERIES["jobs.load"], ANONYMOUS)
    assert found["known"] is True
    assert {"device": "simulator", "waiting": 0, "running": 0} in found["items"]
