"""Statements to PostgreSQL through libpq's pipeline: many in one round trip, prepared once.

For a small statement the driver's cursors take longer than the server. What runs for every
job is therefore handed to libpq, through the driver's own wrapper of it. A statement has
``$1``, ``$2`` … for parameters and says their types where the server cannot tell them; it is
prepared at its first use by the connection and stays so, whatever transactions come to.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, DataError, OperationalError, ProgrammingError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from markaz.centre.db.line import Replanned

_Dumped = tuple[list[bytes | None], list[bool] | None]  # values; whether each is no text
_GONE: Final = "the connection to the server is lost"
_COMPLETE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


@dataclass(slots=True)
class Answer:
    """What came of a statement, or of all runs of one: rows that it touched, and gave."""

    rowcount: int = 0
    rows: Sequence[tuple[Any, ...]] = ()

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        return self.rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return self.rows[0] if self.rows else None


class Wire:
    """One connection's; to be used by one thread at a time, and not while the driver is."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._libpq = connection.pgconn
        self._transformer = Transformer(connection)
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._poll = select.poll()
        self._poll.register(self._libpq.socket)

    def in_transaction(self) -> bool:
        """Whether a transaction is under way and has not failed."""
        return self._libpq.transaction_status == TransactionStatus.INTRANS

    def has_failed(self) -> bool:
        """Whether a transaction is under way that can only be undone."""
        return self._libpq.transaction_status == TransactionStatus.INERROR

    def send(self, statements: Iterable[tuple[str, Sequence[Sequence[Any]]]]) -> list[Answer]:
        """Execute each statement for each of its rows of parameters, all in one round trip.

        After one that fails none is executed. Raises the driver's errors.
        """
        if self._libpq.status != ConnStatus.OK:
            raise OperationalError(_GONE)
        runs = [(sql, [_dumped(row) for row in rows]) for sql, rows in statements]
        fresh: list[str] = []
        try:
            self._libpq.enter_pipeline_mode()
            expected = [self._put(sql, rows, fresh) for sql, rows in runs]
            self._libpq.pipeline_sync()
            found = self._receive()
            self._libpq.exit_pipeline_mode()
        except BaseException:
            self._libpq.finish()  # nobody knows what the server did, and what it will say
            raise
        return self._answers(expected, found, fresh)

    def _put(self, sql: str, rows: Sequence[_Dumped], fresh: list[str]) -> tuple[bool, int]:
        """Queue the runs of one statement; whether it is prepared first, and how many."""
        if isinstance(sql, Replanned):
            for values, formats in rows:
                self._libpq.send_query_params(sql.encode(), values, None, formats)
            return False, len(rows)
        name = self._names.get(sql)
        new = name is None
        if name is None:
            name = self._names[sql] = b"mkz%d" % next(self._numbers)
            self._libpq.send_prepare(name, sql.encode())
            fresh.append(sql)
        for values, formats in rows:
            self._libpq.send_query_prepared(name, values, formats)
        return new, len(rows)

    def _receive(self) -> list[Any]:
        """All results, until the server has caught up."""
        found: list[Any] = []
        while self._libpq.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self._collect(found)
        while not self._collect(found):
            self._wait(select.POLLIN)
        return found

    def _wait(self, events: int) -> None:
        self._poll.modify(self._libpq.socket, events)
        self._poll.poll()
        self._libpq.consume_input()

    def _collect(self, found: list[Any]) -> bool:
        """Take the results that have arrived; True after the last one."""
        libpq = self._libpq
        while not libpq.is_busy():
            result = libpq.get_result()
            if result is None:  # between two statements
                if libpq.status != ConnStatus.OK:
                    raise OperationalError(_GONE)
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return True
            else:
                found.append(result)
        return False

    def _answers(
        self, expected: Iterable[tuple[bool, int]], found: list[Any], fresh: Iterable[str]
    ) -> list[Answer]:
        for result in found:
            if result.status not in _COMPLETE:
                for sql in fresh:  # perhaps it did not come to their preparation
                    del self._names[sql]
                raise error_from_result(result)
        results = iter(found)
        answers = []
        for new, runs in expected:
            if new:
                next(results)
            answers.append(self._answer([next(results) for _ in range(runs)]))
        return answers

    def _answer(self, results: Sequence[Any]) -> Answer:
        answer = Answer(sum(result.command_tuples or 0 for result in results))
        last = results[-1]
        if last.status == ExecStatus.TUPLES_OK and last.ntuples:
            self._transformer.set_pgresult(last)
            answer.rows = self._transformer.load_rows(0, last.ntuples, tuple)
        return answer


def _dumped(row: Sequence[Any]) -> _Dumped:
    """The values as libpq takes them, and their formats if one is not text."""
    values = [_dump(value) for value in row]
    if any(isinstance(value, _BYTES) for value in row):
        return values, [isinstance(value, _BYTES) for value in row]
    return values, None


def _dump_text(value: str) -> bytes:
    data = str.encode(value)
    if b"\0" in data:  # libpq takes it for the end
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return data


def _dump(value: Any) -> bytes | None:
    known = _DUMPS.get(type(value))
    return (known or _inherited(value))(value)


def _inherited(value: Any) -> Callable[[Any], bytes | None]:
    """For a value of a class that is derived from one of Python's own."""
    for kind, dump in _DUMPS.items():
        if isinstance(value, kind):
            return dump
    raise ProgrammingError(f"no parameter can be a {type(value).__name__}")


def _dump_list(values: list[Any]) -> bytes:
    """An array, as text; what most consist of needs no look at each value."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return _dump_texts(values)
    if kinds == {int}:
        return b"{%b}" % repr(values)[1:-1].encode()
    return b"{%b}" % b",".join([_element(value) for value in values])


def _dump_texts(values: list[str]) -> bytes:
    together = "".join(values)
    if '"' in together or "\\" in together:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return _dump_text('{"' + '","'.join(values) + '"}')


def _element(value: Any) -> bytes:
    if isinstance(value, _BYTES):
        return b'"\\\\x%b"' % value.hex().encode()
    data = _dump(value)
    if data is None:
        return b"NULL"
    return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


_BYTES: Final = (bytes, bytearray, memoryview)
_DUMPS: Final[dict[type[Any], Callable[[Any], bytes | None]]] = {
    str: _dump_text,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"%d" % value,
    float: lambda value: float.__repr__(value).encode(),
    type(None): lambda _: None,
    list: _dump_list,
    bytes: bytes,
    bytearray: bytes,
    memoryview: bytes,
}
