"""``markaz submit``: hand programs to the centre's queue."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import options, reach, show_job, tables
from markaz.interfaces.cli.render import Style

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client

LOOK_SECONDS: Final = 2  # between two looks at why a job waits


@click.command("submit")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--device", "-d", help="Device; else the centre's default.")
@click.option("--project", "-p", help="Project that pays; else your only one.")
@click.option("--shots", type=click.IntRange(1, options.MAX_SHOTS), help="Shots (1024).")
@click.option("--seed", type=click.IntRange(0, options.MAX_SEED), help="Seed; else drawn.")
@click.option("--engine", help="Engine; else the best for each program.")
@click.option("--observable", "-o", "observables", multiple=True, help='Such as "ZZ + 0.5*XI".')
@click.option("--param", "parameters", multiple=True, callback=options.read_bindings,
              metavar="NAME=VALUE", help="Value of a parameter.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), help="Seconds.")
@click.option("--name", default="", help="What to call the job.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by.")
@click.option("--private", is_flag=True, help="Only you see program and result.")
@click.option("--session", help="Session that the jobs belong to.")
@click.option("--wait", is_flag=True, help="Wait for the results and print them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each file.")
@reach.speaks_to_centre
def command(files: tuple[str, ...], wait: bool, as_json: bool, **given: Any) -> None:
    """Submit each FILE (OpenQASM, QPY, QCIS; - is standard input) as a job.

    Exits with 1 if a program was refused or a job failed, 3 if the centre is not reachable.
    """
    from markaz.interfaces.rest_api.client import ClientError  # noqa: PLC0415 - httpx is slow

    failed = False
    with reach.connect() as client:
        for file in files:
            try:
                done = _one(client, file, given, wait, as_json)
            except ClientError as error:
                if error.status == 0:
                    raise
                _refused(file, error, as_json)
                failed = True
            else:
                failed |= done["state"] in ("failed", "cancelled")
    sys.exit(reach.EXIT_FAILED if failed else 0)


def _refused(file: str, error: Any, as_json: bool) -> None:
    click.echo(f"markaz: {file}: {error}", err=True)
    tables.show({"file": file, "job": None, "state": None, "error": error.problem}, as_json)


def _one(
    client: Client, file: str, given: Mapping[str, Any], wait: bool, as_json: bool
) -> dict[str, Any]:
    """Submit ``file`` and print what became of it; the job's document."""
    job: dict[str, Any] = client.post("/jobs", body_of(file, given))
    if wait:
        job = wait_for(client, job["job"], quiet=as_json)
    if tables.show(job, as_json):
        return job
    if wait:
        show_job.say(show_job.shown(job, Style.of(sys.stdout)))
    else:
        held = f" ({job['reason']})" if job.get("reason") else ""
        click.echo(f"{job['job']} {job['state']}{held}")
    return job


def body_of(file: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The request that submits ``file``."""
    from markaz.quantum.programs.intake import HEAD_BYTES, detect  # noqa: PLC0415 - not for --help

    data = _read(file)
    named = {"limit_seconds": given["time_limit"]} | {
        k: given[k] for k in ("device", "project", "session", "name")
    }
    run = {k: given[k] for k in ("shots", "seed", "engine", "parameters")}
    run["observables"] = list(given["observables"])
    return {
        **{k: v for k, v in named.items() if v},
        **_program(data),
        "format": detect(file, data[:HEAD_BYTES]),
        "options": {k: v for k, v in run.items() if v not in (None, [], {})},
        "tags": list(given["tags"]),
        "private": given["private"],
    }


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        reach.fail(f"{file}: {error.strerror}")


def _program(data: bytes) -> dict[str, str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"program_base64": base64.b64encode(data).decode()}
    return {"program": text}


def wait_for(client: Client, job: str, *, quiet: bool) -> dict[str, Any]:
    """The document of ``job`` once it has ended; meanwhile say where it stands."""
    if quiet or not sys.stderr.isatty():
        return client.wait(job)
    started, found = time.monotonic(), client.wait(job, LOOK_SECONDS)
    while found["state"] not in show_job.FINAL:
        _progress(found, time.monotonic() - started)
        found = client.wait(job, LOOK_SECONDS)
    click.echo("\r\x1b[K", nl=False, err=True)
    return found


def _progress(job: dict[str, Any], waited: float) -> None:
    why = job.get("why") or {}
    place = f", position {why['position']:,}" if why.get("position") is not None else ""
    reason = f" ({job['reason']})" if job.get("reason") else ""
    text = f"{job['job']} {job['state']}{reason}{place}, {tables.seconds_text(waited)}"
    click.echo(f"\r\x1b[K{text}", nl=False, err=True)
