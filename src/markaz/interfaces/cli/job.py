"""``markaz job``: one job, whole."""

from __future__ import annotations

import sys

import click

from markaz.interfaces.cli import reach, show_job, submit, tables
from markaz.interfaces.cli.render import Style


@click.command("job")
@click.argument("job", metavar="ID")
@click.option("--wait", is_flag=True, help="Wait for its end first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@reach.speaks_to_centre
def command(job: str, wait: bool, as_json: bool) -> None:
    """Show the job ID: its result, price and provenance, or why it waits.

    Exits with 1 if the job failed or was cancelled.
    """
    with reach.connect() as client:
        found = submit.wait_for(client, job, quiet=as_json) if wait else client.get(f"/jobs/{job}")
    if not tables.show(show_job.contracted(found), as_json):
        show_job.say(show_job.shown(found, Style.of(sys.stdout)))
    sys.exit(reach.EXIT_FAILED if show_job.is_failed(found) else 0)
