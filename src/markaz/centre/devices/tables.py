"""Tables of devices and their calendar."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text

from markaz.centre.db.tables import Micros, id_column, metadata, refers

devices = Table(
    "devices",
    metadata,
    id_column(),  # a short name: "simulator", "indus"
    Column("title", String(200), nullable=False),
    Column("kind", String(16), nullable=False),  # simulator, emulated, qpu
    Column("driver", String(64), nullable=False),
    Column("qubits", Integer, nullable=False),
    Column("status", String(24), nullable=False),  # QDMI's words
    Column("accepting", Boolean, nullable=False),
    Column(
        "slots", Integer, nullable=False, server_default="0"
    ),  # jobs at once; 0: as workers have
    Column("is_default", Boolean, nullable=False),
    Column("description", Text, nullable=False),  # JSON, what a user may know of it
    Column("created_at", Micros, nullable=False),
    Column("retired_at", Micros, nullable=True),
    CheckConstraint("kind IN ('simulator', 'emulated', 'qpu')", name="kind"),
)

# Bookings (a project holds the device) and maintenance.
reservations = Table(
    "reservations",
    metadata,
    id_column(),
    refers("device_id", "devices"),
    Column("kind", String(16), nullable=False),  # booking, maintenance
    Column("state", String(16), nullable=False),
    Column("impact", String(16), nullable=False),  # none, degraded, partial, full
    refers("project_id", "projects", nullable=True),
    Column("starts_at", Micros, nullable=False),
    Column("ends_at", Micros, nullable=False),
    Column("note", Text, nullable=False),
    refers("made_by", "users"),
    Column("created_at", Micros, nullable=False),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("kind IN ('booking', 'maintenance')", name="kind"),
    CheckConstraint(
        "state IN ('draft', 'scheduled', 'in progress', 'completed', 'cancelled')", name="state"
    ),
    CheckConstraint("impact IN ('none', 'degraded', 'partial', 'full')", name="impact"),
    Index("ix_reservations_device_id_ends_at", "device_id", "ends_at"),
)
