"""All that is held about a person as one document, and its erasure."""

from __future__ import annotations

import json

from sqlalchemy import select, text

from markaz.centre.audit.tables import audit_entries
from markaz.centre.audit.verify import verify
from markaz.centre.centre import Once
from markaz.centre.db import dialect
from markaz.centre.db.schema import ledger
from markaz.centre.people import personal, verbs
from markaz.centre.people.tables import users
from markaz.centre.projects import queries as project_queries
from markaz.centre.projects import verbs as projects
from tests.centre_rows import put
from tests.people_tools import BOTH, DAY, People, refusal, told


def dump(people: People) -> str:
    """Every value of every table, as text."""
    with people.centre.engine.connect() as connection:
        return "\n".join(
            repr(tuple(row))
            for table in ledger.allocations.metadata.sorted_tables
            for row in connection.execute(select(table))
        )


@BOTH
def test_export_has_everything_about_the_person_and_no_secret(people: People) -> None:
    ali = people.join("ali", "ali@example.org")
    people.project("mine", ali)
    invited = people.do(projects.invite, ali, project="mine", email="guest@example.org")
    made = people.do(verbs.create_key, ali, label="my laptop")
    document = people.ask(personal.export, ali)
    assert document["person"]["email"] == "ali@example.org"
    assert document["institution"] == "Markaz"
    assert [key["label"] for key in document["keys"]] == ["login", "my laptop"]
    assert [code["purpose"] for code in document["codes"]] == ["first"]
    assert [one["slug"] for one in document["projects"]["memberships"]] == ["mine"]
    assert [one["email"] for one in document["projects"]["invitations"]] == ["guest@example.org"]
    assert document["audit"][-1]["verb"] == "people.create"
    assert {entry["actor"] for entry in document["audit"]} == {"self", "another"}
    whole = json.dumps(document)
    for secret in (made["secret"], invited["secret"], "argon2", people.operator.id):
        assert secret not in whole


def test_export_of_others_is_for_operators(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    error = refusal(lambda: people.ask(personal.export, bina, user=ali.id))
    assert (error.kind, error.message) == ("not-found", "there is no such person")
    assert people.ask(personal.export, people.operator, user="ali")["person"]["id"] == ali.id


@BOTH
def test_erased_person_is_gone_but_ledger_and_audit_are_whole(people: People) -> None:
    ali = people.join("zulfiqar", "zulfiqar@example.org")
    people.project("shared", people.operator)
    invited = people.do(
        projects.invite, people.operator, project="shared", email="zulfiqar@example.org"
    )
    people.do(projects.accept, ali, invitation=invited["secret"])
    people.do(projects.invite, people.operator, project="shared", email="zulfiqar@example.org")
    key = people.do(verbs.create_key, ali, label="x")
    people.do(verbs.change, people.operator, user="zulfiqar", language="ur", once=Once("k", "h"))
    now = people.centre.services.clock.now()
    project = people.ask(project_queries.show, ali, project="shared")["id"]
    put(
        people.centre, ledger.allocations, id="a" * 20, project_id=project, starts_at=now,
        ends_at=now + DAY, state="active", granted=5, created_at=now,
    )  # fmt: skip
    put(
        people.centre, ledger.ledger_entries, allocation_id="a" * 20, kind="grant", amount=5,
        at=now, actor=ali.id,
    )  # fmt: skip
    with people.centre.engine.connect() as connection:
        money = connection.execute(select(ledger.ledger_entries)).all()
        entries = connection.execute(select(audit_entries.c.hash)).all()
    assert "zulfiqar" in dump(people).lower()

    assert people.do(verbs.erase, ali) == {"id": ali.id, "state": "erased"}

    left = dump(people).lower()
    assert "zulfiqar" not in left
    assert key["shown"][:-1].lower() not in left
    assert ali.id in left
    with people.centre.engine.connect() as connection:
        assert connection.execute(select(ledger.ledger_entries)).all() == money
        after = connection.execute(select(audit_entries.c.hash)).all()
        assert set(entries) < set(after)
    with dialect.read_connection(people.centre.engine) as connection:
        assert verify(connection)["ok"]
    assert refusal(lambda: people.who(key["secret"])).kind == "unauthenticated"
    assert refusal(lambda: people.log_in("zulfiqar")).kind == "unauthenticated"
    assert refusal(lambda: people.do(verbs.approve, people.operator, user=ali.id)).kind == (
        "not-found"
    )
    members = people.ask(project_queries.list_members, people.operator, project="shared")
    assert [one["login"] for one in members["items"]] == ["admin"]
    people.join("zulfiqar")  # the login is free again


@BOTH
def test_last_pi_is_not_erased_before_the_project_has_another(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina)
    assert told(lambda: people.do(verbs.erase, ali)) == (
        "conflict",
        "this person is the last PI of the project 'mine'; "
        "make another member PI, or close it, first",
    )
    people.do(projects.change_role, people.operator, project="mine", user="bina", role="pi")
    people.do(verbs.erase, ali)


def test_person_is_erased_by_a_login_not_by_a_key(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    made = people.do(verbs.create_key, ali, label="x", scopes=["account"])
    key = people.who(made["secret"])
    assert refusal(lambda: people.do(verbs.erase, key)).kind == "forbidden"
    assert refusal(lambda: people.do(verbs.erase, bina, user=ali.id)).kind == "not-found"
    people.do(verbs.erase, people.operator, user="ali")
    with people.centre.engine.connect() as connection:
        state = select(users.c.state).where(users.c.id == ali.id)
        assert connection.scalar(state) == "erased"
        assert (
            connection.execute(text("SELECT count(*) FROM api_keys WHERE label = 'x'")).scalar()
            == 0
        )
