"""``markaz agent``: beside hardware in a lab, run a centre's jobs on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from markaz.interfaces.cli import reach, serve

if TYPE_CHECKING:
    from markaz.quantum.devices.model import DeviceModel

_LISTEN: Final = re.compile(r"(?:(?P<host>[A-Za-z0-9.-]+):)?(?P<port>\d{1,5})")


@click.command("agent")
@click.option("--device", "file", type=click.Path(), metavar="FILE", help="The device file.")
@click.option("--driver", metavar="NAME", help="What speaks to the hardware; see --drivers.")
@click.option("--options", type=click.Path(), metavar="FILE", help="The driver's options, TOML.")
@click.option("--url", help="The centre; else MARKAZ_URL.")
@click.option(
    "--spool",
    type=click.Path(),
    metavar="DIR",
    help="Where jobs and results are kept; by default in the data directory.",
)
@click.option("--data", metavar="DIR", hidden=True)
@click.option("--drivers", is_flag=True, help="List the drivers and what they were tested with.")
@click.option(
    "--check",
    metavar="URL",
    help="Test the device at URL against the local contract, without a centre.",
)
@click.option(
    "--serve-emulator",
    metavar="[HOST:]PORT",
    help="Be the device of the file, emulated, with the local contract.",
)
@click.option(
    "--token-file",
    type=click.Path(),
    help="With --check and --serve-emulator: file with the device's token.",
)
@click.option("--json", "as_json", is_flag=True, help="With --drivers and --check.")
@serve.refuses_clearly
def command(
    file: str | None, driver: str | None, options: str | None, url: str | None, spool: str | None,
    data: str | None, drivers: bool, check: str | None, serve_emulator: str | None,
    token_file: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Run jobs of the centre at --url on the hardware that --driver speaks to.

    Opens outgoing connections only. The worker's key is read from MARKAZ_WORKER_KEY; an
    operator makes one. What the agent holds is in the spool: stop it at any time, start it
    again with the same spool, and it goes on; the centre waits for it for days.
    """
    if drivers:
        _list_drivers(as_json)
        return
    if file is None:
        raise click.UsageError("--device is missing")
    text, model = _device(file)
    if check is not None:
        _check(check, model, token_file, as_json)
    elif serve_emulator is not None:
        _serve_emulator(serve_emulator, model, token_file)
    else:
        _work(model, text, driver, options, url, spool, data)


def _device(file: str) -> tuple[str, DeviceModel]:
    from markaz.quantum.devices.errors import DescriptionError  # noqa: PLC0415 - not for --help
    from markaz.quantum.devices.model import parse  # noqa: PLC0415

    path = Path(file)
    try:
        text = path.read_bytes()
        return text.decode("utf-8", "replace"), parse(text, path.name)
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from None
    except DescriptionError as error:
        raise click.UsageError(str(error)) from None


def _list_drivers(as_json: bool) -> None:
    from markaz.interfaces.agent.drivers.registry import COMMON, TABLE  # noqa: PLC0415

    rows = [
        {"driver": row.name, "title": row.title, "tested": row.tested,
         "on": not row.enabled_by, "options": dict(row.options)}
        for row in TABLE.values()
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps({"items": rows, "options_of_all": COMMON}))
        return
    for row in rows:
        state = "" if row["on"] else "; off unless enabled = true"
        click.echo(f"{row['driver']:8} {row['title']}\n         {row['tested']}{state}")


def _check(url: str, model: DeviceModel, token_file: str | None, as_json: bool) -> None:
    from markaz.interfaces.agent import examining  # noqa: PLC0415 - loads HTTP and the compiler
    from markaz.interfaces.agent.drivers import wire  # noqa: PLC0415

    headers = {}
    options = {"url": url} | ({"token_file": token_file} if token_file else {})
    with _options_named():
        if secret := wire.token(options):
            headers["authorization"] = f"Bearer {secret}"
        connection = wire.open_wire(options, headers)
    if not examining.reachable(connection):
        reach.fail(f"nothing answers at {url}")
    failed = 0
    for verdict in examining.Examiner(connection, model).run():
        failed += not verdict.ok
        if as_json:
            found = {"clause": verdict.clause, "text": verdict.text, "ok": verdict.ok}
            click.echo(json.dumps({**found, "seen": verdict.seen}))
        else:
            word = "pass" if verdict.ok else "FAIL"
            click.echo(f"{verdict.clause}  {word}  {verdict.text}\n           {verdict.seen}")
    connection.close()
    if not as_json:
        click.echo(f"{failed} of {len(examining.CLAUSES)} clauses do not hold"
                   if failed else f"all {len(examining.CLAUSES)} clauses hold")  # fmt: skip
    sys.exit(1 if failed else 0)


def _serve_emulator(listen: str, model: DeviceModel, token_file: str | None) -> None:
    from markaz.interfaces.agent import serving  # noqa: PLC0415 - loads the emulator
    from markaz.interfaces.agent.drivers import wire  # noqa: PLC0415
    from markaz.quantum.operate.shipped import SEED, shipped_sheet  # noqa: PLC0415

    match = _LISTEN.fullmatch(listen)
    if match is None:
        raise click.UsageError(f"--serve-emulator takes [HOST:]PORT, not {listen!r}")
    with _options_named():
        secret = wire.token({"token_file": token_file}) if token_file else ""
    try:
        device = serving.emulated(model, SEED, shipped_sheet(model))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    host, port = match["host"] or "127.0.0.1", int(match["port"])
    server = serving.Server(device, host, port, secret)
    server.start()
    click.echo(f"ready {server.url}")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.close()
        device.close()


def _work(
    model: DeviceModel, text: str, driver: str | None, options: str | None, url: str | None,
    spool: str | None, data: str | None,
) -> None:  # fmt: skip
    url, key = url or os.environ.get("MARKAZ_URL"), os.environ.pop("MARKAZ_WORKER_KEY", "")
    if driver is None:
        raise click.UsageError("--driver is missing; --drivers lists them")
    if not url or not key:
        raise click.UsageError("an agent needs --url (or MARKAZ_URL) and MARKAZ_WORKER_KEY")
    settings = serve.settings_of({"data": data, "database": None})
    from markaz.centre.workers.machine import job_memory  # noqa: PLC0415 - not for --help
    from markaz.interfaces.agent import agent  # noqa: PLC0415
    from markaz.interfaces.agent.spool import SpoolError  # noqa: PLC0415
    from markaz.interfaces.worker_api.client import open_link  # noqa: PLC0415

    address: str = url
    with _options_named():
        given = agent.read_options(_read(options)) if options else {}
        folder = Path(spool) if spool else settings.data / "agent" / model.name
        plan = agent.Plan(model, text, driver, given, folder, job_memory(settings))
        try:
            reason = agent.work(plan, lambda: open_link(address, key))
        except SpoolError as error:
            reason = str(error)
    if reason:
        reach.fail(reason)
    sys.exit(0)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: {error}") from None


@contextlib.contextmanager
def _options_named() -> Iterator[None]:
    """Where an option of a driver that is wrong ends the command with its name."""
    from markaz.interfaces.agent.drivers.registry import OptionError  # noqa: PLC0415

    try:
        yield
    except OptionError as error:
        raise click.UsageError(str(error)) from None
