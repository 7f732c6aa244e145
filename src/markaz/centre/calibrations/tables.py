"""Tables of what is measured on devices, as groups of jobs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from markaz.centre.db.tables import Micros, id_column, metadata, refers

RUNNING = "state = 'running'"

measurements = Table(
    "measurements",
    metadata,
    id_column(),
    refers("device_id", "devices"),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),  # calibration, benchmarks
    Column("seed", BigInteger, nullable=False),
    Column("before", String(24), nullable=False),  # the device's status when it began
    Column("sheet_id", String(80), nullable=True),  # what it published
    Column("contract", Text, nullable=True),  # of an acceptance, as it was handed in
    Column("record", Text, nullable=True),  # of an acceptance: the signed report (JSON)
    Column("note", Text, nullable=False, server_default=""),  # what went wrong, in words
    Column("started_by", String(40), nullable=False),
    Column("started_at", Micros, nullable=False),
    Column("ended_at", Micros, nullable=True),
    CheckConstraint("kind IN ('calibration', 'monitoring', 'acceptance')", name="kind"),
    CheckConstraint("state IN ('running', 'completed', 'failed')", name="state"),
    Index("ix_measurements_device_id_started_at", "device_id", "started_at"),
    # One at a time on each device.
    Index("uq_measurements_running", "device_id", unique=True,
          sqlite_where=text(RUNNING), postgresql_where=text(RUNNING)),
)  # fmt: skip

measurement_parts = Table(
    "measurement_parts",
    metadata,
    Column("measurement_id", String(40), ForeignKey("measurements.id"), nullable=False),
    Column("part", String(80), nullable=False),
    Column("job_id", String(40), nullable=False),
    PrimaryKeyConstraint("measurement_id", "part"),
)
