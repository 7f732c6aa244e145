"""Routes about the audit trail and the settings."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from markaz.interfaces.rest_api.fields import (
    Answer,
    Label,
    Listing,
    Micros,
    Page,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who


class AuditEntry(Answer):
    """An entry of the audit trail."""

    segment: str = described("The segment that it is in.")
    seq: int = described("Its number there.")
    at: int = described("When.")
    actor: str = described("Identifier of who did it.")
    verb: str = described("What was done.")
    subject: str = described("To what.")
    details: dict[str, Any] = described("Plain values.")
    hash: str = described("SHA-256 over this entry and the hash before it.")


class Heads(Answer):
    """The last entries, to be kept elsewhere."""

    at: int = described("Now.")
    heads: list[list[str | int]] = described("Segment, number and hash of each.")


class Broken(Answer):
    """The first entry that is wrong."""

    segment: str = described("Its segment.")
    seq: int | None = described("Its number; null: the segment itself.")
    what: str = described("What is wrong.")


class Verified(Answer):
    """Whether the trail is whole."""

    ok: bool = described("Whether every hash fits.")
    segments: int = described("Segments checked.")
    entries: int = described("Entries checked.")
    heads: int = described("Entries kept elsewhere that were looked for.")
    open: list[list[str | int]] = described("Last entries that no later segment holds.")
    broken: Broken | None = described("The first entry that is wrong.")


class ShownSetting(Answer):
    """A setting."""

    name: str = described("Name.")
    variable: str = described("Environment variable.")
    group: str = described("What it belongs to.")
    default: str | int | float | bool = described("Value if nothing is set.")
    value: str | int | float | bool = described("Value in force; secrets are masked.")
    meaning: str = described("What it means.")


class AuditSearch(Listing):
    """Which entries."""

    since: Micros | None = described("From this time on.", None)
    until: Micros | None = described("Before this time.", None)
    by: Label | None = described("Only what this one did.", None)
    verb: Label | None = described("Only this; may end in `.*`.", None)
    subject: str | None = Field(None, min_length=1, max_length=200, description="Only about this.")


ROUTES: Final = (
    Route("GET", "/v1/audit", "audit.search", Who.OVERSEER, "The audit trail, newest first.",
          Page[AuditEntry], query=AuditSearch),
    Route("GET", "/v1/audit/heads", "audit.heads", Who.OVERSEER,
          "Its last entries, to be kept elsewhere.", Heads),
    Route("GET", "/v1/audit/verification", "audit.verify", Who.OVERSEER,
          "Recompute the whole trail.", Verified),
    Route("GET", "/v1/settings", "settings.list", Who.OVERSEER, "Settings; secrets are masked.",
          Page[ShownSetting]),
)  # fmt: skip
