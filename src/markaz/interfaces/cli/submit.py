"""``markaz submit``: hand programs to the centre's queue."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import options, reach, show_job, tables
from markaz.interfaces.cli.render import Style

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client, ClientError

LOOK_SECONDS: Final = 2  # between two looks at why a job waits
_LINE_START: Final = "\r\x1b[K"


def program_options(body: Callable[..., None]) -> Callable[..., None]:
    """The options that say where and how a program runs; shared with `markaz estimate`."""
    for option in (
        click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), help="Seconds."),
        click.option("--param", "parameters", multiple=True, callback=options.read_bindings,
                     metavar="NAME=VALUE", help="Value of a parameter."),
        click.option("--min-fidelity", type=click.FloatRange(0, 1, min_open=True), metavar="F",
                     help="Allow engines that truncate, down to this fidelity."),
        click.option("--approximate", is_flag=True,
                     help=f"The same as --min-fidelity {options.APPROXIMATE}."),
        click.option("--memory-limit", type=click.FloatRange(min=0, min_open=True), metavar="GiB",
                     help="Default: what a worker gives a job."),
        click.option("--observables-file", metavar="F", help="One observable a line."),
        click.option("--observable", "-o", "observables", multiple=True,
                     help='Such as "ZZ + 0.5*XI".'),
        click.option("--engine", help="Engine; else the best for each program."),
        click.option("--seed", type=click.IntRange(0, options.MAX_SEED), help="Seed; else drawn."),
        click.option("--shots", type=click.IntRange(1, options.MAX_SHOTS), help="Shots (1024)."),
        click.option("--project", "-p", envvar="MARKAZ_PROJECT",
                     help="Project that pays; else MARKAZ_PROJECT, or your only one."),
        click.option("--device", "-d", help="Device; else the centre's default."),
    ):  # fmt: skip
        body = option(body)
    return body


@click.command("submit")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@program_options
@click.option("--name", default="", help="What to call the job.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by.")
@click.option("--private", is_flag=True, help="Only you see program and result.")
@click.option("--memory", is_flag=True, help="Also the outcome of every shot (with --json).")
@click.option("--session", help="Session that the jobs belong to.")
@click.option("--qos", help="Class of service: normal, scavenger, booking, teaching …")
@click.option("--wait", is_flag=True, help="Wait for the results and print them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each file.")
@reach.speaks_to_centre
def command(files: tuple[str, ...], wait: bool, as_json: bool, **given: Any) -> None:
    """Submit each FILE (OpenQASM, QPY, QCIS; - is standard input) as a job.

    Exits with 1 if a program was refused or a job failed, 3 if the centre is not reachable.
    """
    failed, style = False, Style.of(sys.stdout)
    given = with_file(given)
    with reach.connect() as client:
        jobs = []
        for file in files:  # all of them before any result: they run side by side
            try:
                job = client.post("/jobs", body_of(file, given))
            except (Refused, client_error()) as error:
                _refused(file, error, as_json)
                failed = True
                continue
            jobs.append(job)
            if not wait and not tables.show(job, as_json):
                click.echo(show_job.submitted(job))
        for job in jobs if wait else ():
            done = wait_for(client, job["job"], quiet=as_json)
            failed |= show_job.is_failed(done)
            if not tables.show(show_job.contracted(done), as_json):
                show_job.say(show_job.shown(done, style, given["observables"]))
    sys.exit(reach.EXIT_FAILED if failed else 0)


class Refused(Exception):
    """A file that cannot be handed in: why, and ``kind`` as in ``markaz run``'s errors."""

    def __init__(self, message: str, kind: str = "file") -> None:
        super().__init__(message)
        self.kind = kind


def client_error() -> type[ClientError]:
    """The exception of refused requests; importing it takes a while."""
    from markaz.interfaces.rest_api.client import ClientError  # noqa: PLC0415 - httpx is slow

    return ClientError


def _refused(file: str, error: Any, as_json: bool) -> None:
    """Report a file that was not taken. Raises the error if there was no centre at all."""
    if not isinstance(error, Refused) and reach.is_unreachable(error):
        raise error
    details = {} if isinstance(error, Refused) else error.problem.get("details") or {}
    place = _placed(file, details, error)
    message = str(error) if place or isinstance(error, Refused) else reach.words(error)
    kind = f"{error.kind}: " if isinstance(error, Refused) else ""
    click.echo(f"markaz: {place or f'{file}: {kind}{message}'}", err=True)
    why = {"kind": error.kind, "message": message, **details}
    tables.show({"file": file, "job": None, "state": None, "error": why}, as_json)


def _placed(file: str, details: Mapping[str, Any], error: Exception) -> str | None:
    """Where in the file and why, as ``markaz run`` says it; None if no place is known."""
    places = [details[name] for name in ("line", "column") if details.get(name) is not None]
    if not places:
        return None
    where = ":".join(map(str, [file, *places]))
    return f"{where}: {details.get('program_kind', 'program')}: {error}"


def body_of(file: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The request that submits ``file``."""
    from markaz.quantum.programs.intake import HEAD_BYTES, detect  # noqa: PLC0415 - not for --help

    data = _read(file)
    named = {"limit_seconds": given["time_limit"]} | {
        k: given.get(k) for k in ("device", "project", "session", "name", "qos")
    }
    run = {k: given[k] for k in ("shots", "seed", "engine", "parameters")}
    run["observables"] = list(given["observables"])
    run["memory"] = given.get("memory") or None
    fidelity = options.least_fidelity(given)
    run["min_fidelity"] = fidelity if fidelity < 1 else None
    run["memory_limit"] = options.memory_bytes(given["memory_limit"])
    return {
        **{k: v for k, v in named.items() if v},
        **_program(data),
        "format": detect(file, data[:HEAD_BYTES]),
        "options": {k: v for k, v in run.items() if v not in (None, [], {})},
        **({"tags": list(given["tags"])} if given.get("tags") else {}),
        **({"private": True} if given.get("private") else {}),
    }


def with_file(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose observables hold those of ``--observables-file`` too."""
    more = options.read_observables((), given["observables_file"])
    return {**given, "observables": (*given["observables"], *map(str, more))}


def _read(file: str) -> bytes:
    """The bytes of ``file``; never more than a program may have and one."""
    from markaz.quantum.programs.intake import why_not  # noqa: PLC0415 - not for --help
    from markaz.quantum.programs.limits import DEFAULT  # noqa: PLC0415 - not for --help

    most = DEFAULT.source_bytes
    try:
        if file == "-":
            data = sys.stdin.buffer.read(most + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(most + 1)
    except OSError as error:
        raise Refused(why_not(error)) from None
    if len(data) > most:
        raise Refused(f"a program may have {most:,} bytes", "limit-size")
    return data


def _program(data: bytes) -> dict[str, str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"program_base64": base64.b64encode(data).decode()}
    return {"program": text}


def wait_for(client: Client, job: str, *, quiet: bool) -> dict[str, Any]:
    """The document of ``job`` once it has ended; meanwhile say where it stands."""
    try:
        if quiet or not sys.stderr.isatty():
            return client.wait(job)
        return _watched(client, job)
    except KeyboardInterrupt:
        click.echo(f"\nmarkaz: {job} goes on; `markaz job {job} --wait` waits again", err=True)
        raise


def _watched(client: Client, job: str) -> dict[str, Any]:
    started, found = time.monotonic(), client.wait(job, 0)
    while found["state"] not in show_job.FINAL:
        _progress(found, time.monotonic() - started)
        found = client.wait(job, LOOK_SECONDS)
    click.echo(_LINE_START, nl=False, err=True)
    return found


def _progress(job: dict[str, Any], waited: float) -> None:
    """One line that the next one overwrites."""
    why = job.get("why") or {}
    place = f", position {why['position']:,}" if why.get("position") is not None else ""
    wait = f", starts {show_job.range_words(why['wait'])}" if why.get("wait") else ""
    reason = f" ({job['reason']})" if job.get("reason") else ""
    text = f"{job['job']} {job['state']}{reason}{place}{wait}, {tables.seconds_text(waited)}"
    click.echo(_LINE_START + text, nl=False, err=True)
