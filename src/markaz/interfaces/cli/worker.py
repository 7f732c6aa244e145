"""``markaz worker``: a process that runs a centre's jobs."""

from __future__ import annotations

import os
import sys

import click

from markaz.interfaces.cli import reach, serve


@click.command("worker")
@click.option("--url", help="The centre; else MARKAZ_URL.")
@click.option("--slots", type=click.IntRange(1, 256), default=1, show_default=True,
              help="Jobs at once.")  # fmt: skip
@click.option("--data", metavar="DIR", hidden=True)
@serve.refuses_clearly
def command(url: str | None, slots: int, data: str | None) -> None:
    """Run jobs of the centre at --url until told to stop.

    The worker's key is read from MARKAZ_WORKER_KEY; an operator makes one. SIGTERM lets
    running jobs end, and hands back the rest.
    """
    url, key = url or os.environ.get("MARKAZ_URL"), os.environ.pop("MARKAZ_WORKER_KEY", "")
    if not url or not key:
        raise click.UsageError("a worker needs --url (or MARKAZ_URL) and MARKAZ_WORKER_KEY")
    values = serve.settings_of({"data": data, "database": None})
    from markaz.centre.workers import supervisor  # noqa: PLC0415 - not for --help
    from markaz.interfaces.worker_api.client import open_link  # noqa: PLC0415

    address: str = url
    reason = supervisor.work(lambda: open_link(address, key), values, slots=slots)
    if reason:
        reach.fail(reason)
    sys.exit(0)
