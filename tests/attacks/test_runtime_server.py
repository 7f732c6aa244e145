"""Hostile submissions to a whole server, over its port: each is refused as its sender's fault, in
time, while good jobs of somebody else run and the server stays as small as it was."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from markaz.interfaces.runtime_api.crn import GRANT
from tests.attacks import hostile_bodies
from tests.processes import family_busy
from tests.running_centre import RunningCentre, centre_running
from tests.runtime_tools import golden
from tests.waiting import until

BASE = "/experimental/api/v1"
SECONDS = 2.0  # of processor time, so that a busy machine fails nothing
PATIENCE = 10.0  # by the clock, for who waits instead of working
GROWTH = 50 << 20  # bytes that the server may gain over all attacks
REFUSED = {400, 413, 422}
BETWEEN = 20  # attacks between two good jobs
EACH = 6  # in the daily run every so many of the attacks

_BODIES = [(f"{kind}-{name}", kind, data) for name, kind, data in hostile_bodies.bodies()]
_CIRCUITS = [*hostile_bodies.texts(), *hostile_bodies.files()]
# Those that may open are left to the tests of their readers.
_SURE = [(n, k, data) for n, k, data, kinds in _CIRCUITS if "opened" not in kinds]
ATTACKS = [*_BODIES, *_SURE]
GOOD = golden("sampler", "0_51")


class Person:
    """Somebody with a key, over a connection of their own."""

    def __init__(self, up: RunningCentre, name: str) -> None:
        host, port = up.url.removeprefix("http://").split(":")
        self._line = http.client.HTTPConnection(host, int(port), timeout=30)
        form = f"grant_type={GRANT}&apikey={up.secrets['people'][name]}".encode()
        self._headers = {"Content-Type": "application/json"}
        token = self.ask("POST", "/identity/token", form)[1]["access_token"]
        self._headers |= {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and document."""
        self._line.request(method, path, body, self._headers)
        answer = self._line.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def submit(self, kind: str, params: bytes, **more: Any) -> tuple[int, Any]:
        """A job with ``params`` as they are, even if that is no JSON."""
        head = json.dumps({"program_id": kind, "backend": "simulator", **more})
        return self.ask("POST", f"{BASE}/jobs", head[:-1].encode() + b',"params":' + params + b"}")

    def close(self) -> None:
        self._line.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    settings = {"MARKAZ_LOG_LEVEL": "warning", "MARKAZ_REQUESTS_PER_MINUTE": "100000"}
    with centre_running(tmp_path_factory.mktemp("attacked") / "data", **settings) as found:
        yield found


def resident(up: RunningCentre) -> int:
    """Bytes of memory of the process that answers."""
    status = Path(f"/proc/{up.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def busy(up: RunningCentre) -> float:
    """Processor seconds of the server and of those that open programs for it."""
    return family_busy(up.process.pid, up.workers())


def refuse(up: RunningCentre, person: Person, name: str, kind: str, data: bytes) -> None:
    """Send an attack and look at the answer."""
    start, began = busy(up), time.monotonic()
    status, document = person.submit(kind, data)
    waited, seconds = time.monotonic() - began, busy(up) - start
    assert status in REFUSED, (name, status, document)
    assert seconds < SECONDS, (name, seconds)
    assert waited < PATIENCE, (name, waited)
    said = document["errors"][0]["message"]
    assert said.isprintable(), name
    assert len(said) <= 600, name


def attack(up: RunningCentre, attacks: Sequence[tuple[str, str, bytes]]) -> None:
    eve, ada = Person(up, "bilal"), Person(up, "ayesha")
    assert ada.submit("sampler", GOOD, tags=["first"])[0] == 200
    refuse(up, eve, *attacks[0])
    before, jobs = resident(up), []
    for number, one in enumerate(attacks):
        refuse(up, eve, *one)
        if number % BETWEEN == 0:
            status, document = ada.submit("sampler", GOOD, tags=[f"n{len(attacks)}-{number}"])
            assert status == 200, document
            jobs.append(document["id"])
    for job in jobs:
        until(lambda: ada.ask("GET", f"{BASE}/jobs/{job}")[1]["status"] == "Completed")  # noqa: B023
    assert resident(up) - before < GROWTH
    assert eve.ask("GET", f"{BASE}/jobs?limit=1")[1]["count"] == 0
    assert up.process.poll() is None
    for person in (eve, ada):
        person.close()


def test_attacks_on_a_server(up: RunningCentre) -> None:
    attack(up, ATTACKS[::EACH])


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_all_attacks_on_a_server(up: RunningCentre) -> None:
    attack(up, ATTACKS)


def test_there_are_as_many_attacks_as_the_wire_promises() -> None:
    names = [name for name, _, _ in ATTACKS]
    assert len(set(names)) == len(names)
    assert len(names) > 400
