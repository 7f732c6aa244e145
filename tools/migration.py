"""Write the migration that brings the schema of the last one to the tables of today.

    python -m tools.migration "What changes"

The new file is a draft: read it, since a renamed column looks like one dropped and one
added. Tests compare what all migrations make with what the tables say, on both databases.
"""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from markaz.centre.db import migrate


def next_number(scripts: ScriptDirectory) -> str:
    """The number behind the newest migration's."""
    return f"{int(scripts.get_current_head() or 0) + 1:04d}"


def write(message: str) -> str:
    """Write the migration called ``message``; its number."""
    config = Config()
    config.set_main_option("script_location", migrate.SCRIPTS)
    number = next_number(ScriptDirectory.from_config(config))
    with create_engine("sqlite://").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message=message, autogenerate=True, rev_id=number)
    return number


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(f"migration {write(sys.argv[1])} is written")
