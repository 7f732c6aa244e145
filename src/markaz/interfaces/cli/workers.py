"""``markaz workers``: who runs jobs, and keys for further ones."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import act


@click.group("workers", invoke_without_command=True)
@click.option("--gone", is_flag=True, help="Also those that have ended.")
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, gone: bool, as_json: bool) -> None:
    """List the workers (operators and directors)."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(client.items("/workers", gone="true" if gone else None))
    if not tables.show({"items": found}, as_json):
        columns = ("name", "state", "slots", "cores", "memory", "version", "heard of", "id")
        tables.table(columns, [_row(worker) for worker in found], "No worker is connected.")


def _row(worker: dict[str, Any]) -> tuple[Any, ...]:
    memory = worker.get("memory")
    return (
        *(worker.get(name) for name in ("name", "state", "slots", "cores")),
        None if memory is None else f"{memory / (1 << 30):.1f} GiB",
        (worker.get("versions") or {}).get("markaz"),
        tables.when(worker["seen_at"]),
        worker["id"],
    )


@command.command("keys")
@tables.AS_JSON
@reach.speaks_to_centre
def keys(as_json: bool) -> None:
    """Keys that workers come with; `markaz keys revoke` ends one."""
    with reach.connect() as client:
        found = list(client.items("/worker-keys"))
    if tables.show({"items": found}, as_json):
        return
    rows = [
        (k["id"], k["label"], k["shown"], tables.when(k["created_at"]),
         tables.when(k["last_used_at"]), tables.when(k["revoked_at"]))
        for k in found
    ]  # fmt: skip
    columns = ("id", "label", "begins with", "made", "last used", "revoked")
    tables.table(columns, rows, "There are none.")


@command.command("key")
@click.argument("label")
@tables.AS_JSON
@reach.speaks_to_centre
def make_key(label: str, as_json: bool) -> None:
    """Make a key called LABEL for a worker; it is shown this once.

    Start the worker with it in MARKAZ_WORKER_KEY: `markaz worker --url URL`.
    """
    act("/worker-keys", {"label": label}, as_json, lambda made: made["secret"])
