"""How the command line shows a job to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from markaz.interfaces.cli import render, tables
from markaz.interfaces.cli.render import Style

FINAL = ("completed", "failed", "cancelled")


def is_failed(job: dict[str, Any]) -> bool:
    """Whether it ended without a result."""
    return job["state"] in ("failed", "cancelled")


def contracted(job: dict[str, Any]) -> dict[str, Any]:
    """The job's document for programs: ``why`` is always an object, empty once it has ended."""
    return job | {"why": job.get("why") or {}}


def submitted(job: dict[str, Any]) -> str:
    """One line for a job that was taken in; programs read its first word."""
    words = {"allocation": "the project has no credits left for it"}
    reason = job.get("reason")
    return f"{job['job']} {job['state']}" + (f": {words.get(reason, reason)}" if reason else "")


def shown(job: dict[str, Any], style: Style, observables: Sequence[str] = ()) -> list[str]:
    """The whole job: state, outcome, price, where it ran, or why it waits.

    ``observables`` name the values where whoever submitted them is looking.
    """
    lines = [_headline(job, style)]
    if job.get("note"):
        lines.append(f"  operator: {tables.clean(job['note'])}")
    if job.get("error"):
        message = tables.clean(f"{job['error']['kind']}: {job['error']['message']}")
        lines.append("  " + style.paint(message, "bad"))
    lines += _outcome(job, style, observables)
    lines += _bill(job)
    if job["state"] not in FINAL and job.get("why"):
        lines += why_lines(job["why"], style)
    return lines


def _headline(job: dict[str, Any], style: Style) -> str:
    state = job["state"] + (f" ({job['reason']})" if job.get("reason") else "")
    name = f" {tables.clean(job['name'])}" if job.get("name") else ""
    return style.paint(f"{job['job']}{name}: {state} on {job['device']}", "bold")


def _outcome(job: dict[str, Any], style: Style, observables: Sequence[str]) -> list[str]:
    if job.get("counts"):
        registers = [(str(name), int(width)) for name, width in job.get("registers") or ()]
        return render.histogram(job["counts"], registers, style)
    if job.get("values"):
        labels = list(observables) or [str(i) for i in range(len(job["values"]))]
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
    """Position, the range of the wait, what keeps it, every factor, and what operators did."""
    lines = []
    if why.get("position") is not None:
        about = "" if why.get("position_exact", True) else "about "
        lines.append(f"  position {about}{why['position']:,}")
    if why.get("wait"):
        lines.append(f"  starts {range_words(why['wait'])} (P50 to P90)")
    # The first two repeat position and wait where these are known.
    told = why.get("words", [])[2 if why.get("wait") else 0 :]
    for text in (*told, *_factors(why), *_acts(why)):
        lines += render.wrap(tables.clean(text), style.width, "  - ", "    ")
    return lines


def range_words(wait: dict[str, float]) -> str:
    """The range in which the start will probably lie."""
    return f"in {tables.seconds_text(wait['p50'])} to {tables.seconds_text(wait['p90'])}"


def _factors(why: dict[str, Any]) -> list[str]:
    total = [f"priority {why['priority']:,.0f}"] if why.get("factors") else []
    points = [f"{f['points']:,.0f} for {f['name']}: {f['words']}" for f in why.get("factors", ())]
    shares = [f"{level['level']}: {level['words']}" for level in why.get("fair_share", ())]
    return [*total, *points, *shares]


def _acts(why: dict[str, Any]) -> list[str]:
    """What operators did to this job, or put before it, and why."""
    return [
        f"an operator {_DID[act['what']]}{'' if act['own'] else ' another job'}"
        f" on {tables.when(act['at'])}: {act['reason']}"
        for act in why.get("interventions", ())
    ]


_DID = {
    "hold": "held",
    "release": "released",
    "requeue": "requeued",
    "move": "moved here",
    "override": "changed the priority of",
}


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
