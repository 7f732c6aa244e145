"""``markaz settings``: all settings, their values and what they mean."""

from __future__ import annotations

import click

from markaz.interfaces.cli import serve, tables


@click.command("settings")
@click.option("--data", metavar="DIR", help="Data directory of the centre.")
@tables.AS_JSON
@serve.refuses_clearly
def command(data: str | None, as_json: bool) -> None:
    """Show every setting: its value here, its environment variable and its meaning."""
    from markaz.centre import settings  # noqa: PLC0415 - not for --help

    rows = settings.load({"data": data}).shown()
    if tables.show(rows, as_json):
        return
    group = ""
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            click.secho(f"\n{group}", bold=True)
        click.echo(f"  {row['variable']} = {tables.word(row['value'])}")
        click.echo(f"      {row['meaning']} (default: {tables.word(row['default'])})")
