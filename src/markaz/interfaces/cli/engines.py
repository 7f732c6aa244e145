"""``markaz engines``: every engine, its method, licence and whether it is installed."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli.render import Style

if TYPE_CHECKING:
    from markaz.quantum.simulate.engines.base import Engine

_HEAD: Final = ("engine", "method", "version", "licence", "installed")


@click.command("engines")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    """List the engines; the names are those that --engine takes."""
    found = rows()
    if as_json:
        for row in found:
            click.echo(json.dumps(row))
    else:
        click.echo(table(found, Style.of(sys.stdout)))


def classes() -> list[type[Engine]]:
    """Every engine that Markaz knows, installed or not; imports no library."""
    from markaz.quantum.simulate.engines import registry  # noqa: PLC0415 - not for --help

    package = registry.__name__.rpartition(".")[0]
    return [getattr(import_module(f"{package}.{m}"), name) for m, name in registry.CLASSES]


def check_name(engine: str) -> None:
    """Refuse, as bad usage, what is no engine, library or ``auto``."""
    keys = [e.key for e in classes()] if engine != "auto" else []
    if engine != "auto" and engine not in {*keys, *(k.partition(":")[0] for k in keys)}:
        raise click.UsageError(f"--engine: no engine {engine!r}; there are {', '.join(keys)}")


def rows() -> list[dict[str, Any]]:
    """One plain document an engine, in order of their names."""
    from markaz.quantum.simulate.versions import version_of  # noqa: PLC0415 - not for --help

    return [
        {
            "engine": e.key,
            "method": e.method.value,
            "version": version_of(e.key.partition(":")[0]) if e.available() else None,
            "licence": e.licence,
            "installed": e.available(),
            "exact": e.exact,
            "dynamic": e.dynamic,
            "values": e.can_expect,
        }
        for e in sorted(classes(), key=lambda e: e.key)
    ]


def table(found: list[dict[str, Any]], style: Style) -> str:
    """The rows as text columns under their heads."""
    cells = [_HEAD] + [tuple(_cell(row[name]) for name in _HEAD) for row in found]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_HEAD))]
    lines = [
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    return "\n".join([style.paint(lines[0], "bold"), *lines[1:]])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
