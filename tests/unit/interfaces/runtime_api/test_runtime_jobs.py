"""Jobs over the client's wire: submitted, asked for, listed, read, cancelled, deleted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from markaz.centre.access import SYSTEM
from markaz.centre.errors import CentreError
from markaz.centre.jobs import verbs
from markaz.interfaces.runtime_api.crn import crn_of
from tests.runtime_world import BASE, PARAMS, PAYLOAD, USED, RuntimeClient, RuntimeWorld
from tests.waiting import until


@pytest.fixture
def client(world: RuntimeWorld) -> RuntimeClient:
    return world.client("member")


def run(world: RuntimeWorld, client: RuntimeClient, state: str = "completed", **more: Any) -> str:
    """Submit a job and end it."""
    job = client.job(**more)
    while world.finish(state, **({"error": LATE} if state == "failed" else {})) != job:
        pass
    world.runtime.polls.forget(job)
    return job


LATE = {"kind": "limit-time", "message": "no engine finished within 1 s"}


def code(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["errors"][0]["code"]


# Submitting.


def test_a_job_is_taken_in_and_its_program_is_not_opened_here(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    answer = client.submit(params={"pubs": [["Ä", None]]}, cost=9.5, tags=["b"])
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "backend", "private"}
    assert (answer.json()["backend"], answer.json()["private"]) == ("simulator", False)
    asked = world.opener.asked
    options = {"time_limit": 9.5, "device_kind": "simulator"}
    assert (asked.fmt, asked.options) == ("sampler", options)
    assert json.loads(asked.data) == {"pubs": [["Ä", None]]}


def test_the_longest_time_is_the_users_but_not_above_the_centres(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    def cost_of(**more: Any) -> int:
        found = client.get(f"{BASE}/jobs/{client.job(**more)}?exclude_params=true").json()
        return int(found["cost"])

    assert cost_of(cost=100_000) == 3600
    assert cost_of(cost=300) == 300
    assert cost_of() == 60
    for cost in (0, -1, 10**400):
        assert code(client.submit(cost=cost)) == (400, 1211)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"program_id": "hello-world"}, 404, "no such program as 'hello-world'"),
        ({"program_id": "noise-learner"}, 404, "'noise-learner' is not run here: a noise model"),
        ({"program_id": "calibrate"}, 404, "calibrated by the centre"),
        ({"program_id": "circuit-runner"}, 404, "sampler runs the same circuits"),
        ({"backend": "nowhere"}, 400, "there is no such device"),
        ({"session_id": "nothing"}, 400, "there is no such session"),
        ({"calibration_id": "c1"}, 400, "calibration in force"),
        ({"tags": ["x" * 87]}, 400, "at most 86 characters"),
        ({"params": ""}, 422, "there is no program"),
        ({"backend": "spare"}, 409, "accepts no jobs now"),
    ],
)
def test_a_bad_submission_is_refused_with_what_to_do(
    client: RuntimeClient, body: dict[str, Any], status: int, words: str
) -> None:
    if body.get("params") == "":
        answer = client.post(f"{BASE}/jobs", content=b'{"program_id":"sampler","params":""}')
        status, words = 200, ""  # the opener of these tests takes any text
    else:
        answer = client.submit(**body)
    assert answer.status_code == status
    if words:
        said = answer.json()["errors"][0]
        assert words in said["message"]
        assert said["solution"]
        assert answer.json()["error"]["message"].startswith(said["message"])


def test_refused_programs_are_the_users_fault(
    world: RuntimeWorld, client: RuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = CentreError("program", "gate x is unknown", program_kind="parse", line=3, column=4)
    monkeypatch.setattr(world.opener, "_open", lambda _: refusal)
    answer = client.submit()
    assert code(answer) == (422, 1517)
    assert answer.json()["errors"][0]["message"] == "gate x is unknown (line 3, column 4)"


def test_a_stranger_to_the_project_cannot_submit(world: RuntimeWorld) -> None:
    answer = world.client("outsider").submit()
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (
        400, "there is no such project",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["crn:v1:x", "a:b", "crn:v1:a:b:c:d:e::", "é", "x" * 400])
def test_a_name_that_is_no_instance_is_refused(client: RuntimeClient, name: str) -> None:
    answer = client.get(f"{BASE}/jobs", headers={"Service-CRN": name.encode()})
    assert code(answer) == (400, 1211)
    assert "Service-CRN" in answer.json()["errors"][0]["message"]


def test_a_projects_short_name_is_an_instance_too(world: RuntimeWorld) -> None:
    assert world.client("member").get(
        f"{BASE}/instances/usage", headers={"Service-CRN": "own-project"}
    ).json()["instance_id"] == crn_of(world.world.own["project"])


# Asking.


def test_a_job_has_all_that_strict_clients_take_and_no_null(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    job = client.job(tags=["é", 'q"'], cost=30)
    found = client.get(f"{BASE}/jobs/{job}?exclude_params=true").json()
    assert found == {
        "id": job, "backend": "simulator", "status": "Queued", "state": {"status": "Queued"},
        "program": {"id": "sampler"}, "created": found["created"], "cost": 30,
        "user_id": world.world.ids["member"], "private": False, "tags": ["é", 'q"'],
        "estimated_running_time_seconds": 0.001, "usage": {"seconds": 0.0},
    }  # fmt: skip
    assert found["created"].endswith("+00:00")


def test_its_input_comes_back_as_it_was(world: RuntimeWorld, client: RuntimeClient) -> None:
    params = {"pubs": [['Ä\\"', None]], "version": 2}
    job = client.job(params=params)
    assert client.get(f"{BASE}/jobs/{job}").json()["params"] == params
    assert "params" not in client.get(f"{BASE}/jobs/{job}?exclude_params=true").json()


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("completed", "Completed", None),
        ("failed", "Failed", 1305),
        ("cancelled", "Cancelled", None),
    ],
)
def test_states_have_the_clients_names(
    world: RuntimeWorld, client: RuntimeClient, state: str, status: str, reason: int | None
) -> None:
    job = run(world, client, state)
    found = client.get(f"{BASE}/jobs/{job}?exclude_params=true").json()
    assert (found["status"], found["state"]["status"]) == (status, status)
    assert found["state"].get("reason_code") == reason
    assert found["usage"] == {"seconds": USED}
    assert "ended" in found


def test_a_held_job_says_why(world: RuntimeWorld) -> None:
    found = world.client("pi").get(f"{BASE}/jobs/{world.world.own['held']}").json()
    assert found["status"] == "Queued"
    assert found["state"]["reason"] == "Held: an operator holds it."


def test_in_another_instance_there_is_no_such_job(world: RuntimeWorld) -> None:
    job = world.client("member").job()
    elsewhere = world.client("member", world.world.own["stopped"])
    for path in ("", "/results", "/metrics", "/logs"):
        assert code(elsewhere.get(f"{BASE}/jobs/{job}{path}")) == (404, 1291)
    assert code(elsewhere.post(f"{BASE}/jobs/{job}/cancel")) == (404, 1291)


# Results.


def test_results_are_text_as_the_worker_gave_them(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    job = run(world, client)
    answer = client.get(f"{BASE}/jobs/{job}/results")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.content == PAYLOAD


def test_before_the_end_there_is_nothing_and_after_a_failure_the_reason(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    job = client.job()
    waiting = client.get(f"{BASE}/jobs/{job}/results")
    assert (waiting.status_code, waiting.content) == (204, b"")
    failed = client.get(f"{BASE}/jobs/{run(world, client, 'failed')}/results")
    assert failed.text == "no engine finished within 1 s (limit-time)\n"


def test_results_of_a_private_job_are_read_once_then_nothing_is_left(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    job = run(world, client, private=True, params={"pubs": [["secret", None]]})
    assert "params" not in client.get(f"{BASE}/jobs/{job}").json()
    with world.centre.engine.connect() as connection:
        kept = b"".join(
            row[0] or b"" for row in connection.exec_driver_sql("SELECT data FROM blobs")
        )
    assert b"secret" not in kept
    assert client.get(f"{BASE}/jobs/{job}/results").content == PAYLOAD
    again = client.get(f"{BASE}/jobs/{job}/results")
    assert code(again) == (404, 1291)
    assert "was read already" in again.json()["errors"][0]["message"]
    assert client.get(f"{BASE}/jobs/{job}").json()["private"] is True


def test_whoever_leads_the_project_does_not_read_private_results(world: RuntimeWorld) -> None:
    job = run(world, world.client("member"), private=True)
    assert code(world.client("pi").get(f"{BASE}/jobs/{job}/results")) == (403, 1201)
    assert world.client("member").get(f"{BASE}/jobs/{job}/results").content == PAYLOAD


# Lists.


@pytest.fixture(scope="module")
def listed(world: RuntimeWorld) -> dict[str, str]:
    """Jobs by what is special about them, of somebody who has no others."""
    client = world.client("co_pi")
    found = {
        "first": client.job(tags=["a", "b"]),
        "second": client.job(program_id="estimator", tags=["b"]),
        "done": client.job(tags=["a_b"]),
    }
    session = client.post(f"{BASE}/sessions", json={"backend": "simulator", "mode": "batch"})
    found["session"] = session.json()["id"]
    found["member"] = client.job(session_id=found["session"])
    world.centre.perform(verbs.cancel, _principal(world, "co_pi"), job=found["done"])
    return found


def _principal(world: RuntimeWorld, role: str) -> Any:
    from markaz.centre.access import Principal

    return Principal(world.world.ids[role], "user")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "member done second first"),
        ("limit=2", "member done"),
        ("limit=2&offset=1", "done second"),
        ("sort=ASC&limit=1", "first"),
        ("pending=true", "member second first"),
        ("pending=false", "done"),
        ("program=estimator", "second"),
        ("program=sampler", "member done first"),
        ("tags=b", "second first"),
        ("tags=a&tags=b", "first"),
        ("tags=a_b", "done"),
        ("tags=c", ""),
        ("backend=simulator", "member done second first"),
        ("backend=other", ""),
        ("created_after=2020-01-01T00:00:00Z", "member done second first"),
        ("created_before=2020-01-01T00:00:00%2B05:00", ""),
        ("created_after=2250-01-01", ""),
        ("exclude_params=true&include_mocks=True", "member done second first"),
    ],
)
def test_lists_are_filtered(
    world: RuntimeWorld, listed: dict[str, str], query: str, names: str
) -> None:
    found = world.client("co_pi").get(f"{BASE}/jobs?{query}").json()
    assert [one["id"] for one in found["jobs"]] == [listed[name] for name in names.split()]
    if "limit" not in query:
        assert found["count"] == len(names.split())
    assert (found["limit"], found["offset"]) == (
        (2, 1) if "offset" in query else (2, 0) if "limit=2" in query
        else (1, 0) if "limit=1" in query else (200, 0)
    )  # fmt: skip


def test_a_sessions_jobs_are_listed(world: RuntimeWorld, listed: dict[str, str]) -> None:
    client = world.client("co_pi")
    found = client.get(f"{BASE}/jobs?pending=true&session_id={listed['session']}").json()
    assert [one["id"] for one in found["jobs"]] == [listed["member"]]
    assert found["jobs"][0]["session_id"] == listed["session"]
    assert found["count"] == 1


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "offset=-1", "pending=1", "created_after=now",
              "created_before=0001-01-01T00:00:00-14:00", "tags=" + "a" * 100, "limit=" + "9" * 99],
)  # fmt: skip
def test_bad_filters_are_named(world: RuntimeWorld, query: str) -> None:
    answer = world.client("member").get(f"{BASE}/jobs?{query}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert query.partition("=")[0] in answer.json()["errors"][0]["message"]


def test_workloads_are_jobs_and_sessions(world: RuntimeWorld, listed: dict[str, str]) -> None:
    client = world.client("co_pi")
    every = client.get(f"{BASE}/workloads").json()
    assert [one["id"] for one in every["workloads"]] == [
        listed[name] for name in ("session", "done", "second", "first")
    ]
    assert [one["mode"] for one in every["workloads"]] == ["batch", "job", "job", "job"]
    assert every["total_count"] == 4
    seen, cursor = [], ""
    for _ in range(6):
        page = client.get(f"{BASE}/workloads?limit=1{cursor}").json()
        seen += [one["id"] for one in page["workloads"]]
        if "next" not in page:
            break
        cursor = f"&next={page['next']['cursor']}"
    assert seen == [one["id"] for one in every["workloads"]]
    assert client.get(f"{BASE}/workloads?mode=session").json()["workloads"] == []
    assert code(client.get(f"{BASE}/workloads?search=x")) == (400, 1211)


# Changing.


def test_cancelling_twice_is_refused(world: RuntimeWorld, client: RuntimeClient) -> None:
    job = client.job()
    first = client.post(f"{BASE}/jobs/{job}/cancel")
    assert (first.status_code, first.content) == (204, b"")
    assert client.get(f"{BASE}/jobs/{job}").json()["status"] == "Cancelled"
    assert code(client.post(f"{BASE}/jobs/{job}/cancel")) == (409, 1350)


@pytest.mark.parametrize(("end", "status"), [("cancelled", 204), ("completed", 409)])
def test_a_running_job_is_cancelled_once_its_end_is_known(
    world: RuntimeWorld, client: RuntimeClient, end: str, status: int
) -> None:
    job = client.job()
    while (claimed := world.claim())["job"] != job:
        pass
    polls = world.runtime.polls
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, f"{BASE}/jobs/{job}/cancel")
        until(lambda: len(polls) == 1)
        assert not asked.done()
        world.end(claimed, end)
        polls.ended(job)
        answer = asked.result(10)
    assert answer.status_code == status
    pending = client.get(f"{BASE}/jobs?pending=true").json()["jobs"]
    assert job not in [one["id"] for one in pending]


def test_tags_are_replaced(client: RuntimeClient) -> None:
    job = client.job(tags=["old"])
    assert client.put(f"{BASE}/jobs/{job}/tags", json={"tags": ["b", "a", "b"]}).status_code == 204
    assert client.get(f"{BASE}/jobs/{job}").json()["tags"] == ["a", "b"]
    for body in (
        {},
        {"tags": "a"},
        {"tags": ["x" * 100]},
        {"tags": ["t"] * 5 + list(map(str, range(20)))},
    ):
        assert client.put(f"{BASE}/jobs/{job}/tags", json=body).status_code == 400


def test_a_deleted_job_is_gone_and_a_waiting_one_cannot_be(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    waiting = client.job()
    assert code(client.delete(f"{BASE}/jobs/{waiting}")) == (409, 1350)
    job = run(world, client)
    assert client.delete(f"{BASE}/jobs/{job}").status_code == 204
    for path in ("", "/results", "/metrics"):
        assert code(client.get(f"{BASE}/jobs/{job}{path}")) == (404, 1291)
    assert code(client.delete(f"{BASE}/jobs/{job}")) == (404, 1291)
    ids = [one["id"] for one in client.get(f"{BASE}/jobs").json()["jobs"]]
    assert job not in ids
    assert waiting in ids


def test_metrics_and_logs_tell_times_use_and_place(
    world: RuntimeWorld, client: RuntimeClient
) -> None:
    job = client.job()
    waits = client.get(f"{BASE}/jobs/{job}/metrics").json()
    assert waits["usage"]["status"] == "pending"
    assert waits["position_in_queue"] >= 1
    assert set(waits["timestamps"]) == {"created"}
    assert waits["estimated_completion_time"] >= waits["estimated_start_time"]
    ended = client.get(f"{BASE}/jobs/{run(world, client)}/metrics").json()
    assert ended["usage"] == {
        "status": "final", "quantum_seconds": USED, "seconds": USED,
        "qpu_charge_time_seconds": USED,
    }  # fmt: skip
    assert set(ended["timestamps"]) == {"created", "running", "finished"}
    text = client.get(f"{BASE}/jobs/{run(world, client, 'failed')}/logs")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.count("\n") == 3
    assert "failed: no engine finished within 1 s (limit-time)" in text.text


def test_what_is_no_job_is_not_there(client: RuntimeClient) -> None:
    for name in ("x", "0" * 20, "..", "%00", "é" * 20, "a" * 200):
        assert client.get(f"{BASE}/jobs/{name}").status_code == 404


def test_a_job_of_another_interface_is_seen_too(world: RuntimeWorld) -> None:
    found = world.client("member").get(f"{BASE}/jobs/{world.world.own['charged']}").json()
    assert (found["program"]["id"], found["status"]) == ("circuit", "Completed")
    assert "params" not in found
    assert world.centre.perform(verbs.open_queue, SYSTEM)["groups"] > 0
    assert PARAMS["version"] == 2
