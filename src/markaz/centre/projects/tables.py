"""Tables of projects and their members."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from markaz.centre.db.tables import Micros, id_column, metadata, refers

projects = Table(
    "projects",
    metadata,
    id_column(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("programme", String(64), nullable=False, server_default=""),
    refers("institution_id", "institutions", index=True),
    Column("state", String(16), nullable=False),
    # Whose jobs a member sees: "own" or "all"; leads see all.
    Column("job_visibility", String(8), nullable=False, server_default="own"),
    Column("any_device", Boolean, nullable=False),  # else only those in project_devices
    Column("shares", Integer, nullable=False, server_default="1"),
    Column("starts_at", Micros, nullable=True),
    Column("ends_at", Micros, nullable=True, index=True),
    Column("retention_days", Integer, nullable=True),
    Column("quota_gib", Float, nullable=True),
    Column("created_at", Micros, nullable=False),
    CheckConstraint(
        "state IN ('requested', 'active', 'suspended', 'expired', 'closed')", name="state"
    ),
    CheckConstraint("job_visibility IN ('own', 'all')", name="job_visibility"),
    CheckConstraint("shares >= 0", name="shares"),
)

memberships = Table(
    "memberships",
    metadata,
    refers("project_id", "projects"),
    refers("user_id", "users", index=True),
    Column("role", String(32), nullable=False),
    Column("shares", Integer, nullable=False, server_default="1"),
    Column("joined_at", Micros, nullable=False),
    PrimaryKeyConstraint("project_id", "user_id"),
    CheckConstraint("shares >= 0", name="shares"),
)

invitations = Table(
    "invitations",
    metadata,
    id_column(),
    refers("project_id", "projects", index=True),
    refers("invited_by", "users"),
    Column("email", String(254), nullable=True),
    Column("role", String(32), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("accepted_at", Micros, nullable=True),
    Column("withdrawn_at", Micros, nullable=True),
)

project_devices = Table(
    "project_devices",
    metadata,
    refers("project_id", "projects"),
    refers("device_id", "devices"),
    PrimaryKeyConstraint("project_id", "device_id"),
)
