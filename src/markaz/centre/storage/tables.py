"""Table of stored contents."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

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
)
