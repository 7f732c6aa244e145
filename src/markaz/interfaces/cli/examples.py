"""The example programs, submitted through the queue when a centre starts."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import reach, show_job, submit
from markaz.interfaces.cli.options import read_angle
from markaz.interfaces.cli.render import Style

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client, ClientError

_PARAMETER: Final = re.compile(r"--param (\w+)=(\S+)")
SUFFIXES: Final = (".qasm", ".qcis")
# What each run of an example gets: most need nothing.
NOTHING: Final[dict[str, Any]] = {
    "device": None, "project": "default", "shots": None, "seed": 1, "engine": None,
    "observables": (), "parameters": {}, "time_limit": None, "tags": ("example",),
    "private": False, "session": None, "min_fidelity": None, "approximate": False,
    "memory_limit": None,
}  # fmt: skip


def kept_key(data: Path) -> str | None:
    """The first operator's key, if its file is still there."""
    try:
        return str(json.loads((data / "first-login.json").read_text(encoding="utf-8"))["api_key"])
    except (OSError, ValueError, KeyError):
        return None


def show(url: str, key: str, folder: Path) -> None:
    """Submit every program in ``folder`` and print each result on standard error."""
    from markaz.interfaces.rest_api.client import Client, ClientError  # noqa: PLC0415 - slow

    files = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    completed = 0
    with Client(url, key) as client:
        jobs: list[dict[str, Any] | ClientError] = []
        for file in files:  # all of them before any result: they run side by side
            body = submit.body_of(str(file), NOTHING | {"name": file.name} | settings_of(file))
            try:
                jobs.append(client.post("/jobs", body))
            except ClientError as error:
                jobs.append(error)
        for file, job in zip(files, jobs, strict=True):
            completed += _shown(client, file, job)
    said = f"{completed} of {len(files)} examples ran through the queue; `markaz jobs` lists them."
    click.echo(f"\n{said}\n", err=True)


def _shown(client: Client, file: Path, job: dict[str, Any] | ClientError) -> bool:
    """Print what became of one example; whether it has a result."""
    try:
        if not isinstance(job, dict):
            raise job
        done = client.wait(job["job"])
    except submit.client_error() as error:
        click.echo(f"{file.name}: {reach.words(error)}", err=True)
        return False
    click.echo("\n".join(show_job.shown(done, Style.of(sys.stderr))), err=True)
    return not show_job.is_failed(done)


def settings_of(file: Path) -> dict[str, Any]:
    """Values for an example's parameters, from the ``--param`` that its comments show."""
    found = _PARAMETER.findall(file.read_text(encoding="utf-8"))
    return {"parameters": {name: read_angle(number) for name, number in found}}
