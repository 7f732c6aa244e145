"""``markaz db``: upgrade, back up, restore and move the centre's database."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from markaz.interfaces.cli import serve, tables

if TYPE_CHECKING:
    from markaz.centre.db.copy import Contents


@click.group("db")
def command() -> None:
    """Upgrade, back up, restore and move the centre's database.

    Large results lie in the store and the centre's key in the data directory: copy both
    beside a backup.
    """


def _on_database(body: Callable[..., None]) -> Callable[..., None]:
    """Add --data and --database, and turn the centre's refusals into messages."""

    @serve.data_options
    @functools.wraps(body)
    @serve.refuses_clearly
    def wrapped(data: str | None, database: str | None, **options: Any) -> None:
        body(serve.values_of(data, database).database_url, **options)

    return wrapped


@command.command("upgrade")
@_on_database
def upgrade(url: str) -> None:
    """Bring the schema to this version; an empty database gets all tables."""
    from markaz.centre.db import backup  # noqa: PLC0415 - not for --help

    backup.upgrade_url(url)
    click.echo("The database has this version's schema.")


@command.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@tables.AS_JSON
@_on_database
def back_up(url: str, path: Path, as_json: bool) -> None:
    """Write everything into the new file PATH, while the centre may be working."""
    from markaz.centre.db import backup  # noqa: PLC0415 - not for --help

    serve.must_exist(url)
    _report(backup.backup(url, path), as_json, f"Backed up to {path}.")


@command.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@tables.AS_JSON
@_on_database
def restore(url: str, path: Path, as_json: bool) -> None:
    """Bring the backup PATH into an empty database."""
    from markaz.centre.db import backup  # noqa: PLC0415 - not for --help

    _report(backup.restore(path, url), as_json, f"Restored from {path}.")


@command.command("copy-to")
@click.argument("target", metavar="URL")
@tables.AS_JSON
@_on_database
def copy_to(url: str, target: str, as_json: bool) -> None:
    """Copy everything into the empty database URL and compare the two.

    Stop the centre first. URL is like postgresql://user@host/name.
    """
    from markaz.centre.db import backup  # noqa: PLC0415 - not for --help

    serve.must_exist(url)
    target_url = serve.values_of(None, target).database_url
    _report(backup.copy_to(url, target_url), as_json, "Copied; counts and hashes agree.")


def _report(held: dict[str, Contents], as_json: bool, message: str) -> None:
    document = {name: {"rows": c.rows, "hash": c.hash} for name, c in held.items()}
    if tables.show(document, as_json):
        return
    rows = [(name, c.rows, c.hash[:16]) for name, c in held.items() if c.rows]
    tables.table(("table", "rows", "hash"), rows, "All tables are empty.")
    click.echo(message)
