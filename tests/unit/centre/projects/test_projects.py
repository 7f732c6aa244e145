"""The life of a project, its terms, and who may do what in it."""

from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import SYSTEM, CentreRole, Principal, ProjectRole
from markaz.centre.db.schema import devices
from markaz.centre.errors import CentreError
from markaz.centre.people import verbs as people_verbs
from markaz.centre.projects import queries, rules, verbs
from tests.centre_rows import look, put
from tests.people_tools import BOTH, DAY, Mailbox, People, refusal, told

MISSING = ("not-found", "there is no such project")


def membership(people: People, who: Principal, project: str) -> rules.Membership:
    found = look(people.centre, lambda work: rules.viewer(work, project), who)
    assert isinstance(found, rules.Membership)
    return found


def add_device(people: People, name: str) -> None:
    put(
        people.centre, devices.devices, id=name, title=name, kind="simulator", driver="d",
        qubits=1, status="idle", accepting=True, is_default=False, description="{}", created_at=0,
    )  # fmt: skip


@BOTH
def test_project_lives(people: People) -> None:
    ali = people.join("ali")
    asked = people.do(verbs.request, ali, slug="spin-chains", title="Spin chains")
    assert (asked["state"], asked["role"], asked["steps"]) == (
        "requested",
        "pi",
        ["approve", "refuse"],
    )
    states = []
    for step, more in (
        (verbs.approve, {}),
        (verbs.suspend, {"reason": "unpaid"}),
        (verbs.resume, {}),
        (verbs.renew, {"ends_at": people.centre.services.clock.now() + DAY}),
        (verbs.close, {}),
    ):
        document = people.do(step, people.operator, project="spin-chains", **more)
        states.append(document["state"])
    assert states == ["active", "suspended", "active", "active", "closed"]
    assert told(lambda: people.do(verbs.resume, people.operator, project="spin-chains")) == (
        "conflict",
        "the project 'spin-chains' is closed: no way to resume it",
    )
    assert refusal(lambda: people.do(verbs.change, ali, project="spin-chains", title="x")).kind == (
        "conflict"
    )


def test_refused_project_is_closed_and_its_pi_reads_why(people: People) -> None:
    ali = people.join("ali", "ali@example.org")
    people.do(verbs.request, ali, slug="mine", title="Mine")
    people.centre.services.mailer = box = Mailbox()
    refused = people.do(verbs.refuse, people.operator, project="mine", reason="no programme")
    assert refused["state"] == "closed"
    box.codes()
    ((to, _, text),) = box.letters
    assert to == "ali@example.org"
    assert "was not approved: no programme." in text


@BOTH
def test_due_projects_expire_and_only_those(people: People) -> None:
    ali = people.join("ali")
    now = people.centre.services.clock.now()
    soon = people.project("soon", ali, ends_at=now + DAY)
    people.project("later", ali, ends_at=now + 2 * DAY)
    people.project("never", ali)
    stopped = people.project("stopped", ali, ends_at=now + DAY)
    people.do(verbs.suspend, people.operator, project="stopped", reason="x")
    people.do(verbs.invite, ali, project="soon", email="guest@example.org")
    assert people.do(verbs.expire_due, SYSTEM) == {"expired": []}
    people.later(DAY)
    assert sorted(people.do(verbs.expire_due, SYSTEM)["expired"]) == sorted([soon, stopped])
    listed = people.ask(queries.list_projects, ali, state="expired")["items"]
    assert [one["slug"] for one in listed] == ["soon", "stopped"]
    assert refusal(
        lambda: people.do(verbs.renew, people.operator, project="soon", ends_at=now)
    ).field == ("ends_at")
    renewed = people.do(verbs.renew, people.operator, project="soon", ends_at=now + 9 * DAY)
    assert renewed["state"] == "active"
    people.later(14 * DAY)
    people.do(verbs.expire_due, SYSTEM)
    (invited,) = people.ask(queries.list_invitations, people.operator, project="soon")["items"]
    assert (invited["state"], invited["email"]) == ("expired", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "x"),
        ("slug", "Has-Capitals"),
        ("slug", "two--hyphens"),
        ("slug", "9lives"),
        ("slug", "trailing-"),
        ("slug", "abcdefghjkmnpqrstvwx"),  # the form of an id
        ("slug", "ends\x00"),
        ("title", ""),
        ("title", "a\u202eb"),
        ("description", "x" * 10_001),
        ("starts_at", -1),
        ("starts_at", "today"),
        ("ends_at", 2**60),
        ("ends_at", 5),  # before it begins
        ("institution", None),
    ],
)
def test_bad_request_is_refused(people: People, field: str, value: object) -> None:
    ali = people.join("ali")
    given: dict[str, Any] = {"slug": "mine", "title": "Mine", "starts_at": 10, "ends_at": 20}
    if field == "institution":
        error = refusal(lambda: people.do(verbs.request, ali, **given, institution="0" * 20))
        assert error.kind == "not-found"
    else:
        error = refusal(lambda: people.do(verbs.request, ali, **(given | {field: value})))
        assert (error.kind, error.field) == ("invalid", field)
    assert people.ask(queries.list_projects, ali)["items"] == []


@BOTH
def test_slug_is_taken_once_and_requests_are_bounded(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ali = people.join("ali")
    monkeypatch.setattr(verbs, "MOST_REQUESTS", 2)
    people.do(verbs.request, ali, slug="mine", title="Mine")
    assert told(lambda: people.do(verbs.request, ali, slug="mine", title="Mine")) == (
        "conflict",
        "the slug 'mine' is taken",
    )
    people.do(verbs.request, ali, slug="mine-too", title="Mine")
    assert refusal(lambda: people.do(verbs.request, ali, slug="third", title="x")).kind == "quota"


def test_operator_makes_an_active_project_for_somebody(people: People) -> None:
    ali = people.join("ali")
    there = people.do(people_verbs.create_institution, people.operator, name="NUST")["id"]
    made = people.do(verbs.create, people.operator, slug="mine", title="Mine", pi="ali")
    assert (made["state"], made["role"]) == ("active", None)
    assert membership(people, ali, "mine").role == ProjectRole.PI
    other = people.do(
        verbs.create, people.operator, slug="other", title="x", pi=ali.id, institution=there
    )
    assert other["institution"] == there
    assert refusal(
        lambda: people.do(verbs.create, ali, slug="third", title="x", pi="ali")
    ).kind == ("forbidden")


def test_leads_change_what_it_says_and_managers_the_terms(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina)
    changed = people.do(verbs.change, ali, project=project, title="New", job_visibility="all")
    assert (changed["title"], changed["job_visibility"]) == ("New", "all")
    assert refusal(lambda: people.do(verbs.change, bina, project=project, title="x")).kind == (
        "forbidden"
    )
    assert refusal(lambda: people.do(verbs.change, ali, project=project)).kind == "invalid"
    terms = {"shares": 5, "retention_days": 30, "quota_gib": 1.5, "programme": "qip"}
    assert refusal(lambda: people.do(verbs.change_terms, ali, project=project, **terms)).kind == (
        "forbidden"
    )
    set_terms = people.do(verbs.change_terms, people.operator, project=project, **terms)
    assert {name: set_terms[name] for name in terms} == terms
    for field, value in (
        ("shares", -1),
        ("shares", 1.0),
        ("retention_days", 0),
        ("quota_gib", float("nan")),
        ("quota_gib", float("inf")),
        ("quota_gib", "1"),
        ("ends_at", -1),
    ):
        given: dict[str, Any] = {field: value}
        error = refusal(
            lambda given=given: people.do(
                verbs.change_terms, people.operator, project=project, **given
            )
        )
        assert (error.kind, error.field) == ("invalid", field)


@BOTH
def test_devices_are_those_that_the_project_may_use(people: People) -> None:
    ali = people.join("ali")
    project = people.project("mine", ali)
    for name in ("indus", "ravi"):
        add_device(people, name)

    def may(device: str) -> bool:
        found = membership(people, ali, project)
        try:
            look(people.centre, lambda work: rules.may_use_device(work, found, device), ali)
        except CentreError:
            return False
        return True

    assert [may("indus"), may("ravi")] == [True, True]
    for devices_given, expected in ((["ravi"], [False, True]), ([], [False, False])):
        answer = people.do(
            verbs.set_devices, people.operator, project=project, devices=devices_given
        )
        assert answer["devices"] == devices_given
        assert [may("indus"), may("ravi")] == expected
    assert people.ask(queries.show, ali, project="mine")["devices"] == []
    people.do(verbs.set_devices, people.operator, project=project, devices=None)
    assert people.ask(queries.show, ali, project="mine")["devices"] is None
    for wrong in (["chenab"], "ravi", [3]):
        error = refusal(
            lambda wrong=wrong: people.do(
                verbs.set_devices, people.operator, project=project, devices=wrong
            )
        )
        assert error.field == "devices"


@BOTH
def test_another_tenants_project_answers_like_an_unknown_one(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    for name in (project, "mine", "0" * 20, "nowhere", "", "a b", "\x00", None, 7):
        for act in (queries.show, queries.list_members, queries.list_invitations):
            assert told(lambda act=act, name=name: people.ask(act, bina, project=name)) == MISSING
        for step in (verbs.leave, verbs.close, verbs.approve, verbs.resume, verbs.invite):
            assert told(lambda step=step, name=name: people.do(step, bina, project=name)) == MISSING


def test_directors_look_at_every_project_but_change_none(people: People) -> None:
    ali, dina = people.join("ali"), people.join("dina")
    people.project("mine", ali)
    people.do(people_verbs.grant_role, people.operator, user="dina", role="director")
    dina = people.log_in("dina")
    assert people.ask(queries.show, dina, project="mine")["role"] is None
    listed = people.ask(queries.list_projects, dina, everybodys=True)["items"]
    assert [one["slug"] for one in listed] == ["default", "mine"]
    assert people.ask(queries.list_projects, dina)["items"] == []
    assert refusal(lambda: people.ask(queries.list_projects, ali, everybodys=True)).kind == (
        "forbidden"
    )
    for step in (verbs.suspend, verbs.close, verbs.change, verbs.invite):
        given = {"reason": "x"} if step is verbs.suspend else {}
        assert refusal(
            lambda step=step, given=given: people.do(step, dina, project="mine", **given)
        ).kind == ("forbidden")


def test_key_of_one_project_sees_no_other(people: People) -> None:
    ali = people.join("ali")
    people.project("mine", ali)
    people.project("other", ali)
    made = people.do(
        people_verbs.create_key, ali, label="x", project="mine",
        scopes=["projects:read", "projects:write"],
    )  # fmt: skip
    bound = people.who(made["secret"])
    assert people.ask(queries.show, bound, project="mine")["slug"] == "mine"
    assert told(lambda: people.ask(queries.show, bound, project="other")) == MISSING
    assert [p["slug"] for p in people.ask(queries.list_projects, bound)["items"]] == ["mine"]
    assert refusal(lambda: people.do(verbs.request, bound, slug="third", title="x")).kind == (
        "forbidden"
    )


def test_only_members_of_a_running_project_work_in_it(people: People) -> None:
    ali = people.join("ali")
    now = people.centre.services.clock.now()
    people.project("mine", ali, starts_at=now + DAY, ends_at=now + 3 * DAY)

    def work_in(who: Principal = ali) -> Any:
        return look(people.centre, lambda work: rules.working_member(work, "mine"), who)

    assert told(work_in)[1] == "the project 'mine' has not begun"
    people.later(DAY)
    assert work_in().role == ProjectRole.PI
    assert told(lambda: work_in(people.operator)) == MISSING  # looking is not working
    people.do(verbs.suspend, people.operator, project="mine", reason="x")
    assert told(work_in) == ("conflict", "the project 'mine' is suspended")
    people.do(verbs.resume, people.operator, project="mine")
    people.later(2 * DAY)
    assert told(work_in)[1] == "the project 'mine' has ended"  # before it is expired


@pytest.mark.parametrize(
    ("role", "visibility", "all_jobs"),
    [
        ("member", "own", False),
        ("member", "all", True),
        ("resource allocator", "own", False),
        ("trainer", "own", True),
        ("co-pi", "own", True),
        ("pi", "own", True),
    ],
)
def test_who_sees_whose_jobs(people: People, role: str, visibility: str, all_jobs: bool) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina, role)
    people.do(verbs.change, ali, project=project, job_visibility=visibility)
    found = membership(people, bina, project)

    def seen(who: Principal, found: rules.Membership) -> tuple[Any, bool, bool, bool]:
        return (
            look(people.centre, lambda work: rules.visible_jobs(work, found), who),
            *(
                look(
                    people.centre,
                    lambda work, owner=owner, private=private: rules.may_see_contents(
                        work, found, owner, private
                    ),
                    who,
                )
                for owner, private in ((bina.id, True), (ali.id, False), (ali.id, True))
            ),
        )

    assert seen(bina, found) == (None if all_jobs else bina.id, True, all_jobs, False)
    operator = people.operator
    everything = seen(operator, membership(people, operator, project))
    assert everything == (None, False, True, False)


def test_allocator_of_the_centre_manages_terms(people: People) -> None:
    people.join("zoya")
    people.do(people_verbs.grant_role, people.operator, user="zoya", role="resource allocator")
    zoya = people.log_in("zoya")
    assert zoya.roles == {CentreRole.ALLOCATOR}
    people.do(verbs.request, people.join("ali"), slug="mine", title="Mine")
    assert people.do(verbs.approve, zoya, project="mine")["state"] == "active"
    assert people.do(verbs.change_terms, zoya, project="mine", shares=2)["shares"] == 2
    assert refusal(lambda: people.do(verbs.close, zoya, project="mine")).kind == "forbidden"
