"""Sessions and batches over the client's wire, with their real meaning in the queue."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM
from markaz.centre.jobs import verbs
from markaz.centre.jobs.tables import sessions
from tests.runtime_world import BASE, RuntimeClient, RuntimeWorld


@pytest.fixture
def client(world: RuntimeWorld) -> RuntimeClient:
    return world.client("member")


def opened(client: RuntimeClient, **more: Any) -> dict[str, Any]:
    body = {"mode": "dedicated", "backend": "simulator", "instance": "crn:ignored"} | more
    answer = client.post(f"{BASE}/sessions", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def shown(client: RuntimeClient, session: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{BASE}/sessions/{session}").json()
    return found


def test_a_session_says_what_strict_clients_need_and_no_null(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    found = opened(client, max_ttl=600)
    assert found == {
        "id": found["id"], "backend_name": "simulator", "mode": "dedicated", "state": "open",
        "accepting_jobs": True, "max_ttl": 600, "interactive_ttl": 60, "active_ttl": 600,
        "started_at": found["started_at"], "elapsed_time": 0,
        "timestamps": [{"status": "open", "timestamp": found["started_at"]}],
        "user_id": world.world.ids["member"],
    }  # fmt: skip
    assert shown(client, found["id"]) == found
    assert opened(client, backend=None, backend_name="simulator")["backend_name"] == "simulator"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"mode": "other"}, "mode must be one of dedicated, batch"),
        ({"backend": "nowhere"}, "there is no such device"),
        ({"max_ttl": 0}, "max_seconds must be from 1 to 28800"),
        ({"max_ttl": 28801}, "max_seconds must be from 1 to 28800"),
        ({"max_ttl": "long"}, "must be a number"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    client: RuntimeClient, body: dict[str, Any], words: str
) -> None:
    answer = client.post(f"{BASE}/sessions", json={"backend": "simulator"} | body)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]["message"]


def test_its_jobs_are_in_it_and_it_becomes_active_with_the_first(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    session = opened(client)["id"]
    job = client.job(session_id=session)
    assert client.get(f"{BASE}/jobs/{job}").json()["session_id"] == session
    while world.finish() != job:
        pass
    found = shown(client, session)
    assert (found["state"], found["accepting_jobs"]) == ("active", True)
    assert found["activated_at"] >= found["started_at"]
    assert [one["status"] for one in found["timestamps"]] == ["open", "active"]


def test_closing_lets_its_jobs_go_on_and_takes_no_more(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    session = opened(client)["id"]
    job = client.job(session_id=session)
    assert client.patch(f"{BASE}/sessions/{session}", json={"accepting_jobs": False}).content == b""
    assert shown(client, session)["accepting_jobs"] is False
    refused = client.submit(session_id=session, tags=["more"])
    assert refused.status_code == 409
    assert "takes no more jobs" in refused.json()["errors"][0]["message"]
    assert client.get(f"{BASE}/jobs/{job}").json()["status"] == "Queued"
    while world.finish() != job:
        pass
    world.centre.perform(verbs.expire_sessions, SYSTEM)
    assert shown(client, session)["state"] == "closed"
    again = client.patch(f"{BASE}/sessions/{session}", json={"accepting_jobs": False})
    assert again.status_code == 204


def test_cancelling_cancels_its_jobs_and_again_is_harmless(client: RuntimeClient) -> None:
    session = opened(client, mode="batch")["id"]
    jobs = [client.job(session_id=session, tags=[str(n)]) for n in range(3)]
    assert client.delete(f"{BASE}/sessions/{session}/close").status_code == 204
    states = {client.get(f"{BASE}/jobs/{job}").json()["status"] for job in jobs}
    assert (states, shown(client, session)["state"]) == ({"Cancelled"}, "closed")
    assert client.delete(f"{BASE}/sessions/{session}/close").status_code == 204


def test_only_closing_can_be_patched(client: RuntimeClient) -> None:
    session = opened(client)["id"]
    for body in ({}, {"accepting_jobs": True}, {"accepting_jobs": 0}, {"mode": "batch"}):
        assert client.patch(f"{BASE}/sessions/{session}", json=body).status_code == 400
    for content in (b"[]", b"{", b"[" * 60_000, b"x" * 70_000):
        answer = client.patch(f"{BASE}/sessions/{session}", content=content)
        assert answer.status_code in (400, 413)


def test_older_clients_open_a_session_with_its_first_job(client: RuntimeClient) -> None:
    answer = client.submit(start_session=True, session_time=90)
    session = answer.json()["session_id"]
    assert (shown(client, session)["mode"], shown(client, session)["max_ttl"]) == ("dedicated", 90)
    job = client.get(f"{BASE}/jobs/{answer.json()['id']}").json()
    assert job["session_id"] == session


def test_a_session_whose_time_is_over_is_closed(world: RuntimeWorld, client: RuntimeClient) -> None:
    session = opened(client, max_ttl=5)["id"]
    late = update(sessions).where(sessions.c.id == session).values(created_at=1)
    world.world.do(lambda work: work.run(late))
    world.centre.perform(verbs.expire_sessions, SYSTEM)
    found = shown(client, session)
    assert (found["state"], found["accepting_jobs"]) == ("closed", False)
    assert "closed_at" in found


def test_other_peoples_sessions_are_not_there(world: RuntimeWorld, client: RuntimeClient) -> None:
    session = opened(client)["id"]
    other = world.client("outsider")
    assert other.get(f"{BASE}/sessions/{session}").status_code == 404
    assert other.delete(f"{BASE}/sessions/{session}/close").status_code == 404
    assert client.submit(session_id="0" * 20).status_code == 400
