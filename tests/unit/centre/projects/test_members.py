"""Members: invitations, roles, leaving, and that a PI remains."""

from __future__ import annotations

from itertools import product

import pytest

from markaz.centre.access import ProjectRole
from markaz.centre.people import tokens
from markaz.centre.projects import queries, verbs
from tests.people_tools import BOTH, DAY, Mailbox, People, refusal, told

GONE = ("not-found", "there is no such invitation")
LAST = ("conflict", "a project keeps at least one PI; make another member PI first")


def roles(people: People, project: str) -> dict[str, str]:
    listed = people.ask(queries.list_members, people.operator, project=project)["items"]
    return {one["login"]: one["role"] for one in listed}


@BOTH
def test_invitation_is_accepted_once(people: People) -> None:
    ali, bina, chand = (people.join(name) for name in ("ali", "bina", "chand"))
    people.project("mine", ali)
    invited = people.do(verbs.invite, ali, project="mine", role="trainer")
    assert (invited["mailed"], invited["secret"][:6]) == (False, "mkz_i_")
    joined = people.do(verbs.accept, bina, invitation=invited["secret"])
    assert joined == {"project": invited["project_id"], "slug": "mine", "role": "trainer"}
    assert roles(people, "mine") == {"ali": "pi", "bina": "trainer"}
    assert told(lambda: people.do(verbs.accept, chand, invitation=invited["secret"])) == GONE


def test_invitation_is_mailed_where_there_is_mail(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    people.project("mine", ali)
    people.centre.services.mailer = box = Mailbox()
    invited = people.do(verbs.invite, ali, project="mine", email="Bina@Example.org")
    assert (invited["mailed"], invited["secret"], invited["email"]) == (
        True,
        None,
        "bina@example.org",
    )
    (token,) = box.codes()
    people.do(verbs.accept, bina, invitation=token)
    (listed,) = people.ask(queries.list_invitations, ali, project="mine")["items"]
    assert (listed["state"], listed["email"]) == ("accepted", None)  # the address is forgotten


def test_withdrawn_expired_unknown_and_mistyped_invitations_fail(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    people.project("mine", ali)
    withdrawn, old = (people.do(verbs.invite, ali, project="mine") for _ in range(2))
    people.do(verbs.withdraw, ali, invitation=withdrawn["id"])
    for secret in (withdrawn["secret"], tokens.new("i").text):
        assert told(lambda secret=secret: people.do(verbs.accept, bina, invitation=secret)) == GONE
    people.later(14 * DAY)
    bina = people.log_in("bina")
    assert told(lambda: people.do(verbs.accept, bina, invitation=old["secret"])) == GONE
    typo = old["secret"][:-1] + ("0" if old["secret"][-1] != "0" else "1")
    for wrong in (typo, "", None, tokens.new("u").text):
        kind = refusal(lambda wrong=wrong: people.do(verbs.accept, bina, invitation=wrong)).kind
        assert kind == "unauthenticated"


@BOTH
def test_members_cannot_join_twice_and_closed_projects_take_nobody(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    people.project("mine", ali)
    first, second, third = (people.do(verbs.invite, ali, project="mine") for _ in range(3))
    people.do(verbs.accept, bina, invitation=first["secret"])
    assert told(lambda: people.do(verbs.accept, bina, invitation=second["secret"])) == (
        "conflict",
        "this person is a member already",
    )
    people.do(verbs.close, ali, project="mine")
    chand = people.join("chand")
    assert told(lambda: people.do(verbs.accept, chand, invitation=third["secret"])) == (
        "conflict",
        "the project 'mine' is closed and takes no members",
    )
    open_ones = people.ask(queries.list_invitations, ali, project="mine")["items"]
    assert [one["state"] for one in open_ones] == ["accepted", "open", "open"]


def test_open_invitations_are_bounded(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markaz.centre.projects.members.MOST_OPEN", 2)
    ali = people.join("ali")
    people.project("mine", ali)
    first = people.do(verbs.invite, ali, project="mine")
    people.do(verbs.invite, ali, project="mine")
    assert refusal(lambda: people.do(verbs.invite, ali, project="mine")).kind == "quota"
    people.do(verbs.withdraw, ali, invitation=first["id"])
    people.do(verbs.invite, ali, project="mine")


def test_others_invitations_are_not_there(people: People) -> None:
    ali, bina, chand = (people.join(name) for name in ("ali", "bina", "chand"))
    project = people.project("mine", ali)
    people.bring(project, chand)
    invited = people.do(verbs.invite, ali, project="mine")
    for who, name in (
        (bina, invited["id"]),
        (chand, invited["id"]),
        (ali, "0" * 20),
        (ali, "\x00"),
        (ali, None),
    ):
        assert (
            told(lambda who=who, name=name: people.do(verbs.withdraw, who, invitation=name)) == GONE
        )
    people.do(verbs.withdraw, people.operator, invitation=invited["id"])


MAY = {
    "pi": {"pi", "co-pi", "resource allocator", "trainer", "member"},
    "co-pi": {"resource allocator", "trainer", "member"},
    "trainer": {"member"},
    "member": set(),
    "resource allocator": set(),
}


def test_who_may_invite_whom(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina)
    seen: dict[str, set[str]] = {}
    for mine in MAY:
        people.do(verbs.change_role, ali, project=project, user="bina", role=mine)
        seen[mine] = set()
        for given in ProjectRole:
            try:
                people.do(verbs.invite, bina, project=project, role=given)
            except Exception as error:
                assert getattr(error, "kind", None) == "forbidden", error
            else:
                seen[mine].add(str(given))
    assert seen == MAY


def test_nobody_takes_a_role_that_they_may_not_give(people: People) -> None:
    ali, bina, chand = (people.join(name) for name in ("ali", "bina", "chand"))
    project = people.project("mine", ali)
    people.bring(project, bina, "co-pi")
    people.bring(project, chand, "co-pi")
    for act, more in ((verbs.remove, {}), (verbs.change_role, {"role": "member"})):
        for user in ("ali", "chand"):
            assert refusal(
                lambda act=act, more=more, user=user: people.do(
                    act, bina, project=project, user=user, **more
                )
            ).kind == ("forbidden")
    people.do(verbs.change_role, ali, project=project, user="chand", role="member")
    people.do(verbs.remove, bina, project=project, user="chand")
    assert roles(people, project) == {"ali": "pi", "bina": "co-pi"}


@BOTH
def test_last_pi_neither_leaves_nor_steps_down(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina)
    for act, who, more in (
        (verbs.leave, ali, {}),
        (verbs.remove, ali, {"user": "ali"}),
        (verbs.remove, people.operator, {"user": "ali"}),
        (verbs.change_role, ali, {"user": "ali", "role": "member"}),
    ):
        assert (
            told(lambda act=act, who=who, more=more: people.do(act, who, project=project, **more))
            == LAST
        )
    people.do(verbs.change_role, ali, project=project, user="ali", role="pi")  # no change
    people.do(verbs.change_role, ali, project=project, user=bina.id, role="pi")
    people.do(verbs.leave, ali, project=project)
    assert roles(people, project) == {"bina": "pi"}
    assert told(lambda: people.ask(queries.show, ali, project=project))[0] == "not-found"


def test_person_outside_the_project_is_no_member(people: People) -> None:
    ali = people.join("ali")
    people.join("bina")
    project = people.project("mine", ali)
    for act, user in product((verbs.remove, verbs.change_role, verbs.set_shares), ("bina", "x", 5)):
        more = {verbs.change_role: {"role": "member"}, verbs.set_shares: {"shares": 1}}.get(act, {})
        assert told(
            lambda act=act, user=user, more=more: people.do(
                act, ali, project=project, user=user, **more
            )
        ) == ("not-found", "there is no such member")


def test_shares_are_set_by_leads_and_the_projects_allocator(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    project = people.project("mine", ali)
    people.bring(project, bina)
    give = {"project": project, "user": "ali", "shares": 7}
    assert refusal(lambda: people.do(verbs.set_shares, bina, **give)).kind == "forbidden"
    people.do(verbs.change_role, ali, project=project, user="bina", role="resource allocator")
    assert people.do(verbs.set_shares, bina, **give)["shares"] == 7
    for wrong in (-1, 10**9, True, "3"):
        error = refusal(
            lambda wrong=wrong: people.do(verbs.set_shares, bina, **(give | {"shares": wrong}))
        )
        assert error.field == "shares"


def test_addresses_of_members_are_for_leads(people: People) -> None:
    ali, bina = people.join("ali", "ali@example.org"), people.join("bina", "bina@example.org")
    project = people.project("mine", ali)
    people.bring(project, bina)
    seen = people.ask(queries.list_members, bina, project=project)
    assert [(m["login"], "email" in m) for m in seen["items"]] == [("ali", False), ("bina", False)]
    seen = people.ask(queries.list_members, ali, project=project)
    assert [m["email"] for m in seen["items"]] == ["ali@example.org", "bina@example.org"]
