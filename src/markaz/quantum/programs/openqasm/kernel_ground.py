"""The compiled reader with its tables for one text, which whoever reads the text shares."""

from __future__ import annotations

from typing import Final

import numpy as np

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.compiled import Reader
from markaz.quantum.programs.openqasm.kernel_tables import (
    QUBITS,
    REGISTER_PLACES,
    REGISTERS,
    tables_for,
)
from markaz.quantum.programs.openqasm.kernel_tokens import Ints
from markaz.quantum.programs.openqasm.rows import FREE_WORK

LEAST_NESTING: Final = 16  # with less allowed, the parser counts brackets
_ROWS: Final = 1 << 16  # operations taken in one go
_COMPARISONS: Final = ("", "eq", "ne")
_JOINS: Final = {ord("^"): "xor", ord("&"): "and", ord("|"): "or"}

Row = tuple[int, int, int, int]  # of a register, see ``kernel_layout``


class Ground:
    """The text as bytes, and what the reader may know of it."""

    def __init__(self, text: str, version: int, limits: Limits, run: Reader) -> None:
        self.run = run
        data = bytearray(text, "ascii", "replace")  # a character stays a byte
        data += b"\0\0"
        self.bytes = np.frombuffer(data, np.uint8)
        self._registers: list[tuple[int, int, Row]] = []
        self._room, self._qubits = REGISTERS, QUBITS
        self.tables = tables_for(
            text.count("gate"), min(_ROWS, 64 << (len(text) >> 9).bit_length())
        )
        m, used = self.tables.m, self.tables.used
        m[k.VERSION], m[k.MOST] = version, limits.gates
        m[k.NESTING], m[k.DEFINITIONS] = limits.nesting, limits.definitions
        m[k.FREE] = FREE_WORK
        m[k.GATES], m[k.LINES], m[k.WIRES] = used.gates, used.lines, used.wires
        m[k.CODES], m[k.CONSTANTS] = used.code, used.constants

    def enter(self, start: int, end: int, value: int) -> None:
        """Say what the name at ``start`` to ``end`` of the text stands for."""
        self.run.enter(self.tables.m, k.NAMES_AT, self.bytes, start, end, value)

    def add_register(self, start: int, end: int, row: Row) -> None:
        """Take in a register whose name stands at ``start`` to ``end``."""
        self._registers.append((start, end, row))
        if len(self._registers) > self._room:
            self._more_registers()
        else:
            self._enter_register(len(self._registers) - 1)

    def _enter_register(self, number: int) -> None:
        start, end, row = self._registers[number]
        m = self.tables.m
        names = k.NAME_COLUMNS * REGISTER_PLACES * self._room
        at = int(m[k.REGISTERS_AT]) + names + k.REGISTER_COLUMNS * number
        m[at : at + k.REGISTER_COLUMNS] = row
        self.run.enter(m, k.REGISTERS_AT, self.bytes, start, end, at)

    def _more_registers(self) -> None:
        """A new and larger table of registers, at the end of the array."""
        self._room *= 2
        self._extend(k.REGISTERS_AT, k.NAME_COLUMNS * (REGISTER_PLACES + 1) * self._room)
        self.tables.m[k.REGISTERS_ROOM] = REGISTER_PLACES * self._room
        for number in range(len(self._registers)):
            self._enter_register(number)

    def _extend(self, part: int, count: int) -> None:
        """Move a part to the end of the array, empty, with room for ``count`` numbers."""
        m = self.tables.m
        longer = np.concatenate([m, np.zeros(count, np.int64)])
        longer[part] = len(m)
        self.tables = self.tables._replace(m=longer)

    def start_at(self, at: int, spent: int, qubits: int) -> Ints:
        """The reader's numbers, set to read from ``at`` on where there are ``qubits``."""
        self._see(qubits)
        m = self.tables.m
        m[: k.GATES] = (at, 0, 0, 0, 0, spent, 0)
        m[k.LOGGED] = 0
        return m

    def go_on(self, at: int, qubits: int) -> int:
        """Read on from ``at``, with what was read before; the status."""
        self._see(qubits)
        self.tables.m[k.AT] = at
        return self.read()

    def _see(self, qubits: int) -> None:
        if qubits > self._qubits:
            self._qubits = 2 * qubits
            self._extend(k.SEEN_AT, self._qubits)
        self.tables.m[k.QUBITS] = qubits

    def read(self) -> int:
        """Read as far as it goes; the status."""
        return int(self.run.read(self.bytes, self.tables.m, self.tables.f))

    def part(self, at: int, rows: int, columns: int) -> Ints:
        """The first ``rows`` of a part."""
        m = self.tables.m
        start = int(m[at])
        return m[start : start + rows * columns].reshape(rows, columns)

    def conditions(self) -> list[Expr]:
        """Conditions that were read, as the circuit keeps them."""
        m = self.tables.m
        if not m[k.CONDITIONS]:
            return []
        found = self.part(k.CONDITIONS_AT, int(m[k.CONDITIONS]), k.CONDITION_COLUMNS)
        read = self.part(k.REFERENCES_AT, int(m[k.REFERENCES]), 2)
        return _expressions(found, read)


def _expressions(rows: Ints, references: Ints) -> list[Expr]:
    """Conditions, equal ones as one object."""
    first, count = rows[:, 3], rows[:, 4]
    most = int(count.max())
    # A row's own numbers, then what it refers to, filled up with -1.
    keys = np.full((len(rows), 4 + 2 * most), -1, np.int64)
    keys[:, :4] = rows[:, [0, 1, 2, 5]]
    for i in range(most):
        there = np.flatnonzero(count > i)
        keys[there, 4 + 2 * i : 6 + 2 * i] = references[first[there] + i]
    mixed = keys @ _factors(keys.shape[1])
    _, where, which = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(keys[where][which], keys):  # two rows that mix to one number
        where = which = np.arange(len(keys))
    made = [_expression(*keys[i].tolist()) for i in where.tolist()]
    return list(map(made.__getitem__, which.tolist()))


def _factors(count: int) -> Ints:
    """Odd numbers by which different rows add up to different numbers, but for bad luck."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (steps | np.uint64(1)).astype(np.int64)


def _expression(comparison: int, negated: int, operator: int, value: int, *read: int) -> Expr:
    pairs = [(at, size) for at, size in zip(read[::2], read[1::2], strict=True) if size >= 0]
    expr: Expr = ("bits", *pairs[0])
    for pair in pairs[1:]:
        expr = (_JOINS[operator], expr, ("bits", *pair))
    if comparison:
        return (_COMPARISONS[comparison], expr, ("const", value))
    if pairs[0][1] > 1:
        expr = ("ne", expr, ("const", 0))
    return ("not", expr) if negated else expr
