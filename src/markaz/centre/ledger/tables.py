"""Tables of the ledger. Amounts are integers, in micro-credits."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from markaz.centre.db.tables import Big, Micros, id_column, metadata, refers

allocations = Table(
    "allocations",
    metadata,
    id_column(),
    refers("project_id", "projects", index=True),
    Column("starts_at", Micros, nullable=False),
    Column("ends_at", Micros, nullable=False),
    Column("state", String(16), nullable=False),  # active, expired, revoked
    # What the entries add up to, kept beside them so that one conditional UPDATE reserves:
    Column("granted", Micros, nullable=False),  # grants, transfers, adjustments, minus expiry
    Column("reserved", Micros, nullable=False, server_default="0"),
    Column("charged", Micros, nullable=False, server_default="0"),  # minus refunds
    Column("created_at", Micros, nullable=False),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("granted >= 0 AND reserved >= 0 AND charged >= 0", name="signs"),
    CheckConstraint("granted - reserved - charged >= 0", name="balance"),
    CheckConstraint("state IN ('active', 'expired', 'revoked')", name="state"),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    refers("allocation_id", "allocations"),
    Column("kind", String(16), nullable=False),
    Column("amount", Micros, nullable=False),  # signed: what it adds to the free balance
    Column("job_id", String(40), nullable=True),
    Column("at", Micros, nullable=False),
    Column("actor", String(40), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint(
        "kind IN ('grant', 'reserve', 'charge', 'release', 'refund', 'transfer', 'expiry',"
        " 'adjustment', 'settlement')",
        name="kind",
    ),
    UniqueConstraint("job_id", "kind"),
    Index("ix_ledger_entries_allocation_id_seq", "allocation_id", "seq"),
)

rates = Table(
    "rates",
    metadata,
    refers("device_id", "devices"),
    Column("starts_at", Micros, nullable=False),
    Column("per_second", Micros, nullable=False),
    Column("per_shot", Micros, nullable=False),
    Column("per_job", Micros, nullable=False),
    PrimaryKeyConstraint("device_id", "starts_at"),
    CheckConstraint("per_second >= 0 AND per_shot >= 0 AND per_job >= 0", name="signs"),
)

# Notices that an allocation has reached a share of its credits (80, 100).
notices = Table(
    "notices",
    metadata,
    refers("allocation_id", "allocations"),
    Column("percent", Integer, nullable=False),
    Column("at", Micros, nullable=False),
    Column("mailed_at", Micros, nullable=True),
    PrimaryKeyConstraint("allocation_id", "percent"),
)
