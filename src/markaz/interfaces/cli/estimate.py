"""``markaz estimate``: what a program would cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from markaz.interfaces.cli import reach, submit, tables

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client


@click.command("estimate")
@click.argument("file", metavar="FILE")
@submit.program_options
@tables.AS_JSON
@reach.speaks_to_centre
def command(file: str, as_json: bool, **given: Any) -> None:
    """Predict how long FILE would run and what that costs; nothing is submitted.

    Exits with 1 also if the project's credits are not enough.
    """
    with reach.connect() as client:
        try:
            body = submit.body_of(file, submit.with_file(given))
        except submit.Refused as error:
            reach.fail(f"{file}: {error.kind}: {error}")
        found = client.post("/estimates", {**_usual(client, body), **body})
    if not tables.show(found, as_json):
        click.echo("\n".join(_lines(found)))
    sys.exit(reach.EXIT_FAILED if found["enough"] is False else 0)


def _usual(client: Client, body: dict[str, Any]) -> dict[str, str]:
    """What a submission that names neither would take: the default device, the only project."""
    found: dict[str, str] = {}
    if "device" not in body:
        found["device"] = next((d["device"] for d in client.items("/devices") if d["default"]), "")
    if "project" not in body:
        mine = [p["slug"] for p in client.items("/projects", state="active")]
        if len(mine) == 1:
            found["project"] = mine[0]
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    cost, reserve = (tables.credits_text(found[name]) for name in ("cost", "reserve"))
    about = "at most" if found["cost"] == found["reserve"] else "about"  # nothing is predicted
    lines = [
        f"{about} {tables.seconds_text(found['seconds'])} on {found['device']}: {cost} credits",
        f"  set aside at submission, and the most that it can cost: {reserve} credits",
    ]
    if found["free"] is not None:
        enough = "enough" if found["enough"] else "NOT enough"
        lines.append(f"  the project has {tables.credits_text(found['free'])} credits: {enough}")
    return lines
