from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from markaz.centre.access import (
    ANONYMOUS,
    SYSTEM,
    VERBS,
    CentreRole,
    Principal,
    ProjectRole,
)
from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger, projects
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.ledger import holds, verbs
from markaz.centre.ledger.prices import Rate, price
from tests.centre_rows import DAY, do, look, person, project, put, rows, simulator
from tests.ledger_accounts import Bank, allocation, amounts, check_books, kinds

NAMES = sorted(name for name in VERBS if name.startswith("ledger."))


@pytest.fixture
def bank(centre: Centre) -> Bank:
    return Bank(centre)


class Ear:
    """A listener that counts."""

    def __init__(self) -> None:
        self.heard = 0

    def rules_changed(self) -> None:
        self.heard += 1


def charged(centre: Centre, bank: Bank, charge: int = 60) -> tuple[str, str]:
    """A project's allocation of 1,000 and a job that was charged there."""
    home = project(centre)
    key = bank.grant(home, 1000)
    do(centre, lambda w: holds.reserve(w, project=home, job="j", amount=100))
    do(centre, lambda w: holds.settle(w, job="j", allocation=key, reserved=100, charge=charge))
    return home, key


def test_a_grant_is_an_allocation_with_an_entry_and_wakes_what_waits(
    centre: Centre, bank: Bank
) -> None:
    home = project(centre)
    centre.services.listener = ear = Ear()  # type: ignore[assignment]
    now = centre.services.clock.now()
    made = bank.perform(
        verbs.grant, project="physics", amount=500, starts_at=now, ends_at=now + DAY, reason="award"
    )
    assert {k: made[k] for k in ("project", "state", "granted", "free", "ends_at")} == {
        "project": home, "state": "active", "granted": 500, "free": 500, "ends_at": now + DAY,
    }  # fmt: skip
    (entry,) = rows(centre, ledger.ledger_entries)
    assert (entry["kind"], entry["amount"], entry["actor"], entry["reason"]) == (
        "grant", 500, bank.actor.id, "award",
    )  # fmt: skip
    assert ear.heard == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 0), ("amount", -5), ("amount", 1.5), ("amount", True), ("amount", 10**16),
        ("amount", "7"), ("starts_at", "now"), ("ends_at", 10**30), ("reason", "\u202egpj"),
        ("reason", "a\x00b"), ("ends_at", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_wrong_grant_names_its_field_and_stores_nothing(
    centre: Centre, bank: Bank, field: str, value: Any
) -> None:
    project(centre)
    now = centre.services.clock.now()
    good = {"project": "physics", "amount": 5, "starts_at": now, "ends_at": now + DAY, "reason": ""}
    with pytest.raises(CentreError) as refused:
        bank.perform(verbs.grant, **{**good, field: value})
    assert (refused.value.kind, refused.value.field) == ("invalid", field)
    assert rows(centre, ledger.allocations) == rows(centre, ledger.ledger_entries) == []


def test_a_closed_project_gets_nothing(centre: Centre, bank: Bank) -> None:
    with pytest.raises(CentreError, match="closed"):
        bank.grant(project(centre, state="closed"), 5)


def test_credits_move_between_projects(centre: Centre, bank: Bank) -> None:
    one, other = bank.grant(project(centre), 100), bank.grant(project(centre, "maths"), 10)

    moved = bank.perform(verbs.transfer, allocation=one, to=other, amount=30, reason="help")

    assert (moved["from"]["free"], moved["to"]["free"]) == (70, 40)
    for arguments, kind in (
        ({"allocation": one, "to": other, "amount": 71}, "conflict"),
        ({"allocation": one, "to": one, "amount": 1}, "invalid"),
        ({"allocation": one, "to": new_id(5), "amount": 1}, "not-found"),
        ({"allocation": "' OR 1=1", "to": one, "amount": 1}, "not-found"),
    ):
        with pytest.raises(CentreError) as refused:
            bank.perform(verbs.transfer, **arguments, reason="more")
        assert refused.value.kind == kind
    assert (amounts(centre, one), amounts(centre, other)) == ((70, 0, 0), (40, 0, 0))
    check_books(centre)


def test_a_transfer_into_an_ended_allocation_takes_nothing_away(centre: Centre, bank: Bank) -> None:
    one, other = bank.grant(project(centre), 100), bank.grant(project(centre, "maths"), 10)
    bank.perform(verbs.revoke, allocation=other, reason="over")
    with pytest.raises(CentreError, match="has ended"):
        bank.perform(verbs.transfer, allocation=one, to=other, amount=30, reason="help")
    assert amounts(centre, one) == (100, 0, 0)
    check_books(centre)


def test_adjustments_need_a_reason_and_stop_at_zero(centre: Centre, bank: Bank) -> None:
    _, key = charged(centre, bank)

    assert bank.perform(verbs.adjust, allocation=key, amount=-940, reason="typo")["free"] == 0
    assert bank.perform(verbs.adjust, allocation=key, amount=5, reason="typo")["free"] == 5
    for amount, reason, kind in ((-6, "x", "conflict"), (0, "x", "invalid"), (5, " ", "invalid")):
        with pytest.raises(CentreError) as refused:
            bank.perform(verbs.adjust, allocation=key, amount=amount, reason=reason)
        assert refused.value.kind == kind
    check_books(centre)


def test_no_allocation_grows_beyond_what_numbers_hold(centre: Centre, bank: Bank) -> None:
    key = bank.grant(project(centre), 10**15)
    with pytest.raises(CentreError) as refused:
        for _ in range(10):
            bank.perform(verbs.adjust, allocation=key, amount=10**15, reason="much")
    assert refused.value.kind == "conflict"
    assert amounts(centre, key)[0] < 2**53


def test_a_charge_is_refunded_once_and_never_more_than_it_was(centre: Centre, bank: Bank) -> None:
    _, key = charged(centre, bank, charge=60)

    with pytest.raises(CentreError, match="charged 60") as refused:
        bank.perform(verbs.refund, job="j", amount=61, reason="fault")
    assert refused.value.field == "amount"
    assert bank.perform(verbs.refund, job="j", amount=20, reason="fault")["charged"] == 40
    with pytest.raises(CentreError, match="refunded before"):
        bank.perform(verbs.refund, job="j", amount=20, reason="fault")
    assert kinds(centre, "j")[-1] == ("refund", 20)
    assert amounts(centre, key) == (1000, 0, 40)
    check_books(centre)


def test_nothing_is_refunded_that_was_not_charged(centre: Centre, bank: Bank) -> None:
    charged(centre, bank, charge=0)
    for job in ("j", "unknown"):
        with pytest.raises(CentreError, match="nothing was charged"):
            bank.perform(verbs.refund, job=job, amount=1, reason="fault")


def test_a_refund_needs_an_allocation_in_force(centre: Centre, bank: Bank) -> None:
    _, key = charged(centre, bank)
    bank.perform(verbs.revoke, allocation=key, reason="over")
    with pytest.raises(CentreError, match="grant the project credits instead"):
        bank.perform(verbs.refund, job="j", amount=1, reason="fault")
    assert allocation(centre, key)["state"] == "revoked"
    assert amounts(centre, key) == (60, 0, 60)
    with pytest.raises(CentreError, match="has ended"):
        bank.perform(verbs.revoke, allocation=key, reason="again")
    check_books(centre)


def test_prices_are_dated_and_never_changed_backwards(centre: Centre) -> None:
    operator = person(centre, "op", CentreRole.OPERATOR)
    simulator(centre)
    now = centre.services.clock.now()

    def at(moment: int) -> Rate:
        return look(centre, lambda w: price(w, device="simulator", at=moment))

    def set_rate(**arguments: Any) -> Any:
        return centre.perform(verbs.set_rate, operator, device="simulator", **arguments)

    assert at(now) == Rate(0, 0, 0)
    begun = set_rate(per_second=5)["starts_at"]
    set_rate(per_second=7, per_shot=1, starts_at=now + DAY)
    set_rate(per_second=8, per_job=2, starts_at=now + DAY)
    assert (at(begun - 1), at(begun), at(now + DAY - 1), at(now + DAY)) == (
        Rate(0, 0, 0), Rate(5, 0, 0), Rate(5, 0, 0), Rate(8, 0, 2),
    )  # fmt: skip
    with pytest.raises(CentreError) as refused:
        set_rate(per_second=1, starts_at=begun)
    assert refused.value.field == "starts_at"
    with pytest.raises(CentreError, match="no such device"):
        centre.perform(verbs.set_rate, operator, device="nope", per_second=1)
    assert len(rows(centre, ledger.rates)) == 2


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_verb_is_for_its_roles_only(centre: Centre, bank: Bank) -> None:
    home, key = charged(centre, bank)
    lead = person(centre, "lead")
    put(
        centre, projects.memberships, project_id=home, user_id=lead.id, role=ProjectRole.PI,
        joined_at=1,
    )  # fmt: skip
    narrow = Principal(bank.actor.id, "user", bank.actor.roles, frozenset({"projects:write"}))
    others = [ANONYMOUS, lead, person(centre, "director", CentreRole.DIRECTOR), narrow]
    given = {
        "project": home, "allocation": key, "to": key, "amount": 1, "reason": "x", "job": "j",
        "starts_at": 0, "ends_at": 2**52, "device": "simulator", "percent": 80,
    }  # fmt: skip
    before = [rows(centre, table) for table in (ledger.allocations, ledger.ledger_entries)]

    found = {}
    for name in NAMES:
        for actor in others:
            with pytest.raises(CentreError) as refused:
                centre.perform(VERBS[name], actor, **given)
            found[name, actor] = refused.value.kind

    system = {"ledger.expire_due", "ledger.notice_mailed"}
    assert found == {
        (name, actor): "unauthenticated"
        if actor is ANONYMOUS and name not in system
        else "forbidden"
        for name in NAMES
        for actor in others
    }
    assert before == [rows(centre, t) for t in (ledger.allocations, ledger.ledger_entries)]


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_change_is_audited_once(centre: Centre, bank: Bank) -> None:
    _, key = charged(centre, bank)
    other = bank.grant(project(centre, "maths"), 5)
    bank.perform(verbs.transfer, allocation=key, to=other, amount=1, reason="x")
    bank.perform(verbs.adjust, allocation=key, amount=1, reason="x")
    bank.perform(verbs.refund, job="j", amount=1, reason="x")
    bank.perform(verbs.revoke, allocation=other, reason="x")
    centre.perform(verbs.expire_due, SYSTEM)

    written = look(centre, lambda w: w.all(
        select(audit_entries.c.verb, audit_entries.c.subject, audit_entries.c.actor)
        .order_by(audit_entries.c.seq)
    ))  # fmt: skip
    assert [tuple(row) for row in written][1:] == [
        ("ledger.grant", key, bank.actor.id),
        ("ledger.grant", other, bank.actor.id),
        ("ledger.transfer", key, bank.actor.id),
        ("ledger.adjust", key, bank.actor.id),
        ("ledger.refund", "j", bank.actor.id),
        ("ledger.revoke", other, bank.actor.id),
    ]
