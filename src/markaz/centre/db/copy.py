"""Copy all tables from one database to another, and prove that they are the same.

It goes through the tables as the code declares them, so SQLite and PostgreSQL are alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, insert, select

from markaz.centre.db import dialect
from markaz.centre.db.migrate import check_current
from markaz.centre.db.schema import metadata
from markaz.centre.errors import conflict

CHUNK: Final = 1000  # rows


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table holds: the number of rows and a hash over them in any order."""

    rows: int
    hash: str


def tables() -> list[Table]:
    """All tables, those that others refer to first."""
    return list(metadata.sorted_tables)


def copy_all(source: Engine, target: Engine) -> dict[str, Contents]:
    """Copy every row into the empty database ``target``, in one transaction.

    Both must have this version's schema. Returns what each table holds. Raises CentreError
    ``conflict`` if the target holds rows already, or if a table differs after copying (then
    nothing was copied).
    """
    with dialect.read_connection(source) as origin, origin.begin():
        check_current(origin)
        with dialect.write_connection(target) as goal, goal.begin():
            check_current(goal)
            check_empty(goal)
            copied = {table.name: _copied(origin, goal, table) for table in tables()}
            dialect.continue_sequences(goal, metadata)
            arrived = contents(goal)
            wrong = sorted(name for name in copied if copied[name] != arrived[name])
            if wrong:
                raise conflict(f"copying changed what is in {', '.join(wrong)}", tables=wrong)
    return copied


def contents(connection: Connection) -> dict[str, Contents]:
    """What each table holds, for comparing two databases."""
    found = {}
    for table in tables():
        summary = _Summary()
        for chunk in _chunks(connection, table):
            summary.add(chunk)
        found[table.name] = summary.contents
    return found


def check_empty(connection: Connection) -> None:
    """Raise CentreError ``conflict`` naming the first table with rows."""
    for table in tables():
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise conflict(f"the target is not empty: {table.name} has rows", table=table.name)


class _Summary:
    """Adds up the rows' hashes, so that their order does not matter."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Any]) -> None:
        for row in rows:
            text = json.dumps([*row], ensure_ascii=True, default=bytes.hex)
            self._sum += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
            self._rows += 1

    @property
    def contents(self) -> Contents:
        return Contents(self._rows, f"{self._sum % (1 << 256):064x}")


def _copied(origin: Connection, goal: Connection, table: Table) -> Contents:
    summary = _Summary()
    for chunk in _chunks(origin, table):
        goal.execute(insert(table), [dict(row._mapping) for row in chunk])
        summary.add(chunk)
    return summary.contents


def _chunks(connection: Connection, table: Table) -> Iterator[Any]:
    statement = select(table).execution_options(yield_per=CHUNK)
    yield from connection.execute(statement).partitions()
