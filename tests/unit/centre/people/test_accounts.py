"""Accounts: asking, approving, making, suspending, roles, the profile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from markaz.centre.access import CentreRole, Principal, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people import login, queries, tables, verbs
from markaz.centre.settings import Settings
from tests import centre_rows
from tests.people_tools import BOTH, PASSWORD, Mailbox, People, refusal, set_up, told


def ask_for_account(people: People, name: str = "sana") -> str:
    made = login.sign_up(
        people.centre, login=name, name="Sana", email=f"{name}@example.org", password=PASSWORD
    )
    assert made == {"id": made["id"], "login": name, "state": "pending"}
    return str(made["id"])


def test_requested_account_works_once_it_is_approved(people: People) -> None:
    user = ask_for_account(people)
    assert told(lambda: people.log_in("sana")) == (
        "unauthenticated",
        "this account is pending; ask an operator",
    )
    approved = people.do(verbs.approve, people.operator, user="sana")
    assert approved == {"id": user, "state": "active"}
    assert people.log_in("Sana ").id == user
    assert told(lambda: people.do(verbs.approve, people.operator, user=user)) == (
        "conflict",
        "this account is active, not pending",
    )


def test_the_same_request_again_is_the_same_request(people: People) -> None:
    user = ask_for_account(people)
    assert ask_for_account(people) == user
    asked = {"login": "sana", "name": "Sana", "email": "sana@example.org", "password": PASSWORD}
    others = {
        "name": "Sana B",
        "email": "other@example.org",
        "language": "ur",
        "password": PASSWORD + "x",
    }
    taken = ("conflict", "the login 'sana' is taken")
    for field, value in others.items():
        changed = asked | {field: value}
        assert told(lambda: login.sign_up(people.centre, **changed)) == taken  # noqa: B023 - as below
    people.do(verbs.approve, people.operator, user="sana")
    assert told(lambda: login.sign_up(people.centre, **asked)) == taken


def test_a_repeated_request_is_no_way_to_try_passwords(people: People) -> None:
    ask_for_account(people)
    asked = {"login": "sana", "name": "Sana", "email": "sana@example.org"}
    free = int(people.centre.services.settings["logins_per_minute"])
    said = []
    for i in range(free + 1):
        wrong = f"{PASSWORD}{i}"
        said.append(told(lambda: login.sign_up(people.centre, **asked, password=wrong))[0])  # noqa: B023 - called at once
    assert said == ["conflict"] * free + ["rate-limited"]


def test_equal_requests_at_the_same_moment_are_one(people: People) -> None:
    found = []
    both = threading.Barrier(2)

    def ask() -> None:
        both.wait()
        found.append(ask_for_account(people))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 2
    assert len(set(found)) == 1


def test_refused_request_leaves_the_login_free(people: People) -> None:
    ask_for_account(people)
    people.do(verbs.refuse, people.operator, user="sana")
    assert refusal(lambda: people.do(verbs.approve, people.operator, user="sana")).kind == (
        "not-found"
    )
    ask_for_account(people)


def test_a_refused_request_takes_what_it_was_given_along(people: People) -> None:
    user = ask_for_account(people)
    centre_rows.put(
        people.centre, tables.api_keys, id="early", kind="b", user_id=user, label="early",
        hash="0" * 64, shown="mkz_b_", created_at=0,
    )  # fmt: skip
    centre_rows.put(people.centre, tables.centre_roles, user_id=user, role="reviewer", granted_at=0)
    centre_rows.put(
        people.centre, tables.identities, id="there", user_id=user, issuer="i", subject="s",
        linked_at=0,
    )  # fmt: skip
    people.do(verbs.refuse, people.operator, user="sana")
    for table in (tables.api_keys, tables.identities, tables.centre_roles):
        assert user not in {row["user_id"] for row in centre_rows.rows(people.centre, table)}
    ask_for_account(people)


def test_a_request_of_somebody_in_a_project_is_not_refused(people: People) -> None:
    user = ask_for_account(people)
    centre_rows.project(people.centre, members={Principal(user, "user"): ProjectRole.MEMBER})
    assert told(lambda: people.do(verbs.refuse, people.operator, user="sana")) == (
        "conflict",
        "this account is in use by now (in a project, say): erase it instead",
    )
    people.do(verbs.approve, people.operator, user="sana")
    assert people.log_in("sana").id == user


def test_active_account_cannot_be_refused(people: People) -> None:
    people.join("omar")
    assert told(lambda: people.do(verbs.refuse, people.operator, user="omar")) == (
        "conflict",
        "this account is active, not pending",
    )


@BOTH
def test_taken_login_is_a_conflict(people: People) -> None:
    ask_for_account(people)
    other = {"name": "Sana Two", "email": "two@example.org", "password": PASSWORD}
    assert told(lambda: login.sign_up(people.centre, login="SANA", **other)) == (
        "conflict",
        "the login 'sana' is taken",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "a"),
        ("login", "аdmin"),  # a Cyrillic а
        ("login", "x y"),
        ("login", "system"),
        ("login", "0123456789abcdefghjk"),  # the form of an id
        ("login", "-x"),
        ("login", 7),
        ("name", ""),
        ("name", "a\u202eb"),
        ("name", "a\x00b"),
        ("name", "a\nb"),
        ("name", "x" * 201),
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a b@c.org"),
        ("language", "english"),
        ("language", None),
    ],
)
def test_bad_value_is_named_and_nothing_is_stored(
    people: People, field: str, value: object
) -> None:
    good = {"login": "sana", "name": "Sana", "email": "s@example.org"}
    if value is None:
        value = "🙂"
    error = refusal(lambda: people.do(verbs.create, people.operator, **(good | {field: value})))
    assert (error.kind, error.field) == ("invalid", field)
    listed = people.ask(queries.list_people, people.operator)["items"]
    assert [one["login"] for one in listed] == ["admin"]


def test_sign_up_can_be_switched_off(settings_for: Callable[..., Settings]) -> None:
    with Centre.open(settings_for(sign_up=False)) as centre:
        people = set_up(centre)
        assert refusal(lambda: ask_for_account(people)).kind == "forbidden"


@BOTH
def test_suspension_acts_at_once_and_ends(people: People) -> None:
    ali = people.join("ali")
    key = people.do(verbs.create_key, ali, label="script")["secret"]
    session = login.log_in(people.centre, login="ali", password=PASSWORD)["secret"]
    people.do(verbs.suspend, people.operator, user="ali", reason="left the country")
    for token in (key, session):
        assert refusal(lambda token=token: people.who(token)).kind == "unauthenticated"
    assert told(lambda: people.log_in("ali"))[1] == "this account is suspended; ask an operator"
    people.do(verbs.reactivate, people.operator, user="ali")
    assert people.who(key).id == ali.id
    assert refusal(lambda: people.who(session)).kind == "unauthenticated"  # sessions ended


def test_centre_roles_are_granted_and_revoked(people: People) -> None:
    ali = people.join("ali")
    granted = people.do(verbs.grant_role, people.operator, user="ali", role="director")
    assert granted["roles"] == ["director"]
    assert people.log_in("ali").roles == {CentreRole.DIRECTOR}
    again = people.do(verbs.grant_role, people.operator, user="ali", role="director")
    assert again["roles"] == ["director"]
    people.do(verbs.revoke_role, people.operator, user=ali.id, role="director")
    assert people.log_in("ali").roles == frozenset()
    error = refusal(lambda: people.do(verbs.grant_role, people.operator, user="ali", role="king"))
    assert (error.kind, error.field) == ("invalid", "role")


@BOTH
def test_last_operator_stays_operator(people: People) -> None:
    people.join("ali")
    last = ("conflict", "this is the last operator; make another one first")
    do, operator = people.do, people.operator
    password = people.made["secret"]["password"]
    session = people.who(login.log_in(people.centre, login="admin", password=password)["secret"])
    assert told(lambda: do(verbs.revoke_role, operator, user="admin", role="operator")) == last
    assert told(lambda: do(verbs.suspend, operator, user="admin", reason="x")) == last
    assert told(lambda: do(verbs.erase, session)) == last
    do(verbs.grant_role, operator, user="ali", role="operator")
    do(verbs.revoke_role, operator, user="admin", role="operator")
    ali = people.log_in("ali")
    assert told(lambda: do(verbs.revoke_role, ali, user="ali", role="operator")) == last


def test_suspended_operator_does_not_count_as_one(people: People) -> None:
    people.join("ali")
    people.do(verbs.grant_role, people.operator, user="ali", role="operator")
    people.do(verbs.suspend, people.operator, user="ali", reason="away")
    assert refusal(
        lambda: people.do(verbs.revoke_role, people.operator, user="admin", role="operator")
    ).kind == ("conflict")


@BOTH
def test_two_servers_do_not_remove_the_last_two_operators_at_once(people: People) -> None:
    people.join("ali")
    people.do(verbs.grant_role, people.operator, user="ali", role="operator")
    actor, outcomes = people.operator, []

    def revoke(centre: Centre, name: str) -> None:
        try:
            centre.perform(verbs.revoke_role, actor, user=name, role="operator")
        except CentreError as error:
            outcomes.append(error.kind)
        else:
            outcomes.append("done")

    with Centre.open(people.centre.services.settings) as other:
        servers = ((people.centre, "ali"), (other, "admin"))
        threads = [threading.Thread(target=revoke, args=pair) for pair in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["conflict", "done"]


def test_reason_of_a_suspension_goes_to_the_person_by_mail(people: People) -> None:
    people.join("ali", "ali@example.org")
    people.centre.services.mailer = box = Mailbox()
    people.do(verbs.suspend, people.operator, user="ali", reason="left the country")
    box.codes()
    ((to, _, text),) = box.letters
    assert (to, "is suspended: left the country." in text) == ("ali@example.org", True)


@BOTH
def test_profile_is_changed_by_its_owner_but_not_the_institution(people: People) -> None:
    ali = people.join("ali", "ali@example.org")
    changed = people.do(verbs.change, ali, name="علی", language="ur", email="Ali@New.example.org")
    assert (changed["name"], changed["language"], changed["email"]) == (
        "علی",
        "ur",
        "ali@new.example.org",
    )
    there = people.do(verbs.create_institution, people.operator, name="Elsewhere")["id"]
    assert refusal(lambda: people.do(verbs.change, ali, institution=there)).kind == "forbidden"
    moved = people.do(verbs.change, people.operator, user="ali", institution=there)
    assert moved["institution"] == there
    assert told(lambda: people.do(verbs.change, ali, user="admin", name="x")) == (
        "not-found",
        "there is no such person",
    )
    assert refusal(lambda: people.do(verbs.change, ali)).kind == "invalid"


def test_old_address_hears_of_a_new_one(people: People) -> None:
    ali = people.join("ali", "ali@example.org")
    people.centre.services.mailer = box = Mailbox()
    people.do(verbs.change, ali, email="new@example.org")
    box.codes()
    assert [(to, subject) for to, subject, _ in box.letters] == [
        ("ali@example.org", "Your mail address")
    ]


def test_account_that_an_operator_makes_gets_its_code_by_mail_where_there_is_mail(
    people: People,
) -> None:
    people.centre.services.mailer = box = Mailbox()
    made = people.do(
        verbs.create, people.operator, login="ali", name="Ali", email="ali@example.org"
    )
    assert (made["mailed"], made["secret"]) == (True, None)
    (code,) = box.codes()
    assert login.set_password(people.centre, code=code, password=PASSWORD) == {
        "login": "ali",
        "keys": 0,
    }
    assert people.log_in("ali").id == made["id"]


def test_mail_server_that_refuses_is_counted_and_nobody_waits(people: People) -> None:
    class Broken(Mailbox):
        def send(self, to: str, subject: str, text: str) -> None:
            raise OSError("no")

    counted: list[str] = []
    people.centre.services.count = counted.append
    people.centre.services.mailer = box = Broken()
    people.do(verbs.create, people.operator, login="ali", name="Ali", email="ali@example.org")
    box.codes()
    assert counted == ["mail_failed"]


@BOTH
def test_people_are_listed_searched_and_paged_for_operators(people: People) -> None:
    for name in ("ali", "bina", "chand"):
        people.join(name)
    first = people.ask(queries.list_people, people.operator, limit=3)
    rest = people.ask(queries.list_people, people.operator, limit=3, after=first["next"])
    assert [one["login"] for one in first["items"] + rest["items"]] == [
        "admin",
        "ali",
        "bina",
        "chand",
    ]
    assert rest["next"] is None
    found = people.ask(queries.list_people, people.operator, search="BIN")["items"]
    assert [one["login"] for one in found] == ["bina"]
    assert people.ask(queries.list_people, people.operator, search="%")["items"] == []
    assert people.ask(queries.list_people, people.operator, state="pending")["items"] == []


def test_institutions_are_public_but_not_their_shares(people: People) -> None:
    made = people.do(verbs.create_institution, people.operator, name="NUST", country="pk", shares=3)
    changed = people.do(verbs.change_institution, people.operator, institution=made["id"], shares=5)
    assert changed == made | {"shares": 5, "country": "PK"}
    ali = people.join("ali")
    seen = people.ask(queries.list_institutions, ali)["items"][-1]
    assert seen == {"id": made["id"], "name": "NUST", "country": "PK"}
    full = people.ask(queries.list_institutions, people.operator)["items"][-1]
    assert full["shares"] == 5
    for name, country, shares, field in (
        ("NUST", "", 1, None),
        ("X", "Pakistan", 1, "country"),
        ("X", "1A", 1, "country"),
        ("X", "", -1, "shares"),
        ("X", "", True, "shares"),
    ):
        given = {"name": name, "country": country, "shares": shares}
        error = refusal(
            lambda given=given: people.do(verbs.create_institution, people.operator, **given)
        )
        assert error.field == field
