"""Pages of sessions: jobs that belong together on one device."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.visit import Visit


async def sessions(visit: Visit) -> Response:
    """The own sessions, and a form for another one."""
    after = visit.asked("after")
    found, projects, devices = await visit.ask_each(
        ("sessions.list", {"after": after} if after else {}),
        ("projects.list", {"limit": 100}),
        ("devices.list", {}),
    )
    active = [p for p in projects["items"] if p["state"] == "active"]
    return visit.show(
        "sessions.html",
        sessions=found["items"],
        next=found["next"],
        projects=[(p["slug"], p["slug"]) for p in active],
        devices=[(d["device"], d["title"]) for d in devices["items"] if d["accepting"]],
    )


async def open_session(visit: Visit) -> Response:
    """Open a session."""
    given: dict[str, Any] = dict(visit.values)
    minutes = given.pop("minutes", None)
    if minutes is not None:
        given["max_seconds"] = 60.0 * minutes
    made = await visit.do("sessions.open", **given)
    return visit.go(f"/sessions/{made['session']}", "session")


async def session(visit: Visit) -> Response:
    """One session with its jobs."""
    name = visit.names["session"]
    document = await visit.ask("sessions.document", session=name)
    listed = {"session": name, "limit": 50}
    if document["user"] != visit.actor.id:
        listed["project"] = document["project"]
    jobs = await visit.ask("jobs.list", **listed)
    return visit.show("session.html", session=document, jobs=jobs["items"])


async def close(visit: Visit) -> Response:
    """Take no more jobs into it."""
    await visit.do("sessions.close", session=visit.names["session"])
    return visit.go(f"/sessions/{visit.names['session']}", "session-closed")


async def cancel(visit: Visit) -> Response:
    """Close it at once, with its jobs."""
    await visit.do("sessions.cancel", session=visit.names["session"])
    return visit.go(f"/sessions/{visit.names['session']}", "session-closed")


_SESSION: Final = "/sessions/{session}"
PAGES: Final = (
    Page("GET", "/sessions", "sessions.list", Who.PERSON, sessions, ("after",)),
    Page("POST", "/sessions", "sessions.open", Who.SUBMITTER, open_session, again=sessions, form=(
        Field("project", N_("Project that pays"), "select"),
        Field("device", N_("Device"), "select"),
        Field("mode", N_("Kind"), "select", choices=(
            ("dedicated", N_("dedicated: the device is held for its jobs")),
            ("batch", N_("batch: its jobs belong together, nothing is held")))),
        Field("minutes", N_("At most, minutes"), "number", required=False, most=4, least=1,
              ltr=True))),
    Page("GET", _SESSION, "sessions.document", Who.SESSION, session),
    Page("POST", f"{_SESSION}/close", "sessions.close", Who.SESSION_CLOSER, close),
    Page("POST", f"{_SESSION}/cancel", "sessions.cancel", Who.SESSION_CLOSER, cancel),
)  # fmt: skip
