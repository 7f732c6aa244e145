"""``markaz env``: the variables by which other programs find this centre."""

from __future__ import annotations

import shlex

import click

from markaz.interfaces.cli import reach


@click.command("env")
@click.option("--key", metavar="KEY", help="A key; else the one that you are logged in with.")
def command(key: str | None) -> None:
    """Print `export` lines: `eval "$(markaz env)"` sets them."""
    login = reach.find_login()
    for name, value in (("MARKAZ_URL", login.url), ("MARKAZ_KEY", key or login.key)):
        click.echo(f"export {name}={shlex.quote(value)}")
