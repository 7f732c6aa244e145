"""Running a program: paste or upload it, see what it costs, run it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.rest_api import routes_jobs, table
from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.jobs_models import Estimated, Submission

AGAIN_BYTES: Final = 1 << 20  # of a program that is filled in again
_ROUTES: Final = {(route.method, route.path): route for route in table.ROUTES}
EXAMPLE: Final = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


async def submit(visit: Visit, estimate: dict[str, Any] | None = None) -> Response:
    """Ask for a program and how to run it; ``again`` names a job to begin with."""
    projects, devices = await visit.ask_each(
        ("projects.list", {"limit": 100}), ("devices.list", {})
    )
    active = [p for p in projects["items"] if p["state"] == "active"]
    usable = [d for d in devices["items"] if d["accepting"]]
    usual = next((d["device"] for d in usable if d["default"]), "")
    begin: dict[str, Any] = {"program": EXAMPLE, "shots": 1000, "device": usual}
    if visit.asked("again"):
        begin = await _earlier(visit, visit.asked("again"))
    elif visit.asked("device"):
        begin["device"] = visit.asked("device")
    elif visit.page.method == "POST":
        begin = visit.values
    return visit.show(
        "submit.html",
        begin=begin,
        projects=[(p["slug"], f"{p['title']} ({p['slug']})") for p in active],
        devices=[(d["device"], f"{d['title']} ({d['device']})") for d in usable],
        estimate=estimate,
    )


async def send(visit: Visit) -> Response:
    """Price the program, or run it."""
    given = _given(visit)
    try:
        if visit.values["act"] == "estimate":
            return await submit(visit, estimate=await _estimate(visit, given))
        answer = await routes_jobs.submit(_call(visit, "/v1/jobs", Submission, given))
    except CentreError as error:
        raise _about_program(error) from error
    return visit.go(f"/jobs/{answer['job']}", "submitted")


async def _estimate(visit: Visit, given: dict[str, Any]) -> dict[str, Any]:
    names = ("program", "options", "project", "device")
    asked = {name: given[name] for name in names if name in given}
    call = _call(visit, "/v1/estimates", Estimated, asked)
    found: dict[str, Any] = await routes_jobs.estimate(call)
    return found


def _given(visit: Visit) -> dict[str, Any]:
    """The form as the body that REST takes."""
    values = visit.values
    names = ("project", "device", "name")
    given: dict[str, Any] = {name: values[name] for name in names if name in values}
    given["program"] = _program(visit)
    given["options"] = {name: values[name] for name in ("shots", "seed") if name in values}
    given["private"] = values["private"]
    given["tags"] = [tag.strip() for tag in values.get("tags", "").split(",") if tag.strip()]
    return given


def _program(visit: Visit) -> str:
    """The uploaded file, which goes before what stands in the text area."""
    uploaded = visit.values.pop("file", None)
    if uploaded is not None:
        try:
            visit.values["program"] = uploaded.decode("utf-8")
        except UnicodeDecodeError:
            raise invalid("file", "the file is no text: submit QPY with `markaz submit`") from None
    if not visit.values.get("program", "").strip():
        raise invalid("program", "there is no program")
    return str(visit.values["program"])


def _call(visit: Visit, path: str, model: type[BaseModel], given: dict[str, Any]) -> Call:
    """The same request as REST would have it, of the same person."""
    try:
        body = model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise invalid("/".join(map(str, first["loc"])), first["msg"]) from None
    route = _ROUTES["POST", path]
    return Call(visit.api, route, visit.request, {}, actor=visit.actor, body=body)


def _about_program(error: CentreError) -> CentreError:
    if error.kind == "program":
        line = error.details.get("line")
        where = f" (line {line})" if line else ""
        return CentreError("program", error.message + where, field="program", **error.details)
    return error


async def _earlier(visit: Visit, name: str) -> dict[str, Any]:
    """What an earlier job was made from."""
    document, data = await visit.ask_each(
        ("jobs.document", {"job": name}),
        ("jobs.contents", {"job": name, "which": "input", "most": AGAIN_BYTES}),
    )
    try:
        program = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CentreError("conflict", "this program is no text; submit it as before") from None
    project = await visit.ask("projects.show", project=document["project"])
    return {
        "program": program,
        "shots": document["shots"] or "",
        "device": document["device"],
        "project": project["slug"],
        "name": document["name"],
        "tags": ", ".join(document["tags"]),
        "private": document["private"],
    }


FORM: Final = (
    Field("program", N_("Program"), "textarea", N_("OpenQASM 2 or 3, or QCIS."), required=False,
          most=8 << 20, ltr=True, marked=False),
    Field("file", N_("Or a file"), "file", N_("A text file; it goes before the text above."),
          required=False),
    Field("project", N_("Project that pays"), "select"),
    Field("device", N_("Device"), "select"),
    Field("shots", N_("Shots"), "number", N_("How often the circuit is run."), required=False,
          most=10, least=1, ltr=True),
    Field("seed", N_("Seed"), "number", N_("The same seed gives the same samples."),
          required=False, most=18, ltr=True),
    Field("name", N_("Name of the job"), required=False),
    Field("tags", N_("Tags"), hint=N_("Words to find it by, with commas between."),
          required=False, most=500),
    Field("private", N_("Only I see program and result"), "checkbox", required=False),
    Field("act", kind="select", choices=(("estimate", "estimate"), ("run", "run"))),
)  # fmt: skip
PAGES: Final = (
    Page("GET", "/submit", "jobs.list", Who.PERSON, submit, ("again", "device")),
    Page("POST", "/submit", "jobs.submit", Who.SUBMITTER, send, form=FORM, again=submit,
         large=True),
)  # fmt: skip
