"""Statements that run for every job: compiled once, executed by the driver itself.

For a row found by its key SQLAlchemy takes several times as long as SQLite (decision 14). What a
job passes through some twenty times is therefore compiled at its first use, for each dialect,
and from then on handed to the driver's cursor. Rows come back as named tuples; a driver's
error is raised as SQLAlchemy would raise it, so that nobody needs to know the difference.

With a database in another process each statement costs a round trip. Changes of which nobody
asks anything are therefore *posted*: they travel with the next statement of the connection, in
its order, and an error of theirs comes with it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable

Values = Mapping[str, Any]
_NOTHING: Final[Values] = {}
# In the ``info`` of a connection that can be sent several statements at once (``dialect``): what
# waits to be sent; (SQL, parameters, whether these are those of many).
POSTED: Final = "posted"


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

    ``columns``: of an insert, those that every row gives. Parameters must be given by name,
    all of them, as Python's own types that both drivers take: nothing converts them.
    """

    def __init__(self, statement: Any, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        self._known: dict[str, _Compiled] = {}

    def all(self, connection: Connection, values: Values = _NOTHING) -> list[Any]:
        """All rows."""
        known = self._for(connection)
        cursor = _execute(connection, known.sql, known.parameters(values))
        return [known.row(row) for row in cursor.fetchall()]

    def first(self, connection: Connection, values: Values = _NOTHING) -> Any:
        """The first row, or None."""
        known = self._for(connection)
        row = _execute(connection, known.sql, known.parameters(values)).fetchone()
        return None if row is None else known.row(row)

    def run(self, connection: Connection, values: Values = _NOTHING) -> int:
        """Execute a change; the number of rows that it touched."""
        known = self._for(connection)
        return int(_execute(connection, known.sql, known.parameters(values)).rowcount)

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Execute a change for each of ``rows``; the rows that all of them touched."""
        if len(rows) == 1:
            return self.run(connection, rows[0])
        if not rows:
            return 0
        known = self._for(connection)
        parameters = [known.parameters(values) for values in rows]
        return int(_execute(connection, known.sql, parameters, many=True).rowcount)

    def post(self, connection: Connection, rows: Sequence[Values]) -> None:
        """As ``run_many``, at the latest with the next statement, which then raises the error;
        not for whoever wants to catch one."""
        if (posted := connection.info.get(POSTED)) is None:
            self.run_many(connection, rows)
        elif rows:
            known = self._for(connection)
            posted.append((known.sql, [known.parameters(values) for values in rows], True))

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        known = self._known.get(dialect.name)
        if known is None:
            known = self._known[dialect.name] = _compiled(self._statement, self._columns, dialect)
        return known


def listed(make: Callable[[int], Executable]) -> Callable[[int], Frequent]:
    """Statements over a list: for a count the one whose ``make`` takes that many or more.

    The values of a list are the parameters that ``spread`` makes.
    """

    @cache
    def made(size: int) -> Frequent:
        return Frequent(make(size))

    return lambda count: made(_room(count))


def spread(values: Sequence[Any]) -> dict[str, Any]:
    """``values`` (at least one) as parameters ``v0``, ``v1``…; the last fills what is left."""
    room = _room(len(values))
    padded = [*values, *[values[-1]] * (room - len(values))]
    return {f"v{i}": value for i, value in enumerate(padded)}


def _room(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _compiled(statement: Any, columns: list[str] | None, dialect: Dialect) -> _Compiled:
    made: Any = statement.compile(dialect=dialect, column_keys=columns)
    names = made.positiontup
    fixed = {name: one.value for one, name in made.bind_names.items() if not one.required}
    return _Compiled(
        sql=made.string,
        fixed=fixed,
        bind=_positional(tuple(names)) if made.positional else dict,
        row=_row_maker(statement, dialect),
    )


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


def plainly(connection: Connection, sql: str) -> None:
    """Execute a statement without parameters or rows, such as a savepoint."""
    _execute(connection, sql, ())


def post_plainly(connection: Connection, sql: str) -> None:
    """As ``plainly``, at the latest with the next statement."""
    if (posted := connection.info.get(POSTED)) is None:
        plainly(connection, sql)
    else:
        posted.append((sql, (), False))


def send_posted(connection: Connection) -> None:
    """Have done what was posted. Raises what its statements raise."""
    if connection.invalidated:
        return
    if posted := connection.info.get(POSTED):
        sql, parameters, many = posted.pop()
        _execute(connection, sql, parameters, many=many)


def forget_posted(connection: Connection) -> None:
    """Never do what was posted: its transaction is undone."""
    if connection.invalidated:  # what replaces it has nothing to send
        return
    if posted := connection.info.get(POSTED):
        posted.clear()


def _execute(connection: Connection, sql: str, parameters: Any, *, many: bool = False) -> Any:
    """The driver's cursor. Raises what SQLAlchemy makes of the driver's errors."""
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.driver_connection
    posted = connection.info.get(POSTED)
    try:
        if not posted:
            return _sent(driver, sql, parameters, many=many)
        first = posted.copy()
        posted.clear()
        with driver.pipeline():
            for one in first:
                _sent(driver, one[0], one[1], many=one[2])
            cursor = _sent(driver, sql, parameters, many=many)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, sql, error) from error
    return cursor


def _sent(driver: Any, sql: str, parameters: Any, *, many: bool) -> Any:
    cursor = driver.cursor()
    if many:
        cursor.executemany(sql, parameters)
    else:
        cursor.execute(sql, parameters)
    return cursor


def _as_sqlalchemy(connection: Connection, sql: str, error: Any) -> BaseException:
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    lost = dialect.is_disconnect(error, driver, None)
    if lost:
        connection.invalidate(error)
    made: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    return made
