"""The composer: a circuit editor beside the text of the program, for everybody.

Everything happens in the browser. To run the program its form goes where the page for
running a program sends it, so that the same rules hold, and it works without a script.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from markaz.centre.errors import not_found
from markaz.interfaces.portal.composer_words import WORDS
from markaz.interfaces.portal.page import Page, Who
from markaz.interfaces.portal.pages_jobs import circuit_of
from markaz.interfaces.portal.pages_submit import EXAMPLE
from markaz.interfaces.portal.visit import Visit

_MODULE: Final = re.compile(r"composer/\w+\.js")


async def composer(visit: Visit) -> Response:
    """The editor; whoever is logged in can run what it holds; ``job`` names one whose
    circuit it begins with."""
    choices: dict[str, list[tuple[str, str]]] = {"project": [], "device": []}
    begin: dict[str, Any] = {"program": EXAMPLE, "shots": 1000}
    job = visit.asked("job")
    if job and not visit.actor.known:
        return visit.go("/login?" + urlencode({"next": f"/composer?job={job}"}))
    given = await _given(visit, job) if job else {}
    if visit.actor.known:
        projects, devices = await visit.ask_each(
            ("projects.list", {"limit": 100}), ("devices.list", {})
        )
        usable = [d for d in devices["items"] if d["accepting"]]
        choices = {
            "project": [
                (p["slug"], f"{p['title']} ({p['slug']})")
                for p in projects["items"]
                if p["state"] == "active"
            ],
            "device": [(d["device"], f"{d['title']} ({d['device']})") for d in usable],
        }
        begin["device"] = next((d["device"] for d in usable if d["default"]), "")
    return visit.show(
        "composer.html",
        begin=begin | given,
        given=bool(given),
        choices=choices,
        words={key: visit.gettext(text) for key, text in WORDS.items()},
        modules=[name for name in visit.portal.statics.files if _MODULE.fullmatch(name)],
    )


async def _given(visit: Visit, job: str) -> dict[str, Any]:
    """A job's circuit and how it was run. Raises CentreError ``not-found`` for a job that is
    not the visitor's to see, or has no circuit that the composer shows."""
    document = await visit.ask("jobs.document", job=job)
    circuit, _ = await circuit_of(visit, document)
    if circuit is None or not circuit.composes:
        raise not_found("page")
    return {"program": circuit.text, "shots": document["shots"], "device": document["device"]}


PAGES: Final = (Page("GET", "/composer", "", Who.ANYONE, composer, ("job",)),)
