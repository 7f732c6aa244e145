from __future__ import annotations

import pytest

from markaz.centre.access import ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.ledger import holds, queries, verbs
from markaz.centre.ledger.notices import deliver
from tests.centre_rows import do, person, project, rows
from tests.ledger_accounts import Bank

# The accounts below run on both databases elsewhere.
pytestmark = pytest.mark.parametrize("database", ["sqlite"])


class Post:
    """A mail server that may be down."""

    def __init__(self) -> None:
        self.available = True
        self.down = False
        self.sent: list[tuple[str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        if self.down:
            raise OSError("connection refused")
        self.sent.append((to, subject))


@pytest.fixture
def post(centre: Centre) -> Post:
    centre.services.mailer = made = Post()
    return made


class Account:
    """A project with two leads and a member, and an allocation of 1,000."""

    def __init__(self, centre: Centre) -> None:
        self.centre, self.bank = centre, Bank(centre)
        people = {
            person(centre, "lead"): ProjectRole.PI,
            person(centre, "second"): ProjectRole.CO_PI,
            person(centre, "gone", state="suspended"): ProjectRole.CO_PI,
            person(centre, "silent", email=None): ProjectRole.CO_PI,
            person(centre, "member"): ProjectRole.MEMBER,
        }
        self.home = project(centre, members=people)
        self.key = self.bank.grant(self.home, 1000)
        self._jobs = 0

    def spend(self, amount: int) -> bool:
        self._jobs += 1
        job = f"j{self._jobs}"
        key = do(self.centre, lambda w: holds.reserve(w, project=self.home, job=job, amount=amount))
        if key is not None:
            do(self.centre, lambda w: holds.settle(
                w, job=job, allocation=key, reserved=amount, charge=amount
            ))  # fmt: skip
        return key is not None

    def noted(self) -> list[int]:
        return sorted(row["percent"] for row in rows(self.centre, ledger.notices))

    def deliver(self) -> int:
        return deliver(self.centre, queries.due_notices, verbs.notice_mailed)


@pytest.fixture
def account(centre: Centre) -> Account:
    return Account(centre)


def test_each_mark_is_noted_once(account: Account) -> None:
    seen = []
    for amount in (799, 1, 100, 99, 1):
        assert account.spend(amount)
        seen.append(account.noted())
    assert seen == [[], [80], [80], [80], [80, 100]]


def test_a_job_that_finds_too_few_credits_means_the_end(account: Account) -> None:
    account.spend(790)
    assert not account.spend(211)
    assert account.noted() == []  # most is used, but a smaller job still fits …
    account.spend(110)
    assert not account.spend(211)
    assert account.noted() == [80, 100]


def test_one_job_that_is_too_large_is_no_notice(account: Account) -> None:
    assert not account.spend(5000)
    assert account.noted() == []


def test_new_credits_start_the_marks_again(account: Account) -> None:
    account.spend(800)
    account.bank.perform(verbs.adjust, allocation=account.key, amount=1000, reason="more")
    assert account.noted() == []
    account.spend(800)
    assert account.noted() == [80]


def test_the_leads_are_mailed_once(account: Account, post: Post) -> None:
    account.spend(1000)

    assert [account.deliver(), account.deliver()] == [2, 0]
    assert sorted(post.sent) == [
        (f"{who}@example.org", f"Physics: credits {what}")
        for who in ("lead", "second")
        for what in ("are used to 80 %", "are used up")
    ]


def test_mail_that_is_not_taken_is_sent_later(account: Account, post: Post) -> None:
    account.spend(800)
    post.down = True
    assert account.deliver() == 0
    post.down = False
    assert (account.deliver(), len(post.sent)) == (1, 2)


def test_without_a_mail_server_the_notice_is_in_the_balance(account: Account) -> None:
    account.spend(800)
    assert account.deliver() == 0
    told = account.centre.ask(queries.balance, account.bank.actor, project=account.home)
    assert [(n["allocation"], n["percent"]) for n in told["notices"]] == [(account.key, 80)]


def test_an_undone_job_leaves_no_notice(account: Account) -> None:
    def undone(work: object) -> None:
        holds.reserve(work, project=account.home, job="x", amount=900)  # type: ignore[arg-type]
        holds.settle(
            work,
            job="x",
            allocation=account.key,
            reserved=900,
            charge=900,  # type: ignore[arg-type]
        )
        raise RuntimeError("the job's own update failed")

    with pytest.raises(RuntimeError):
        do(account.centre, undone)
    assert account.noted() == []
