"""What may be asked along with a program, as one table; unknown keys are refused by name.

What depends on the circuit (the width of an observable, the names of parameters) is checked
where the circuit is, in the child that opens the program.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from markaz.centre import fields
from markaz.centre.errors import invalid
from markaz.centre.settings import Settings

MAX_OBSERVABLES: Final = 1000
MAX_OBSERVABLE_TEXT: Final = 200_000  # characters, of all observables together
MAX_PARAMETERS: Final = 100_000
MAX_MEMORY_BYTES: Final = 64 << 20  # of outcomes shot by shot
MIN_MEMORY_LIMIT: Final = 16 << 20
KINDS: Final = ("simulator", "emulated", "qpu")
_ENGINE: Final = re.compile(r"[a-z][a-z0-9]{0,31}(:[a-z][a-z0-9-]{0,31})?")

# name -> (default, meaning); the reference page is printed from it
TABLE: Final[dict[str, tuple[Any, str]]] = {
    "shots": (1024, "How often to sample, from 1 to the setting max_shots."),
    "seed": (None, "A whole number from 0 to 2^63 - 1; without one it is drawn and reported."),
    "engine": ("auto", "An engine from `markaz engines`, or auto."),
    "observables": (None, "A list of sums of Pauli strings; values take the place of counts."),
    "parameters": ({}, "Values of the program's parameters by name, in radians."),
    "memory": (False, "Also the outcome of every shot."),
    "compile_level": (None, "On a device: how hard to try when compiling, 0 to 3; else 2."),
    "precompiled": (False, "On a device: the program is in its gates and on its qubits already."),
    "mitigation": (None, "On a device: level 0 (raw) to 4; see the page on mitigation."),
    "min_fidelity": (1.0, "Below 1 an approximate state of at least this fidelity will do."),
    "time_limit": (None, "Seconds that the job may run, up to the setting max_job_seconds."),
    "memory_limit": (None, "Bytes that the job may use, up to what its worker gives a job."),
}


def _whole(name: str, low: int, high: int) -> Callable[[Any, str], int]:
    def check(value: Any, field: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise invalid(field, f"{name} must be a whole number from {low} to {high}")
        return value

    return check


def _number(name: str, high: float) -> Callable[[Any, str], float]:
    def check(value: Any, field: str) -> float:
        good = type(value) in (int, float) and math.isfinite(value) and 0 < value <= high
        if not good:
            raise invalid(field, f"{name} must be a number above 0, at most {high:g}")
        return float(value)

    return check


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(field, f"{field} must be true or false")
    return value


def _engine(value: Any, field: str) -> str:
    if not isinstance(value, str) or not _ENGINE.fullmatch(value):
        raise invalid(field, "engine must be auto or a name from `markaz engines`")
    return value


def _observables(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_OBSERVABLES:
        raise invalid(field, f"observables must be a list of 1 to {MAX_OBSERVABLES} texts")
    for i, text in enumerate(value):
        if not isinstance(text, str) or not text.strip():
            raise invalid(f"{field}/{i}", "an observable is a text such as 'ZZ + 0.5*XI'")
    if sum(map(len, value)) > MAX_OBSERVABLE_TEXT:
        raise invalid(field, f"observables have more than {MAX_OBSERVABLE_TEXT} characters")
    return value


def _parameters(value: Any, field: str) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MAX_PARAMETERS:
        raise invalid(field, f"parameters must be an object of at most {MAX_PARAMETERS} numbers")
    for name, number in value.items():
        if type(number) not in (int, float) or not _is_finite(number):
            raise invalid(f"{field}/{name}"[:200], "a parameter's value must be a finite number")
    return {name: float(number) for name, number in value.items()}


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


def checked(options: Mapping[str, Any], settings: Settings, *, memory: int) -> dict[str, Any]:
    """``options`` with every key of ``TABLE``; ``memory`` is the most that a job may have.

    A key that is missing or None takes its default. Raises CentreError ``invalid`` that
    names the field (``options/<key>``).
    """
    for name in options:
        if name not in TABLE:
            raise invalid(f"options/{name}"[:200], f"there is no option {name!r:.100}")
    checks: dict[str, Callable[[Any, str], Any]] = {
        "shots": _whole("shots", 1, settings["max_shots"]),
        "seed": _whole("seed", 0, (1 << 63) - 1),
        "engine": _engine,
        "observables": _observables,
        "parameters": _parameters,
        "memory": _flag,
        "compile_level": _whole("compile_level", 0, 3),
        "precompiled": _flag,
        "mitigation": _whole("mitigation", 0, 4),
        "min_fidelity": _number("min_fidelity", 1.0),
        "time_limit": _number("time_limit", settings["max_job_seconds"]),
        "memory_limit": _whole("memory_limit", MIN_MEMORY_LIMIT, max(memory, MIN_MEMORY_LIMIT)),
    }
    given = {k: checks[k](v, f"options/{k}") for k, v in options.items() if v is not None}
    return {name: given.get(name, default) for name, (default, _) in TABLE.items()}


def checked_runtime(options: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The options ``seed`` and ``time_limit`` of a body of the runtime client, the kind of the
    device that it is for, and the most shots that it may ask for at a point. Raises
    CentreError ``invalid``."""
    checks: dict[str, Callable[[Any, str], Any]] = {
        "device_kind": lambda value, field: fields.choice(field, value, KINDS),
        "seed": _whole("seed", 0, (1 << 63) - 1),
        "time_limit": _number("time_limit", settings["max_job_seconds"]),
    }
    for name in options:
        if name not in checks:
            raise invalid(f"options/{name}"[:200], f"there is no option {name!r:.100}")
    given = {k: checks[k](v, f"options/{k}") for k, v in options.items() if v is not None}
    return {**dict.fromkeys(checks), **given, "max_shots": settings["max_shots"]}
