"""Who may do what: every route, every role, own and others' things, each with its outcome."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from markaz.centre.access import CentreRole, system
from markaz.centre.centre import Centre
from markaz.centre.ids import new_id
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.table import ROUTES
from tests.rest_fakes import silence
from tests.rest_world import ROLES, Sent, World, build, requests, send, undone

# Needs a code of this moment; `tests/unit/centre/people` has it.
TIMED: Final = {"post_me_totp_confirm"}
QUIET: Final = {"requests_per_minute": 10**6, "requests_per_minute_anonymous": 10**6,
                "requests_per_minute_total": 10**7, "logins_per_minute": 10**6,
                "workers": 0, "sign_up": True}  # fmt: skip
MEMBERS = {"member", "project_trainer", "project_allocator", "co_pi", "pi"}
LEADS = {"co_pi", "pi"}
PERSONS = set(ROLES) - {"anonymous"}
VIEWERS = {"operator", "director", "allocator"}  # of every project

# For each kind of rule: who may, and who may see that there is something to be refused.
# "own": things of a project that the project's roles are in, or of the asker; else "other".
Cell = tuple[set[str], set[str]]
MAY: Final[dict[Who, dict[str, Cell]]] = {
    Who.PERSON: {"own": (PERSONS, set()), "other": (PERSONS, set())},
    Who.SELF: {"own": (PERSONS, set()), "other": ({"operator"}, set())},
    Who.PROFILE: {"own": (PERSONS, set()), "other": ({"operator", "director"}, set())},
    Who.INSIDER: {"own": (MEMBERS, set()), "other": (set(), set())},
    Who.MEMBER: {"own": (MEMBERS | VIEWERS, set()), "other": (VIEWERS, set())},
    Who.ACCOUNT: {"own": (MEMBERS | VIEWERS, set()), "other": (VIEWERS, set())},
    Who.LEAD: {
        "own": (LEADS | {"operator"}, MEMBERS | VIEWERS),
        "other": ({"operator"}, VIEWERS),
    },
    Who.INVITER: {
        "own": (LEADS | {"project_trainer", "operator"}, MEMBERS | VIEWERS),
        "other": ({"operator"}, VIEWERS),
    },
    Who.SHARER: {
        "own": (LEADS | {"project_allocator", "operator"}, MEMBERS | VIEWERS),
        "other": ({"operator"}, VIEWERS),
    },
    Who.MANAGER: {
        "own": ({"operator", "allocator"}, MEMBERS | VIEWERS),
        "other": ({"operator", "allocator"}, VIEWERS),
    },
    Who.PROJECT_OPERATOR: {
        "own": ({"operator"}, MEMBERS | VIEWERS),
        "other": ({"operator"}, VIEWERS),
    },
    Who.INVITATION: {
        "own": (LEADS | {"project_trainer", "operator"}, set()),
        "other": ({"operator"}, set()),
    },
    Who.BOOKER: {"own": (LEADS | {"operator"}, MEMBERS), "other": ({"operator"}, set())},
    Who.RESERVATION: {"own": (LEADS | {"operator"}, MEMBERS), "other": ({"operator"}, set())},
    Who.SUBMITTER: {"own": (MEMBERS, set()), "other": (set(), set())},
    Who.JOB_READER: {
        "own": (LEADS | {"member", "project_trainer", "operator", "director"}, set()),
        "other": ({"operator", "director"}, set()),
    },
    Who.JOB_CONTENTS: {
        "own": (LEADS | {"member", "project_trainer", "operator", "director"}, set()),
        "other": ({"operator", "director"}, set()),
    },
    Who.JOB_OWNER: {
        "own": (LEADS | {"member", "operator"}, {"project_trainer", "director"}),
        "other": ({"operator"}, {"director"}),
    },
    Who.SESSION: {
        "own": (LEADS | {"member", "operator", "director"}, set()),
        "other": ({"operator", "director"}, set()),
    },
    Who.SESSION_CLOSER: {
        "own": (LEADS | {"member", "operator"}, {"director"}),
        "other": ({"operator"}, {"director"}),
    },
    Who.OPERATOR: {"own": ({"operator"}, PERSONS), "other": ({"operator"}, PERSONS)},
    Who.ALLOCATOR: {
        "own": ({"operator", "allocator"}, PERSONS),
        "other": ({"operator", "allocator"}, PERSONS),
    },
    Who.OVERSEER: {
        "own": ({"operator", "director"}, PERSONS),
        "other": ({"operator", "director"}, PERSONS),
    },
    Who.VIEWER: {"own": (VIEWERS, PERSONS), "other": (VIEWERS, PERSONS)},
}
# Routes that are entered with a password or a code instead of a key.
DOORS: Final = {r.operation for r in ROUTES if r.act.rule is system} | {"post_invitations_accept"}


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **QUIET})) as centre:
        yield build(centre)


def cell(world: World, route: Route, role: str, whose: str) -> Any:
    """The answer to ``role`` who asks for ``whose`` things."""
    target = world.own if whose == "own" else world.other
    sent = requests(world, target, role).get(route.operation, Sent())
    return send(world.browser(role), route, sent)


def expected(route: Route, role: str, whose: str) -> str:
    """ "may", or the status of the refusal."""
    if route.who is Who.ANYONE:
        return "may"
    if role == "anonymous":
        return "401"
    may, may_see = MAY[route.who][whose]
    return "may" if role in may else "403" if role in may_see else "404"


def outcome(answer: Any) -> str:
    """ "may" if the rule let it pass, whatever the thing's state then said."""
    return "may" if answer.status_code in (200, 201, 409) else str(answer.status_code)


def test_every_route_is_declared_with_a_rule_and_a_request(world: World) -> None:
    asked = requests(world, world.own, "operator")
    needs = {r.operation for r in ROUTES if r.names or (r.body and r.method != "GET")}
    assert needs - set(asked) == set()
    assert set(asked) - {r.operation for r in ROUTES} == set()
    assert {r.who for r in ROUTES} - {Who.ANYONE} == set(MAY)
    assert len({(r.method, r.path) for r in ROUTES}) == len(ROUTES)
    assert len({r.operation for r in ROUTES}) == len(ROUTES)
    assert all(r.path.startswith("/v1/") for r in ROUTES)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_admits_whom_it_says(world: World, role: str) -> None:
    wrong = []
    with undone(world):
        for route in ROUTES:
            if route.operation in DOORS and role != "anonymous":
                continue
            for whose in ("own", "other"):
                answer = cell(world, route, role, whose)
                want, got = expected(route, role, whose), outcome(answer)
                if route.operation in DOORS and want == "may":
                    got = "may" if answer.status_code in (200, 201, 401) else got
                if want != got:
                    wrong.append((route.operation, whose, want, got, answer.text[:200]))
    assert wrong == []


@pytest.mark.parametrize("who", ["suspended", "expired", "pending", "worker"])
def test_a_key_that_is_none_opens_nothing(world: World, who: str) -> None:
    statuses = set()
    with undone(world):
        for route in ROUTES:
            if who == "worker" and route.who is Who.ANYONE:
                continue
            sent = requests(world, world.own, "member").get(route.operation, Sent())
            statuses.add(send(world.browser(who), route, sent).status_code)
    assert statuses <= ({401} if who != "worker" else {401, 403})


def test_a_narrow_key_opens_only_what_its_scope_says(world: World) -> None:
    wrong = []
    with undone(world):
        for route in ROUTES:
            scope = route.act.scope
            if route.operation in DOORS or scope is None:
                continue
            sent = requests(world, world.own, "narrow").get(route.operation, Sent())
            answer = send(world.browser("narrow"), route, sent)
            refused = answer.status_code == 403 and answer.json()["details"]["scope"] == scope
            if refused == (scope == "devices:read"):
                wrong.append((route.operation, answer.text))
    assert wrong == []


def test_another_tenants_thing_answers_like_one_that_is_not_there(world: World) -> None:
    compared, wrong = 0, []
    hidden = [r for r in ROUTES if r.names and r.who in MAY]
    with undone(world):
        for role in ("outsider", "member", "pi", "reviewer"):
            for route in hidden:
                if expected(route, role, "other") != "404":
                    continue
                sent = requests(world, world.other, role)[route.operation]
                ids = set(world.other.values()) | set(world.ids.values())
                swap = {v: new_id(world.now) for v in ids}
                absent = Sent(
                    {k: swap.get(v, v) for k, v in sent.path.items()},
                    sent.query,
                    _swapped(sent.body, swap),
                )
                there, not_there = (send(world.browser(role), route, s) for s in (sent, absent))
                compared += 1
                if (there.status_code, there.json()) != (not_there.status_code, not_there.json()):
                    wrong.append((route.operation, role, there.text, not_there.text))
                if names(there) != names(not_there):
                    wrong.append((route.operation, role, names(there), names(not_there)))
    assert wrong == []
    assert compared > 100


def _swapped(body: Any, swap: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {k: swap.get(v, v) if isinstance(v, str) else v for k, v in body.items()}
    return body


def names(answer: Any) -> list[str]:
    """The headers of an answer, apart from what counts requests."""
    return sorted(name for name in answer.headers if not name.startswith("ratelimit"))


# What is written down.


def changing() -> list[Route]:
    """Routes whose change is made by a verb in the caller's name."""
    return [r for r in ROUTES if r.act.changes and r.operation not in DOORS | TIMED]


def entitled(route: Route) -> str:
    """A role that may use ``route`` on its own things."""
    if route.who is Who.ANYONE:
        return "anonymous"
    if route.operation in ("delete_me", "delete_users_user"):
        return "outsider"  # nothing keeps this one here
    may = MAY[route.who]["own"][0]
    return next(role for role in ("co_pi", "operator", "member") if role in may)


def test_every_change_writes_its_audit_entry(world: World) -> None:
    wrong = []
    with undone(world) as entries:
        for route in changing():
            entries.clear()
            answer = cell(world, route, entitled(route), "own")
            written = [verb for verb, _ in entries]
            if answer.status_code not in (200, 201) or route.does not in written:
                wrong.append((route.operation, answer.status_code, answer.text[:200], written))
    assert wrong == []
    assert len(changing()) > 50


def test_no_query_writes_anything(world: World) -> None:
    with undone(world) as entries:
        for route in ROUTES:
            if not route.act.changes:
                cell(world, route, "operator", "own")
    assert entries == []


def test_a_change_without_its_audit_entry_does_not_happen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def rows() -> list[Any]:
        with world.centre.engine.connect() as connection:
            return [
                (table.name, connection.execute(table.select()).all())
                for table in sorted(tables(), key=lambda t: t.name)
            ]

    before, statuses = rows(), {}
    with monkeypatch.context() as patch:
        patch.setattr(world.centre.services.chain, "add", full)
        for route in changing():
            statuses[route.operation] = cell(world, route, entitled(route), "own").status_code
    assert {k: v for k, v in statuses.items() if v != 507} == {}
    assert rows() == before


def tables() -> list[Any]:
    """All tables but those that note the use of keys."""
    from markaz.centre.db.schema import metadata

    return [t for t in metadata.tables.values() if t.name not in ("api_keys",)]


def test_the_roles_of_the_centre_are_all_tried() -> None:
    assert {role.name.lower() for role in CentreRole} <= set(ROLES)
