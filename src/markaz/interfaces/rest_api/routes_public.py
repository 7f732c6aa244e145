"""Routes for everybody: announcements, and how devices are; and operators' announcements."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Cursor,
    Micros,
    Name,
    Page,
    Query,
    Text,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who

Kind = Literal["news", "maintenance", "incident"]


class Words(Body):
    """What is announced, in one language."""

    title: Name = described("One line.")
    body: Text = described("Plain text; an empty line divides paragraphs.")


class AnnouncementToMake(Body):
    """What to tell everybody."""

    texts: dict[str, Words] = Field(
        min_length=1, max_length=8, description="By language: en, ur, zh or another code."
    )
    kind: Kind = described("news, maintenance or incident.", "news")
    starts_at: Micros | None = described("Shown from then on; null: now.", None)
    ends_at: Micros | None = described("Shown until then; null: until it is withdrawn.", None)


class Announcement(Answer):
    """What everybody is told."""

    announcement: str = described("Identifier.")
    kind: str = described("news, maintenance or incident.")
    texts: dict[str, Words] = described("By language.")
    starts_at: int = described("Shown from then on.")
    ends_at: int | None = described("Shown until then.")
    created_at: int = described("When it was made.")


class Withdrawn(Answer):
    """An announcement that is shown no longer."""

    announcement: str = described("Identifier.")
    ends_at: int = described("Now.")


class AnnouncementListing(Query):
    """Which announcements."""

    every: bool = described("Also those that are not shown now; for operators.", False)
    limit: int = Field(20, ge=1, le=200, description="At most this many.")
    after: Cursor | None = described("The `next` of the page before.", None)


class BoardDevice(Answer):
    """How a device is, as everybody may know."""

    device: str = described("Its name.")
    title: str = described("What people call it.")
    kind: str = described("simulator, emulated or qpu.")
    emulated: str | None = described("EMULATED if it is an emulated device.")
    qubits: int = described("Qubits.")
    status: str = described("QDMI's word for how it is.")
    accepting: bool = described("Whether it starts jobs.")
    default: bool = described("Whether jobs that name no device run on it.")


class Busy(Answer):
    """What waits and runs on a device."""

    device: str = described("Its name.")
    waiting: int = described("Jobs that wait.")
    running: int = described("Jobs that run.")


class Load(Answer):
    """What waits and runs on all devices."""

    known: bool = described("False where the queue is not known.")
    items: list[Busy] = described("Each device.")


_ANNOUNCEMENTS: Final = "/v1/announcements"
ROUTES: Final = (
    Route("GET", _ANNOUNCEMENTS, "announcements.list", Who.ANYONE, "What is announced.",
          Page[Announcement], query=AnnouncementListing),
    Route("POST", _ANNOUNCEMENTS, "announcements.publish", Who.OPERATOR,
          "Tell everybody something.", Announcement, 201, AnnouncementToMake),
    Route("DELETE", f"{_ANNOUNCEMENTS}/{{announcement}}", "announcements.withdraw", Who.OPERATOR,
          "Show an announcement no longer.", Withdrawn),
    Route("GET", "/v1/device-board", "devices.board", Who.ANYONE, "How devices are.",
          Page[BoardDevice]),
    Route("GET", "/v1/device-load", "jobs.load", Who.ANYONE, "How busy devices are.", Load),
)  # fmt: skip
