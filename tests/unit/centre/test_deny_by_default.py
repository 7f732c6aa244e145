"""What nobody was given, nobody has: every verb and query is tried by strangers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from markaz.centre.access import ANONYMOUS, QUERIES, VERBS, Act, Principal
from markaz.centre.announcements import queries as announcement_queries
from markaz.centre.announcements import verbs as announcement_verbs
from markaz.centre.audit import queries as audit_queries
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people import credentials, identities, keys, personal, runtime_keys
from markaz.centre.people import queries as people_queries
from markaz.centre.people import verbs as people_verbs
from markaz.centre.projects import first
from markaz.centre.projects import queries as project_queries
from markaz.centre.projects import verbs as project_verbs
from markaz.centre.settings import Settings
from tests.people_tools import People, cheap_hashes, set_up

MODULES = (
    announcement_queries, announcement_verbs, audit_queries, credentials, first, identities, keys,
    people_queries, people_verbs, personal, runtime_keys, project_queries, project_verbs,
)  # fmt: skip
FEATURES = (
    *("announcements.", "audit.", "centre.set_up", "institutions.", "keys.", "people."),
    "projects.",
)
ACTS = {n: a for n, a in sorted((VERBS | QUERIES).items()) if n.startswith(FEATURES)}

# What a stranger without a key may do, and what a person who is in no project may do to
# nobody but themselves. All else is refused.
OPEN_TO_ALL = {"announcements.list", "institutions.list", "people.recover"}
OWN_AFFAIRS = OPEN_TO_ALL | {
    "institutions.show", "keys.create", "keys.end_sessions", "keys.leaked", "keys.list",
    "keys.log_out", "keys.warnings", "people.change", "people.erase", "people.export",
    "people.identities", "people.me", "people.show", "people.totp_begin", "people.totp_confirm",
    "projects.accept", "projects.list", "projects.request",
}  # fmt: skip


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def people(
    settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[People]:
    cheap_hashes(monkeypatch)
    with Centre.open(settings_for()) as centre:
        yield set_up(centre)


def arguments(people: People, act: Act, victim: Principal, project: str) -> dict[str, Any]:
    """Arguments that name real things of somebody else."""
    keys_left = people.ask(people_queries.list_keys, victim)["items"]
    key = keys_left[0]["id"] if keys_left else "none"
    invitation = people.do(project_verbs.invite, victim, project=project)["id"]
    known = {
        "user": victim.id, "project": project, "key": key, "invitation": invitation,
        "institution": people.made["institution"], "role": "member", "devices": [],
        "lost": "password", "ends_at": 2**52, "shares": 1, "demo": False, "step": None,
        "days": None, "scopes": None, "limit": 50, "email": "x@example.org", "language": "en",
    }  # fmt: skip
    wanted = list(inspect.signature(act.body).parameters.values())[2:]
    given = {
        p.name: known.get(p.name, "x") for p in wanted if p.name in known or p.default is p.empty
    }
    return {name: value for name, value in given.items() if value is not None}


def refusal_of(people: People, act: Act, actor: Principal, given: dict[str, Any]) -> str | None:
    """Kind of the refusal; None if the rule let ``actor`` pass (whatever came of it)."""
    do = people.do if act.changes else people.ask
    try:
        do(act, actor, **given)
    except CentreError as error:
        return error.kind if error.kind in ("unauthenticated", "forbidden", "not-found") else None
    return None


def test_all_features_are_tried() -> None:
    named = {
        act.name for module in MODULES for act in vars(module).values() if isinstance(act, Act)
    }
    assert named == set(ACTS)
    assert set(ACTS) > OWN_AFFAIRS


def test_strangers_are_refused(people: People) -> None:
    victim = people.join("victim", "v@example.org")
    project = people.project("theirs", victim)
    passed = set()
    for name, act in ACTS.items():
        given = arguments(people, act, victim, project)
        refused = refusal_of(people, act, ANONYMOUS, given)
        if refused is None:
            passed.add(name)
        else:
            assert refused in ("unauthenticated", "forbidden"), name
    assert passed == OPEN_TO_ALL


def test_outsiders_are_refused(people: People) -> None:
    victim = people.join("victim", "v@example.org")
    project = people.project("theirs", victim)
    passed = set()
    for number, (name, act) in enumerate(ACTS.items()):
        outsider = people.join(f"outsider{number}")
        given = arguments(people, act, victim, project)
        if "user" in given and name in OWN_AFFAIRS:
            assert refusal_of(people, act, outsider, given) == "not-found", name
            del given["user"]  # to themselves they may
        refused = refusal_of(people, act, outsider, given)
        if refused is None or (name == "people.change" and refused == "forbidden"):
            passed.add(name)  # of a profile, the institution may not be changed
        if name in ("keys.create", "projects.accept"):  # with something of their own, they may
            passed.add(name)
    assert passed == OWN_AFFAIRS


def test_key_without_scopes_does_nothing_but_end_itself(people: People) -> None:
    operator = people.operator
    powerless = Principal(
        operator.id, "user", operator.roles, frozenset(), operator.key, operator.project
    )
    passed = set()
    ends = ("keys.leaked", "keys.log_out")
    for name, act in sorted(ACTS.items(), key=lambda item: item[0] in ends):
        given = arguments(people, act, operator, "default")
        if refusal_of(people, act, powerless, given) is None:
            passed.add(name)
    assert passed == OPEN_TO_ALL | {
        "institutions.show", "keys.leaked", "keys.log_out", "keys.warnings", "people.me",
    }  # fmt: skip
