"""How statements reach the driver: one by one, or several in one round trip.

With a database in another process each round trip costs more than most statements. Where
several can be sent at once (a ``Line`` in the connection's ``info``, see ``dialect``),
changes of which nobody asks anything are *posted*, and reads whose parameters are known early
are *asked ahead*. Both travel with the connection's next statement, in their order, and an
error of theirs comes with it. Elsewhere a posted change is made at once, and nothing is asked
ahead.

A driver's error is raised as SQLAlchemy would raise it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Dialect, RootTransaction
from sqlalchemy.exc import DBAPIError

LINE: Final = "line"


class Overtaken(Exception):
    """A posted change did not touch the rows that it must: somebody else came in between."""


class Undone(Exception):
    """What was sent together with a commit failed (the cause): nothing was committed."""


class Replanned(str):
    """SQL that the server plans anew at every run."""

    __slots__ = ()


class Wire(Protocol):
    """What sends several statements at once (``db.wire``)."""

    def send(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> Sequence[Any]:
        """Execute each for each of its rows of parameters; what came of each (``rowcount``,
        ``fetchone``, ``fetchall``). Raises the driver's errors."""

    def in_transaction(self) -> bool:
        """Whether a transaction is under way and has not failed."""

    def has_failed(self) -> bool:
        """Whether a transaction is under way that can only be undone."""


@dataclass(slots=True, eq=False)
class _Statement:
    """``touching``: how many rows it must touch; ``answer``: once it was sent."""

    sql: str
    parameters: Any = ()
    many: bool = False
    touching: int | None = None
    answer: Any = None


@dataclass(slots=True)
class Line:
    """What waits to be sent, and answers that nobody has fetched yet.

    ``dialect`` says how statements for ``wire`` are written.
    """

    wire: Wire
    dialect: Dialect
    posted: list[_Statement] = field(default_factory=list)
    asked: list[_Statement] = field(default_factory=list)

    def take(self) -> list[_Statement]:
        """All that waits to be sent."""
        taken, self.posted = self.posted, []
        return taken

    def forget(self) -> None:
        """Send none of it, and give no answer from before."""
        self.posted.clear()
        self.asked.clear()

    def answer(self, sql: str, parameters: Any) -> _Statement | None:
        """What was asked ahead with these words; once."""
        for i, one in enumerate(self.asked):
            if one.sql == sql and one.parameters == parameters:
                return self.asked.pop(i)
        return None


def line_of(connection: Connection) -> Line | None:
    """The connection's line, if its driver has one."""
    line: Line | None = connection.info.get(LINE)
    return line


def asks_ahead(connection: Connection) -> bool:
    """Whether ``ask`` saves anything."""
    return line_of(connection) is not None


def run(connection: Connection, sql: str, parameters: Any = (), *, many: bool = False) -> Any:
    """Send a statement and what was posted; its cursor, or what stands for one."""
    if not connection.in_transaction():
        connection.begin()
    line = connection.info.get(LINE)
    if line is None:
        return _alone(connection, sql, parameters, many=many)
    statement = _Statement(sql, parameters, many)
    _send(connection, line, [*line.take(), statement])
    return statement.answer


def read(connection: Connection, sql: str, parameters: Any) -> Any:
    """As ``run``, but takes the answer if this was asked ahead."""
    line = line_of(connection)
    if line is not None and line.asked and (found := line.answer(sql, parameters)) is not None:
        if found.answer is None:
            send_posted(connection)
        return found.answer
    return run(connection, sql, parameters)


def ask(connection: Connection, sql: str, parameters: Any) -> None:
    """Say that ``read`` will be called with the same; nothing that is done before may change
    the answer. What is not read in the same change of the writer is forgotten."""
    if (line := line_of(connection)) is not None:
        statement = _Statement(sql, parameters)
        line.posted.append(statement)
        line.asked.append(statement)


def post(
    connection: Connection,
    sql: str,
    parameters: Any = (),
    *,
    many: bool = False,
    touching: int | None = None,
) -> None:
    """Have a statement done, at the latest with the next one, which then raises its error;
    not for whoever wants to catch one. Overtaken, if it does not touch ``touching`` rows."""
    if (line := line_of(connection)) is not None:
        line.posted.append(_Statement(sql, parameters, many, touching))
    else:
        _check(run(connection, sql, parameters, many=many), touching)


def send_posted(connection: Connection) -> None:
    """Have done what was posted. Raises what its statements raise."""
    if connection.invalidated:
        return
    if (line := line_of(connection)) is not None and line.posted:
        if not connection.in_transaction():
            connection.begin()
        _send(connection, line, line.take())


def forget_posted(connection: Connection) -> None:
    """Never do what was posted: its transaction is undone."""
    if connection.invalidated:  # what replaces it has nothing to send
        return
    if (line := line_of(connection)) is not None:
        line.forget()


def begin_change(connection: Connection) -> None:
    """Begin a part of a transaction that can be undone by itself; parts follow each other."""
    if (line := line_of(connection)) is not None:
        line.asked.clear()
    post(connection, "SAVEPOINT change")


def end_change(connection: Connection) -> None:
    """The part is done, once ``send_posted`` raises nothing."""
    line = line_of(connection)
    if line is not None and any(one.touching is not None for one in line.posted):
        send_posted(connection)  # while it can still be undone
    post(connection, "RELEASE SAVEPOINT change")


def undo_change(connection: Connection) -> None:
    """Undo the part that was begun last, whatever state it is in."""
    with contextlib.suppress(DBAPIError, Overtaken):
        send_posted(connection)  # the savepoint may be among that
    if (line := line_of(connection)) is not None:
        line.asked.clear()
    post(connection, "ROLLBACK TO SAVEPOINT change")
    run(connection, "RELEASE SAVEPOINT change")


def can_send_commit(connection: Connection) -> bool:
    """Whether the transaction has begun, so that the connection is known to be alive, and
    something waits to be sent with its commit."""
    line = line_of(connection)
    return line is not None and bool(line.posted) and line.wire.in_transaction()


def send_commit(connection: Connection, transaction: RootTransaction) -> None:
    """Commit together with what was posted. Raises Undone if a posted statement failed, and
    what a commit raises."""
    line = line_of(connection)
    assert line is not None
    post(connection, "COMMIT")
    try:
        _send(connection, line, line.take())
    except DBAPIError as error:
        if line.wire.has_failed():
            raise Undone from error
        raise
    transaction.commit()  # nothing is left for it to do at the server


def _send(connection: Connection, line: Line, statements: list[_Statement]) -> None:
    """Send several at once, then see what came of them."""
    rows = [(one.sql, one.parameters if one.many else (one.parameters,)) for one in statements]
    try:
        answers = line.wire.send(rows)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, statements[-1].sql, error) from error
    for one, answer in zip(statements, answers, strict=True):
        one.answer = answer
    for one in statements:
        _check(one.answer, one.touching)


def _alone(connection: Connection, sql: str, parameters: Any, *, many: bool) -> Any:
    driver: Any = connection.connection.driver_connection
    try:
        cursor = driver.cursor()
        if many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, sql, error) from error
    return cursor


def _check(cursor: Any, touching: int | None) -> None:
    if touching is not None and cursor.rowcount != touching:
        raise Overtaken(f"{cursor.rowcount} rows changed instead of {touching}")


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
