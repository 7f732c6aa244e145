"""All routes of the runtime interface."""

from __future__ import annotations

from typing import Final

from markaz.interfaces.rest_api.routes import Who
from markaz.interfaces.runtime_api import backends, identity, jobs, sessions, submitting, workloads
from markaz.interfaces.runtime_api.routes import Route

_JOB: Final = "jobs/{job}"
_DEVICE: Final = "backends/{name}"
_SESSION: Final = "sessions/{session}"
ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/identity/token", "keys.note_sign_in", Who.ANYONE,
          "Log in: a token for a key (IAM_URL).", identity.log_in),
    Route("POST", "/v3/resources/search", "projects.list", Who.PERSON,
          "The own projects as instances (GLOBAL_SEARCH_URL).", identity.search),
    Route("GET", "/api/v1/{plan}", "", Who.ANYONE,
          "What kind of instance a project is (GLOBAL_CATALOG_URL).", identity.catalogue),
    Route("GET", "backends", "projects.show", Who.INSIDER, "Devices of the instance.",
          backends.listed),
    Route("GET", f"{_DEVICE}/configuration", "devices.get", Who.PERSON,
          "What a device can execute.", backends.configure),
    Route("GET", f"{_DEVICE}/properties", "devices.get", Who.PERSON,
          "What was measured on a device.", backends.measured),
    Route("GET", f"{_DEVICE}/status", "devices.get", Who.PERSON,
          "Whether a device runs jobs, and how many wait.", backends.status),
    Route("GET", "instances/usage", "ledger.balance", Who.ACCOUNT,
          "Credits of the instance; one counts as a second.", backends.usage),
    Route("POST", "jobs", "jobs.submit_again", Who.SUBMITTER, "Submit a job.",
          submitting.submit),
    Route("GET", "jobs", "jobs.glances", Who.INSIDER, "The own jobs in the instance.",
          jobs.listed),
    Route("GET", _JOB, "jobs.glance", Who.JOB_READER,
          "One job; held for up to 2 s where it is about to end.", jobs.show, poll=True),
    Route("GET", f"{_JOB}/results", "jobs.payload", Who.JOB_CONTENTS,
          "Its result as text; of a private job once.", jobs.results),
    Route("POST", f"{_JOB}/cancel", "jobs.cancel", Who.JOB_OWNER, "Cancel a job.", jobs.cancel),
    Route("DELETE", _JOB, "jobs.delete", Who.JOB_OWNER, "Delete a job that has ended.",
          jobs.delete),
    Route("GET", f"{_JOB}/logs", "jobs.glance", Who.JOB_READER, "What happened to it, as text.",
          jobs.logs),
    Route("GET", f"{_JOB}/metrics", "jobs.glance", Who.JOB_READER,
          "Its times, use, and place in the queue.", jobs.metrics),
    Route("PUT", f"{_JOB}/tags", "jobs.retag", Who.JOB_OWNER, "Replace its tags.", jobs.retag),
    Route("POST", "sessions", "sessions.open", Who.SUBMITTER, "Open a session or a batch.",
          sessions.open_session),
    Route("GET", _SESSION, "sessions.document", Who.SESSION, "One session.", sessions.show),
    Route("PATCH", _SESSION, "sessions.close", Who.SESSION_CLOSER,
          "Take no more jobs into a session.", sessions.close),
    Route("DELETE", f"{_SESSION}/close", "sessions.cancel", Who.SESSION_CLOSER,
          "Close a session at once and cancel its jobs.", sessions.cancel),
    Route("GET", "workloads", "jobs.glances", Who.INSIDER,
          "The own jobs and sessions in the instance.", workloads.listed),
)  # fmt: skip
