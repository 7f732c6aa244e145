"""Table of workers."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, Text

from markaz.centre.db.tables import Micros, id_column, metadata

workers = Table(
    "workers",
    metadata,
    id_column(),
    Column("name", String(100), nullable=False),  # host:pid
    Column("state", String(16), nullable=False),  # connected, draining, lost, gone
    Column("slots", Integer, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: host, pid, cores, memory, versions, devices
    Column("connected_at", Micros, nullable=False),
    Column("seen_at", Micros, nullable=False),
    Column("ended_at", Micros, nullable=True),
    CheckConstraint("state IN ('connected', 'draining', 'lost', 'gone')", name="state"),
)
