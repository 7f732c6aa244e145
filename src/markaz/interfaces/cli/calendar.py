"""``markaz devices`` …: the calendar of a device, bookings and maintenance."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import devices, reach, tables
from markaz.interfaces.cli.acting import act, moment

_IMPACTS = ("none", "degraded", "partial", "full")


command = devices.command  # `markaz devices`, with the sub-commands of this module


@devices.command.command("calendar")
@click.argument("device")
@click.option("--from", "since", type=moment, default="now", show_default=True, metavar="WHEN")
@click.option("--until", type=moment, default="+30d", show_default=True, metavar="WHEN")
@tables.AS_JSON
@reach.speaks_to_centre
def show(device: str, since: int, until: int, as_json: bool) -> None:
    """Bookings and maintenance of DEVICE."""
    with reach.connect() as client:
        found = client.get(f"/devices/{device}/calendar", since=since, until=until)
    if not tables.show(found, as_json):
        columns = ("reservation", "kind", "state", "impact", "from", "until", "note")
        tables.table(columns, [_row(r) for r in found["items"]], "Nothing is reserved.")


def _row(reservation: dict[str, Any]) -> tuple[Any, ...]:
    words = (reservation[c] for c in ("reservation", "kind", "state", "impact"))
    times = (tables.when(reservation[c]) for c in ("starts_at", "ends_at"))
    return (*words, *times, reservation["note"])


def _made(reservation: dict[str, Any]) -> str:
    times = (tables.when(reservation[c]) for c in ("starts_at", "ends_at"))
    return f"{reservation['reservation']} {reservation['state']}: {' to '.join(times)} UTC"


@devices.command.command("maintenance")
@click.argument("device")
@click.option("--from", "since", type=moment, required=True, metavar="WHEN",
              help="now, +2h or '2026-12-01 14:00' (UTC).")  # fmt: skip
@click.option("--until", type=moment, required=True, metavar="WHEN")
@click.option("--impact", type=click.Choice(_IMPACTS), default="full", show_default=True,
              help="With partial or full impact no job runs into it.")  # fmt: skip
@click.option("--note", default="", help="What people should know.")
@click.option("--draft", is_flag=True, help="Only a draft, which `schedule` makes firm.")
@tables.AS_JSON
@reach.speaks_to_centre
def maintain(
    device: str, since: int, until: int, impact: str, note: str, draft: bool, as_json: bool
) -> None:
    """Plan maintenance of DEVICE (operators): nothing starts that cannot end before it."""
    body = {"starts_at": since, "ends_at": until, "impact": impact, "note": note, "draft": draft}
    act(f"/devices/{device}/maintenance", body, as_json, _made)


@devices.command.command("book")
@click.argument("device")
@click.option("--project", "-p", envvar="MARKAZ_PROJECT", required=True, help="For its jobs alone.")
@click.option("--from", "since", type=moment, required=True, metavar="WHEN",
              help="now, +2h or '2026-12-01 14:00' (UTC).")  # fmt: skip
@click.option("--until", type=moment, required=True, metavar="WHEN")
@click.option("--note", default="", help="What for.")
@tables.AS_JSON
@reach.speaks_to_centre
def book(device: str, project: str, since: int, until: int, note: str, as_json: bool) -> None:
    """Book DEVICE for a project's own jobs (its PI and co-PIs, operators)."""
    body = {"project": project, "starts_at": since, "ends_at": until, "note": note}
    act(f"/devices/{device}/bookings", body, as_json, _made)


def _step(name: str, path: str, meaning: str) -> None:
    @devices.command.command(name, help=meaning)
    @click.argument("reservation", metavar="ID")
    @tables.AS_JSON
    @reach.speaks_to_centre
    def step(reservation: str, as_json: bool) -> None:
        act(f"/reservations/{reservation}/{path}", None, as_json, _made)


_step("schedule", "schedule", "Make a draft of maintenance firm.")
_step("complete", "complete", "End a reservation in progress.")
_step("give-up", "cancel", "Give a reservation up.")
