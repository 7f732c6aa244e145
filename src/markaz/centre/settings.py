"""All settings of a centre, in one table: name, type, default, meaning.

A setting is read from, later ones winning: its default, ``settings.toml`` in the data
directory, the environment variable ``MARKAZ_<NAME>``, the command line. The reference page
and ``markaz settings`` are printed from the table.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from markaz.centre.errors import invalid
from markaz.centre.settings_table import BY_NAME, GROUPS, TABLE

FILE: Final = "settings.toml"


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


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise invalid(str(path), f"{path} is not TOML: {error}") from None
