"""The director's pages: what was used, by whom and when, and the list behind every number."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from markaz.centre.days import day_of, midnight, read_day
from markaz.centre.errors import CentreError
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.formats import MICRO
from markaz.interfaces.portal.page import N_, Page, Who
from markaz.interfaces.portal.pages_operator_queue import named
from markaz.interfaces.portal.pictures import usage_over_time
from markaz.interfaces.portal.spreadsheets import csv_of
from markaz.interfaces.portal.typed import cursor, zone_of
from markaz.interfaces.portal.visit import Visit

BYS: Final = {
    "institution": N_("Institution"),
    "programme": N_("Programme"),
    "project": N_("Project"),
    "person": N_("Person"),
    "device": N_("Device"),
}
PERIODS: Final = {
    "month": N_("this month"),
    "last-month": N_("last month"),
    "quarter": N_("last 90 days"),
    "year": N_("last 365 days"),
}
STATES: Final = ("completed", "failed", "cancelled")
PARAMETERS: Final = (*BYS, "by", "period", "first", "last")
MOST_ROWS: Final = 20_000  # of a file
BARS: Final = 60  # of the chart of time
_ENDS: Final = (("from", "first"), ("until", "last"))
NEXT: Final = {"institution": "project", "programme": "project", "project": "person"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: days, how they are summed up, whose use."""

    first: str
    last: str
    by: str
    only: dict[str, str]

    def address(self, path: str, **more: str) -> str:
        """The same of another page, with ``more`` changed."""
        given = {"first": self.first, "last": self.last, "by": self.by, **self.only, **more}
        return path + "?" + urlencode({k: v for k, v in given.items() if v})

    @property
    def span(self) -> dict[str, str]:
        """As queries take it, without ``by``."""
        return {"first": self.first, "last": self.last, **self.only}


async def usage(visit: Visit) -> Response:
    """What was used in some days, with every number leading to what is behind it."""
    asked = _asked(visit)
    report, days = await visit.ask_each(
        ("usage.report", {**asked.span, "by": asked.by}),
        ("usage.report", {**asked.span, "by": "day"}),
    )
    return visit.show(
        "usage.html",
        asked=asked,
        report=report,
        **_over_time(visit, days),
        span_text=span_text(visit, asked),
        shares=sum(one.get("shares") or 0 for one in report["items"]),
        by_name=visit.gettext(BYS[asked.by]),
        bys=[(name, visit.gettext(label)) for name, label in BYS.items()],
        periods=[(name, visit.gettext(label)) for name, label in PERIODS.items()],
        deeper=NEXT.get(asked.by, ""),
        only=await _only(visit, asked),
    )


async def ended(visit: Visit) -> Response:
    """The jobs behind a number."""
    asked, state = _asked(visit), _state(visit)
    report = await visit.ask("usage.report", **asked.span, by="day")
    span = {"since": report["since"], "until": report["until"], **asked.only, **state}
    found = await visit.ask("jobs.ended", **span, **cursor(visit))
    return visit.show(
        "usage-jobs.html",
        asked=asked,
        jobs=found["items"],
        next=found["next"],
        state=state.get("state", ""),
        states=[(one, visit.word("state", one)) for one in STATES],
        total=report["total"],
        span_text=span_text(visit, asked),
        names=await named(visit, found["items"]),
        only=await _only(visit, asked),
    )


async def table_file(visit: Visit) -> Response:
    """The table as CSV, for a spreadsheet."""
    asked = _asked(visit)
    report = await visit.ask("usage.report", **asked.span, by=asked.by)
    heads = (asked.by, "name", "jobs", "completed", "failed", "shots", "seconds", "credits",
             "people", "projects")  # fmt: skip
    rows = [
        (one["key"], one.get("name", one["key"]), *(one[name] for name in heads[2:7]),
         one["charged"] / MICRO, one["people"], one["projects"])
        for one in report["items"]
    ]  # fmt: skip
    name = f"usage-{asked.by}-{asked.first}-{asked.last}.csv"
    return attachment(csv_of(heads, rows), name, "text/csv; charset=utf-8")


async def jobs_file(visit: Visit) -> Response:
    """The list of jobs as CSV, for a spreadsheet."""
    asked, state = _asked(visit), _state(visit)
    report = await visit.ask("usage.report", **asked.span, by="day")
    span = {"since": report["since"], "until": report["until"], **asked.only, **state}
    jobs = await _every(visit, span)
    names = await _all_names(visit, jobs)
    heads = ("job", "state", "device", "project", "person", "name", "shots", "qubits", "seconds",
             "credits", "submitted", "ended")  # fmt: skip
    rows = [_row(visit, one, names) for one in jobs]
    name = f"jobs-{asked.first}-{asked.last}.csv"
    return attachment(csv_of(heads, rows), name, "text/csv; charset=utf-8")


def _row(visit: Visit, job: dict[str, Any], names: dict[str, Any]) -> tuple[Any, ...]:
    project = names["projects"].get(job["project"], {}).get("slug", job["project"])
    person = names["people"].get(job["user"], {}).get("login", job["user"])
    times = (visit.formats.iso(job[name]) for name in ("created_at", "ended_at"))
    return (
        job["job"], job["state"], job["device"], project, person, job["name"], job["shots"],
        job["qubits"], job["run_seconds"] or 0, (job["charge"] or 0) / MICRO, *times,
    )  # fmt: skip


async def _every(visit: Visit, span: dict[str, Any]) -> list[dict[str, Any]]:
    """All jobs of a list, as far as a file holds them."""
    jobs: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while len(jobs) < MOST_ROWS:
        page = await visit.ask("jobs.ended", **span, **after, limit=500)
        jobs += page["items"]
        if not page["next"]:
            break
        after = {"after": page["next"]}
    return jobs


async def _all_names(visit: Visit, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {"people": {}, "projects": {}}
    for start in range(0, len(jobs), 200):
        found = await named(visit, jobs[start : start + 200])
        for kind, some in found.items():
            names[kind] |= some
    return names


def steps_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The span in equal steps of whole days (at most ``BARS``), each with its sums; the last
    step may have fewer days."""
    first, last = (dt.date.fromisoformat(report[name]) for name in ("first", "last"))
    width = -(-((last - first).days + 1) // BARS)
    found = {dt.date.fromisoformat(one["key"]): one for one in report["items"]}
    steps = []
    begins = first
    while begins <= last:
        ends = min(last, begins + dt.timedelta(width - 1))
        inside = [one for day, one in found.items() if begins <= day <= ends]
        sums = {name: sum(one[name] for one in inside) for name in ("jobs", "seconds", "charged")}
        steps.append({"first": begins.isoformat(), "last": ends.isoformat(), **sums})
        begins = ends + dt.timedelta(1)
    return steps


def _over_time(visit: Visit, days: dict[str, Any]) -> dict[str, Any]:
    steps = [
        one | {f"{end}_text": day_text(visit, one[name]) for end, name in _ENDS}
        for one in steps_of(days)
    ]
    return {"steps": steps, "chart": usage_over_time(visit, steps)}


def day_text(visit: Visit, day: str) -> str:
    """A day (``2026-11-22``) as people write it."""
    return visit.formats.day(midnight(read_day("day", day), zone_of(visit)))


def span_text(visit: Visit, asked: Asked) -> str:
    """The days of a report in words."""
    ends = {"first": day_text(visit, asked.first), "last": day_text(visit, asked.last)}
    return visit.gettext(N_("%(first)s to %(last)s")) % ends


def _asked(visit: Visit) -> Asked:
    by = visit.asked("by")
    only = {name: visit.asked(name) for name in BYS if visit.asked(name)}
    first, last = _period(visit)
    return Asked(first, last, by if by in BYS else "institution", only)


def _period(visit: Visit) -> tuple[str, str]:
    """The days that are asked for: a named period, or two days, or this month."""
    first, last = visit.asked("first"), visit.asked("last")
    period = visit.asked("period")
    if first and last and not period:
        return first, last
    today = dt.date.fromordinal(day_of(visit.now, zone_of(visit)))
    month = today.replace(day=1)
    match period:
        case "last-month":
            end = month - dt.timedelta(1)
            days = end.replace(day=1), end
        case "quarter":
            days = today - dt.timedelta(89), today
        case "year":
            days = today - dt.timedelta(364), today
        case _:
            days = month, today
    return days[0].isoformat(), days[1].isoformat()


def _state(visit: Visit) -> dict[str, str]:
    return {"state": visit.asked("state")} if visit.asked("state") in STATES else {}


async def _only(visit: Visit, asked: Asked) -> list[dict[str, str]]:
    """The filters in words, each with the address without it."""
    found = []
    names = await visit.ask("centre.names", ids=",".join(asked.only.values()).replace(" ", ""))
    for name, value in asked.only.items():
        words = await _called(visit, name, value, names)
        without = {**asked.only, name: ""}
        found.append({"what": visit.gettext(BYS[name]), "name": words,
                      "without": asked.address(visit.request.url.path, **without)})  # fmt: skip
    return found


async def _called(visit: Visit, kind: str, value: str, names: dict[str, Any]) -> str:
    if kind == "person":
        return str(names["people"].get(value, {}).get("name", value))
    if kind == "project":
        return str(names["projects"].get(value, {}).get("title", value))
    if kind == "institution":
        try:
            found = await visit.ask("institutions.show", institution=value)
        except CentreError:
            return value
        return str(found["name"])
    return value


PAGES: Final = (
    Page("GET", "/usage", "usage.report", Who.OVERSEER, usage, PARAMETERS),
    Page("GET", "/usage/jobs", "jobs.ended", Who.OVERSEER, ended,
         (*PARAMETERS, "state", "after")),
    Page("GET", "/usage/table.csv", "usage.report", Who.OVERSEER, table_file, PARAMETERS),
    Page("GET", "/usage/jobs.csv", "jobs.ended", Who.OVERSEER, jobs_file, (*PARAMETERS, "state")),
)  # fmt: skip
