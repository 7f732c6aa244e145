"""``markaz serve`` and what it shares with ``markaz up``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from markaz.interfaces.cli import reach

T = TypeVar("T")


def place_options(body: Callable[..., T]) -> Callable[..., T]:
    """The options that say where a centre lives and listens."""
    for option in (
        click.option("--database", metavar="URL", help="postgresql://…; else SQLite in DIR."),
        click.option("--port", "-P", type=click.IntRange(0, 65535), help="Port; 0: a free one."),
        click.option("--host", "-H", help="Address to listen on."),
        click.option("--data", metavar="DIR", help="Data directory."),
    ):
        body = option(body)
    return body


def refuses_clearly(body: Callable[..., T]) -> Callable[..., T]:
    """Turn the centre's refusals at start into one line and exit 1."""

    @functools.wraps(body)
    def command(*args: Any, **options: Any) -> T:
        from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help

        try:
            return body(*args, **options)
        except CentreError as error:
            reach.fail(error.message)

    return command


def settings_of(given: dict[str, Any]) -> Any:
    """The settings in force, with the options of the command line on top; logs set up."""
    from markaz.centre import settings  # noqa: PLC0415 - not for --help
    from markaz.interfaces import logs  # noqa: PLC0415

    given = {"database_url": given.pop("database", None), **given}
    values = settings.load(given)
    form = values["log_format"]
    if form == "json" and sys.stderr.isatty():
        form = "console"
    logs.set_up(values["log_level"], form)
    return values


def say_ready(document: dict[str, Any], as_json: bool) -> None:
    """The one line on standard output."""
    click.echo(json.dumps(document) if as_json else f"ready {document['url']}")
    sys.stdout.flush()


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
