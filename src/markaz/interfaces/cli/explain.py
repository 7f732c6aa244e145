"""``markaz explain``: the plan and every engine considered; runs nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from markaz.interfaces.cli import options, render
from markaz.quantum.programs.errors import ProgramError

if TYPE_CHECKING:
    from markaz.quantum.simulate.result import Plan

LIMIT_SECONDS: Final = 120.0


@click.command("explain")
@click.argument("file", metavar="FILE")
@click.option("--shots", type=click.IntRange(1, options.MAX_SHOTS), default=1024, show_default=True)
@click.option("--observable", "texts", multiple=True, metavar="SUM", help="As for run.")
@click.option("--observables-file", metavar="F", help="One observable a line.")
@click.option(
    "--param",
    "bindings",
    metavar="NAME=VALUE",
    multiple=True,
    callback=options.read_bindings,
    help="As for run.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(file: str, shots: int, as_json: bool, **given: Any) -> None:
    """Show how FILE would be run: plan, predictions, and why engines were refused."""
    from markaz.interfaces.cli.pool import isolated  # noqa: PLC0415 - not for bad usage
    from markaz.quantum import api  # noqa: PLC0415 - bad usage must not pay for it

    observables = options.read_observables(given["texts"], given["observables_file"])
    program = options.read_program(file)

    def work() -> Plan:
        return api.explain(
            program,
            shots=shots,
            observables=observables or None,
            parameters=given["bindings"] or None,
            guarded=True,
            treewidth=True,
        )

    try:
        plan = isolated(work, LIMIT_SECONDS)
    except ProgramError as error:
        _fail(file, error, as_json)
    if as_json:
        click.echo(json.dumps(document(file, plan)))
    else:
        click.echo(render.explanation(file, plan, render.Style.of(sys.stdout)))


def document(file: str, plan: Plan) -> dict[str, Any]:
    """The JSON object: the plan, and every engine considered for its largest part."""
    return {
        "file": file,
        "ok": True,
        "plan": plan.to_json(),
        "facts": plan.facts,
        "candidates": [c.to_json() for c in plan.candidates],
        "error": None,
    }


def _fail(file: str, error: ProgramError, as_json: bool) -> NoReturn:
    if as_json:
        body = {"kind": error.kind, "message": str(error)}
        none = dict.fromkeys(("plan", "facts", "candidates"))
        click.echo(json.dumps({"file": file, "ok": False, **none, "error": body}))
    click.echo(options.describe(file, error), err=True)
    raise SystemExit(1)
