"""``markaz keys``: the own API keys."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import reach, tables


@click.group("keys", invoke_without_command=True)
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, as_json: bool) -> None:
    """List, make and revoke your API keys."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        keys = list(client.items("/keys"))
        warnings = list(client.items("/me/warnings"))
    if tables.show({"items": keys}, as_json):
        return
    columns = ("id", "kind", "label", "begins with", "scopes", "last used", "expires", "revoked")
    tables.table(columns, [_row(key) for key in keys], "You have no keys.")
    for warned in warnings:
        click.secho(f"{tables.when(warned['at'])}: {warned['words']}", fg="yellow", err=True)


def _row(key: dict[str, Any]) -> tuple[Any, ...]:
    times = (tables.when(key[name]) for name in ("last_used_at", "expires_at", "revoked_at"))
    return (key["id"], key["kind"], key["label"], key["shown"], key["scopes"], *times)


@command.command("create")
@click.argument("label")
@click.option(
    "--scope", "scopes", multiple=True, help="What it may do (repeat); else everyday work."
)
@click.option("--project", help="The only project that it shall work in.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True)
@tables.AS_JSON
@reach.speaks_to_centre
def create(
    label: str, scopes: tuple[str, ...], project: str | None, days: int, as_json: bool
) -> None:
    """Make a key called LABEL; the key itself is shown this once."""
    body = {"label": label, "scopes": list(scopes) or None, "project": project, "days": days}
    with reach.connect() as client:
        made = client.post("/keys", {k: v for k, v in body.items() if v is not None})
    if not tables.show(made, as_json):
        click.echo(made["secret"])
        click.echo("Keep it now: it is not shown again.", err=True)


@command.command("revoke")
@click.argument("key", metavar="ID")
@tables.AS_JSON
@reach.speaks_to_centre
def revoke(key: str, as_json: bool) -> None:
    """Revoke the key ID; it stops working at once."""
    with reach.connect() as client:
        done = client.delete(f"/keys/{key}")
    if not tables.show(done, as_json):
        click.echo(f"{key} is revoked.")
