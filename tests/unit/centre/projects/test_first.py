"""The first set-up of a centre."""

from __future__ import annotations

from markaz.centre.access import SCOPES, CentreRole
from markaz.centre.centre import Centre
from markaz.centre.people import login, passwords, queries
from markaz.centre.people import verbs as people_verbs
from markaz.centre.projects import first
from markaz.centre.projects import queries as project_queries
from tests.people_tools import BOTH, People, told


def test_set_up_makes_an_operator_who_can_log_in_and_work(centre: Centre) -> None:
    with centre.engine.connect() as connection:
        assert first.set_up_facts(connection) is None
    made = first.set_up(centre, login="Boss", demo=False)
    with centre.engine.connect() as connection:
        assert first.set_up_facts(connection) is not None
        facts = first.set_up_facts(connection)
    assert facts == {k: v for k, v in made.items() if k != "secret"}
    people = People(centre, made)
    assert made["login"] == "boss"
    secret = made["secret"]
    assert sorted(secret) == ["api_key", "password", "worker_key"]
    session = login.log_in(centre, login="boss", password=secret["password"])
    assert people.who(session["secret"]).roles == {CentreRole.OPERATOR}
    assert people.operator.scopes == set(SCOPES)
    assert people.who(secret["worker_key"]).kind == "worker"
    (project,) = people.ask(project_queries.list_projects, people.operator)["items"]
    assert (project["id"], project["slug"], project["state"], project["role"]) == (
        made["project"],
        "default",
        "active",
        "pi",
    )


@BOTH
def test_set_up_happens_once(centre: Centre) -> None:
    first.set_up(centre)
    once = ("conflict", "this centre was set up before")
    assert told(lambda: first.set_up(centre)) == once
    assert told(lambda: first.set_up(centre, login="other", institution="Other")) == once


@BOTH
def test_demo_people_have_keys_for_the_demo_project(centre: Centre) -> None:
    made = first.set_up(centre)
    people = People(centre, made)
    assert sorted(made["secret"]["people"]) == ["ayesha", "bilal"]
    who = people.who(made["secret"]["people"]["bilal"])
    assert who.scopes == set(SCOPES) - {"operate", "account"}
    (project,) = people.ask(project_queries.list_projects, who)["items"]
    assert (project["slug"], project["role"]) == ("demo", "member")
    assert told(lambda: login.log_in(centre, login="bilal", password=""))[0] == "unauthenticated"
    names = {one["name"] for one in people.ask(queries.list_institutions, who)["items"]}
    assert names == {"Markaz", "Demo University"}
    newcomer = people.do(people_verbs.create, people.operator, login="sana", name="Sana")
    assert newcomer["institution"] == made["institution"]
    code = people.do(people_verbs.issue_code, people.operator, user="bilal", lost="password")
    login.set_password(centre, code=code["secret"], password="gravel otter nine")


def test_generated_password_is_accepted_by_our_own_rules() -> None:
    made = {first.new_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        assert passwords.check(password) == password
        assert [len(part) for part in password.split("-")] == [5, 5, 5, 5]
