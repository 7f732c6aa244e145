"""``markaz cancel``: stop jobs."""

from __future__ import annotations

import sys

import click

from markaz.interfaces.cli import reach, submit, tables


@click.command("cancel")
@click.argument("jobs", metavar="ID...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each job.")
@reach.speaks_to_centre
def command(jobs: tuple[str, ...], as_json: bool) -> None:
    """Cancel jobs: a waiting one at once, a running one within seconds.

    Exits with 1 if one of them could not be cancelled; the others are all the same.
    """
    failed = False
    with reach.connect() as client:
        for job in jobs:
            try:
                done = client.post(f"/jobs/{job}/cancel")
            except submit.client_error() as error:
                if reach.is_unreachable(error):
                    raise
                click.echo(f"markaz: {job}: {reach.words(error)}", err=True)
                failed = True
                continue
            if not tables.show(done, as_json):
                wanted = done["cancel"] == "wanted"
                click.echo(f"{job}: {'is being stopped' if wanted else done['state']}")
    sys.exit(reach.EXIT_FAILED if failed else 0)
