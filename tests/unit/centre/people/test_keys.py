"""Keys: what they may do, whose they are, and that revoking them acts at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import event

from markaz.centre.access import SCOPES, CentreRole
from markaz.centre.people import keys, login, queries, tokens, verbs
from markaz.centre.people.keys import Authenticator
from tests.people_tools import BOTH, DAY, HOUR, PASSWORD, People, refusal, told

NOT_VALID = (
    "unauthenticated",
    "this key is not valid here: unknown, revoked or expired; log in or make a new one",
)


class Statements:
    """Counts the statements that the database gets."""

    def __init__(self, people: People) -> None:
        self.count = 0
        event.listen(people.centre.engine, "before_cursor_execute", self._add)

    def _add(self, *_: Any) -> None:
        self.count += 1


def test_key_says_whose_it_is_and_what_it_may(people: People) -> None:
    ali = people.join("ali")
    made = people.do(verbs.create_key, ali, label="script")
    who = people.who(made["secret"])
    assert (who.id, who.kind, who.roles, who.project) == (ali.id, "user", frozenset(), None)
    assert who.scopes == {"devices:read", "jobs:read", "jobs:write", "projects:read"}
    assert made["scopes"] == sorted(who.scopes)
    assert made["shown"] == made["secret"][:12] + "…"
    assert made["expires_at"] == made["created_at"] + 365 * DAY


@BOTH
def test_session_may_all_and_lasts_twelve_hours(people: People) -> None:
    people.join("ali")
    opened = login.log_in(people.centre, login="ali", password=PASSWORD)
    assert opened["secret"].startswith("mkz_s_")
    assert opened["expires_at"] - opened["created_at"] == 12 * HOUR
    assert people.who(opened["secret"]).scopes is None
    people.later(12 * HOUR)
    assert told(lambda: people.who(opened["secret"])) == NOT_VALID


def test_roles_need_the_scope_operate(people: People) -> None:
    narrow = people.do(verbs.create_key, people.operator, label="ci", scopes=["jobs:read"])
    who = people.who(narrow["secret"])
    assert who.roles == {CentreRole.OPERATOR}
    assert not who.has(CentreRole.OPERATOR)
    assert refusal(lambda: people.ask(queries.list_people, who)).kind == "forbidden"


def test_key_cannot_give_what_it_lacks(people: People) -> None:
    ali = people.join("ali")
    maker = people.who(
        people.do(verbs.create_key, ali, label="maker", scopes=["account", "jobs:read"], days=10)[
            "secret"
        ]
    )
    wider = refusal(lambda: people.do(verbs.create_key, maker, label="x", scopes=["jobs:write"]))
    assert (wider.kind, wider.message) == (
        "forbidden",
        "a key cannot give the scope 'jobs:write', which it lacks itself",
    )
    child = people.do(verbs.create_key, maker, label="child", days=None)
    assert child["scopes"] == ["jobs:read"]
    parent = people.ask(queries.list_keys, ali)["items"]
    assert child["expires_at"] == next(k["expires_at"] for k in parent if k["label"] == "maker")
    reader = people.who(child["secret"])
    assert refusal(lambda: people.do(verbs.create_key, reader, label="x")).kind == "forbidden"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", ["all"]),
        ("scopes", []),
        ("scopes", "jobs:read"),
        ("scopes", [1]),
        ("scopes", 5),
        ("label", ""),
        ("label", "x" * 101),
        ("days", 0),
        ("days", 3651),
        ("days", 1.5),
    ],
)
def test_bad_key_is_refused(people: People, field: str, value: object) -> None:
    given = {"label": "x"} | {field: value}
    error = refusal(lambda: people.do(verbs.create_key, people.operator, **given))
    assert (error.kind, error.field) == ("invalid", field)


@BOTH
def test_key_of_one_project_stays_there(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    mine, other = people.project("mine", ali), people.project("other", ali)
    people.project("closed-to-ali", bina)
    made = people.do(
        verbs.create_key, ali, label="x", project="mine", scopes=["account", "jobs:read"]
    )
    bound = people.who(made["secret"])
    assert bound.project == mine == made["project"]
    child = people.do(verbs.create_key, bound, label="y")
    assert child["project"] == mine
    unknown = ("not-found", "there is no such project")
    assert told(lambda: people.do(verbs.create_key, bound, label="y", project=other)) == unknown
    for name in ("closed-to-ali", "nowhere", "a\x07b"):
        kind = refusal(
            lambda name=name: people.do(verbs.create_key, ali, label="y", project=name)
        ).kind
        assert kind in ("not-found", "invalid")
    wide = refusal(
        lambda: people.do(
            verbs.create_key, people.operator, label="y", project="default", scopes=["operate"]
        )
    )
    assert wide.kind == "forbidden"


def test_number_of_keys_is_bounded(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markaz.centre.people.key_verbs.MOST_KEYS", 2)
    ali = people.join("ali")
    first = people.do(verbs.create_key, ali, label="1")
    people.do(verbs.create_key, ali, label="2")
    assert refusal(lambda: people.do(verbs.create_key, ali, label="3")).kind == "quota"
    people.do(verbs.revoke_key, ali, key=first["id"])
    people.do(verbs.create_key, ali, label="3")


@BOTH
def test_unknown_revoked_and_expired_keys_are_told_the_same(people: People) -> None:
    ali = people.join("ali")
    revoked = people.do(verbs.create_key, ali, label="1")
    expired = people.do(verbs.create_key, ali, label="2", days=1)
    people.do(verbs.revoke_key, ali, key=revoked["id"])
    people.later(DAY)
    for token in (tokens.new("u").text, revoked["secret"], expired["secret"]):
        assert told(lambda token=token: people.who(token)) == NOT_VALID


def test_typo_costs_no_query(people: People) -> None:
    authenticator = Authenticator(people.centre)
    statements = Statements(people)
    secret = people.made["secret"]["api_key"]
    wrong = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    assert refusal(lambda: authenticator.authenticate(wrong)).message == (
        "this key is mistyped or cut off: its checksum does not match"
    )
    assert statements.count == 0
    authenticator.authenticate(secret)
    assert statements.count > 0


def test_known_key_is_remembered_for_a_second(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = Authenticator(people.centre)
    secret = people.made["secret"]["api_key"]
    assert authenticator.recall(secret) is None
    who = authenticator.authenticate(secret)
    people.do(keys.note_use, keys.SYSTEM, key=who.key)  # waits until the noted use is written
    statements = Statements(people)
    assert [authenticator.authenticate(secret) for _ in range(50)] == [who] * 50
    assert authenticator.recall(secret) == who
    assert statements.count == 0
    now = keys.time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: now + keys.REMEMBERED_SECONDS)
    assert authenticator.recall(secret) is None
    assert authenticator.authenticate(secret) == who
    assert statements.count > 0


@pytest.mark.parametrize("how", ["revoke", "log_out", "suspend", "erase", "password", "role"])
def test_remembered_key_is_forgotten_at_once(people: People, how: str) -> None:
    people.join("ali")
    session = login.log_in(people.centre, login="ali", password=PASSWORD)
    ali = people.who(session["secret"])
    authenticator = Authenticator(people.centre)
    assert authenticator.authenticate(session["secret"]) == ali
    if how == "revoke":
        people.do(verbs.revoke_key, people.operator, key=session["id"])
    elif how == "log_out":
        people.do(verbs.log_out, ali)
    elif how == "suspend":
        people.do(verbs.suspend, people.operator, user="ali", reason="x")
    elif how == "erase":
        people.do(verbs.erase, people.operator, user="ali")
    elif how == "password":
        code = people.do(verbs.issue_code, people.operator, user="ali", lost="password")["secret"]
        login.set_password(people.centre, code=code, password="another otter ten")
    else:
        people.do(verbs.grant_role, people.operator, user="ali", role="director")
        assert authenticator.authenticate(session["secret"]).roles == {CentreRole.DIRECTOR}
        return
    assert told(lambda: authenticator.authenticate(session["secret"])) == NOT_VALID


def test_row_read_before_a_revocation_is_not_remembered_after_it(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = Authenticator(people.centre)
    operator = people.operator
    made = people.do(verbs.create_key, operator, label="x")
    read, go = threading.Event(), threading.Event()
    honest = keys._read

    def slow(*arguments: Any) -> Any:
        known = honest(*arguments)
        read.set()
        assert go.wait(10)
        return known

    monkeypatch.setattr(keys, "_read", slow)
    thread = threading.Thread(target=authenticator.authenticate, args=[made["secret"]])
    thread.start()
    assert read.wait(10)
    people.do(verbs.revoke_key, operator, key=made["id"])
    go.set()
    thread.join()
    assert authenticator.recall(made["secret"]) is None


def test_use_is_noted_once_a_minute(people: People) -> None:
    ali = people.join("ali")
    made = people.do(verbs.create_key, ali, label="x")
    authenticator = Authenticator(people.centre)

    def noted() -> int | None:
        people.do(verbs.log_out, people.operator.__class__("system", "user"))  # after what waits
        listed = people.ask(queries.list_keys, ali)["items"]
        return next(k["last_used_at"] for k in listed if k["label"] == "x")

    assert noted() is None
    authenticator.authenticate(made["secret"])
    first = noted()
    assert first is not None
    authenticator.forget()
    people.later(59_000_000)
    authenticator.authenticate(made["secret"])
    assert noted() == first
    people.later(1_000_000)
    authenticator.authenticate(made["secret"])
    second = noted()
    assert second is not None
    assert second > first + 59_000_000


def test_worker_key_opens_nothing_else(people: People) -> None:
    made = people.do(verbs.create_worker_key, people.operator, label="gpu host")
    worker = people.who(made["secret"])
    assert (worker.id, worker.kind, worker.scopes) == (made["id"], "worker", frozenset())
    for act in (queries.me, queries.list_people, queries.list_keys):
        assert refusal(lambda act=act: people.ask(act, worker)).kind in (
            "unauthenticated",
            "forbidden",
        )
    listed = people.ask(queries.list_worker_keys, people.operator)["items"]
    assert [key["label"] for key in listed] == ["local workers", "gpu host"]
    people.do(verbs.revoke_key, people.operator, key=made["id"])
    assert told(lambda: people.who(made["secret"])) == NOT_VALID


def test_others_keys_are_not_there(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    made = people.do(verbs.create_key, ali, label="x")
    missing = ("not-found", "there is no such key")
    for key in (made["id"], "0" * 20, "x", None):
        assert told(lambda key=key: people.do(verbs.revoke_key, bina, key=key)) == missing
    assert refusal(lambda: people.ask(queries.list_keys, bina, user=ali.id)).kind == "not-found"
    people.do(verbs.revoke_key, people.operator, key=made["id"])
    assert people.do(verbs.revoke_key, people.operator, key=made["id"])["revoked"]


def test_me_shows_what_this_key_may(people: People) -> None:
    me = people.ask(queries.me, people.operator)
    assert (me["login"], me["roles"], me["scopes"]) == ("admin", ["operator"], sorted(SCOPES))
