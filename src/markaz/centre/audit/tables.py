"""Tables of the audit trail."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from markaz.centre.db.tables import Big, Micros, metadata

# One segment for each writer (a server's run); writers never wait for each other's chain.
audit_segments = Table(
    "audit_segments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("opened_at", Micros, nullable=False),
    # The newest segment that holds a hash of this one, and of which entry.
    Column("sealed_by", String(40), nullable=True),
    Column("sealed_seq", Big, nullable=False, server_default="-1"),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("segment", String(40), primary_key=True),
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("at", Micros, nullable=False),
    Column("actor", String(40), nullable=False),
    Column("verb", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("details", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_entries_at", "at"),
    Index("ix_audit_entries_subject", "subject"),
)
