"""A researcher's home, the list of jobs, and a job with all that there is to say about it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import CentreError
from markaz.centre.jobs.states import FINAL, State
from markaz.interfaces.charts.histogram import shown
from markaz.interfaces.portal.circuits import Shown, as_text
from markaz.interfaces.portal.circuits import shown as shown_circuit
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.page import Page, Who
from markaz.interfaces.portal.pages_public import announced
from markaz.interfaces.portal.visit import Visit

OPEN_SHOWN: Final = 4  # jobs at home with the whole story of their wait
PROJECTS_SHOWN: Final = 4
PER_PAGE: Final = 50
OUTCOMES: Final = 32  # of a histogram
OUTCOMES_LISTED: Final = 1024
CIRCUIT_BYTES: Final = 256 << 10  # of a stored circuit that a page shows
FILTERS: Final = ("state", "device", "project", "tag", "name")
KINDS: Final = {
    "input": ("program", "application/octet-stream"),
    "result": ("result.json", "application/json"),
}


async def home(visit: Visit) -> Response:
    """What runs, where one is in the queue and why, how long, what it costs, what is left."""
    news = await announced(visit, 2)
    active, waiting, recent, projects = await visit.ask_each(
        ("jobs.list", {"state": "active", "limit": OPEN_SHOWN}),
        ("jobs.list", {"state": "waiting", "limit": OPEN_SHOWN}),
        ("jobs.list", {"limit": 8}),
        ("projects.list", {"limit": 50}),
    )
    first = [one["job"] for one in (*active["items"], *waiting["items"])]
    documents = await visit.ask_each(*(("jobs.document", {"job": job}) for job in first))
    return visit.show(
        "home.html",
        news=news,
        going=documents,
        more=bool(active["next"] or waiting["next"]),
        recent=[one for one in recent["items"] if one["state"] in FINAL],
        projects=await _accounts(visit, projects["items"]),
    )


async def _accounts(visit: Visit, projects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Active projects with what is left of their credits."""
    active = [one for one in projects if one["state"] == "active"][:PROJECTS_SHOWN]
    found = await visit.ask_each(*(("ledger.balance", {"project": p["id"]}) for p in active))
    return [p | {"balance": b} for p, b in zip(active, found, strict=True)]


async def jobs(visit: Visit) -> Response:
    """The own jobs, or those of a project that one may see."""
    given = {name: visit.asked(name) for name in FILTERS}
    wanted = {name: value for name, value in given.items() if value}
    after = {"after": visit.asked("after")} if visit.asked("after") else {}
    found, projects, devices = await visit.ask_each(
        ("jobs.list", {"limit": PER_PAGE, **wanted, **after}),
        ("projects.list", {"limit": 100}),
        ("devices.list", {"retired": True}),
    )
    return visit.show(
        "jobs.html",
        jobs=found["items"],
        next=found["next"],
        given=given,
        filtered=bool(wanted),
        projects=projects["items"],
        devices=devices["items"],
        states=[*State, "waiting", "active", "final"],
    )


async def job(visit: Visit) -> Response:
    """One job: how it stands, its circuit, its result, and where that comes from."""
    document = await visit.ask("jobs.document", job=visit.names["job"])
    project = await _project(visit, document["project"])
    circuit, program = await circuit_of(visit, document)
    return visit.show(
        "job.html",
        job=document,
        project=project,
        circuit=circuit,
        repeatable=program,
        **_outcomes(document),
    )


async def live(visit: Visit) -> Response:
    """The part of a job's page that changes while the job goes on."""
    document = await visit.ask("jobs.document", job=visit.names["job"])
    answer = visit.show("job-live.html", job=document)
    answer.headers["X-Job-State"] = document["state"]
    return answer


async def contents(visit: Visit) -> Response:
    """A job's program or result as a file."""
    which = visit.names["which"]
    if which not in KINDS:
        raise CentreError("not-found", "there are no such contents")
    data = await visit.ask("jobs.contents", job=visit.names["job"], which=which)
    name, media = KINDS[which]
    return attachment(data, f"markaz-{visit.names['job']}-{name}", media)


async def circuit_file(visit: Visit) -> Response:
    """A job's circuit as OpenQASM 3."""
    data = await visit.ask(
        "jobs.contents", job=visit.names["job"], which="circuit", most=CIRCUIT_BYTES
    )
    text = await as_text(data)
    if text is None:
        raise CentreError("not-found", "there are no such contents")
    return attachment(text.encode(), f"markaz-{visit.names['job']}.qasm", "text/plain")


async def cancel(visit: Visit) -> Response:
    """Cancel a job, or have it stopped."""
    name = visit.names["job"]
    found = await visit.do("jobs.cancel", job=name)
    return visit.go(f"/jobs/{name}", "cancelled" if found["state"] == "cancelled" else "cancelling")


async def _project(visit: Visit, project: str) -> dict[str, Any] | None:
    """The job's project, if whoever looks may see that too."""
    try:
        found: dict[str, Any] = await visit.ask("projects.show", project=project)
    except CentreError:
        return None
    return found


async def circuit_of(visit: Visit, document: dict[str, Any]) -> tuple[Shown | None, bool]:
    """The circuit for the page, and whether the program may be had; None: not shown here."""
    if document["contents"] != "kept":
        return None, False
    asked = {"job": document["job"], "which": "circuit", "most": CIRCUIT_BYTES}
    try:
        data = await visit.ask("jobs.contents", **asked)
    except CentreError as error:
        return None, error.kind == "too-large"
    return await shown_circuit(data), True


def _outcomes(document: dict[str, Any]) -> dict[str, Any]:
    counts: dict[str, int] = document.get("counts") or {}
    rows, rest = shown(counts, OUTCOMES)
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:OUTCOMES_LISTED]
    values = document.get("values") or []
    errors = document.get("standard_errors") or [0.0] * len(values)
    return {
        "rows": rows,
        "rest": rest,
        "listed": listed,
        "total": sum(counts.values()),
        "expectations": list(zip(values, errors, strict=True)),
    }


_JOB: Final = "/jobs/{job}"
PAGES: Final = (
    Page("GET", "/home", "jobs.list", Who.PERSON, home),
    Page("GET", "/jobs", "jobs.list", Who.PERSON, jobs, (*FILTERS, "after")),
    Page("GET", _JOB, "jobs.document", Who.JOB_READER, job),
    Page("GET", f"{_JOB}/live", "jobs.document", Who.JOB_READER, live),
    Page("GET", f"{_JOB}/contents/{{which}}", "jobs.contents", Who.JOB_CONTENTS, contents),
    Page("GET", f"{_JOB}/circuit.qasm", "jobs.contents", Who.JOB_CONTENTS, circuit_file),
    Page("POST", f"{_JOB}/cancel", "jobs.cancel", Who.JOB_OWNER, cancel),
)
