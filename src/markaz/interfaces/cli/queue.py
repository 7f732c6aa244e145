"""``markaz queue``: what waits, in which order and why, and an operator's hand on it."""

from __future__ import annotations

import itertools
from typing import Any

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import REASON, act


@click.group("queue", invoke_without_command=True)
@click.option("--device", help="Only of this device.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, device: str | None, limit: int, as_json: bool) -> None:
    """Waiting jobs with the factors of their priority (operators and directors)."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(itertools.islice(client.items("/queue", device=device), limit))
    if tables.show({"items": found}, as_json):
        return
    names = list(dict.fromkeys(f["name"] for job in found for f in job["factors"]))
    columns = ("job", "device", "project", "user", "class", "since", "priority", *names, "note")
    tables.table(columns, [_row(job, names) for job in found], "Nothing waits.")


def _row(job: dict[str, Any], names: list[str]) -> tuple[Any, ...]:
    points = {f["name"]: f["points"] for f in job["factors"]}
    about = (job[name] for name in ("job", "device", "project", "user", "qos"))
    factors = (f"{points.get(name, 0):,.0f}" for name in names)
    total = f"{sum(points.values()):,.0f}"
    return (*about, tables.when(job["created_at"]), total, *factors, job["note"])


@command.command("depths")
@tables.AS_JSON
@reach.speaks_to_centre
def depths(as_json: bool) -> None:
    """How much waits and runs on each device."""
    with reach.connect() as client:
        found = client.get("/queue/depths")["items"]
    if tables.show({"items": found}, as_json):
        return
    rows = [
        (d["device"], d["waiting"], tables.seconds_text(d["seconds"]), d["running"]) for d in found
    ]
    tables.table(("device", "waiting", "work", "running"), rows, "There are no devices.")


@command.command("accuracy")
@click.option("--device", help="Only of this device.")
@click.option("--days", type=click.FloatRange(0.01, 3650), default=30, show_default=True)
@tables.AS_JSON
@reach.speaks_to_centre
def accuracy(device: str | None, days: float, as_json: bool) -> None:
    """How good the waits were that people were told (ideally 50 %, 40 %, 10 %)."""
    with reach.connect() as client:
        found = client.get("/queue/accuracy", device=device, days=days)["items"]
    if tables.show({"items": found}, as_json):
        return
    parts = ("before_p50", "p50_to_p90", "after_p90")
    rows = [
        (a["device"], a["jobs"], *(f"{a[part]:.0%}" for part in parts),
         tables.seconds_text(a["median_error_seconds"]))
        for a in found
    ]  # fmt: skip
    columns = ("device", "jobs", "before P50", "P50 to P90", "after P90", "median error")
    tables.table(columns, rows, "No job has ended in these days.")


def _step(name: str, meaning: str, said: str) -> None:
    """Add the sub-command ``name`` that does a step of that name to a job."""

    @command.command(name, help=meaning)
    @click.argument("job", metavar="ID")
    @REASON
    @tables.AS_JSON
    @reach.speaks_to_centre
    def step(job: str, reason: str, as_json: bool) -> None:
        act(f"/jobs/{job}/{name}", {"reason": reason}, as_json, lambda _: f"{job} {said}")


_step("hold", "Take a waiting job out of the queue until it is released.", "is held.")
_step("release", "Put a held job back into the queue.", "is queued again.")
_step("requeue", "Take a running job from its worker and queue it again.", "is queued again.")


@command.command("move")
@click.argument("job", metavar="ID")
@click.argument("device")
@REASON
@tables.AS_JSON
@reach.speaks_to_centre
def move(job: str, device: str, reason: str, as_json: bool) -> None:
    """Move a waiting job to DEVICE."""
    body = {"device": device, "reason": reason}
    act(f"/jobs/{job}/move", body, as_json, lambda _: f"{job} waits for {device} now.")


@command.command("override", context_settings={"ignore_unknown_options": True})
@click.argument("job", metavar="ID")
@click.argument("boost", type=click.IntRange(-9, 9))
@REASON
@tables.AS_JSON
@reach.speaks_to_centre
def override(job: str, boost: int, reason: str, as_json: bool) -> None:
    """Put a job before (BOOST 1 to 9) or behind (-9 to -1) all others; 0 undoes it."""
    body = {"boost": boost, "reason": reason}
    act(f"/jobs/{job}/boost", body, as_json, lambda _: f"{job} has the boost {boost} now.")
