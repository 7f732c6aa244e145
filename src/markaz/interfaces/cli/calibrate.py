"""``markaz calibrate``: tune a device and measure its sheet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import reach, tables

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client

LOOK_SECONDS: Final = 0.5


@click.command("calibrate")
@click.argument("device")
@click.option("--wait", is_flag=True, help="Until the new sheet is in force.")
@tables.AS_JSON
@reach.speaks_to_centre
def command(device: str, wait: bool, as_json: bool) -> None:
    """Tune DEVICE and measure its sheet, as jobs of its queue (operators).

    Jobs of users wait meanwhile. With --wait the exit code is 1 if it failed.
    """
    with reach.connect() as client:
        found = client.post(f"/devices/{device}/calibrations")
        if wait:
            found = until_ended(client, found, quiet=as_json)
    if not tables.show(found, as_json):
        say(found)
    if found["state"] == "failed":
        raise SystemExit(reach.EXIT_FAILED)


def until_ended(client: Client, found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """The measurement once it has ended; says on standard error how far it is."""
    said = ""
    while found["state"] == "running":
        done = sum(p["state"] in ("completed", "failed", "cancelled") for p in found["parts"])
        words = f"{found['device']}: {found['phase']}, {done} of {len(found['parts'])} parts"
        if words != said and not quiet:
            click.echo(words, err=True)
            said = words
        time.sleep(LOOK_SECONDS)
        found = client.get(f"/measurements/{found['measurement']}")
    return found


def say(found: dict[str, Any]) -> None:
    """In a few lines, what came of it."""
    click.echo(f"{found['device']}: {found['kind']} {found['measurement']} is {found['state']}.")
    if found["ended_at"] is not None:
        seconds = (found["ended_at"] - found["started_at"]) / tables.MICRO
        click.echo(f"  took {seconds:.1f} s, {len(found['parts'])} parts")
    if found["sheet"]:
        click.echo(f"  sheet {found['sheet']}")
    if found["note"]:
        click.echo(f"  {found['note']}")
