"""What holds of the ledger whatever people and jobs do to it."""

from __future__ import annotations

import itertools
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlalchemy import update

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.errors import CentreError
from markaz.centre.ledger import holds, queries, verbs
from markaz.centre.ledger.prices import Rate
from markaz.centre.settings import Settings
from tests.centre_rows import do, project, rows
from tests.ledger_accounts import Bank, check_books

EVERYDAY = settings.default.max_examples <= 25
LAWS = settings(max_examples=1000 if EVERYDAY else 50_000)
RATES = st.builds(
    Rate,
    *(st.integers(0, 10**12) for _ in range(3)),
)
SECONDS = st.floats(0, 1e7)
SHOTS = st.integers(0, 10**9)


# Prices: pure laws.


@LAWS
@given(RATES, st.integers(0, 10**13), SHOTS)
def test_price_times_time_is_the_cost_to_the_last_unit(rate: Rate, micros: int, shots: int) -> None:
    exact = rate.per_job + rate.per_shot * shots + Fraction(rate.per_second * micros, 10**6)
    assert 0 <= rate.cost(micros / 1e6, shots) - exact < 1


@LAWS
@given(RATES, SECONDS, SECONDS, SHOTS, SHOTS)
def test_more_never_costs_less(rate: Rate, a: float, b: float, m: int, n: int) -> None:
    assert rate.cost(min(a, b), min(m, n)) <= rate.cost(max(a, b), max(m, n))


@LAWS
@given(RATES, SECONDS, SHOTS, st.integers(1, 1000))
def test_a_division_into_jobs_is_never_cheaper(
    rate: Rate, seconds: float, shots: int, parts: int
) -> None:
    micros, rest = divmod(round(seconds * 1e6), parts)
    whole = rate.cost((micros * parts + rest) / 1e6, shots)
    pieces = parts * rate.cost(micros / 1e6, 0) + rate.cost(rest / 1e6, shots)
    assert pieces >= whole


@LAWS
@given(RATES, SECONDS, SECONDS, SECONDS, SHOTS)
def test_a_charge_is_never_more_than_the_reservation(
    rate: Rate, predicted: float, limit: float, ran: float, shots: int
) -> None:
    reserved = rate.reservation(predicted=predicted, limit=limit, shots=shots)
    assert 0 <= rate.charge(ran, shots, reserved) <= reserved


@LAWS
@given(RATES, st.floats(0, 1e6), st.floats(0, 1), SHOTS)
def test_a_job_within_its_prediction_is_charged_in_full(
    rate: Rate, limit: float, share: float, shots: int
) -> None:
    ran = limit * share
    reserved = rate.reservation(predicted=ran, limit=limit, shots=shots)
    assert rate.charge(ran, shots, reserved) == rate.cost(ran, shots)


@LAWS
@given(RATES, SECONDS, SHOTS)
def test_the_reservation_without_a_prediction_is_the_limits(
    rate: Rate, limit: float, shots: int
) -> None:
    unknown = rate.reservation(predicted=None, limit=limit, shots=shots)
    assert unknown == rate.cost(limit, shots)
    assert unknown >= rate.reservation(predicted=limit / 100, limit=limit, shots=shots)


# The ledger: a machine that does anything that the verbs allow, in any order.


class Ledger(RuleBasedStateMachine):
    """Random grants, transfers, jobs, refunds and ends over three projects.

    A plain model of what is free foresees every answer; the books are checked after each
    step: the entries add up to the sums, nothing is below zero, no credits come from nowhere.
    """

    template: ClassVar[Path]
    folder: ClassVar[Path]
    numbers = itertools.count()

    allocations = Bundle("allocations")
    running = Bundle("running")
    charged = Bundle("charged")

    def __init__(self) -> None:
        super().__init__()
        here = self.folder / str(next(self.numbers))
        here.mkdir()
        shutil.copy(self.template, here / "markaz.db")
        self.here = here
        self.centre = Centre.open(Settings({"data": str(here)}))
        self.bank = Bank(self.centre)
        self.projects = [project(self.centre, f"p{i}") for i in range(3)]
        self.jobs = (f"job{i}" for i in itertools.count())
        self.free: dict[str, int] = {}
        self.home: dict[str, str] = {}
        self.order: dict[str, float] = {}
        self.live: set[str] = set()
        self.made = 0  # credits that ever came in, less those that went out
        self.spent = 0
        self.held = 0

    @rule(
        target=allocations, which=st.integers(0, 2), amount=st.integers(1, 100),
        days=st.integers(1, 5),
    )  # fmt: skip
    def grant(self, which: int, amount: int, days: int) -> str:
        # Distinct ends, so that "the one that ends first" is one.
        end = days + len(self.order) / 1000
        key = self.bank.grant(self.projects[which], amount, days=end)
        self.free[key], self.home[key], self.order[key] = amount, self.projects[which], end
        self.live.add(key)
        self.made += amount
        return key

    @rule(target=running, which=st.integers(0, 2), amount=st.integers(0, 60))
    def start(self, which: int, amount: int) -> Any:
        home, job = self.projects[which], next(self.jobs)
        fits = [k for k in self.live if self.home[k] == home and self.free[k] >= amount]
        wanted = min(fits, key=lambda k: self.order[k], default=None)
        found = do(self.centre, lambda w: holds.reserve(w, project=home, job=job, amount=amount))
        assert found == wanted
        if found is not None:
            self.free[found] -= amount
            self.held += amount
        return job, found, amount

    @rule(target=running, which=st.integers(0, 2), amounts=st.lists(st.integers(0, 30), max_size=4))
    def start_many(self, which: int, amounts: list[int]) -> Any:
        wanted = [(next(self.jobs), n) for n in amounts]
        home = self.projects[which]
        found = do(self.centre, lambda w: holds.reserve_many(w, project=home, holds=wanted))
        assert len(found) == len(amounts)
        first: Any = (next(self.jobs), None, 0)
        for (job, amount), key in zip(wanted, found, strict=True):
            if key is None:
                continue
            self.free[key] -= amount
            self.held += amount
            first = (job, key, amount)
        return first

    @rule(target=charged, job=consumes(running), share=st.integers(0, 100))
    def finish(self, job: Any, share: int) -> Any:
        name, key, amount = job
        if key is None:
            return name, None, 0
        charge = amount * share // 100
        back = do(self.centre, lambda w: holds.settle(
            w, job=name, allocation=key, reserved=amount, charge=charge
        ))  # fmt: skip
        self.held -= amount
        self.spent += charge
        if key in self.live:
            assert back == amount - charge
            self.free[key] += back
        else:
            assert back == 0
            self.made -= amount - charge
        return name, key, charge

    @rule(job=charged)
    def finish_again(self, job: Any) -> None:
        name, key, charge = job
        if key is not None:
            with pytest.raises(CentreError):
                do(self.centre, lambda w: holds.settle(
                    w, job=name, allocation=key, reserved=charge, charge=charge
                ))  # fmt: skip

    @rule(job=charged, amount=st.integers(1, 60))
    def refund(self, job: Any, amount: int) -> None:
        name, key, charge = job
        entries = rows(self.centre, ledger.ledger_entries)
        before = any(e["job_id"] == name and e["kind"] == "refund" for e in entries)
        allowed = key in self.live and amount <= charge and not before
        if self._allowed(allowed, verbs.refund, job=name, amount=amount, reason="fault"):
            self.free[key] += amount
            self.spent -= amount

    @rule(one=allocations, other=allocations, amount=st.integers(1, 60))
    def transfer(self, one: str, other: str, amount: int) -> None:
        allowed = one != other and {one, other} <= self.live and self.free[one] >= amount
        if self._allowed(
            allowed, verbs.transfer, allocation=one, to=other, amount=amount, reason="help"
        ):
            self.free[one] -= amount
            self.free[other] += amount

    @rule(key=allocations, amount=st.integers(-60, 60).filter(bool))
    def adjust(self, key: str, amount: int) -> None:
        allowed = key in self.live and self.free[key] + amount >= 0
        if self._allowed(allowed, verbs.adjust, allocation=key, amount=amount, reason="typo"):
            self.free[key] += amount
            self.made += amount

    @rule(key=allocations)
    def revoke(self, key: str) -> None:
        if self._allowed(key in self.live, verbs.revoke, allocation=key, reason="over"):
            self._lapse(key)

    @rule(key=allocations)
    def expire(self, key: str) -> None:
        table = ledger.allocations
        do(self.centre, lambda w: w.run(
            update(table).where(table.c.id == key).values(starts_at=0, ends_at=w.now)
        ))  # fmt: skip
        ended = self.centre.perform(verbs.expire_due, SYSTEM)["allocations"]
        assert ended == ([key] if key in self.live else [])
        if ended:
            self._lapse(key)

    def _lapse(self, key: str) -> None:
        self.live.discard(key)
        self.made -= self.free[key]
        self.free[key] = 0

    def _allowed(self, allowed: bool, act: Any, **arguments: Any) -> bool:
        if allowed:
            self.bank.perform(act, **arguments)
        else:
            with pytest.raises(CentreError):
                self.bank.perform(act, **arguments)
        return allowed

    @invariant()
    def the_books_balance(self) -> None:
        check_books(self.centre)

    @invariant()
    def the_model_agrees(self) -> None:
        found = {
            row["id"]: row["granted"] - row["reserved"] - row["charged"]
            for row in rows(self.centre, ledger.allocations)
        }
        assert found == self.free

    @invariant()
    def no_credits_come_from_nowhere(self) -> None:
        assert sum(self.free.values()) + self.held + self.spent == self.made

    @invariant()
    def a_balance_says_what_is_there(self) -> None:
        home = self.projects[0]
        told = self.centre.ask(queries.balance, self.bank.actor, project=home)
        assert told["free"] == sum(self.free[k] for k in self.live if self.home[k] == home)

    def teardown(self) -> None:
        self.centre.close()
        shutil.rmtree(self.here)


def test_the_ledger_holds_whatever_is_done_to_it(sqlite_template: Path, tmp_path: Path) -> None:
    Ledger.template, Ledger.folder = sqlite_template, tmp_path
    machine: Any = Ledger.TestCase
    machine.settings = settings(max_examples=settings().max_examples, stateful_step_count=20)
    machine("runTest").runTest()
