"""The table of announcements."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, String, Table, Text

from markaz.centre.db.tables import Micros, id_column, metadata, refers

announcements = Table(
    "announcements",
    metadata,
    id_column(),
    Column("kind", String(16), nullable=False),  # news, maintenance, incident
    Column("texts", Text, nullable=False),  # JSON: language -> {"title", "body"}
    Column("starts_at", Micros, nullable=False),  # shown from then on
    Column("ends_at", Micros, nullable=True),
    refers("made_by", "users"),
    Column("created_at", Micros, nullable=False),
    CheckConstraint("kind IN ('news', 'maintenance', 'incident')", name="kind"),
    CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="order"),
    Index("ix_announcements_starts_at", "starts_at"),
)
