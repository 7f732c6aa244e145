"""``markaz cancel``: stop jobs."""

from __future__ import annotations

import click

from markaz.interfaces.cli import reach, tables


@click.command("cancel")
@click.argument("jobs", metavar="ID...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each job.")
@reach.speaks_to_centre
def command(jobs: tuple[str, ...], as_json: bool) -> None:
    """Cancel jobs: a waiting one at once, a running one within seconds."""
    with reach.connect() as client:
        for job in jobs:
            done = client.post(f"/jobs/{job}/cancel")
            if not tables.show(done, as_json):
                wanted = done["cancel"] == "wanted"
                click.echo(f"{job}: {'is being stopped' if wanted else done['state']}")
