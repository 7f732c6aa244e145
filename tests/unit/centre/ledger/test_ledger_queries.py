from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import (
    ANONYMOUS,
    CentreRole,
    Principal,
    ProjectRole,
)
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.ledger import holds, queries, verbs
from tests.centre_rows import DAY, do, person, project, simulator
from tests.ledger_accounts import Bank


@pytest.fixture
def bank(centre: Centre) -> Bank:
    return Bank(centre)


def spend(
    centre: Centre, home: str, actor: Principal, job: str, reserved: int, charge: int
) -> None:
    """A job of ``actor`` that runs and pays."""
    key = do(centre, lambda w: holds.reserve(w, project=home, job=job, amount=reserved), actor)
    do(centre, lambda w: holds.settle(
        w, job=job, allocation=key, reserved=reserved, charge=charge
    ))  # fmt: skip


def test_an_estimate_is_what_the_job_then_costs_at_most(centre: Centre, bank: Bank) -> None:
    member, operator = person(centre, "member"), person(centre, "op", CentreRole.OPERATOR)
    home = project(centre, members={member: ProjectRole.MEMBER})
    simulator(centre)
    centre.perform(
        verbs.set_rate, operator, device="simulator", per_second=1000, per_shot=2, per_job=5
    )

    def estimate(**more: Any) -> Any:
        return centre.ask(
            queries.estimate, member, device="simulator", seconds=0.5, shots=10, **more
        )

    told = estimate()
    assert {k: told[k] for k in ("cost", "reserve", "free", "enough", "rate")} == {
        "cost": 525, "reserve": 2025, "free": None, "enough": None,
        "rate": {"per_second": 1000, "per_shot": 2, "per_job": 5},
    }  # fmt: skip
    assert (estimate(project=home)["free"], estimate(project=home)["enough"]) == (0, False)
    bank.grant(home, 2000)
    bank.grant(home, 1024)
    assert (estimate(project="physics")["free"], estimate(project=home)["enough"]) == (2000, False)
    assert estimate(project=home, limit_seconds=1)["enough"] is True
    assert estimate(project=home, limit_seconds=0.25)["cost"] == 275


@pytest.mark.parametrize(
    ("field", "value"),
    [("seconds", float("nan")), ("seconds", -1), ("shots", 1.5), ("shots", 10**13), ("shots", None),
     ("limit_seconds", float("inf")), ("device", "../x"), ("device", "nope"), ("project", "nope")],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_wrong_estimate_names_its_field(centre: Centre, field: str, value: Any) -> None:
    simulator(centre)
    good = {"device": "simulator", "seconds": 1.0, "shots": 1}
    with pytest.raises(CentreError) as refused:
        centre.ask(queries.estimate, person(centre, "p"), **{**good, field: value})
    missing = field in ("device", "project")
    assert (refused.value.kind, refused.value.field) == (
        ("not-found", None) if missing else ("invalid", field)
    )


def test_a_balance_sums_what_is_in_force(centre: Centre, bank: Bank) -> None:
    lead = person(centre, "lead")
    home = project(centre, members={lead: ProjectRole.PI})
    bank.grant(project(centre, "other"), 7)
    bank.grant(home, 1000)
    bank.grant(home, 500, days=40)
    bank.grant(home, 50, days=90, after=50)
    spend(centre, home, lead, "j", 100, 30)

    told = centre.ask(queries.balance, lead, project=home)

    assert {k: told[k] for k in ("granted", "reserved", "charged", "free")} == {
        "granted": 1500, "reserved": 0, "charged": 30, "free": 1470,
    }  # fmt: skip
    assert [a["granted"] for a in told["allocations"]] == [1000, 500, 50]


def test_members_see_their_own_jobs_and_leads_all(centre: Centre, bank: Bank) -> None:
    lead, allocator, one, two = (person(centre, n) for n in ("lead", "alloc", "one", "two"))
    members = {
        lead: ProjectRole.CO_PI, allocator: ProjectRole.ALLOCATOR,
        one: ProjectRole.MEMBER, two: ProjectRole.MEMBER,
    }  # fmt: skip
    home = project(centre, members=members)
    open_home = project(centre, "open", members=members, job_visibility="all")
    for place in (home, open_home):
        bank.grant(place, 1000)
        spend(centre, place, one, f"one-{place}", 10, 1)
        spend(centre, place, two, f"two-{place}", 10, 1)
    director = person(centre, "director", CentreRole.DIRECTOR)

    def jobs(actor: Principal, place: str) -> set[str | None]:
        told = centre.ask(queries.statement, actor, project=place)
        return {item["job"] for item in told["items"]}

    every = {None, f"one-{home}", f"two-{home}"}
    assert [jobs(a, home) for a in (lead, allocator, director, bank.actor)] == [every] * 4
    assert jobs(one, home) == {None, f"one-{home}"}
    assert jobs(one, open_home) == {None, f"one-{open_home}", f"two-{open_home}"}


def test_a_statement_comes_in_pages(centre: Centre, bank: Bank) -> None:
    lead = person(centre, "lead")
    home = project(centre, members={lead: ProjectRole.PI})
    bank.grant(home, 1000)
    for number in range(4):
        spend(centre, home, lead, f"j{number}", 10, number)

    found, after, pages = [], None, 0
    while True:
        page = centre.ask(queries.statement, lead, project=home, limit=5, after=after)
        found += page["items"]
        pages += 1
        if (after := page["next"]) is None:
            break

    whole = centre.ask(queries.statement, lead, project=home)
    assert (found, pages, whole["next"]) == (whole["items"], 3, None)
    assert [item["kind"] for item in found[-3:]] == ["release", "reserve", "grant"]
    assert sum(item["amount"] for item in found) == 1000 - 6


def test_the_burn_down_is_the_running_sum(centre: Centre, bank: Bank) -> None:
    lead = person(centre, "lead")
    home = project(centre, members={lead: ProjectRole.PI})
    since = centre.services.clock.now()
    key = bank.grant(home, 1000)
    spend(centre, home, lead, "a", 500, 300)
    middle = centre.services.clock.now()
    bank.perform(verbs.adjust, allocation=key, amount=-200, reason="x")
    bank.perform(verbs.refund, job="a", amount=100, reason="x")
    until = centre.services.clock.now()

    def series(since: int, until: int, points: int) -> list[tuple[int, int, int]]:
        told = centre.ask(
            queries.burn_down, lead, project=home, since=since, until=until, points=points
        )
        return [(p["granted"], p["charged"], p["free"]) for p in told["series"]]

    assert series(since, middle, 1) == [(1000, 300, 700)]
    assert series(since, until, 1) == [(800, 200, 600)]
    assert series(until, until + DAY, 2) == [(800, 200, 600)] * 2
    assert series(0, since - 10**9, 3) == [(0, 0, 0)] * 3
    fine = series(since, until, 300)
    assert len(fine) == 300 and fine[-1] == (800, 200, 600)
    assert {point[0] for point in fine} <= {0, 1000, 800}


def test_rates_show_what_is_in_force_and_to_come(centre: Centre) -> None:
    operator, reader = person(centre, "op", CentreRole.OPERATOR), person(centre, "reader")
    simulator(centre)
    centre.perform(verbs.set_rate, operator, device="simulator", per_second=5)
    later = centre.services.clock.now() + DAY
    centre.perform(verbs.set_rate, operator, device="simulator", per_shot=1, starts_at=later)

    told = centre.ask(queries.list_rates, reader, device="simulator")

    assert told["now"] == {"per_second": 5, "per_shot": 0, "per_job": 0}
    assert [(r["per_second"], r["per_shot"]) for r in told["items"]] == [(0, 1), (5, 0)]


@pytest.mark.parametrize("database", ["sqlite"])
def test_another_tenants_ledger_looks_like_none(centre: Centre, bank: Bank) -> None:
    member, stranger = person(centre, "member"), person(centre, "stranger")
    home = project(centre, members={member: ProjectRole.MEMBER})
    elsewhere = project(centre, "elsewhere", members={member: ProjectRole.MEMBER})
    bank.grant(home, 1000)
    bound = Principal(member.id, "user", project=elsewhere)
    nothing = new_id(7)

    def answer(act: Any, actor: Principal, name: Any) -> tuple[str, str]:
        with pytest.raises(CentreError) as refused:
            centre.ask(act, actor, project=name, since=0, until=1, device="x", seconds=1, shots=1)
        return refused.value.kind, refused.value.message

    for act in (queries.balance, queries.statement, queries.burn_down, queries.estimate):
        unknown = answer(act, stranger, nothing)
        assert unknown == ("not-found", "there is no such project")
        assert answer(act, stranger, home) == unknown
        assert answer(act, stranger, "physics") == unknown
        assert answer(act, bound, home) == unknown
        assert {answer(act, stranger, odd) for odd in (5, "x" * 99, "' --")} == {unknown}
        assert answer(act, ANONYMOUS, home)[0] == "unauthenticated"
    assert centre.ask(queries.balance, member, project=home)["granted"] == 1000


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_notices_are_for_the_centre_only(centre: Centre) -> None:
    for actor in (ANONYMOUS, person(centre, "op", CentreRole.OPERATOR)):
        with pytest.raises(CentreError, match="only the centre itself"):
            centre.ask(queries.due_notices, actor)
