"""The fields of a device file, and how each is checked.

``docs/reference/device-file.md`` is printed from ``FIELDS``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.lines import Path
from markaz.quantum.devices.quantities import QUANTITIES, parse

MOST_QUBITS: Final = 10_000
FEATURES: Final[dict[str, str]] = {
    "delay": "waits of a stated length",
    "reset": "resets in the middle of a circuit",
    "mid-circuit-measurement": "measurements before the end",
    "feed-forward": "operations that depend on measured bits",
    "loops": "operations repeated while a condition on measured bits holds",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A value and where it stands: the file, the path of keys, the lines of all paths."""

    what: str
    path: Path
    lines: Mapping[Path, int]

    def at(self, *keys: str | int) -> Place:
        """A place inside this one."""
        return Place(self.what, (*self.path, *keys), self.lines)

    def fail(self, message: str) -> DescriptionError:
        """The error to raise for the value here."""
        return DescriptionError(self.what, dotted(self.path), self.line, message)

    @property
    def line(self) -> int | None:
        """Line of the value, or of the nearest thing around it that is known."""
        path = self.path
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def dotted(path: Path) -> str:
    """A path as people write it: ``gates.cz``, ``sites[3]``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


Check = Callable[[Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its key, what it may hold, its check (which returns the value to keep),
    its meaning; ``default`` None: it must be given."""

    key: str
    holds: str
    check: Check
    doc: str
    default: Any = None
    unit: str = ""


def text(most: int, pattern: str | None = None) -> Check:
    """A line of text of at most ``most`` characters."""

    def check(value: Any, place: Place) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            raise place.fail(f"must be text of 1 to {most} characters, not {value!r:.60}")
        if pattern is not None and not re.fullmatch(pattern, value, re.ASCII):
            raise place.fail(f"{value!r:.60} does not look like {pattern}")
        return value

    return check


def one_of(words: tuple[str, ...]) -> Check:
    """One of some words."""

    def check(value: Any, place: Place) -> str:
        if value not in words or not isinstance(value, str):
            raise place.fail(f"must be one of {', '.join(words)}, not {value!r:.60}")
        return value

    return check


def number(lowest: float, highest: float = math.inf, *, above: bool = False) -> Check:
    """A finite number from ``lowest`` (``above``: greater than it) to ``highest``."""

    def check(value: Any, place: Place) -> float:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not math.isfinite(value):
            raise place.fail(f"must be a number, not {value!r:.60}")
        if not lowest <= value <= highest or (above and value == lowest):
            bound = f"{'above' if above else 'at least'} {lowest:g}"
            most = f" and at most {highest:g}" if highest < math.inf else ""
            raise place.fail(f"must be {bound}{most}, not {value!r:.60}")
        return float(value)

    return check


def whole(lowest: int, highest: int) -> Check:
    """A whole number between two."""

    def check(value: Any, place: Place) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise place.fail(
                f"must be a whole number from {lowest} to {highest}, not {value!r:.60}"
            )
        return value

    return check


def flag(value: Any, place: Place) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise place.fail(f"must be true or false, not {value!r:.60}")
    return value


def listed(value: Any, place: Place) -> list[Any]:
    """Any list."""
    if not isinstance(value, list):
        raise place.fail(f"must be a list, not {value!r:.60}")
    return value


def sites(value: Any, place: Place) -> tuple[tuple[float, float], ...]:
    """Places of the qubits, no two of them the same."""
    rows = listed(value, place)
    if not 1 <= len(rows) <= MOST_QUBITS:
        raise place.fail(f"must list 1 to {MOST_QUBITS} qubits, not {len(rows)}")
    found: dict[tuple[float, float], int] = {}
    coordinate = number(-1e6, 1e6)
    for i, row in enumerate(rows):
        here = place.at(i)
        if not isinstance(row, list) or len(row) != 2:
            raise here.fail(f"must be [x, y], not {row!r:.60}")
        site = (coordinate(row[0], here), coordinate(row[1], here))
        if site in found:
            raise here.fail(f"is the place of qubit {found[site]} too")
        found[site] = i
    return tuple(found)


def couplers(value: Any, place: Place) -> tuple[tuple[int, int], ...]:
    """Pairs of qubits, each once; whether the qubits exist is checked with the sites."""
    found: dict[frozenset[int], tuple[int, int]] = {}
    qubit = whole(0, MOST_QUBITS - 1)
    for i, row in enumerate(listed(value, place)):
        here = place.at(i)
        if not isinstance(row, list) or len(row) != 2:
            raise here.fail(f"must be [qubit, qubit], not {row!r:.60}")
        pair = (qubit(row[0], here), qubit(row[1], here))
        if pair[0] == pair[1]:
            raise here.fail(f"joins qubit {pair[0]} with itself")
        if frozenset(pair) in found:
            raise here.fail(f"joins {pair[0]} and {pair[1]} a second time")
        found[frozenset(pair)] = pair
    return tuple(found.values())


def words(known: Mapping[str, str]) -> Check:
    """A list of known words."""

    def check(value: Any, place: Place) -> tuple[str, ...]:
        one = one_of(tuple(known))
        return tuple(one(word, place.at(i)) for i, word in enumerate(listed(value, place)))

    return check


def table(value: Any, place: Place) -> dict[str, Any]:
    """Any table."""
    if not isinstance(value, dict):
        raise place.fail(f"must be a table, not {value!r:.60}")
    return value


def durations(value: Any, place: Place) -> dict[str, float]:
    """Native gates and how long each takes."""
    found = {}
    for name, duration in table(value, place).items():
        here = place.at(name)
        if name not in NATIVE:
            raise here.fail(f"is no known gate; known are {', '.join(NATIVE)}")
        virtual = NATIVE[name].virtual
        found[name] = number(0.0, 0.0 if virtual else 1e9, above=not virtual)(duration, here)
    if "measure" not in found:
        raise place.fail("lacks measure")
    return found


def tolerances(value: Any, place: Place) -> dict[str, float]:
    """Quantities that have a better and a worse side, and how far each may go."""
    found = {}
    for name, limit in table(value, place).items():
        here = place.at(name)
        try:
            quantity, _ = parse(name)
        except ValueError as error:
            raise here.fail(str(error)) from error
        if quantity.worse is None:
            better = ", ".join(q.name for q in QUANTITIES.values() if q.worse)
            raise here.fail(f"has no better and no worse; those that have: {better}")
        found[name] = number(quantity.lowest, quantity.highest)(limit, here)
    return found


FIELDS: Final[tuple[Field, ...]] = (
    Field("name", "text", text(40, r"[a-z][a-z0-9-]{1,39}"), "short name, used everywhere"),
    Field("title", "text", text(200), "name for people"),
    Field("kind", "word", one_of(("emulated", "qpu")), "`emulated` or `qpu`"),
    Field("version", "text", text(20, r"\d+\.\d+\.\d+"), "version of this description"),
    Field("description", "text", text(4000), "a few sentences", default=""),
    Field("source", "text", text(4000), "where the numbers come from", default=""),
    Field("max_shots", "whole number", whole(1, 10**9), "most shots of one run", unit="shots"),
    Field("dt", "number", number(0.0, above=True), "step of the clock", default=1.0, unit="ns"),
    Field("tunable", "true or false", flag, "whether couplers can be switched off", default=False),
    Field("features", "list of words", words(FEATURES), "what it can do besides", default=()),
    Field("sites", "list of [x, y]", sites, "place of each qubit, in order, for drawings"),
    Field("couplers", "list of [qubit, qubit]", couplers, "pairs that two-qubit gates can act on"),
    Field(
        "dead_couplers",
        "list of [qubit, qubit]",
        couplers,
        "couplers of the design that do not work",
        default=(),
    ),
    Field("gates", "table", durations, "native gates with their durations", unit="ns"),
    Field(
        "tolerances",
        "table",
        tolerances,
        "quantities of the sheet, and the value beyond which the device needs calibration",
        default={},
    ),
    Field("emulator", "table", table, "an emulated device's physics, see below", default={}),
)


def read(document: Mapping[str, Any], fields: tuple[Field, ...], place: Place) -> dict[str, Any]:
    """The checked values of all fields, defaults where they are absent.

    Raises DescriptionError for a field that is unknown, absent or malformed.
    """
    known = {field.key for field in fields}
    for key in document:
        if key not in known:
            raise place.at(key).fail(f"is not a field; fields are {', '.join(sorted(known))}")
    values = {}
    for field in fields:
        if field.key in document:
            values[field.key] = field.check(document[field.key], place.at(field.key))
        elif field.default is None:
            raise place.at(field.key).fail("is missing")
        else:
            values[field.key] = field.default
    return values
