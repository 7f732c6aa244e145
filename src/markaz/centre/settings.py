"""All settings of a centre, in one table: name, type, default, meaning.

A setting is read from, later ones winning: its default, ``settings.toml`` in the data
directory, the environment variable ``MARKAZ_<NAME>``, the command line. The reference page
and ``markaz settings`` are printed from the table.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from markaz.centre.errors import invalid
from markaz.centre.settings_table import BY_NAME, GROUPS, PREFIX, TABLE

FILE: Final = "settings.toml"
# Variables that are no settings: of commands that speak to a centre, of workers, and of tests.
OTHERS: Final = frozenset(
    PREFIX + name for name in ("URL", "KEY", "PROJECT", "WORKER_KEY", "WORKER_PARENT", "CRASH_AT")
)
_TESTS: Final = PREFIX + "TEST_"


class Settings(Mapping[str, Any]):
    """Values of all settings; ``settings["lease_seconds"]``; unchangeable once made."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        unknown = set(values or {}) - set(BY_NAME)
        if unknown:
            name = min(unknown)
            raise invalid(name, f"there is no setting {name!r}")
        given = {k: BY_NAME[k].parse(v) for k, v in (values or {}).items()}
        self._values = {row.name: row.default for row in TABLE} | given

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self._values["data"] or Path.home() / ".local/share/markaz")

    @property
    def database_url(self) -> str:
        """The database's address as SQLAlchemy takes it."""
        url = str(self._values["database_url"])
        if not url:
            return f"sqlite:///{self.data / 'markaz.db'}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    def shown(self) -> list[dict[str, Any]]:
        """Every setting with its value (secrets masked), for people and programs."""
        return [
            {
                "name": row.name,
                "variable": row.variable,
                "group": group,
                "default": row.default,
                "value": "•••" if row.secret and self[row.name] else self[row.name],
                "meaning": row.meaning,
            }
            for group, rows in GROUPS.items()
            for row in rows
        ]


def load(
    overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force: file, environment, then ``overrides`` (None values are ignored).

    Raises CentreError ``invalid`` for an unknown name or a value that does not fit.
    """
    environment = os.environ if environment is None else environment
    chosen = {k: v for k, v in (overrides or {}).items() if v is not None}
    named = {row.name: environment[row.variable] for row in TABLE if environment.get(row.variable)}
    data = Settings({"data": (named | chosen).get("data", "")}).data
    return Settings(_from_file(data / FILE) | named | chosen)


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with each variable that looks like a setting and means nothing, in words."""
    known = {row.variable for row in TABLE} | OTHERS
    given = os.environ if environment is None else environment
    strange = sorted(
        name
        for name in given
        if name.startswith(PREFIX) and not name.startswith(_TESTS) and name not in known
    )
    return [f"the variable {name} means nothing{_nearest(name, known)}" for name in strange]


def _nearest(name: str, known: Iterable[str]) -> str:
    """What was meant, in words; what all names begin with makes none of them alike."""
    short = {other.removeprefix(PREFIX): other for other in sorted(known)}
    found = get_close_matches(name.removeprefix(PREFIX), short, 1)
    return f"; did you mean {short[found[0]]}?" if found else ""


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise invalid(str(path), f"{path} is not TOML: {error}") from None
    for name in sorted(set(found) - set(BY_NAME)):
        message = f"{path}: there is no setting {name!r}{_nearest(name, BY_NAME)}"
        raise invalid(name, message)
    return found
