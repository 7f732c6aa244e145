"""First passwords, lost passwords, authenticators on and off."""

from __future__ import annotations

import pyotp
import pytest

from markaz.centre.access import ANONYMOUS, Principal
from markaz.centre.people import login, queries, verbs
from tests.people_tools import BOTH, DAY, HOUR, PASSWORD, Mailbox, People, refusal, told

NEW = "another otter ten"
BAD_CODE = (
    "unauthenticated",
    "this one-time code is not valid (any more); ask for a new one",
)


def turn_on(people: People, who: Principal) -> pyotp.TOTP:
    """Turn one-time codes on for ``who``; their authenticator."""
    begun = people.do(verbs.totp_begin, who)
    app = pyotp.parse_uri(begun["secret"])
    assert isinstance(app, pyotp.TOTP)
    people.do(verbs.totp_confirm, who, code=now_code(people, app))
    return app


def now_code(people: People, app: pyotp.TOTP) -> str:
    return app.at(people.centre.services.clock.now() // 1_000_000)


def test_password_is_changed_with_the_old_one_and_other_sessions_end(people: People) -> None:
    ali = people.join("ali")
    other = login.log_in(people.centre, login="ali", password=PASSWORD)["secret"]
    key = people.do(verbs.create_key, ali, label="x")["secret"]
    assert told(lambda: login.change_password(people.centre, ali, old="wrong one 9", new=NEW)) == (
        "unauthenticated",
        "login, password or one-time code is wrong",
    )
    assert refusal(
        lambda: login.change_password(people.centre, ali, old=PASSWORD, new="12345678")
    ).field == ("password")
    answer = login.change_password(people.centre, ali, old=PASSWORD, new=NEW)
    assert answer == {"login": "ali", "keys": 1}
    assert refusal(lambda: people.who(other)).kind == "unauthenticated"
    assert people.who(key).id == ali.id
    mine = [key["id"] for key in people.ask(queries.list_keys, ali)["items"]]
    assert ali.key in mine
    assert refusal(lambda: people.log_in("ali")).kind == "unauthenticated"
    login.log_in(people.centre, login="ali", password=NEW)


def test_front_doors_need_a_login(people: People) -> None:
    assert refusal(
        lambda: login.change_password(people.centre, ANONYMOUS, old=PASSWORD, new=NEW)
    ).kind == ("unauthenticated")


def test_operator_hands_out_a_code_for_a_lost_password(people: People) -> None:
    ali = people.join("ali")
    made = people.do(verbs.issue_code, people.operator, user="ali", lost="password")
    assert made["expires_at"] > people.centre.services.clock.now() + DAY - HOUR
    login.set_password(people.centre, code=made["secret"], password=NEW)
    assert login.log_in(people.centre, login="ali", password=NEW)["user"] == ali.id
    assert refusal(
        lambda: people.do(verbs.issue_code, people.operator, user="ali", lost="totp")
    ).kind == ("conflict")


def test_newer_code_ends_the_older(people: People) -> None:
    people.join("ali")
    old, new = (
        people.do(verbs.issue_code, people.operator, user="ali", lost="password")["secret"]
        for _ in range(2)
    )
    assert told(lambda: login.set_password(people.centre, code=old, password=NEW)) == BAD_CODE
    login.set_password(people.centre, code=new, password=NEW)


def test_bad_password_does_not_use_the_code_up(people: People) -> None:
    people.join("ali")
    code = people.do(verbs.issue_code, people.operator, user="ali", lost="password")["secret"]
    assert refusal(
        lambda: login.set_password(people.centre, code=code, password="12345678")
    ).kind == ("invalid")
    login.set_password(people.centre, code=code, password=NEW)


def test_mailed_code_lives_an_hour(people: People) -> None:
    people.join("ali", "ali@example.org")
    people.centre.services.mailer = box = Mailbox()
    answer = people.do(verbs.recover, ANONYMOUS, login=" ALI", lost="password")
    assert answer == {"asked": True, "by": "mail"}
    (code,) = box.codes()
    people.later(HOUR)
    assert told(lambda: login.set_password(people.centre, code=code, password=NEW)) == BAD_CODE


@BOTH
def test_mails_to_one_person_are_bounded(people: People) -> None:
    people.join("ali", "ali@example.org")
    people.centre.services.mailer = box = Mailbox()
    for _ in range(5):
        people.do(verbs.recover, ANONYMOUS, login="ali", lost="password")
    assert len(box.codes()) == 3
    people.later(HOUR)
    people.do(verbs.recover, ANONYMOUS, login="ali", lost="password")
    assert len(box.codes()) == 4


def test_without_mail_the_answer_points_to_an_operator(people: People) -> None:
    people.join("ali", "ali@example.org")
    answer = people.do(verbs.recover, ANONYMOUS, login="ali", lost="password")
    assert answer == {"asked": True, "by": "operator"}
    error = refusal(lambda: people.do(verbs.recover, ANONYMOUS, login="ali", lost="mind"))
    assert error.field == "lost"


def test_authenticator_is_asked_for_once_it_is_confirmed(people: People) -> None:
    ali = people.join("ali")
    begun = people.do(verbs.totp_begin, ali)
    people.log_in("ali")  # begun is not on
    assert refusal(lambda: people.do(verbs.totp_confirm, ali, code="000000")).field == "code"
    app = pyotp.parse_uri(begun["secret"])
    assert isinstance(app, pyotp.TOTP)
    people.do(verbs.totp_confirm, ali, code=now_code(people, app))
    error = refusal(lambda: people.log_in("ali"))
    assert (error.kind, error.details) == ("unauthenticated", {"needs": "code"})
    assert refusal(lambda: people.do(verbs.totp_begin, ali)).kind == "conflict"
    assert refusal(lambda: people.do(verbs.totp_confirm, ali, code="1")).kind == "conflict"
    people.later(30_000_000)
    assert people.log_in("ali", code=now_code(people, app)).id == ali.id
    assert people.ask(queries.me, ali)["totp"] is True


def test_key_cannot_turn_an_authenticator_on(people: People) -> None:
    ali = people.join("ali")
    made = people.do(verbs.create_key, ali, label="x", scopes=["account"])
    key = people.who(made["secret"])
    assert refusal(lambda: people.do(verbs.totp_begin, key)).kind == "forbidden"


def test_authenticator_is_turned_off_with_password_and_code(people: People) -> None:
    ali = people.join("ali")
    app = turn_on(people, ali)
    people.later(30_000_000)
    code = now_code(people, app)
    for given in ({"password": "wrong one 9", "code": code}, {"password": PASSWORD, "code": "1"}):
        kind = refusal(lambda given=given: login.totp_off(people.centre, ali, **given)).kind
        assert kind == "unauthenticated"
    assert login.totp_off(people.centre, ali, password=PASSWORD, code=code) == {"totp": False}
    assert people.log_in("ali").id == ali.id
    assert refusal(
        lambda: login.totp_off(people.centre, ali, password=PASSWORD, code=code)
    ).kind == ("conflict")


@BOTH
def test_lost_authenticator_is_reset_with_password_and_an_operators_code(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    turn_on(people, ali)
    turn_on(people, bina)
    code = people.do(verbs.issue_code, people.operator, user="ali", lost="totp")["secret"]
    assert (
        told(lambda: login.reset_totp(people.centre, login="bina", password=PASSWORD, code=code))
        == BAD_CODE
    )
    assert refusal(
        lambda: login.reset_totp(people.centre, login="ali", password="wrong one 9", code=code)
    ).kind == ("unauthenticated")
    login.reset_totp(people.centre, login="ali", password=PASSWORD, code=code)
    assert people.log_in("ali").id == ali.id


@pytest.mark.parametrize("purpose", ["password", "totp"])
def test_code_for_one_end_is_no_good_for_the_other(people: People, purpose: str) -> None:
    ali = people.join("ali")
    turn_on(people, ali)
    code = people.do(verbs.issue_code, people.operator, user="ali", lost=purpose)["secret"]
    if purpose == "totp":
        assert told(lambda: login.set_password(people.centre, code=code, password=NEW)) == BAD_CODE
    else:
        assert (
            told(lambda: login.reset_totp(people.centre, login="ali", password=PASSWORD, code=code))
            == BAD_CODE
        )
