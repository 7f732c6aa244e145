"""Statements that run for every job: compiled once, executed by the driver itself.

For a row found by its key SQLAlchemy takes several times as long as SQLite (decision 14). What a
job passes through some twenty times is therefore compiled at its first use, for each dialect,
and from then on handed to the driver's cursor. Rows come back as named tuples; a driver's
error is raised as SQLAlchemy would raise it, so that nobody needs to know the difference.

With a database in another process each statement costs a round trip: see ``line`` for what
``post`` and ``ahead`` mean.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from typing import Any, Final, Self

from sqlalchemy import (
    ARRAY,
    Boolean,
    Connection,
    Dialect,
    String,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.sql.base import Executable

from markaz.centre.db import line

Values = Mapping[str, Any]
_NOTHING: Final[Values] = {}


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one dialect: ``bind`` makes the driver's parameters of all ``values``."""

    sql: str
    fixed: dict[str, Any]
    bind: Callable[[Values], Any]
    row: Callable[[Any], Any]

    def parameters(self, values: Values) -> Any:
        """What the driver is given."""
        return self.bind({**self.fixed, **values} if self.fixed else values)


class Frequent:
    """A statement with named parameters (``bindparam``), to be made once, for a module.

    ``columns``: of an insert, those that every row gives; of rows that are inserted together no
    two have the same key, where such would change each other. Parameters must be given by name,
    all of them, as Python's own types that both drivers take: nothing converts them.
    ``replanned``: it looks for several rows. A plan that a server makes for that while a table
    is new and small reads all of it, and is kept when the table has grown.
    """

    def __init__(
        self, statement: Any, columns: Sequence[str] | None = None, *, replanned: bool = False
    ) -> None:
        self._statement = statement
        self._replanned = replanned
        self._columns = None if columns is None else list(columns)
        self._known: dict[str, _Compiled] = {}
        # As one statement over many rows, which have these columns.
        self._gathered: _Compiled | None = None
        self._gather: Callable[[], Any] | None = None
        if self._columns is not None:
            self._gather = partial(_gathered_insert, statement, self._columns)

    @classmethod
    def each(cls, make: Callable[[Callable[[str], Any]], Any], kinds: Mapping[str, Any]) -> Self:
        """A change of the row that a key finds: ``make`` gets what stands for the parameter of
        a name. ``kinds``: the types of all that rows have; no two rows have the same key."""
        made = cls(make(bindparam))
        made._columns = list(kinds)
        made._gather = partial(_gathered_change, make, kinds)
        return made

    def all(self, connection: Connection, values: Values = _NOTHING) -> list[Any]:
        """All rows."""
        known = self._for(connection)
        cursor = line.read(connection, known.sql, known.parameters(values))
        return [known.row(row) for row in cursor.fetchall()]

    def first(self, connection: Connection, values: Values = _NOTHING) -> Any:
        """The first row, or None."""
        known = self._for(connection)
        row = line.read(connection, known.sql, known.parameters(values)).fetchone()
        return None if row is None else known.row(row)

    def ahead(self, connection: Connection, values: Values = _NOTHING) -> None:
        """Say that ``all`` or ``first`` will be called with the same ``values`` in this change,
        and that nothing before that call changes the answer."""
        if line.line_of(connection) is not None:
            known = self._for(connection)
            line.ask(connection, known.sql, known.parameters(values))

    def run(self, connection: Connection, values: Values = _NOTHING) -> int:
        """Execute a change; the number of rows that it touched."""
        known = self._for(connection)
        return int(line.run(connection, known.sql, known.parameters(values)).rowcount)

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Execute a change for each of ``rows``; the rows that all of them touched."""
        if not rows:
            return 0
        sql, parameters, many = self._over(connection, rows)
        return int(line.run(connection, sql, parameters, many=many).rowcount)

    def post(
        self, connection: Connection, rows: Sequence[Values], touching: int | None = None
    ) -> None:
        """As ``run_many``, at the latest with the next statement, which then raises the error;
        not for whoever wants to catch one. ``touching``: how many rows all of them must touch;
        else the change is done again (``line.Overtaken``)."""
        if rows:
            sql, parameters, many = self._over(connection, rows)
            line.post(connection, sql, parameters, many=many, touching=touching)

    def _over(self, connection: Connection, rows: Sequence[Values]) -> tuple[str, Any, bool]:
        """SQL and parameters of a change for all of ``rows``; whether they are those of many."""
        if len(rows) == 1:
            known = self._for(connection)
            return known.sql, known.parameters(rows[0]), False
        found = line.line_of(connection)
        if found is None or self._columns is None or self._gather is None:
            known = self._for(connection)
            return known.sql, [known.parameters(values) for values in rows], True
        if self._gathered is None:
            self._gathered = _compiled(
                self._gather(), None, found.dialect, replanned=not self._statement.is_insert
            )
        known = self._gathered
        lists = {name: [row[name] for row in rows] for name in self._columns}
        return known.sql, known.parameters(lists), False

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        known = self._known.get(name)
        if known is None:
            found = line.line_of(connection)
            dialect = connection.dialect if found is None else found.dialect
            columns = self._columns if self._statement.is_insert else None
            known = self._known[name] = _compiled(
                self._statement, columns, dialect, replanned=self._replanned
            )
        return known


def listed(make: Callable[[int], Executable]) -> Callable[[int], Frequent]:
    """Statements over a list: for a count the one whose ``make`` takes that many or more.

    The values of a list are the parameters that ``spread`` makes.
    """

    @cache
    def made(size: int) -> Frequent:
        return Frequent(make(size), replanned=size > 1)

    return lambda count: made(_room(count))


def spread(values: Sequence[Any]) -> dict[str, Any]:
    """``values`` (at least one) as parameters ``v0``, ``v1``…; the last fills what is left."""
    room = _room(len(values))
    padded = [*values, *[values[-1]] * (room - len(values))]
    return {f"v{i}": value for i, value in enumerate(padded)}


def _room(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _compiled(
    statement: Any, columns: list[str] | None, dialect: Dialect, *, replanned: bool = False
) -> _Compiled:
    if statement.is_insert and not statement._returning:
        statement = statement.inline()  # nobody asks for the numbers of new rows
    made: Any = statement.compile(dialect=dialect, column_keys=columns)
    names = made.positiontup
    fixed = {name: one.value for one, name in made.bind_names.items() if not one.required}
    return _Compiled(
        sql=line.Replanned(made.string) if replanned else made.string,
        fixed=fixed,
        bind=_positional(tuple(names)) if made.positional else dict,
        row=_row_maker(statement, dialect),
    )


def _given(kinds: Mapping[str, Any]) -> Any:
    """Rows made of a list for each column: a statement begins and ends once for all of them."""
    # A cast to a text of some length would cut what is too long; a column refuses it.
    plain = {name: Text() if isinstance(kind, String) else kind for name, kind in kinds.items()}
    lists = [bindparam(name, type_=ARRAY(kind)) for name, kind in plain.items()]
    return func.unnest(*lists).table_valued(*kinds, name="given").render_derived()


def _gathered_insert(statement: Any, columns: Sequence[str]) -> Any:
    given = _given({name: statement.table.c[name].type for name in columns})
    return statement.from_select(columns, select(*(given.c[name] for name in columns)))


def _gathered_change(make: Callable[[Callable[[str], Any]], Any], kinds: Mapping[str, Any]) -> Any:
    given = _given(kinds)
    return make(lambda name: given.c[name])


def _positional(names: tuple[str, ...]) -> Callable[[Values], Any]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _row_maker(statement: Any, dialect: Dialect) -> Callable[[Any], Any]:
    """Named tuples. Both drivers give Python's own types, but for SQLite's truth values."""
    columns = list(getattr(statement, "exported_columns", ()))
    if not columns:
        return tuple
    keys = [column.key for column in columns]
    row = namedtuple("Row", keys)  # type: ignore[misc]  # noqa: PYI024 - no types known
    kind: Any = row
    kind._mapping = property(kind._asdict)  # as rows of SQLAlchemy have it
    make: Callable[[Any], Any] = kind._make
    flags = [i for i, column in enumerate(columns) if isinstance(column.type, Boolean)]
    if not flags or dialect.supports_native_boolean:
        return make

    def converted(row: Any) -> Any:
        values = list(row)
        for i in flags:
            values[i] = None if values[i] is None else bool(values[i])
        return make(values)

    return converted
