"""``markaz jobs``: a list of jobs."""

from __future__ import annotations

import itertools

import click

from markaz.interfaces.cli import reach, show_job, tables


@click.command("jobs")
@click.option("--project", help="Only of this project.")
@click.option("--state", help="Only in this state.")
@click.option("--tag", help="Only with this tag.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@reach.speaks_to_centre
def command(
    project: str | None, state: str | None, tag: str | None, limit: int, as_json: bool
) -> None:
    """List jobs, the newest first."""
    with reach.connect() as client:
        listed = client.items("/jobs", project=project, state=state, tag=tag)
        found = list(itertools.islice(listed, limit))
    if not tables.show({"items": found}, as_json):
        tables.table(show_job.COLUMNS, [show_job.row(job) for job in found], "No such jobs.")
