"""Option types and messages that several sub-commands share."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from markaz.quantum.observables import PauliSum
    from markaz.quantum.programs.errors import ProgramError

GIB: Final = 1 << 30
APPROXIMATE: Final = 0.99  # the fidelity of --approximate
# Those of markaz.quantum.api, which a help page must not import.
MAX_SHOTS: Final = 100_000_000
MAX_SEED: Final = (1 << 63) - 1

_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PI: Final = re.compile(rf"([+-]?)(?:({_NUMBER})\*?)?pi(?:/({_NUMBER}))?\Z")


def read_bindings(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[str, float]:
    """Values by name from ``NAME=VALUE`` options; a value is a number or like ``3*pi/4``."""
    found = {}
    for text in values:
        name, equals, number = (part.strip() for part in text.partition("="))
        value = read_angle(number)
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE")
        if value is None:
            raise click.BadParameter(f"{number!r} is not a finite number (3*pi/4 also works)")
        found[name] = value
    return found


def read_angle(text: str) -> float | None:
    """A finite number or multiple of pi; None where ``text`` is neither."""
    match = _PI.match(text.replace(" ", ""))
    if match is not None:
        sign, factor, divisor = match.groups()
        if divisor is not None and float(divisor) == 0:
            return None
        value = math.pi * float(factor or 1) / float(divisor or 1)
        return -value if sign == "-" else value
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_observables(texts: tuple[str, ...], file: str | None) -> list[PauliSum]:
    """Observables of the options, then those of the file; bad ones are bad usage."""
    if not texts and file is None:
        return []
    from markaz.quantum import observables  # noqa: PLC0415 - most runs have none

    try:
        found = [observables.parse(text) for text in texts]
    except observables.ObservableError as error:
        raise click.UsageError(f"--observable: {error}") from None
    if file is None:
        return found
    try:
        more = observables.parse_lines(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--observables-file {file}: {error}") from None
    if not more:
        raise click.UsageError(f"--observables-file {file} holds no observable")
    return found + more


def memory_bytes(gib: float | None) -> int | None:
    """Bytes of a ``--memory-limit``."""
    return None if gib is None else max(1, int(gib * GIB))


def least_fidelity(given: Mapping[str, Any]) -> float:
    """What ``--min-fidelity`` and ``--approximate`` ask for; 1: exact."""
    return float(given["min_fidelity"] or (APPROXIMATE if given["approximate"] else 1.0))


def read_program(file: str) -> Path | bytes:
    """What to hand to the library: a path, or for ``-`` the bytes of standard input."""
    if file != "-":
        return Path(file)
    from markaz.quantum.programs.limits import DEFAULT  # noqa: PLC0415 - only for stdin

    return sys.stdin.buffer.read(DEFAULT.source_bytes + 1)


def describe(file: str, error: ProgramError) -> str:
    """One line for people: ``bell.qasm:3:5: parse: …``."""
    where = "standard input" if file == "-" else file
    if error.line is not None:
        where += f":{error.line}" + (f":{error.column}" if error.column else "")
    return f"{where}: {error.kind}: {error.message}"


def fail(message: str) -> NoReturn:
    """Say ``message`` on standard error and exit with 1."""
    click.echo(f"markaz: {message}", err=True)
    raise SystemExit(1)
