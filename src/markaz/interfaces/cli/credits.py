"""``markaz credits``: what projects have, what was charged, and grants."""

from __future__ import annotations

import time
from typing import Any, Final

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import REASON, act, moment

_DAY = 86_400 * tables.MICRO
YEAR: Final = 365  # days


@click.group("credits", invoke_without_command=True)
@click.option("--project", help="Only this project; else all of yours.")
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, project: str | None, as_json: bool) -> None:
    """Show what your projects have left."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        names = [project] if project else [p["slug"] for p in client.items("/projects")]
        found = {name: client.get(f"/projects/{name}/credits") for name in names}
    if tables.show({"unit": "micro-credits", "projects": found}, as_json):
        return
    columns = ("project", "free", "reserved", "charged", "granted")
    rows = [(name, *(_amount(b, key) for key in columns[1:])) for name, b in found.items()]
    tables.table(columns, rows, "You are in no project.")
    _allocations(found)
    for name, balance in found.items():
        for notice in balance["notices"]:
            click.echo(f"{name}: {notice['percent']} % used on {tables.when(notice['at'])}")


def _allocations(found: dict[str, Any]) -> None:
    """The allocations of the projects, whose ids operators need."""
    rows = [
        (a["allocation"], name, a["state"], tables.when(a["starts_at"]), tables.when(a["ends_at"]),
         _amount(a, "free"))
        for name, balance in found.items()
        for a in balance["allocations"]
    ]  # fmt: skip
    if rows:
        click.echo()
        tables.table(("allocation", "project", "state", "from", "until", "free"), rows, "")


def _amount(balance: dict[str, Any], key: str) -> str:
    return tables.credits_text(balance[key])


@command.command("statement")
@click.argument("project")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@tables.AS_JSON
@reach.speaks_to_centre
def statement(project: str, limit: int, as_json: bool) -> None:
    """The newest entries of PROJECT's ledger."""
    with reach.connect() as client:
        found = client.get(f"/projects/{project}/credits/statement", limit=limit)
    if tables.show(found, as_json):
        return
    rows = [
        (tables.when(e["at"]), e["kind"], tables.credits_text(e["amount"]), e["job"], e["reason"])
        for e in found["items"]
    ]
    tables.table(("when", "kind", "amount", "job", "reason"), rows, "No entries yet.")


@command.command("grant")
@click.argument("project")
@click.argument("amount", metavar="CREDITS")
@click.option(
    "--from",
    "begins",
    type=moment,
    metavar="TIME",
    help="now (the default), +2d, or '2026-12-01' (UTC).",
)
@click.option("--until", "ends", type=moment, metavar="TIME", help="Its end, in place of --days.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lasts; 365 by default.")
@click.option("--reason", default="", help="Why, for the ledger.")
@tables.AS_JSON
@reach.speaks_to_centre
def grant(
    project: str,
    amount: str,
    begins: int | None,
    ends: int | None,
    days: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Give PROJECT an allocation of CREDITS (resource allocators and operators)."""
    if ends is not None and days is not None:
        raise click.UsageError("--until and --days both say when it ends")
    begins = time.time_ns() // 1000 if begins is None else begins
    ends = begins + (days or YEAR) * _DAY if ends is None else ends
    body = {
        "amount": tables.to_micro(amount),
        "starts_at": begins,
        "ends_at": ends,
        "reason": reason,
    }
    with reach.connect() as client:
        made = client.post(f"/projects/{project}/credits/grants", body)
    if not tables.show(made, as_json):
        free = tables.credits_text(made["free"])
        later = "" if begins <= time.time_ns() // 1000 else f" from {tables.when(begins)}"
        click.echo(
            f"{project} has {free} credits more{later} until {tables.when(made['ends_at'])}."
        )


@command.command("refund")
@click.argument("job")
@click.argument("amount", metavar="CREDITS")
@click.option("--reason", required=True, help="Why, for the ledger.")
@tables.AS_JSON
@reach.speaks_to_centre
def refund(job: str, amount: str, reason: str, as_json: bool) -> None:
    """Give back CREDITS of what JOB was charged."""
    body = {"amount": tables.to_micro(amount), "reason": reason}
    with reach.connect() as client:
        done = client.post(f"/jobs/{job}/refunds", body)
    if not tables.show(done, as_json):
        click.echo(f"Gave {amount} credits back for {job}.")


@command.command("transfer")
@click.argument("allocation", metavar="FROM")
@click.argument("to")
@click.argument("amount", metavar="CREDITS")
@REASON
@tables.AS_JSON
@reach.speaks_to_centre
def transfer(allocation: str, to: str, amount: str, reason: str, as_json: bool) -> None:
    """Move CREDITS from the allocation FROM to the allocation TO (`markaz credits` lists them)."""
    body = {"to": to, "amount": tables.to_micro(amount), "reason": reason}
    path = f"/allocations/{allocation}/transfers"
    act(path, body, as_json, lambda _: f"Moved {amount} credits to {to}.")


@command.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("allocation")
@click.argument("amount", metavar="CREDITS")
@REASON
@tables.AS_JSON
@reach.speaks_to_centre
def adjust(allocation: str, amount: str, reason: str, as_json: bool) -> None:
    """Correct ALLOCATION by CREDITS, which may be negative."""
    body = {"amount": tables.to_micro(amount), "reason": reason}
    path = f"/allocations/{allocation}/adjustments"
    act(path, body, as_json, lambda a: f"{allocation} has {tables.credits_text(a['free'])} free.")


@command.command("revoke")
@click.argument("allocation")
@REASON
@tables.AS_JSON
@reach.speaks_to_centre
def revoke(allocation: str, reason: str, as_json: bool) -> None:
    """End ALLOCATION before its time."""
    path = f"/allocations/{allocation}/revoke"
    act(path, {"reason": reason}, as_json, lambda a: f"{allocation} is {a['state']}.")
