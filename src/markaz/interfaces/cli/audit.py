"""``markaz audit``: check that nobody altered the centre's history."""

from __future__ import annotations

import sys
from typing import Any

import click

from markaz.interfaces.cli import reach, serve, tables


@click.group("audit")
def command() -> None:
    """Search and verify the audit trail (operators and directors)."""


@command.command("search")
@click.option("--actor", metavar="ID", help="Who did it.")
@click.option("--verb", help="What was done, such as jobs.cancel.")
@click.option("--subject", metavar="ID", help="To what.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@tables.AS_JSON
@reach.speaks_to_centre
def search(
    actor: str | None, verb: str | None, subject: str | None, limit: int, as_json: bool
) -> None:
    """The newest entries."""
    with reach.connect() as client:
        found = client.get("/audit", by=actor, verb=verb, subject=subject, limit=limit)
    if tables.show(found, as_json):
        return
    rows = [(tables.when(e["at"]), e["actor"], e["verb"], e["subject"]) for e in found["items"]]
    tables.table(("when", "actor", "verb", "subject"), rows, "No such entries.")


@command.command("verify")
@serve.data_options
@tables.AS_JSON
@serve.refuses_clearly
def check(data: str | None, database: str | None, as_json: bool) -> None:
    """Recompute every hash of the trail, in the database itself; exits with 1 if one is wrong."""
    report = _report(data, database)
    if not tables.show(report, as_json):
        click.echo(f"{report['entries']:,} entries in {report['segments']:,} segments", nl=False)
        click.echo(": all as they were written." if report["ok"] else ": ALTERED")
        if report["broken"]:
            click.echo("  segment {segment}, entry {seq}: {what}".format(**report["broken"]))
    sys.exit(0 if report["ok"] else reach.EXIT_FAILED)


def _report(data: str | None, database: str | None) -> dict[str, Any]:
    """What the database holds, against itself and against the heads kept beside it."""
    from markaz.centre.audit import heads, verify  # noqa: PLC0415 - not for --help
    from markaz.centre.db import dialect  # noqa: PLC0415

    values = serve.values_of(data, database)
    path = values.data / heads.NAME
    kept = heads.read(path) if path.exists() else ()
    with serve.existing_database(values) as engine, dialect.read_connection(engine) as connection:
        return verify.verify(connection, kept)
