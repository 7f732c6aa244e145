from __future__ import annotations

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.errors import CentreError
from markaz.centre.ledger import holds, verbs
from tests.centre_rows import do, project, rows
from tests.ledger_accounts import Bank, allocation, amounts, check_books, kinds


def reserve(centre: Centre, project: str, job: str, amount: int) -> str | None:
    return do(centre, lambda w: holds.reserve(w, project=project, job=job, amount=amount))


def settle(centre: Centre, key: str, job: str, reserved: int, charge: int) -> int:
    return do(
        centre,
        lambda w: holds.settle(w, job=job, allocation=key, reserved=reserved, charge=charge),
    )


@pytest.fixture
def bank(centre: Centre) -> Bank:
    return Bank(centre)


def end_now(centre: Centre, key: str) -> None:
    """Move an allocation's end into the past."""
    table = ledger.allocations
    do(centre, lambda w: w.run(
        update(table).where(table.c.id == key).values(starts_at=0, ends_at=w.now)
    ))  # fmt: skip


def test_a_job_reserves_then_pays_and_gets_the_rest_back(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)

    assert reserve(centre, home, "j", 400) == key
    assert amounts(centre, key) == (1000, 400, 0)
    assert settle(centre, key, "j", 400, 150) == 250
    assert amounts(centre, key) == (1000, 0, 150)
    assert kinds(centre, "j") == [("reserve", -400), ("release", 400), ("charge", -150)]
    check_books(centre)


def test_a_job_that_finds_too_few_credits_reserves_nothing(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)

    assert reserve(centre, home, "j", 1001) is None
    assert reserve(centre, project(centre, "other"), "k", 1) is None
    assert reserve(centre, home, "huge", 10**30) is None
    assert (amounts(centre, key), kinds(centre, "j")) == ((1000, 0, 0), [])


def test_the_allocation_that_ends_first_and_has_enough_is_used(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    late = bank.grant(home, 1000, days=60)
    small = bank.grant(home, 10, days=5)
    early = bank.grant(home, 1000, days=30)
    bank.grant(home, 1000, days=90, after=50)

    assert [reserve(centre, home, f"j{i}", n) for i, n in enumerate((10, 600, 500, 401, 400))] == [
        small, early, late, late, early,
    ]  # fmt: skip
    assert reserve(centre, home, "more", 500) is None
    check_books(centre)


def test_an_allocation_that_has_not_begun_or_has_ended_gives_nothing(
    centre: Centre, bank: Bank
) -> None:
    home = project(centre)
    bank.grant(home, 1000, days=60, after=50)
    past = bank.grant(home, 1000)
    end_now(centre, past)

    assert reserve(centre, home, "j", 1) is None
    assert reserve(centre, home, "free", 0) is None


def test_what_costs_nothing_needs_an_allocation_in_force(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1)

    assert reserve(centre, home, "j", 0) == key
    assert settle(centre, key, "j", 0, 0) == 0
    assert kinds(centre, "j") == [("reserve", 0), ("release", 0)]


def test_a_second_settlement_is_refused(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    reserve(centre, home, "j", 100)
    reserve(centre, home, "k", 100)
    settle(centre, key, "j", 100, 60)

    for charge in (60, 0):
        with pytest.raises(CentreError, match="settled already") as refused:
            settle(centre, key, "j", 100, charge)
        assert refused.value.kind == "conflict"
    assert amounts(centre, key) == (1000, 100, 60)
    check_books(centre)


@pytest.mark.parametrize(("job", "reserved"), [("j", 99), ("j", 101), ("stranger", 100)])
def test_nobody_settles_what_was_not_reserved(
    centre: Centre, bank: Bank, job: str, reserved: int
) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    reserve(centre, home, "j", 100)
    reserve(centre, home, "k", 500)

    with pytest.raises(CentreError, match="reserved no"):
        settle(centre, key, job, reserved, 0)
    assert amounts(centre, key) == (1000, 600, 0)


def test_a_charge_above_the_reservation_is_a_fault(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    reserve(centre, home, "j", 100)
    with pytest.raises(AssertionError, match="charge 101 of 100"):
        settle(centre, key, "j", 100, 101)
    assert amounts(centre, key) == (1000, 100, 0)


def test_many_jobs_reserve_in_one_change(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    wanted = [(f"j{i}", i) for i in range(40)]

    found = do(centre, lambda w: holds.reserve_many(w, project=home, holds=wanted))

    assert found == [key] * 40
    assert amounts(centre, key) == (1000, 780, 0)
    assert do(centre, lambda w: holds.reserve_many(w, project=home, holds=[])) == []
    check_books(centre)


def test_many_jobs_share_what_is_there_in_their_order(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    first, second = bank.grant(home, 100, days=5), bank.grant(home, 70, days=9)
    wanted = [("a", 60), ("b", 50), ("c", 40), ("d", 30), ("e", 20)]

    found = do(centre, lambda w: holds.reserve_many(w, project=home, holds=wanted))

    assert found == [first, second, first, None, second]
    check_books(centre)


def test_what_running_jobs_reserved_outlives_the_allocation(centre: Centre, bank: Bank) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    for job in ("pays", "cancelled", "free"):
        reserve(centre, home, job, 100)
    end_now(centre, key)

    assert centre.perform(verbs.expire_due, SYSTEM) == {"allocations": [key]}
    assert centre.perform(verbs.expire_due, SYSTEM) == {"allocations": []}
    assert amounts(centre, key) == (300, 300, 0)
    assert settle(centre, key, "pays", 100, 30) == 0
    assert (
        do(centre, lambda w: holds.release(w, job="cancelled", allocation=key, reserved=100)) == 0
    )
    assert settle(centre, key, "free", 100, 0) == 0
    assert amounts(centre, key) == (30, 0, 30)
    assert allocation(centre, key)["state"] == "expired"
    assert [e["amount"] for e in rows(centre, ledger.ledger_entries) if e["kind"] == "expiry"] == [
        -700, -70, -100, -100,
    ]  # fmt: skip
    assert rows(centre, ledger.notices) == []
    check_books(centre)


def test_an_allocation_that_is_over_gives_nothing_before_it_is_closed(
    centre: Centre, bank: Bank
) -> None:
    home = project(centre)
    key = bank.grant(home, 1000)
    end_now(centre, key)
    assert reserve(centre, home, "j", 1) is None
    with pytest.raises(CentreError, match="has ended"):
        bank.perform(verbs.adjust, allocation=key, amount=5, reason="late")
