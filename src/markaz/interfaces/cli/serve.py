"""``markaz serve`` and what it shares with ``markaz up`` and the commands for operators."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from markaz.interfaces.cli import reach

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from markaz.centre.settings import Settings

T = TypeVar("T")


def data_options(body: Callable[..., T]) -> Callable[..., T]:
    """The options that say where a centre's data are."""
    body = click.option("--database", metavar="URL", help="postgresql://…; else SQLite in DIR.")(
        body
    )
    return click.option("--data", metavar="DIR", help="Data directory of the centre.")(body)


def place_options(body: Callable[..., T]) -> Callable[..., T]:
    """The options that say where a centre lives and listens."""
    for option in (
        click.option("--port", "-P", type=click.IntRange(0, 65535), help="Port; 0: a free one."),
        click.option("--host", "-H", help="Address to listen on."),
    ):
        body = option(body)
    return data_options(body)


def refuses_clearly(body: Callable[..., T]) -> Callable[..., T]:
    """Turn the centre's and the system's refusals into one line and exit 1."""

    @functools.wraps(body)
    def command(*args: Any, **options: Any) -> T:
        with refusals():
            return body(*args, **options)

    return command


@contextmanager
def refusals() -> Iterator[None]:
    """Inside, a refusal ends the command with one line and exit 1."""
    from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help

    try:
        yield
    except CentreError as error:
        hint = "; choose another with --port (0 takes a free one)" if error.field == "port" else ""
        reach.fail(error.message + hint)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        reach.fail(f"{place}{error.strerror or error}")


def values_of(data: str | None, database: str | None, **more: Any) -> Settings:
    """The settings in force with these on top.

    Files that the command makes are for its user only. Raises CentreError ``invalid``.
    """
    # These import the database's library: not for --help.
    from sqlalchemy import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    from markaz.centre import settings  # noqa: PLC0415
    from markaz.centre.errors import invalid  # noqa: PLC0415

    os.umask(0o077)
    values = settings.load({"data": data, "database_url": database, **more})
    try:
        kind = make_url(values.database_url).get_backend_name()
    except ArgumentError:
        kind = ""
    if kind not in ("sqlite", "postgresql"):
        raise invalid("database_url", "a database is named like postgresql://user@host/name")
    return values


def must_exist(url: str) -> None:
    """Raise CentreError ``not-found`` for a database file that is not there."""
    from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help

    prefix, _, path = url.partition(":///")
    if prefix == "sqlite" and not Path(path).exists():
        raise CentreError("not-found", f"there is no centre: {path} is not there")


@contextmanager
def existing_database(values: Settings) -> Iterator[Engine]:
    """The centre's database, which must be there and current; none is made.

    Raises CentreError: ``not-found`` where there is no file, ``conflict`` for another schema,
    ``unavailable``.
    """
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - not for --help

    from markaz.centre.db import dialect, migrate  # noqa: PLC0415

    must_exist(values.database_url)
    engine = dialect.open_engine(values.database_url, readers=1)
    try:
        with engine.connect() as connection:
            migrate.check_current(connection)
        yield engine
    except DBAPIError as error:
        raise dialect.translated(error) from error
    finally:
        engine.dispose()


def settings_of(given: dict[str, Any]) -> Settings:
    """As ``values_of``, for a process that logs: logs are set up too."""
    # not for --help
    from markaz.centre.settings import unknown_variables  # noqa: PLC0415
    from markaz.interfaces import logs  # noqa: PLC0415

    more = {name: value for name, value in given.items() if name not in ("data", "database")}
    values = values_of(given.get("data"), given.get("database"), **more)
    form = values["log_format"]
    if form == "json" and sys.stderr.isatty():
        form = "console"
    logs.set_up(values["log_level"], form)
    if "MARKAZ_WORKER_PARENT" not in os.environ:  # else whoever started it has said so
        for wrong in unknown_variables():
            click.echo(f"markaz: {wrong}", err=True)
    return values


def say_ready(document: dict[str, Any], as_json: bool, stdout: TextIO | None = None) -> None:
    """The one line on standard output."""
    stdout = stdout or sys.stdout
    print(json.dumps(document) if as_json else f"ready {document['url']}", file=stdout, flush=True)


@click.command("serve")
@place_options
@click.option("--json", "as_json", is_flag=True, help="Say that it is ready as JSON.")
@refuses_clearly
def command(as_json: bool, **given: Any) -> None:
    """Start the server alone; workers are started with `markaz worker`.

    The database must have this version's schema (`markaz db upgrade`).
    """
    values = settings_of(given)
    from markaz.interfaces.server import Server  # noqa: PLC0415 - not for --help

    with Server.open(values) as server:
        server.run(lambda url: say_ready({"url": url}, as_json))
