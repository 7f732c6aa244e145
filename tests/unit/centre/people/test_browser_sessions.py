from __future__ import annotations

import pyotp
import pytest

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.centre.people import identities, login
from markaz.centre.people import verbs as people_verbs
from markaz.centre.people.identities import list_identities
from markaz.centre.people.keys import BROWSER, Authenticator
from markaz.centre.people.personal import export
from tests.people_tools import BOTH, HOUR, PASSWORD, People, refusal, told

ISSUER = "https://issuer.example"
MINUTE = HOUR // 60


def open_browser(people: People, name: str) -> str:
    opened = login.log_in(people.centre, login=name, password=PASSWORD, browser=True)
    assert opened["kind"] == "browser session"
    return str(opened["secret"])


def knows(people: People, token: str, kinds: str = BROWSER) -> bool:
    try:
        return Authenticator(people.centre).authenticate(token, kinds).known
    except CentreError as error:
        assert error.kind == "unauthenticated"
        return False


def test_a_browsers_session_opens_nothing_but_the_portal(people: People) -> None:
    people.join("ali")
    browser = open_browser(people, "ali")
    program = login.log_in(people.centre, login="ali", password=PASSWORD)["secret"]
    assert (knows(people, browser), knows(people, browser, "usw")) == (True, False)
    assert (knows(people, program), knows(people, program, "usw")) == (False, True)


def test_a_browsers_session_ends_unused_and_used(people: People) -> None:
    people.join("ali")
    unused, used = open_browser(people, "ali"), open_browser(people, "ali")
    people.later(119 * MINUTE)
    assert knows(people, used)
    people.centre.writer.submit(lambda _: None).result()  # its use is noted
    people.later(2 * MINUTE)
    assert (knows(people, unused), knows(people, used)) == (False, True)
    people.later(12 * HOUR)
    assert not knows(people, used)


def test_a_programs_session_does_not_end_unused(people: People) -> None:
    people.join("ali")
    program = login.log_in(people.centre, login="ali", password=PASSWORD)["secret"]
    people.later(11 * HOUR)
    assert knows(people, program, "usw")


def test_a_changed_password_and_a_suspension_end_browsers_too(people: People) -> None:
    ali = people.join("ali")
    browser = open_browser(people, "ali")
    login.change_password(people.centre, ali, old=PASSWORD, new="marble heron eleven")
    assert not knows(people, browser)
    again = login.log_in(people.centre, login="ali", password="marble heron eleven", browser=True)[
        "secret"
    ]
    people.do(people_verbs.suspend, people.operator, user="ali", reason="because")
    assert not knows(people, again)


def test_all_sessions_end_at_once_and_no_key(people: People) -> None:
    ali = people.join("ali")
    sessions = [open_browser(people, "ali") for _ in range(2)]
    key = people.do(people_verbs.create_key, ali, label="k")["secret"]
    other = people.join("bina")
    assert people.do(people_verbs.end_sessions, ali) == {"ended": 3}
    assert [knows(people, s) for s in sessions] == [False, False]
    assert knows(people, key, "usw")
    assert people.ask(list_identities, other) == {"items": [], "next": None}
    assert people.do(people_verbs.end_sessions, Principal(ali.id, "user")) == {"ended": 0}


# Identities.


def link(people: People, who: Principal, subject: str) -> str:
    made = identities.link(people.centre, who, issuer=ISSUER, subject=subject)
    return str(made["id"])


def come(people: People, subject: str, issuer: str = ISSUER, **code: str) -> str:
    opened = login.log_in_elsewhere(people.centre, issuer=issuer, subject=subject, **code)
    return str(opened["secret"])


@BOTH
def test_an_identity_is_found_by_issuer_and_subject(people: People) -> None:
    ali = people.join("ali")
    link(people, ali, "a-1")
    assert knows(people, come(people, "a-1"))
    for subject, issuer in (("a-1", "https://other.example"), ("A-1", ISSUER), ("a-1 ", ISSUER)):
        error = refusal(lambda s=subject, i=issuer: come(people, s, i))
        assert (error.kind, error.details) == ("unauthenticated", {"needs": "link"})


def test_an_account_with_codes_on_asks_for_one_here_too(people: People) -> None:
    ali = people.join("ali")
    link(people, ali, "a-1")
    begun = people.do(people_verbs.totp_begin, ali)
    app, seconds = pyotp.parse_uri(begun["secret"]), people.centre.services.clock.now() // 10**6
    assert isinstance(app, pyotp.TOTP)
    people.do(people_verbs.totp_confirm, ali, code=app.at(seconds - 30))
    error = refusal(lambda: come(people, "a-1"))
    assert (error.kind, error.details) == ("unauthenticated", {"needs": "code"})
    assert refusal(lambda: come(people, "a-1", code="000000")).kind == "unauthenticated"
    assert knows(people, come(people, "a-1", code=app.at(seconds)))
    assert refusal(lambda: come(people, "a-1", code=app.at(seconds))).kind == "unauthenticated"


def test_guesses_at_the_code_close_the_account_as_they_do_with_a_password(people: People) -> None:
    ali = people.join("ali")
    link(people, ali, "a-1")
    app = pyotp.parse_uri(people.do(people_verbs.totp_begin, ali)["secret"])
    assert isinstance(app, pyotp.TOTP)
    people.do(
        people_verbs.totp_confirm, ali, code=app.at(people.centre.services.clock.now() // 10**6)
    )
    kinds = [refusal(lambda: come(people, "a-1", code="0")).kind for _ in range(40)]
    assert kinds[0] == "unauthenticated"
    assert kinds[-1] == "rate-limited"


@BOTH
def test_an_identity_is_one_persons(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    link(people, ali, "a-1")
    taken = ("conflict", "this identity is linked to an account already")
    assert told(lambda: link(people, bina, "a-1")) == taken
    assert told(lambda: link(people, ali, "a-1")) == taken


def test_a_key_links_nothing(people: People) -> None:
    ali = people.join("ali")
    key = people.who(
        people.do(people_verbs.create_key, ali, label="k", scopes=["account"])["secret"]
    )
    assert refusal(lambda: link(people, key, "a-1")).kind == "forbidden"
    assert refusal(lambda: link(people, Principal("x", "anonymous"), "a")).kind == "forbidden"


def test_a_person_links_five_at_most(people: People) -> None:
    ali = people.join("ali")
    for number in range(5):
        link(people, ali, f"a-{number}")
    assert refusal(lambda: link(people, ali, "a-5")).kind == "quota"


def test_an_identity_is_unlinked_by_its_person_or_an_operator(people: People) -> None:
    ali, bina = people.join("ali"), people.join("bina")
    first, second = link(people, ali, "a-1"), link(people, ali, "a-2")
    gone = ("not-found", "there is no such identity")
    for identity in (first, "0" * 20, "x"):
        assert told(lambda i=identity: people.do(people_verbs.unlink, bina, identity=i)) == gone
    people.do(people_verbs.unlink, ali, identity=first)
    people.do(people_verbs.unlink, people.operator, identity=second)
    assert people.ask(list_identities, ali)["items"] == []
    assert refusal(lambda: come(people, "a-1")).kind == "unauthenticated"


@pytest.mark.parametrize("subject", ["", "s" * 256, "a\nb", 7])
def test_a_subject_is_a_line(people: People, subject: object) -> None:
    ali = people.join("ali")
    assert refusal(lambda: link(people, ali, subject)).kind == "invalid"  # type: ignore[arg-type]


def test_identities_are_exported_and_erased(people: People) -> None:
    ali = people.join("ali")
    link(people, ali, "a-1")
    come(people, "a-1")
    held = people.ask(export, ali)["identities"]
    assert [(one["issuer"], one["subject"]) for one in held] == [(ISSUER, "a-1")]
    assert held[0]["last_login_at"] >= held[0]["linked_at"]
    people.do(people_verbs.erase, ali)
    assert refusal(lambda: come(people, "a-1")).kind == "unauthenticated"
    link(people, people.join("bina"), "a-1")  # free again


def test_a_suspended_person_does_not_come_in_elsewhere(people: People) -> None:
    ali = people.join("ali")
    link(people, ali, "a-1")
    people.do(people_verbs.suspend, people.operator, user="ali", reason="because")
    error = refusal(lambda: come(people, "a-1"))
    assert (error.kind, error.details) == ("unauthenticated", {})
