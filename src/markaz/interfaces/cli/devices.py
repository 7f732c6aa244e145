"""``markaz devices``: what there is to run on, and an operator's switches."""

from __future__ import annotations

from typing import Any, Final

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import act

LONG: Final = 40  # entries beyond which a list is not written out


@click.group("devices", invoke_without_command=True)
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, as_json: bool) -> None:
    """List the devices."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(client.items("/devices"))
    if tables.show({"items": found}, as_json):
        return
    columns = ("device", "kind", "qubits", "status", "accepting", "default", "title")
    tables.table(columns, [[d[c] for c in columns] for d in found], "There are no devices.")


@command.command("show")
@click.argument("device")
@tables.AS_JSON
@reach.speaks_to_centre
def show(device: str, as_json: bool) -> None:
    """One DEVICE: its description and prices."""
    with reach.connect() as client:
        found: dict[str, Any] = client.get(f"/devices/{device}")
        rates = client.get(f"/devices/{device}/rates")
    if tables.show(found | {"rates": rates}, as_json):
        return
    click.secho(f"{found['device']}: {found['title']}", bold=True)
    for name in ("kind", "emulated", "qubits", "status", "accepting", "sheet"):
        click.echo(f"  {name}: {tables.word(found[name])}")
    for name, value in found["description"].items():
        click.echo(f"  {name}: {_short(value)}")
    now = rates["now"]
    prices = (f"{tables.credits_text(now['per_' + w])} a {w}" for w in ("second", "shot", "job"))
    click.echo(f"  price in credits: {', '.join(prices)}")


def _short(value: Any) -> str:
    """Long lists by their length."""
    return (
        f"{len(value)} of them"
        if isinstance(value, list) and len(value) > LONG
        else (tables.word(value))
    )


@command.command("set")
@click.argument("device")
@click.option("--status", help="offline, idle, error, maintenance, needs-calibration …")
@click.option("--accepting/--not-accepting", default=None, help="Whether it takes jobs.")
@click.option("--calibrate-hours", type=int, help="Calibrate it after so many hours; 0: never.")
@tables.AS_JSON
@reach.speaks_to_centre
def change(
    device: str, status: str | None, accepting: bool | None, calibrate_hours: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Change DEVICE (operators)."""
    changes = {"status": status, "accepting": accepting, "calibrate_hours": calibrate_hours}
    with reach.connect() as client:
        found = client.patch(
            f"/devices/{device}", {k: v for k, v in changes.items() if v is not None}
        )
    if not tables.show(found, as_json):
        takes = "accepting" if found["accepting"] else "not accepting"
        click.echo(f"{device}: {found['status']}, {takes} jobs.")


@command.command("add")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@tables.AS_JSON
@reach.speaks_to_centre
def add(file: Any, as_json: bool) -> None:
    """Add the device that FILE (TOML) describes, or a new version of its file (operators).

    A new device is offline: calibrate it, or set its status, before it takes jobs.
    """
    with reach.connect() as client:
        found = client.post("/device-files", {"file": file.read()})
    if not tables.show(found, as_json):
        about = found["description"]
        named = f"{found['device']} {about['version']}"
        click.echo(f"{named}: {found['qubits']} qubits, {found['kind']}, {found['status']}.")


@command.command("sheet")
@click.argument("device")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, for spreadsheets.")
@click.option(
    "--file", "file", type=click.File("r", encoding="utf-8-sig"),
    help="Put this sheet, JSON or CSV, in force instead (operators; real devices).",
)  # fmt: skip
@reach.speaks_to_centre
def sheet(device: str, as_csv: bool, file: Any) -> None:
    """Print the calibration sheet of DEVICE: JSON, or CSV. With --file, hand one in."""
    with reach.connect() as client:
        if file is not None:
            made = client.post(f"/devices/{device}/sheets", {"sheet": file.read()})
            click.echo(_handed_in(made))
            return
        document = client.get(f"/devices/{device}/sheet")
    # They load what a help page does not need.
    from markaz.quantum.devices.sheet import from_document  # noqa: PLC0415
    from markaz.quantum.devices.sheet_csv import to_csv  # noqa: PLC0415

    found = from_document(document)
    click.echo(to_csv(found) if as_csv else found.to_json(), nl=False)


def _handed_in(made: dict[str, Any]) -> str:
    about = f"sheet {made['sheet'][:19]} is in force: {made['values']} values"
    return f"{made['device']}: {about}; the device is {made['status']}."


@command.command("events")
@click.argument("device")
@tables.AS_JSON
@reach.speaks_to_centre
def events(device: str, as_json: bool) -> None:
    """What happened to DEVICE, the newest first (operators)."""
    with reach.connect() as client:
        found = client.get(f"/devices/{device}/events")
    if not tables.show(found, as_json):
        rows = [(tables.when(e["at"]), e["kind"], e["text"]) for e in found["items"]]
        tables.table(("at", "kind", "what"), rows, "Nothing has happened.")


@command.command("rate")
@click.argument("device")
@click.option("--second", default="0", metavar="CREDITS", help="For a second of run time.")
@click.option("--shot", default="0", metavar="CREDITS", help="For a shot.")
@click.option("--job", default="0", metavar="CREDITS", help="For a job.")
@tables.AS_JSON
@reach.speaks_to_centre
def rate(device: str, second: str, shot: str, job: str, as_json: bool) -> None:
    """Set what DEVICE costs from now on (operators)."""
    prices = {"per_second": second, "per_shot": shot, "per_job": job}
    with reach.connect() as client:
        made = client.post(
            f"/devices/{device}/rates", {k: tables.to_micro(v) for k, v in prices.items()}
        )
    if not tables.show(made, as_json):
        click.echo(f"{device}: {second} a second, {shot} a shot, {job} a job, from now on.")


def _step(name: str, meaning: str, said: str) -> None:
    @command.command(name, help=meaning)
    @click.argument("device")
    @tables.AS_JSON
    @reach.speaks_to_centre
    def step(device: str, as_json: bool) -> None:
        act(f"/devices/{device}/{name}", None, as_json, lambda _: f"{device} {said}")


_step("default", "Have jobs that name no device run on DEVICE (operators).", "is the default now.")
_step("retire", "Take DEVICE out of service for good (operators).", "is retired.")
