"""``--replay RESULT``: repeat a saved result with its seed and plan, and compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from markaz.interfaces.cli.run import Task
    from markaz.quantum.simulate.result import Result


def read(path: str) -> dict[str, Any]:
    """The one result line in ``path``; anything else is bad usage."""
    try:
        lines = [x for x in Path(path).read_text("utf-8").splitlines() if x.strip()]
        found = json.loads(lines[0]) if len(lines) == 1 else None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--replay {path}: {error}") from None
    if len(lines) != 1:
        raise click.UsageError(f"--replay {path}: expected one line, found {len(lines)}")
    if not isinstance(found, dict) or not found.get("ok"):
        raise click.UsageError(f"--replay {path} is not the result of a run that succeeded")
    wrong = [k for k, kind in _NEEDED.items() if not isinstance(found.get(k), kind)]
    if wrong:
        raise click.UsageError(f"--replay {path} has no valid {wrong[0]!r}")
    return found


_NEEDED: dict[str, type] = {"file": str, "seed": int, "shots": int, "plan": dict}
_NUMBERS = ("counts", "memory", "values", "standard_errors")


def file_of(recorded: Mapping[str, Any]) -> str:
    """The program's file as the result names it."""
    return str(recorded["file"])


def apply(task: Task, recorded: Mapping[str, Any]) -> Task:
    """``task`` with the seed and shots of the result; the library repeats its plan."""
    return replace(task, seed=recorded["seed"], shots=recorded["shots"], replay=recorded)


def compare(recorded: Mapping[str, Any], found: Result) -> tuple[bool, list[str]]:
    """Whether the numbers are identical, and sentences that say so or what differs."""
    now = {key: getattr(found, key) for key in ("engines", *_NUMBERS)}
    differing = [
        key for key in _NUMBERS if key in recorded and _plain(recorded[key]) != _plain(now.get(key))
    ]
    versions = _versions(recorded, now)
    if not differing:
        return True, [f"identical to the recorded result (seed {found.seed})", *versions]
    return False, [f"NOT identical: {', '.join(differing)} differ", *versions]


def _plain(value: Any) -> Any:
    """Counts or memory without the spaces that ``--spaces`` put between registers."""
    if isinstance(value, Mapping):
        return {str(k).replace(" ", ""): v for k, v in value.items()}
    if isinstance(value, list):
        return [v.replace(" ", "") if isinstance(v, str) else v for v in value]
    return value


def _versions(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    before, after = recorded.get("engines") or {}, now.get("engines") or {}
    return [
        f"{name} was {before.get(name, 'absent')} then and is {after.get(name, 'absent')} now"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
