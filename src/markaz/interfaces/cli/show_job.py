"""How the command line shows a job to people."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import render, tables
from markaz.interfaces.cli.render import Style

FINAL = ("completed", "failed", "cancelled")


def shown(job: dict[str, Any], style: Style) -> list[str]:
    """The whole job: state, outcome, price, where it ran, or why it waits."""
    lines = [_headline(job, style)]
    if job.get("note"):
        lines.append(f"  operator: {job['note']}")
    if job.get("error"):
        lines.append(
            "  " + style.paint(f"{job['error']['kind']}: {job['error']['message']}", "bad")
        )
    lines += _outcome(job, style)
    lines += _bill(job)
    if job["state"] not in FINAL and job.get("why"):
        lines += why_lines(job["why"], style)
    return lines


def _headline(job: dict[str, Any], style: Style) -> str:
    state = job["state"] + (f" ({job['reason']})" if job.get("reason") else "")
    name = f" {job['name']}" if job.get("name") else ""
    return style.paint(f"{job['job']}{name}: {state} on {job['device']}", "bold")


def _outcome(job: dict[str, Any], style: Style) -> list[str]:
    if job.get("counts"):
        registers = [(str(name), int(width)) for name, width in job.get("registers") or ()]
        return render.histogram(job["counts"], registers, style)
    if job.get("values"):
        names = (job.get("options") or {}).get("observables") or []
        labels = [str(n) for n in names] or [str(i) for i in range(len(job["values"]))]
        return render.value_lines(labels, job["values"], job.get("standard_errors"), style)
    return []


def _bill(job: dict[str, Any]) -> list[str]:
    provenance = job.get("provenance") or {}
    lines = []
    if job.get("charge") is not None:
        lines.append(f"  charged {tables.credits_text(job['charge'])} credits")
    if provenance.get("emulated"):
        lines.append(f"  {provenance['emulated']}")
    plan = provenance.get("plan") or {}
    if plan.get("engine"):
        seed, attempt = provenance.get("seed"), provenance.get("attempt")
        lines.append(f"  {plan['engine']}, seed {seed}, attempt {attempt}")
    return lines


def why_lines(why: dict[str, Any], style: Style) -> list[str]:
    """Position, the range of the wait, and every factor in words."""
    lines = []
    if why.get("position") is not None:
        lines.append(
            f"  position {why['position']:,}{'' if why.get('exact', True) else ' (about)'}"
        )
    wait = why.get("wait")
    if wait:
        p50, p90 = tables.seconds_text(wait["p50"]), tables.seconds_text(wait["p90"])
        lines.append(f"  starts in {p50} to {p90} (as likely as not, nine times in ten)")
    for factor in why.get("factors", ()):
        lines += render.wrap(_factor(factor), style.width, "  - ", "    ")
    return lines


def _factor(factor: dict[str, Any] | str) -> str:
    return factor if isinstance(factor, str) else str(factor.get("words", factor))


def row(job: dict[str, Any]) -> tuple[Any, ...]:
    """One line of a list of jobs."""
    return (
        job["job"],
        job["state"],
        job.get("reason"),
        job["device"],
        job.get("name"),
        tables.when(job["created_at"]),
        tables.credits_text(job.get("charge")),
    )


COLUMNS = ("job", "state", "reason", "device", "name", "submitted", "credits")


def say(lines: list[str]) -> None:
    """Print lines to standard output."""
    click.echo("\n".join(lines))
