"""Jobs through the unmodified runtime client: found again, listed, cancelled, paid, deleted."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.clients.conftest import DEVICE, NOISY_DEVICE, SECOND_PROJECT, guest_at
from tests.clients.guests import Guest, GuestError


@pytest.fixture
def tag() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def test_what_the_service_says_of_itself(client: Guest) -> None:
    found = client.call("working.about")
    assert DEVICE in found["backends"]
    assert found["least_busy"] == DEVICE
    assert SECOND_PROJECT in found["names"]
    assert len(found["instances"]) == len(set(found["instances"])) >= 2
    assert found["active"] in found["instances"]
    assert (found["simulator"], found["operational"]) == (True, True)
    assert found["qubits"] >= 30
    assert {"cx", "rz", "sx", "h", "measure", "reset", "if_else"} <= set(found["operations"])
    assert found["usage"]["usage_limit_reached"] is False


def test_facts_of_a_job(client: Guest, tag: str) -> None:
    job = client.call("working.run_bell", tags=[tag, "a tag"], shots=17)
    found = client.call("working.job_facts", job_id=job)
    assert found["id"] == job
    assert (found["backend"], found["program"], found["status"]) == (DEVICE, "sampler", "DONE")
    assert (found["tags"], found["shots"], found["pubs"]) == (sorted([tag, "a tag"]), [17], 1)
    assert 0 < found["usage"] < 5
    assert found["metrics"]["usage"]["quantum_seconds"] == found["usage"]
    times = found["metrics"]["timestamps"]
    assert times["created"] <= times["running"] <= times["finished"]
    assert -1 < found["age"] < 60
    assert found["instance"].startswith("crn:")


def test_the_usage_is_what_is_charged(client: Guest, tag: str) -> None:
    job = client.call("working.run_bell", tags=[tag])
    usage = client.call("working.job_facts", job_id=job)["usage"]
    document = client.place.look(f"/jobs/{job}")
    assert document["state"] == "completed"
    assert usage == pytest.approx(document["run_seconds"], abs=1e-6)
    assert document["charge"] == pytest.approx(usage * document["price"]["per_second"], abs=1)


def test_listing_with_filters(client: Guest, tag: str) -> None:
    jobs = [client.call("working.run_bell", tags=[tag, f"{tag}-{i}"]) for i in range(3)]
    newest_first = jobs[::-1]

    def listed(**filters: object) -> object:
        return client.call("working.listing", **{"job_tags": [tag], **filters})

    assert listed() == newest_first
    assert listed(descending=False) == jobs
    assert listed(limit=2) == newest_first[:2]
    assert listed(skip=1) == newest_first[1:]
    assert listed(job_tags=[tag, f"{tag}-1"]) == [jobs[1]]
    assert listed(pending=False, backend_name=DEVICE, program_id="sampler") == newest_first
    assert listed(pending=True) == []
    assert listed(program_id="estimator") == []
    assert listed(created_after=-600) == newest_first
    assert listed(created_after=600) == []
    assert listed(created_before=-600) == []


def test_tags_are_replaced(client: Guest, tag: str) -> None:
    job = client.call("working.run_bell", tags=[tag])
    assert client.call("working.retag", job_id=job, tags=["new", f"{tag}x"]) == ["new", f"{tag}x"]
    assert client.call("working.listing", job_tags=[tag]) == []
    assert client.call("working.listing", job_tags=[f"{tag}x"]) == [job]


def test_a_job_is_found_again_by_another_process(client: Guest, tag: str, tmp_path: Path) -> None:
    job = client.call("working.run_bell", tags=[tag], shots=25)
    counts = client.call("working.counts_of", job_id=job)
    assert sum(counts.values()) == 25
    with guest_at(client.place, "newest", tmp_path) as other:
        assert other.call("working.counts_of", job_id=job) == counts


def test_cancel(client: Guest, tag: str) -> None:
    job = client.call("working.start_heavy", environment={"job_tags": [tag]})
    assert client.call("working.listing", job_tags=[tag], pending=True) == [job]
    assert client.place.look(f"/jobs/{job}")["state"] in ("queued", "claimed", "running")
    assert client.call("working.cancel", job_id=job) == "CANCELLED"
    # the answer waited until its worker had stopped it
    assert client.call("working.listing", job_tags=[tag], pending=False) == [job]
    assert client.call("working.listing", job_tags=[tag], pending=True) == []
    assert client.place.look(f"/jobs/{job}")["state"] == "cancelled"
    with pytest.raises(GuestError) as caught:
        client.call("working.cancel", job_id=job)
    assert caught.value.kind == "RuntimeInvalidStateError"


def test_max_execution_time(client: Guest) -> None:
    job = client.call("working.start_heavy", max_execution_time=1)
    with pytest.raises(GuestError) as caught:
        client.call("working.result_of", job_id=job)
    assert caught.value.kind == "RuntimeJobMaxTimeoutError"


def test_delete(client: Guest, tag: str) -> None:
    job = client.call("working.run_bell", tags=[tag])
    with pytest.raises(GuestError) as caught:
        client.call("working.delete", job_id=job)
    assert caught.value.kind == "RuntimeJobNotFound"
    assert client.call("working.listing", job_tags=[tag]) == []


def test_private_job_is_read_once(client: Guest) -> None:
    found = client.call("working.private")
    assert (found["first"], found["private"]) == (10, True)
    assert "again" in found
    assert "pubs" not in found["inputs"]


@pytest.mark.parametrize("kind", ["session", "batch"])
def test_a_simulator_has_no_sessions(client: Guest, kind: str) -> None:
    found = client.call("working.grouped", kind=kind)
    assert (found["shots"], found["session"]) == ([20, 21], None)  # the client opens none


@pytest.mark.parametrize("kind", ["session", "batch"])
def test_jobs_in_a_session_or_batch(client: Guest, kind: str) -> None:
    found = client.call("working.grouped", kind=kind, name=NOISY_DEVICE)
    assert found["shots"] == [20, 21]
    assert found["details"]["mode"] == {"session": "dedicated", "batch": "batch"}[kind]
    assert found["details"]["backend_name"] == NOISY_DEVICE
    assert found["listed"] == found["jobs"][::-1]
    assert found["status"] == "Closed"
    for job in found["jobs"]:
        assert client.place.look(f"/jobs/{job}")["session"] == found["session"]


def test_unknown_names(client: Guest) -> None:
    with pytest.raises(GuestError) as caught:
        client.call("working.backend_named", device_name="no-such-device")
    assert caught.value.kind == "QiskitBackendNotFoundError"
    with pytest.raises(GuestError) as caught:
        client.call("working.counts_of", job_id="0123456789abcdefghjk")
    assert caught.value.kind == "RuntimeJobNotFound"
