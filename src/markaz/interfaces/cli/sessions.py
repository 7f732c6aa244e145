"""``markaz sessions``: jobs that belong together."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import act

_COLUMNS = ("session", "state", "mode", "device", "accepting")


@click.group("sessions", invoke_without_command=True)
@click.option("--state", type=click.Choice(("pending", "open", "draining", "closed")))
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, state: str | None, as_json: bool) -> None:
    """List your sessions, the newest first."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(client.items("/sessions", state=state))
    if not tables.show({"items": found}, as_json):
        rows = [(*(s[c] for c in _COLUMNS), tables.when(s["created_at"])) for s in found]
        tables.table((*_COLUMNS, "made"), rows, "You have no sessions.")


@command.command("open")
@click.option("--device", "-d", help="Device; else the centre's default.")
@click.option("--project", "-p", envvar="MARKAZ_PROJECT", help="Project that pays.")
@click.option("--batch", is_flag=True, help="Hold no device: only group jobs.")
@click.option("--max-seconds", type=click.FloatRange(1, 28_800), help="How long at most.")
@click.option("--idle-seconds", type=click.FloatRange(1, 28_800), help="How long unused.")
@tables.AS_JSON
@reach.speaks_to_centre
def open_session(batch: bool, as_json: bool, **given: Any) -> None:
    """Open a session; `markaz submit --session ID` puts jobs into it."""
    body = given | {"mode": "batch" if batch else "dedicated"}
    act("/sessions", body, as_json, lambda made: made["session"])


@command.command("show")
@click.argument("session", metavar="ID")
@tables.AS_JSON
@reach.speaks_to_centre
def show(session: str, as_json: bool) -> None:
    """One session and how its jobs stand."""
    with reach.connect() as client:
        found = client.get(f"/sessions/{session}")
    if tables.show(found, as_json):
        return
    click.secho(f"{session}: {found['state']} on {found['device']}", bold=True)
    jobs = (f"{count} {state}" for state, count in found["jobs"].items())
    click.echo(f"  jobs: {', '.join(jobs) or 'none'}")


def _end(name: str, meaning: str) -> None:
    @command.command(name, help=meaning)
    @click.argument("session", metavar="ID")
    @tables.AS_JSON
    @reach.speaks_to_centre
    def end(session: str, as_json: bool) -> None:
        path = f"/sessions/{session}/{name}"
        act(path, None, as_json, lambda found: f"{session} is {found['state']}.")


_end("close", "Take no more jobs into a session; those that it has go on.")
_end("cancel", "Close a session at once and cancel its jobs.")
