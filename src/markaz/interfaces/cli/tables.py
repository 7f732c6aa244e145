"""Tables and small texts for people; JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

DASH: Final = "—"
_JOINERS: Final = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # many scripts need them
_AMOUNT: Final = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]{1,6}))?")
MICRO: Final = 1_000_000
_STATE_COLOURS: Final = {
    "completed": "green",
    "active": "green",
    "idle": "green",
    "running": "cyan",
    "claimed": "cyan",
    "busy": "cyan",
    "queued": "yellow",
    "held": "yellow",
    "failed": "red",
    "cancelled": "bright_black",
}


AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


def show(document: Any, as_json: bool) -> bool:
    """Print ``document`` as one line of JSON if that was asked for; whether it was."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    return as_json


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """A table with one heading line; ``empty`` is said instead of an empty one."""
    if not rows:
        click.echo(empty)
        return
    # Rich takes 50 ms to import
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(word(cell), style=_STATE_COLOURS.get(str(cell), "")) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(grid)


def word(value: Any) -> str:
    """A cell: a dash for what is not known, never a zero."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(word(v) for v in value) or DASH
    return clean(str(value))


def clean(text: str) -> str:
    """``text`` without what could command a terminal: others' names and programs are in it."""
    return "".join(
        c if c.isprintable() or c in _JOINERS else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def credits_text(micro: int | None) -> str:
    """An amount of micro-credits as credits, without needless zeros."""
    if micro is None:
        return DASH
    whole, part = divmod(abs(micro), MICRO)
    fraction = f".{part:06d}".rstrip("0") if part else ""
    return f"{'-' if micro < 0 else ''}{whole:,}{fraction}"


def to_micro(text: str) -> int:
    """Micro-credits of an amount in credits such as ``12.5``.

    Raises click.BadParameter for what is no amount, or finer than a micro-credit.
    """
    found = _AMOUNT.fullmatch(text.strip().replace(",", ""))
    if found is None:
        raise click.BadParameter(f"{text!r} is not an amount of credits such as 12.5")
    sign, whole, part = found[1], found[2], found[3] or ""
    micro = int(whole or 0) * MICRO + int(part.ljust(6, "0"))
    return -micro if sign == "-" else micro


def when(micros: int | None) -> str:
    """A time in microseconds UTC, to the second."""
    if micros is None:
        return DASH
    return datetime.fromtimestamp(micros / MICRO, UTC).strftime("%Y-%m-%d %H:%M:%S")


def seconds_text(value: float | None) -> str:
    """A duration in words short enough for a table."""
    if value is None:
        return DASH
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
