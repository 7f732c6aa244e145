"""The command line's client: what it sends, what it repeats, what it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from markaz.interfaces.rest_api import client as module
from markaz.interfaces.rest_api.client import Client, ClientError

Answers = list[httpx.Response | Exception]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it waited between tries; nobody waits."""
    found: list[float] = []
    monkeypatch.setattr(module.time, "sleep", found.append)
    return found


def talking(answers: Answers) -> tuple[Client, list[httpx.Request]]:
    """A client that gets ``answers`` one after the other, and what it sent."""
    sent: list[httpx.Request] = []
    rest = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        found = next(rest)
        if isinstance(found, Exception):
            raise found
        return found

    return Client("http://centre/", "mkz_u_key", transport=httpx.MockTransport(answer)), sent


def ok(document: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=document, headers=headers)


def test_a_request_has_key_path_and_parameters(pauses: list[float]) -> None:
    client, sent = talking([ok({"a": 1})])
    assert client.get("/jobs", limit=5, after=None) == {"a": 1}
    (request,) = sent
    assert str(request.url) == "http://centre/v1/jobs?limit=5"
    assert request.headers["authorization"] == "Bearer mkz_u_key"
    assert "idempotency-key" not in request.headers


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x")])
def test_a_post_is_repeated_under_the_same_key(pauses: list[float], error: Exception) -> None:
    client, sent = talking([error, ok(status=503), ok({"job": "j"}, 201)])
    assert client.post("/jobs", {"program": "x"}) == {"job": "j"}
    keys = {request.headers["idempotency-key"] for request in sent}
    assert (len(sent), len(keys)) == (3, 1)
    assert {request.content for request in sent} == {sent[0].content}
    assert len(pauses) == 2


def test_two_posts_have_two_keys(pauses: list[float]) -> None:
    client, sent = talking([ok({}), ok({})])
    client.post("/keys", {})
    client.post("/keys", {})
    assert len({request.headers["idempotency-key"] for request in sent}) == 2


def test_it_waits_as_long_as_it_is_told(pauses: list[float]) -> None:
    answers: Answers = [ok({}, 429, **{"Retry-After": "7"}), ok({}, 503, **{"Retry-After": "900"})]
    client, _ = talking([*answers, ok({})])
    client.get("/me")
    assert pauses == [7.0, module.MAX_PAUSE]


def test_a_change_whose_answer_is_lost_is_not_repeated(pauses: list[float]) -> None:
    client, sent = talking([httpx.ReadError("lost"), ok({})])
    with pytest.raises(ClientError) as caught:
        client.patch("/me", {"name": "x"})
    assert (caught.value.status, caught.value.kind, len(sent)) == (0, "unreachable", 1)


@pytest.mark.parametrize(
    "call",
    [lambda c: c.get("/a"), lambda c: c.delete("/a"), lambda c: c.put("/a", {})],
)
def test_what_is_safe_to_repeat_is_repeated(
    pauses: list[float], call: Callable[[Client], Any]
) -> None:
    client, sent = talking([httpx.ReadError("lost"), ok({"done": True})])
    assert call(client) == {"done": True}
    assert len(sent) == 2


def test_a_refusal_brings_its_problem(pauses: list[float]) -> None:
    problem = {"kind": "program", "title": "Program refused", "status": 422, "detail": "line 3"}
    client, sent = talking([ok(problem, 422)])
    with pytest.raises(ClientError, match="line 3") as caught:
        client.post("/jobs", {})
    assert (caught.value.status, caught.value.kind, caught.value.problem) == (
        422,
        "program",
        problem,
    )
    assert len(sent) == 1


def test_an_answer_that_is_no_problem_document_is_a_refusal_too(pauses: list[float]) -> None:
    client, _ = talking([httpx.Response(404, text="<html>")])
    with pytest.raises(ClientError, match="Not Found") as caught:
        client.get("/x")
    assert (caught.value.status, caught.value.kind) == (404, "http")


def test_a_centre_that_stays_busy_is_given_up(pauses: list[float]) -> None:
    busy = {"kind": "unavailable", "detail": "stopping", "status": 503}
    client, sent = talking([ok(busy, 503)] * module.TRIES)
    with pytest.raises(ClientError, match="stopping"):
        client.get("/me")
    assert len(sent) == module.TRIES


def test_items_follow_the_pages(pauses: list[float]) -> None:
    client, sent = talking([ok({"items": [1, 2], "next": "n"}), ok({"items": [3], "next": None})])
    assert list(client.items("/jobs", state="queued")) == [1, 2, 3]
    assert [str(r.url.query, "ascii") for r in sent] == ["state=queued", "state=queued&after=n"]


def test_waiting_asks_until_the_end(pauses: list[float]) -> None:
    states = [ok({"state": s}) for s in ("queued", "running", "failed")]
    client, sent = talking([*states])
    assert client.wait("j") == {"state": "failed"}
    assert [str(r.url) for r in sent] == [f"http://centre/v1/jobs/j?wait={module.WAIT}"] * 3


def test_waiting_ends_in_time(pauses: list[float]) -> None:
    client, sent = talking([ok({"state": "queued"})])
    assert client.wait("j", 0) == {"state": "queued"}
    assert str(sent[0].url) == "http://centre/v1/jobs/j?wait=0"
