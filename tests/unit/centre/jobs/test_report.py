"""What was used: sums by any part, from tallies and from jobs, always those of the lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert, update

from markaz.centre import about
from markaz.centre.access import SYSTEM, CentreRole
from markaz.centre.centre import Centre
from markaz.centre.days import day_of, midnight, read_day, written
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.jobs import report as reporting
from markaz.centre.jobs import tally
from markaz.centre.jobs.states import FINAL
from markaz.centre.jobs.tables import jobs, used_days, used_until
from markaz.centre.settings import Settings
from tests.centre_rows import do, person, rows
from tests.jobs_tools import CREDIT, Place

DAY = 86_400 * 10**6
QUERIES = {act.name: act for act in (reporting.report, reporting.ended, about.health, about.names)}
ZONE = ZoneInfo("Asia/Karachi")
BYS = ("institution", "programme", "project", "person", "device", "day")
NUMBERS = ("jobs", "completed", "failed", "shots", "charged")


class Used:
    """A centre in Karachi in which jobs of two projects ended."""

    def __init__(self, centre: Centre) -> None:
        self.place, self.centre = Place(centre), centre
        self.people = [person(centre, name) for name in ("ali", "bina", "chen")]
        self.projects = [
            self.place.project("physics", self.people[0], self.people[1], programme="awards"),
            self.place.project("maths", self.people[2]),
        ]
        submitted = self.place.submit(self.people[0], self.projects[0])
        self.like = dict(self.place.row(submitted["job"])._mapping)
        self.now = centre.services.clock.now()
        self.today = day_of(self.now, ZONE)

    def end(self, at: int, who: int = 0, state: str = "completed", **more: Any) -> str:
        """A job that ended at a time; its id."""
        row = {name: value for name, value in self.like.items() if name != "seq"}
        row |= {
            "id": new_id(at), "project_id": self.projects[who == 2], "group_id": None,
            "user_id": self.people[who].id, "state": state, "shots": 100, "run_seconds": 0.1,
            "charged": 3, "reserved": CREDIT, "claimed_at": at, "started_at": at, "ended_at": at,
        }  # fmt: skip
        do(self.centre, lambda work: work.run(insert(jobs).values(**row | more)))
        return str(row["id"])

    def many(self) -> None:
        """Jobs of everybody on twenty days."""
        for n in range(60):
            state = sorted(FINAL)[n % 3]
            self.end(self.now - n * DAY // 3, n % 4 % 3, state, charged=n, run_seconds=n / 7)

    def ask(self, name: str, **given: Any) -> Any:
        return self.centre.ask(QUERIES[name], self.place.operator, **given)

    def report(self, days: int = 40, **given: Any) -> Any:
        span = {"first": written(self.today - days), "last": written(self.today)}
        return self.ask("usage.report", **span | given)

    def listed(self, of: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        while True:
            span = {"since": of["since"], "until": of["until"], "limit": 7}
            page = self.ask("jobs.ended", **span, **given, **after)
            found += page["items"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    def tally(self, **given: Any) -> Any:
        return self.centre.perform(tally.tally, SYSTEM, **given)


@pytest.fixture
def used(settings_for: Callable[..., Settings]) -> Iterator[Used]:
    with Centre.open(settings_for(time_zone=ZONE.key)) as centre:
        yield Used(centre)


def sums(listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "jobs": len(listed),
        "completed": sum(one["state"] == "completed" for one in listed),
        "failed": sum(one["state"] == "failed" for one in listed),
        "shots": sum(one["shots"] for one in listed),
        "charged": sum(one["charge"] for one in listed),
        "people": len({one["user"] for one in listed}),
        "projects": len({one["project"] for one in listed}),
        "seconds": sum(round(one["run_seconds"] * 1e6) for one in listed) / 1e6,
    }


def reports(used: Used) -> list[Any]:
    return [used.report(by=by) for by in BYS] + [used.report(days=5, by="day", project=p)
                                                 for p in used.projects]  # fmt: skip


def test_every_number_is_that_of_its_list(used: Used) -> None:
    used.many()
    used.tally(limit=25)  # a part is summed up, the others are read from the jobs
    for by in BYS:
        report = used.report(by=by)
        assert report["total"] == sums(used.listed(report))
        for one in report["items"]:
            numbers = {name: one[name] for name in report["total"]}
            if by == "day":
                span = used.report(first=one["key"], last=one["key"], by="device")
                assert numbers == span["total"] == sums(used.listed(span)), one
            else:
                assert numbers == sums(used.listed(report, **{by: one["key"]})), (by, one)
    assert used.report()["total"]["jobs"] == 60


def test_the_same_is_told_before_while_and_after_jobs_are_summed_up(used: Used) -> None:
    used.many()
    before = reports(used)
    done = [used.tally(limit=25)["jobs"] for _ in range(4)]
    assert done == [25, 25, 10, 0]
    assert reports(used) == before
    assert used.tally()["jobs"] == 0
    assert sum(row["jobs"] for row in rows(used.centre, used_days)) == 60


def test_jobs_whose_contents_are_gone_count_and_are_listed(used: Used) -> None:
    used.many()
    before = reports(used)
    do(
        used.centre,
        lambda work: work.run(
            update(jobs).where(jobs.c.ended_at < used.now - 3 * DAY).values(swept_at=used.now)
        ),
    )
    assert reports(used) == before
    assert used.tally() == {"jobs": 60, "more": False}
    assert reports(used) == before
    assert len(used.listed(before[0])) == 60


@pytest.mark.parametrize("database", ["sqlite"])
def test_days_begin_at_midnight_of_the_centre(used: Used) -> None:
    begins = midnight(used.today - 2, ZONE)
    assert dt.datetime.fromtimestamp(begins / 1e6, ZONE).hour == 0
    used.end(begins)
    used.end(begins - 1)
    for _ in range(2):
        found = {one["key"]: one["jobs"] for one in used.report(by="day")["items"]}
        assert found == {written(used.today - 3): 1, written(used.today - 2): 1}
        used.tally()


@pytest.mark.parametrize("database", ["sqlite"])
def test_another_zone_sums_up_anew(used: Used) -> None:
    used.end(midnight(used.today - 2, ZONE))  # the evening before, in UTC
    used.tally()
    do(used.centre, lambda work: work.run(update(used_until).values(zone="UTC")))
    do(used.centre, lambda work: work.run(update(used_days).values(day=1)))
    assert used.report()["total"]["jobs"] == 1  # read from the jobs until then
    assert used.tally()["jobs"] == 1
    kept = rows(used.centre, used_days)
    assert [(row["day"], row["jobs"]) for row in kept] == [(used.today - 2, 1)]
    assert [row["zone"] for row in rows(used.centre, used_until)] == [ZONE.key]


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_job_that_ends_at_this_very_moment_waits_for_the_next_turn(used: Used) -> None:
    used.end(used.now + 10**12)
    assert used.tally()["jobs"] == 0
    used.end(used.now, 1)
    assert used.tally()["jobs"] == 1


def test_nothing_is_what_nothing_sums_up_to(used: Used) -> None:
    report = used.report(by="person")
    assert (report["items"], set(report["total"].values())) == ([], {0})
    assert used.listed(report) == []
    do(used.centre, lambda work: work.run(delete(used_until)))
    assert used.report(by="day")["items"] == []


def test_the_largest_comes_first_and_days_in_their_order(used: Used) -> None:
    for n, charged in enumerate((5, 9, 7)):
        used.end(used.now - n * DAY, n, charged=charged)
    names = [one["name"] for one in used.report(by="person")["items"]]
    assert names == ["Bina", "Chen", "Ali"]
    days = [one["key"] for one in used.report(by="day")["items"]]
    assert days == [written(used.today - n) for n in (2, 1, 0)]
    programmes = {one["key"]: one["charged"] for one in used.report(by="programme")["items"]}
    assert programmes == {"awards": 14, "(none)": 7}


NO_REPORTS: list[dict[str, Any]] = [
    {"first": "2026-02-30"}, {"first": "26-02-03"}, {"first": 5}, {"first": "0001-01-01"},
    {"last": "9999-01-01"}, {"first": "2026-05-02", "last": "2026-05-01"},
    {"first": "2006-05-02", "last": "2026-05-01"}, {"by": "hour"}, {"person": ""},
]  # fmt: skip
NO_LISTS: list[dict[str, Any]] = [
    {"after": "x"}, {"after": "1.2.3"}, {"after": "9" * 19 + ".1"}, {"state": "queued"},
    {"limit": 0}, {"since": -1},
]  # fmt: skip
LOOKS: dict[str, dict[str, Any]] = {
    "usage.report": {"first": "2026-01-01", "last": "2026-01-02"}, "centre.health": {},
    "jobs.ended": {"since": 0, "until": 1}, "centre.names": {"ids": ""},
}  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_makes_no_sense_is_refused(used: Used) -> None:
    for given in NO_REPORTS:
        with pytest.raises(CentreError) as caught:
            used.report(**given)
        assert (caught.value.kind, caught.value.field) == ("invalid", list(given)[-1])
    for given in NO_LISTS:
        with pytest.raises(CentreError) as caught:
            used.ask("jobs.ended", **{"since": 0, "until": used.now} | given)
        assert (caught.value.kind, caught.value.field) == ("invalid", next(iter(given)))


@pytest.mark.parametrize("database", ["sqlite"])
def test_operators_and_directors_look(used: Used) -> None:
    people = {role: person(used.centre, f"is-{role.replace(' ', '-')}", role)
              for role in CentreRole}  # fmt: skip
    for name, given in LOOKS.items():
        allowed = []
        for role, who in people.items():
            try:
                used.centre.ask(QUERIES[name], who, **given)
                allowed.append(role)
            except CentreError as error:
                assert error.kind == "forbidden"
        assert allowed == [CentreRole.OPERATOR, CentreRole.DIRECTOR], name


@pytest.mark.parametrize("zone", ["UTC", "Asia/Karachi", "Asia/Kathmandu", "America/New_York"])
def test_a_day_is_from_midnight_to_midnight(zone: str) -> None:
    where = ZoneInfo(zone)
    for text in ("2026-03-08", "2026-03-09", "2026-11-01", "2026-11-02", "1970-01-02"):
        day = read_day("first", text)
        assert written(day) == text
        assert day_of(midnight(day, where), where) == day
        assert day_of(midnight(day, where) - 1, where) == day - 1
