"""``markaz env``: the variables by which other programs find this centre."""

from __future__ import annotations

import os
import shlex

import click

from markaz.interfaces.cli import reach


@click.command("env")
@click.option("--key", metavar="KEY", help="A key; else the one that you are logged in with.")
@click.option("--project", "-p", help="Project that pays for jobs that name none.")
def command(key: str | None, project: str | None) -> None:
    """Print `export` lines: `eval "$(markaz env)"` sets them."""
    login = reach.find_login(key)
    url = os.environ.get("MARKAZ_PUBLIC_URL", "").rstrip("/") or login.url
    lines = {"MARKAZ_URL": url, "MARKAZ_KEY": login.key}
    if project:
        lines["MARKAZ_PROJECT"] = project
    for name, value in lines.items():
        click.echo(f"export {name}={shlex.quote(value)}")
