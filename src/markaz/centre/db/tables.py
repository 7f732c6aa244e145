"""The metadata that all tables hang on, column types, and the database's own tables."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

# Names for every constraint, so that migrations can address them on both databases.
metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts rows in INTEGER only
Micros: Final = BigInteger  # microseconds UTC, or micro-credits
Blob: Final = LargeBinary


def id_column(name: str = "id") -> Column[Any]:
    """Primary key of a thing that people and programs name."""
    return Column(name, String(40), primary_key=True)


def refers(name: str, target: str, *, nullable: bool = False, index: bool = False) -> Column[Any]:
    """A foreign key to the ``id`` of ``target``."""
    return Column(name, String(40), ForeignKey(f"{target}.id"), nullable=nullable, index=index)


meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# One row for each request with an Idempotency-Key that created or spent something.
idempotency = Table(
    "idempotency",
    metadata,
    Column("principal", String(40), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", Micros, nullable=False, index=True),
)
