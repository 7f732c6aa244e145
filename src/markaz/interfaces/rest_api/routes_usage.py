"""Routes about the centre as a whole: what was used, all credits, and how the server fares."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from markaz.interfaces.rest_api.fields import (
    Answer,
    Cursor,
    Label,
    Listing,
    Micros,
    Page,
    Query,
    described,
)
from markaz.interfaces.rest_api.jobs_models import JobSummary
from markaz.interfaces.rest_api.routes import Route, Who

By = Literal["institution", "programme", "project", "person", "device", "day"]


class UsageFilters(Query):
    """Whose use."""

    institution: Label | None = described("Only of projects of this institution.", None)
    programme: Label | None = described(
        "Only of projects of this programme; (none): of none.", None
    )
    project: Label | None = described("Only of this project (identifier).", None)
    person: Label | None = described("Only of this person (identifier).", None)
    device: Label | None = described("Only of this device.", None)


class UsageSpan(UsageFilters):
    """Which days, and how they are summed up."""

    first: str = Field(min_length=10, max_length=10, description="First day, such as 2026-11-01.")
    last: str = Field(min_length=10, max_length=10, description="Last day.")
    by: By = described("What it is summed up by.", "institution")


class EndedJobs(UsageFilters):
    """Which jobs that ended."""

    since: Micros = described("Ended at this time or later.")
    until: Micros = described("Ended before this time.")
    state: Literal["completed", "failed", "cancelled"] | None = described("Only these.", None)
    limit: int = Field(50, ge=1, le=500, description="At most this many.")
    after: Cursor | None = described("The `next` of the page before.", None)


class Sums(Answer):
    """What was used."""

    jobs: int = described("Jobs that ended.")
    completed: int = described("Of these, completed.")
    failed: int = described("Of these, failed.")
    shots: int = described("Shots that were asked for.")
    seconds: float = described("Run time, seconds.")
    charged: int = described("Micro-credits charged at their ends.")
    people: int = described("People whose jobs they were.")
    projects: int = described("Projects that paid.")


class UsageItem(Sums):
    """What one of them used."""

    key: str = described("Identifier of the institution, project or person; name or day.")
    name: str | None = described("What it is called.", None)
    slug: str | None = described("Short name of a project.", None)
    login: str | None = described("Login name of a person.", None)
    shares: int | None = described("Shares of an institution.", None)


class UsageReport(Answer):
    """What was used in a span of days."""

    first: str = described("First day.")
    last: str = described("Last day.")
    zone: str = described("Time zone of the days.")
    since: int = described("When the first day begins.")
    until: int = described("When the last day ends.")
    items: list[UsageItem] = described("The largest charge first; days in their order.")
    total: Sums = described("All of it.")


class OverviewListing(Listing):
    """Which projects."""

    state: Label | None = described("Only these.", None)
    search: Label | None = described("In the short name, the title or the programme.", None)


class ProjectCredits(Answer):
    """A project with its credits in force, micro-credits."""

    id: str = described("Identifier.")
    slug: str = described("Short name.")
    title: str = described("Title.")
    description: str = described("What it is about.")
    programme: str = described("Programme that it belongs to.")
    state: str = described("requested, active, suspended, expired or closed.")
    job_visibility: str = described("Whose jobs members see: own or all.")
    shares: int = described("Its shares of the institution's part.")
    starts_at: int | None = described("When it begins.")
    ends_at: int | None = described("When it ends.")
    retention_days: int | None = described("How long contents are kept.")
    quota_gib: float | None = described("How much it may store.")
    created_at: int = described("When it was asked for or made.")
    institution: str = described("Identifier of the institution.")
    institution_name: str = described("The institution.")
    any_device: bool = described("Whether it may use all devices.")
    role: str | None = described("Null.")
    steps: list[str] = described("What may be done with it now.")
    leads: list[str] = described("Names of its PIs.")
    granted: int = described("What was given.")
    reserved: int = described("Set aside for jobs that have not ended.")
    charged: int = described("What jobs cost, less refunds.")
    free: int = described("What is left for new jobs.")


class ChoreTurns(Answer):
    """Something that the centre does by itself now and then."""

    chore: str = described("Name.")
    every_seconds: float = described("How often.")
    last_at: int | None = described("When it was last begun.")
    error: str | None = described("What went wrong then; null: nothing.")
    failures: int = described("How often in a row it went wrong.")


class CentreHealth(Answer):
    """How the server fares."""

    at: int = described("Now.")
    chores: list[ChoreTurns] = described("Its chores.")
    database: dict[str, Any] = described("Kind of database, and its bytes.")
    disk: dict[str, int] = described("Bytes of the disk that data lie on: total, free.")


class NamesQuery(Query):
    """Of whom."""

    ids: str = Field(max_length=41 * 500, description="Identifiers, divided by commas.")


class Names(Answer):
    """What people and projects are called."""

    people: dict[str, dict[str, str]] = described("Login and name of each person.")
    projects: dict[str, dict[str, str]] = described("Short name and title of each project.")


ROUTES: Final = (
    Route("GET", "/v1/usage", "usage.report", Who.OVERSEER,
          "What was used, by institution, programme, project, person, device or day.",
          UsageReport, query=UsageSpan),
    Route("GET", "/v1/usage/jobs", "jobs.ended", Who.OVERSEER, "The jobs behind these numbers.",
          Page[JobSummary], query=EndedJobs),
    Route("GET", "/v1/credits", "ledger.overview", Who.VIEWER, "All projects with their credits.",
          Page[ProjectCredits], query=OverviewListing),
    Route("GET", "/v1/centre/health", "centre.health", Who.OVERSEER, "How the server fares.",
          CentreHealth),
    Route("GET", "/v1/centre/names", "centre.names", Who.OVERSEER,
          "What people and projects are called.", Names, query=NamesQuery),
)  # fmt: skip
