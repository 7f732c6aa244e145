"""Alembic's entry: it runs on the connection that ``db.migrate`` hands over."""

from __future__ import annotations

from alembic import context
from markaz.centre.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
