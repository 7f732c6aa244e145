"""Tables of devices and their calendar."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from markaz.centre.db.tables import Big, Micros, id_column, metadata, refers

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
    Column("model_digest", String(80), nullable=True),  # of its file; simulators have none
    Column("sheet_id", String(80), nullable=True),  # the calibration sheet in force
    Column("calibrate_hours", Integer, nullable=False, server_default="0"),  # 0: by hand only
    CheckConstraint("kind IN ('simulator', 'emulated', 'qpu')", name="kind"),
)

# Device files, all versions that were ever in force.
device_files = Table(
    "device_files",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    refers("device_id", "devices"),
    Column("digest", String(80), nullable=False),
    Column("version", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("added_by", String(40), nullable=False),
    Column("added_at", Micros, nullable=False),
    Index("ix_device_files_device_id_digest", "device_id", "digest"),
)

# The emulator of a device. Its seed is what nobody may see: no query and no document has it.
emulations = Table(
    "emulations",
    metadata,
    Column("device_id", String(40), ForeignKey("devices.id"), primary_key=True),
    Column("seed", BigInteger, nullable=False),
    Column("born_at", Micros, nullable=False),  # when its clock showed 0
    Column("tuned_at", Micros, nullable=False),
)

# Calibration sheets are never changed: the name of one is the hash of its content.
sheets = Table(
    "sheets",
    metadata,
    Column("id", String(80), primary_key=True),
    refers("device_id", "devices"),
    Column("source", String(16), nullable=False),  # shipped, calibration, agent, operator
    Column("measured_at", Micros, nullable=False),
    Column("published_at", Micros, nullable=False),
    Column("document", Text, nullable=False),  # JSON, as its hash was taken
    Index("ix_sheets_device_id_published_at", "device_id", "published_at"),
)

# Every measured value of every sheet, for histories.
sheet_values = Table(
    "sheet_values",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    Column("sheet_id", String(80), ForeignKey("sheets.id"), nullable=False),
    refers("device_id", "devices"),
    Column("quantity", String(40), nullable=False),
    Column("target", String(40), nullable=False),  # "3", "3-4"
    Column("value", Float, nullable=False),
    Column("uncertainty", Float, nullable=True),
    Column("measured_at", Micros, nullable=False),
    Index("ix_sheet_values_series", "device_id", "quantity", "target", "measured_at"),
)

# What happened to a device, in words, for operators.
device_events = Table(
    "device_events",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    refers("device_id", "devices"),
    Column("kind", String(24), nullable=False),  # file, sheet, calibration, truth, drift, tolerance
    Column("text", Text, nullable=False),
    Column("at", Micros, nullable=False),
    Index("ix_device_events_device_id_at", "device_id", "at"),
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
