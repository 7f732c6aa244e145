"""Sub-commands that send one request and say in one line what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from markaz.interfaces.cli import reach, tables

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LATER: Final = re.compile(r"\+(\d{1,6})([mhd])")


def act(
    path: str, body: Mapping[str, Any] | None, as_json: bool, said: Callable[[Any], str]
) -> None:
    """POST ``body`` without what was not given; say ``said(answer)``, or print the answer."""
    with reach.connect() as client:
        done = client.post(path, None if body is None else given(body))
    if not tables.show(done, as_json):
        click.echo(said(done))


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody asked for."""
    return {name: value for name, value in body.items() if value is not None}


def moment(value: str | int) -> int:
    """A time in UTC, as microseconds: ``now``, ``+2h`` (m, h or d), ``2026-12-01 14:00``.

    Raises click.BadParameter.
    """
    if isinstance(value, int):
        return value
    now, text = time.time_ns() // 1000, value.strip()
    later = _LATER.fullmatch("+0m" if text == "now" else text)
    if later is not None:
        return now + int(later[1]) * _UNITS[later[2]] * tables.MICRO
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = "a time is like now, +2h or '2026-12-01 14:00'"
        raise click.BadParameter(f"{value!r}: {hint}") from None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return round(aware.timestamp() * tables.MICRO)


def _reason(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A reason that the centre takes; bad usage otherwise."""
    if value is not None and not LEAST <= len(value.strip()) <= MOST:
        raise click.BadParameter(f"a reason has {LEAST} to {MOST} characters, not {value!r:.40}")
    return value


def reason(help_text: str, *, required: bool = True) -> Callable[[T], T]:
    """The option ``--reason``."""
    return click.option("--reason", required=required, callback=_reason, help=help_text)


LEAST, MOST = 3, 500
T = TypeVar("T", bound=Callable[..., Any])
REASON: Final = reason("Why; those concerned can read it.")
