"""Tables of stored contents."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, text

from markaz.centre.db.tables import Blob, Micros, metadata

# Small contents stand in the row, large ones in the store under their hash.
blobs = Table(
    "blobs",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the contents
    Column("size", Micros, nullable=False),
    Column("data", Blob, nullable=True),
    Column("created_at", Micros, nullable=False),
    Column("uses", Integer, nullable=False),  # rows that refer to it; 0 may be swept
    # When the sweep decided to delete the store's copy; a new use then stands in the row.
    Column("doomed_at", Micros, nullable=True),
    Index(
        "ix_blobs_unused",
        "doomed_at",
        sqlite_where=text("uses = 0"),
        postgresql_where=text("uses = 0"),
    ),
)

# Bytes that each project keeps, whoever else keeps the same.
storage_use = Table(
    "storage_use",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("bytes", Micros, nullable=False),
)
