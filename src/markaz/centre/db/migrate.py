"""Bring a database to this version's schema, and refuse to work on any other."""

from __future__ import annotations

from functools import cache
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from markaz.centre.db import dialect
from markaz.centre.errors import CentreError

SCRIPTS: Final = "markaz.centre.db:migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


@cache
def newest() -> str:
    """The revision that this version's tables are made by."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The database's revision; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def check_current(connection: Connection) -> None:
    """Raise CentreError ``conflict`` unless the schema is this version's."""
    found, wanted = current(connection), newest()
    if found != wanted:
        raise CentreError(
            "conflict",
            f"the database has schema {found or 'none'}, this version needs {wanted}: "
            "run `markaz db upgrade`",
        )


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are missing, all in one transaction: all or none happen.

    Two servers that start at once do not get in each other's way.
    """
    config = _config()
    with dialect.schema_connection(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
