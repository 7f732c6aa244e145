"""Attacks on logins: guessing, finding out who has an account, using codes again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest
from sqlalchemy import func, select

from markaz.centre.access import ANONYMOUS, SYSTEM, Principal
from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people import credentials, login, verbs
from markaz.centre.people.credentials import lock_seconds
from markaz.centre.people.tables import login_attempts, one_time_codes
from tests.people_tools import (
    BOTH,
    DAY,
    HOUR,
    PASSWORD,
    CountingHasher,
    Mailbox,
    People,
    cheap_hashes,
    refusal,
    set_up,
)

FREE = 3  # attempts before a name is closed for a while
WRONG = ("unauthenticated", "login, password or one-time code is wrong")
NEW = "another otter ten"


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    return cheap_hashes(monkeypatch)


@pytest.fixture
def people(hasher: CountingHasher, settings_for: Callable[..., Any]) -> Iterator[People]:
    with Centre.open(settings_for(logins_per_minute=FREE)) as centre:
        found = set_up(centre)
        found.join("ali", "ali@example.org")
        yield found


def attempt(people: People, name: Any, password: Any = "wrong otter", **more: Any) -> CentreError:
    return refusal(lambda: login.log_in(people.centre, login=name, password=password, **more))


def answer(error: CentreError) -> tuple[Any, ...]:
    """All that a client gets to see, but how long to wait."""
    return error.kind, error.message, error.field, error.details


def entries(people: People, verb: str) -> list[tuple[str, str]]:
    with people.centre.engine.connect() as connection:
        wanted = select(audit_entries).where(audit_entries.c.verb == verb)
        rows = connection.execute(wanted.order_by(audit_entries.c.at))
        return [(row.actor, row.subject) for row in rows]


def with_app(people: People, name: str = "ali") -> pyotp.TOTP:
    """Turn one-time codes on; the authenticator."""
    who = people.log_in(name)
    app = pyotp.parse_uri(people.do(verbs.totp_begin, who)["secret"])
    assert isinstance(app, pyotp.TOTP)
    people.do(verbs.totp_confirm, who, code=code_of(people, app))
    people.later(30_000_000)
    return app


def code_of(people: People, app: pyotp.TOTP) -> str:
    return app.at(people.centre.services.clock.now() // 1_000_000)


def test_brute_force_is_slowed_even_for_the_right_password(
    people: People, hasher: CountingHasher
) -> None:
    for _ in range(FREE):
        assert answer(attempt(people, "ali"))[:2] == WRONG
    before = hasher.verifications
    closed = attempt(people, "ali", PASSWORD)
    assert closed.kind == "rate-limited"
    assert closed.retry_after is not None
    assert 0 < closed.retry_after <= 1
    assert hasher.verifications == before  # no work for a closed name


@BOTH
def test_wait_doubles_ends_and_is_forgiven(people: People) -> None:
    assert [lock_seconds(count, 3) for count in (1, 2, 3, 4, 5, 12, 13, 99)] == [
        0, 0, 1, 2, 4, 512, 900, 900,
    ]  # fmt: skip
    for _ in range(FREE):
        attempt(people, "ali")
    waits = []
    for _ in range(4):
        wait = attempt(people, "ali").retry_after
        assert wait is not None
        waits.append(round(wait))
        people.later(round(wait * 1_000_000) + 1_000)
        assert attempt(people, "ali").kind == "unauthenticated"
    assert waits == [1, 2, 4, 8]
    people.later(16_000_000)
    assert people.log_in("ali").kind == "user"
    for _ in range(FREE):  # all is forgotten after a login
        assert attempt(people, "ali").kind == "unauthenticated"
    people.later(HOUR + 2_000_000)
    for _ in range(FREE - 1):  # or after an hour
        assert attempt(people, "ali").kind == "unauthenticated"
    assert people.log_in("ali").kind == "user"


@BOTH
def test_guesses_at_once_are_no_more_than_guesses_in_a_row(
    people: People, hasher: CountingHasher
) -> None:
    before, kinds = hasher.verifications, []

    def guess() -> None:
        try:
            login.log_in(people.centre, login="ali", password="wrong otter")
        except CentreError as error:
            kinds.append(error.kind)

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds.count("unauthenticated") == FREE == hasher.verifications - before
    assert kinds.count("rate-limited") == 24 - FREE


STRANGERS = ["nobody", "", "ali\x00", "a" * 500, "ſystem", None, 7, "' OR 1=1 --", "0" * 20]


@pytest.mark.parametrize("name", STRANGERS)
def test_unknown_name_is_answered_as_a_known_one(
    people: People, hasher: CountingHasher, name: object
) -> None:
    before = hasher.verifications, hasher.hashes
    known = answer(attempt(people, "ali"))
    middle = hasher.verifications, hasher.hashes
    unknown = answer(attempt(people, name))
    after = hasher.verifications, hasher.hashes
    assert known == unknown == (*WRONG, None, {})
    assert (middle[0] - before[0], after[0] - middle[0]) == (1, 1)  # the same work
    assert before[1] == middle[1] == after[1]
    ((_, first), (_, second)) = entries(people, "people.refuse_login")
    assert (first != second, second) == (True, "unknown")  # as much is written down


def test_account_in_any_state_costs_one_verification(
    people: People, hasher: CountingHasher
) -> None:
    people.do(verbs.create, people.operator, login="new", name="No password yet")
    login.sign_up(
        people.centre, login="pending", name="x", email="p@example.org", password=PASSWORD
    )
    people.join("gone")
    people.join("shut")
    people.do(verbs.erase, people.operator, user="gone")
    people.do(verbs.suspend, people.operator, user="shut", reason="x")
    for name in ("new", "pending", "gone", "shut", "erased-x"):
        before = hasher.verifications
        assert answer(attempt(people, name))[:2] == WRONG
        assert hasher.verifications - before == 1


def test_unknown_name_is_closed_like_a_known_one(people: People) -> None:
    seen = []
    for name in ("ali", "nobody"):
        answers = [answer(attempt(people, name)) for _ in range(FREE + 2)]
        seen.append(answers)
    assert seen[0] == seen[1]
    assert seen[0][-1][0] == "rate-limited"


@BOTH
def test_lost_password_tells_nobody_who_has_an_account(people: People) -> None:
    people.centre.services.mailer = box = Mailbox()
    with people.centre.engine.connect() as connection:
        before = connection.scalar(select(func.count()).select_from(audit_entries))
    answers = [
        people.do(verbs.recover, ANONYMOUS, login=name, lost="password")
        for name in ("ali", "nobody", "admin", "' --", "\x00", None)
    ]
    assert answers == [{"asked": True, "by": "mail"}] * 6
    with people.centre.engine.connect() as connection:
        after = connection.scalar(select(func.count()).select_from(audit_entries))
    assert (after or 0) - (before or 0) == 6  # each writes as much as the others
    assert {subject for _, subject in entries(people, "people.recover")} == {"recovery"}
    assert len(box.codes()) == 1  # and yet there was something to tell
    assert [to for to, _, _ in box.letters] == ["ali@example.org"]


def test_spray_over_many_accounts_closes_each_by_itself(
    people: People, hasher: CountingHasher
) -> None:
    names = [f"person{number}" for number in range(6)]
    for name in names:
        people.join(name)
    before = hasher.verifications
    for _ in range(FREE):
        for name in names:
            assert attempt(people, name, "Summer2026!").kind == "unauthenticated"
    assert hasher.verifications - before == FREE * len(names)
    assert {attempt(people, name).kind for name in names} == {"rate-limited"}
    assert people.log_in("ali").kind == "user"  # others are not locked out
    with pytest.raises(CentreError, match="guessed first"):  # nor can such a password be chosen
        login.change_password(people.centre, people.log_in("ali"), old=PASSWORD, new="Summer2026!")


def test_reset_code_works_once_and_not_after_its_time(people: People) -> None:
    def issued() -> str:
        made = people.do(verbs.issue_code, people.operator, user="ali", lost="password")
        return str(made["secret"])

    used = issued()
    login.set_password(people.centre, code=used, password=NEW)
    late = issued()
    people.later(DAY)
    unused = issued()
    for code in (used, late, unused.replace("mkz_c", "mkz_i"), unused[:-1] + "~", "", None):
        kind = refusal(
            lambda code=code: login.set_password(people.centre, code=code, password=PASSWORD)
        ).kind
        assert kind == "unauthenticated"
    assert login.log_in(people.centre, login="ali", password=NEW)["secret"]


@BOTH
def test_two_who_use_one_reset_code_at_once_are_one(people: People) -> None:
    made = people.do(verbs.issue_code, people.operator, user="ali", lost="password")
    outcomes: list[str] = []

    def use(number: int) -> None:
        try:
            login.set_password(people.centre, code=made["secret"], password=f"{NEW} {number}")
        except CentreError as error:
            outcomes.append(error.kind)
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=use, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] + ["unauthenticated"] * 3


def test_one_time_code_of_an_authenticator_is_used_once(people: People) -> None:
    app = with_app(people)
    code = code_of(people, app)
    assert people.log_in("ali", code=code).kind == "user"
    assert answer(attempt(people, "ali", PASSWORD, code=code))[:2] == WRONG
    people.later(30_000_000)
    newer = code_of(people, app)
    older = app.at(people.centre.services.clock.now() // 1_000_000 - 30)
    assert people.log_in("ali", code=newer).kind == "user"
    assert answer(attempt(people, "ali", PASSWORD, code=older))[:2] == WRONG  # still in the window


@BOTH
def test_one_code_in_two_logins_at_once_opens_one(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = with_app(people)
    code = code_of(people, app)
    together = threading.Barrier(2, timeout=20)
    honest = login._step

    def step(*arguments: Any) -> int:
        found = honest(*arguments)
        together.wait()  # both have checked the code before either used it
        return found

    monkeypatch.setattr(login, "_step", step)
    outcomes: list[str] = []

    def enter() -> None:
        try:
            login.log_in(people.centre, login="ali", password=PASSWORD, code=code)
        except CentreError as error:
            outcomes.append(error.kind)
        else:
            outcomes.append("in")

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "unauthenticated"]


def test_guessing_one_time_codes_is_slowed_like_passwords(people: People) -> None:
    with_app(people)
    kinds = [attempt(people, "ali", PASSWORD, code="000000").kind for _ in range(FREE + 1)]
    assert kinds == ["unauthenticated"] * FREE + ["rate-limited"]


def test_mailbox_alone_does_not_open_an_account_with_an_authenticator(people: People) -> None:
    app = with_app(people)
    people.centre.services.mailer = box = Mailbox()
    people.do(verbs.recover, ANONYMOUS, login="ali", lost="password")
    (code,) = box.codes()
    login.set_password(people.centre, code=code, password=NEW)
    people.do(verbs.recover, ANONYMOUS, login="ali", lost="totp")
    assert len(box.codes()) == 1  # no second mail for the second factor
    people.later(8 * DAY)
    people.do(verbs.recover, ANONYMOUS, login="ali", lost="totp")
    assert len(box.codes()) == 2  # the owner noticed nothing for a week
    assert app is not None


def test_password_that_changed_meanwhile_opens_nothing(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = credentials.log_in

    class Late:
        ahead = None

        def __call__(self, work: Any, **arguments: Any) -> Any:
            return honest(work, **(arguments | {"verified": "the hash of yesterday"}))

    monkeypatch.setattr(credentials, "log_in", Late())
    assert answer(attempt(people, "ali", PASSWORD))[:2] == WRONG


def test_verbs_behind_the_doors_are_shut_for_people(people: People) -> None:
    operator = people.operator
    for actor in (ANONYMOUS, operator, Principal(operator.id, "worker")):
        for act, given in (
            (credentials.log_in, {"user": operator.id, "name": "x", "verified": "", "step": None,
                                  "rehashed": None, "label": ""}),
            (credentials.attempt, {"name": "x"}),
            (credentials.set_password, {"code": "x", "hashed": "x"}),
            (credentials.change_password, {"user": operator.id, "verified": "", "hashed": "",
                                           "session": None}),
            (credentials.totp_off, {"user": operator.id, "verified": "", "step": 1, "code": None}),
        ):  # fmt: skip
            assert refusal(
                lambda act=act, actor=actor, given=given: people.do(act, actor, **given)
            ).kind == ("forbidden")


def test_old_attempts_and_codes_are_forgotten(people: People) -> None:
    attempt(people, "nobody")
    people.do(verbs.issue_code, people.operator, user="ali", lost="password")

    def counted() -> list[int | None]:
        with people.centre.engine.connect() as connection:
            return [
                connection.scalar(select(func.count()).select_from(table))
                for table in (login_attempts, one_time_codes)
            ]

    before = counted()
    people.later(40 * DAY)
    people.do(credentials.tidy, SYSTEM)
    assert (before, counted()) == ([1, 2], [0, 0])
