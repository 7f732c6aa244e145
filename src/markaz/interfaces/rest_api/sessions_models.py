"""Documents of sessions, as requests and as answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from markaz.interfaces.rest_api.fields import Answer, Body, Cursor, Label, Query, described


class SessionToOpen(Body):
    """A session to open."""

    project: Label | None = described("The project that pays; null: your only one.", None)
    device: Label | None = described("The device; null: the default one.", None)
    mode: Literal["dedicated", "batch"] = described("Whether it holds its device.", "dedicated")
    max_seconds: float | None = Field(None, ge=1, le=28_800, description="How long at most.")
    idle_seconds: float | None = Field(None, ge=1, le=28_800, description="How long unused.")


class SessionListing(Query):
    """Which sessions."""

    state: Literal["pending", "open", "draining", "closed"] | None = described("Only these.", None)
    limit: int = Field(50, ge=1, le=200, description="At most this many.")
    after: Cursor | None = described("The `next` of the page before.", None)


class SessionDocument(Answer):
    """A session."""

    session: str = described("Identifier.")
    project: str = described("Identifier of the project.")
    user: str = described("Identifier of who opened it.")
    device: str = described("Name of the device.")
    mode: str = described("dedicated or batch.")
    state: str = described("pending, open, draining or closed.")
    accepting: bool = described("Whether it takes jobs.")
    max_seconds: float = described("How long at most.")
    idle_seconds: float = described("How long unused.")
    created_at: int = described("When it was made.")
    opened_at: int | None = described("When its first job began.")
    last_job_at: int | None = described("When the last job came or ended.")
    closed_at: int | None = described("When it was closed.")


class SessionWithJobs(SessionDocument):
    """A session and how its jobs stand."""

    jobs: dict[str, int] = described("How many are in each state.")
