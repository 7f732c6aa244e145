"""Who may do what over the runtime client's wire: every route, every role, own and others'
things, each with its outcome; and what no rule lets pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import update

from markaz.centre.access import VERBS
from markaz.centre.centre import Centre
from markaz.centre.ids import new_id
from markaz.centre.jobs.tables import jobs
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.limits import Limit
from markaz.interfaces.rest_api.routes import Who
from markaz.interfaces.runtime_api import polls
from markaz.interfaces.runtime_api.crn import GRANT, crn_of
from markaz.interfaces.runtime_api.routes import PREFIXES, Route
from markaz.interfaces.runtime_api.table import ROUTES
from tests.attacks.test_rest_access import MAY, QUIET
from tests.rest_fakes import Browser, silence
from tests.rest_world import ROLES, build, undone
from tests.runtime_world import PARAMS, RuntimeWorld

OURS: Final = [route for route in ROUTES if route.who is not Who.ANYONE]


@pytest.fixture(scope="module")
def world(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RuntimeWorld]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with pytest.MonkeyPatch.context() as patch, silence():
        patch.setattr(polls, "YOUNG_HOLD", 0.0)
        patch.setattr(polls, "LOOP_HOLD", 0.0)
        with Centre.open(Settings({"data": str(data), **QUIET})) as centre:
            built = RuntimeWorld(build(centre))
            built.world.do(lambda work: _known_to_this_wire(work, built))
            yield built


def _known_to_this_wire(work: Any, world: RuntimeWorld) -> None:
    """The jobs that have ended came over this wire and hold no result."""
    ended = [world.world.own["charged"], world.world.other["charged"]]
    work.run(update(jobs).where(jobs.c.id.in_(ended)).values(kind="sampler"))


def key_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def request_of(route: Route, target: dict[str, str]) -> dict[str, Any]:
    """A valid request: names in the path, parameters, body."""
    names = {"job": target["job"], "session": target["session"], "name": "simulator"}
    if route.method == "DELETE" and "job" in route.path:
        names["job"] = target["charged"]  # one that has ended
    bodies: dict[str, Any] = {
        "POST jobs": {"program_id": "sampler", "backend": "simulator", "params": PARAMS},
        "POST sessions": {"backend": "simulator", "mode": "batch"},
        "PATCH sessions/{session}": {"accepting_jobs": False},
        "PUT jobs/{job}/tags": {"tags": ["a"]},
        "POST /v3/resources/search": {"query": "service_name:quantum-computing"},
    }
    return {"names": names, "body": bodies.get(key_of(route))}


def send(
    world: RuntimeWorld, route: Route, role: str, target: dict[str, str], prefix: int = 0
) -> Any:
    asked = request_of(route, target)
    path = route.addresses[prefix % len(route.addresses)].format(**asked["names"])
    browser = Browser(world.app, world.world.keys.get(role))
    headers = {"Service-CRN": crn_of(target["project"])}
    content = None if asked["body"] is None else json.dumps(asked["body"]).encode()
    return browser.request(route.method, path, content=content, headers=headers)


def expected(route: Route, role: str, whose: str) -> str:
    if role == "anonymous":
        return "401"
    may, may_see = MAY[route.who][whose]
    if role in may:
        return "may"
    if role in may_see:
        return "403"
    # Where jobs are submitted, 404 would mean that there is no such program.
    return "400" if route.who is Who.SUBMITTER else "404"


def outcome(answer: Any) -> str:
    return "may" if answer.status_code in (200, 204, 409) else str(answer.status_code)


def test_every_route_says_who_may_and_what_it_does() -> None:
    assert {route.who for route in OURS} <= set(MAY)
    assert all(route.act.rule is not None for route in ROUTES if route.does)
    assert {route.path for route in ROUTES if not route.does} == {"/api/v1/{plan}"}
    assert len({(r.method, r.path) for r in ROUTES}) == len(ROUTES)
    addresses = [(r.method, a) for r in ROUTES for a in r.addresses]
    assert len(set(addresses)) == len(addresses)
    assert PREFIXES == ("/experimental/api/v1", "/api/v1")


@pytest.mark.parametrize("role", ROLES)
def test_every_route_admits_whom_it_says(world: RuntimeWorld, role: str) -> None:
    wrong = []
    with undone(world.world):
        for number, route in enumerate(OURS):
            for whose in ("own", "other"):
                target = world.world.own if whose == "own" else world.world.other
                answer = send(world, route, role, target, prefix=number)
                want, got = expected(route, role, whose), outcome(answer)
                if want != got:
                    wrong.append((key_of(route), whose, want, got, answer.text[:200]))
    assert wrong == []


@pytest.mark.parametrize("who", ["suspended", "expired", "pending", "worker"])
def test_a_key_that_is_none_opens_nothing(world: RuntimeWorld, who: str) -> None:
    with undone(world.world):
        statuses = {send(world, route, who, world.world.own).status_code for route in OURS}
    assert statuses == {401}


def test_a_narrow_key_opens_only_what_its_scope_says(world: RuntimeWorld) -> None:
    wrong = []
    with undone(world.world):
        for route in OURS:
            answer = send(world, route, "narrow", world.world.own)
            # Whoever changes a job must be allowed to see it, too.
            refused = answer.status_code == 403 and "this key lacks the scope" in answer.text
            if refused == (route.act.scope == "devices:read"):
                wrong.append((key_of(route), answer.status_code, answer.text[:200]))
    assert wrong == []


def test_another_tenants_thing_answers_like_one_that_is_not_there(world: RuntimeWorld) -> None:
    wrong, compared = [], 0
    absent = {name: new_id(world.world.now) for name in world.world.other}
    with undone(world.world):
        for role in ("outsider", "member", "pi", "reviewer"):
            for route in OURS:
                if expected(route, role, "other") == "may" or not route.names:
                    continue
                there = send(world, route, role, world.world.other)
                nowhere = absent | {"project": world.world.other["project"]}
                not_there = send(world, route, role, nowhere)
                compared += 1
                said = [_without_trace(answer) for answer in (there, not_there)]
                if said[0] != said[1]:
                    wrong.append((key_of(route), role, said))
    assert wrong == []
    assert compared > 30


def _without_trace(answer: Any) -> tuple[int, Any]:
    return answer.status_code, {k: v for k, v in answer.json().items() if k != "trace"}


def test_every_change_writes_its_audit_entry_and_no_look_does(world: RuntimeWorld) -> None:
    wrong = []
    with undone(world.world) as entries:
        for route in OURS:
            entries.clear()
            answer = send(world, route, "member", world.world.own)
            written = [verb for verb, _ in entries]
            changes = route.act.changes
            if answer.status_code >= 300 or changes != (route.does in written):
                wrong.append((key_of(route), answer.status_code, answer.text[:200], written))
    assert wrong == []


def test_a_session_of_a_browser_is_no_key_here(world: RuntimeWorld) -> None:
    form = {"grant_type": GRANT, "apikey": "mkz_b_" + "0" * 49}
    answer = Browser(world.app).post("/identity/token", data=form)
    assert answer.status_code == 400


def test_methods_and_addresses_that_are_none_are_refused_in_the_clients_format(
    world: RuntimeWorld,
) -> None:
    browser = Browser(world.app, world.world.keys["member"])
    for method, path, status in (
        ("PUT", "/api/v1/jobs", 405), ("GET", "/identity/token", 405),
        ("GET", "/api/v1/jobs/a/b/c", 404), ("GET", "/experimental/api/v1/nothing", 404),
        ("GET", "/api/v1/", 404), ("GET", "/experimental/api/v1//jobs", 404),
        ("DELETE", "/api/v1/backends/simulator/status", 405),
    ):  # fmt: skip
        answer = browser.request(method, path)
        assert (answer.status_code, set(answer.json())) == (status, {"errors", "error", "trace"})


def test_too_many_requests_say_when_to_come_again(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No time passes, and none is waited: a slow machine would get some of its quota back.
    monkeypatch.setattr(Limit.__init__, "__defaults__", (lambda: 0.0,))
    for hold in ("YOUNG_HOLD", "LOOP_HOLD"):
        monkeypatch.setattr(polls, hold, 0.0)
    shutil.copy(sqlite_template, tmp_path / "markaz.db")
    few = Settings({"data": str(tmp_path), "workers": 0, "requests_per_minute": 3,
                    "logins_per_minute": 2})  # fmt: skip
    with silence(), Centre.open(few) as centre:
        small = RuntimeWorld(build(centre))
        answers = [send(small, OURS[-1], "member", small.world.own) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["errors"][0]["code"] == 1429
        poll = next(route for route in OURS if route.poll)
        polled = [send(small, poll, "member", small.world.own) for _ in range(31)]
        assert [one.status_code for one in polled] == [200] * 30 + [429]
        form = {"grant_type": GRANT, "apikey": "mkz_u_bad"}
        tried = [Browser(small.app).post("/identity/token", data=form) for _ in range(3)]
        assert [one.status_code for one in tried] == [400, 400, 429]
        assert "retry-after" in tried[-1].headers


def test_verbs_that_only_the_centre_does_are_on_no_route() -> None:
    reachable = {route.does for route in OURS}
    internal = {name for name in VERBS if VERBS[name].scope is None}
    assert reachable & internal == set()
