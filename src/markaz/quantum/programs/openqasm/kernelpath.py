"""The compiled reader's place in a program: what it may know, and what it has read.

It takes as many plain statements as it can from a position on. Definitions that it has
taken are told to the parser only when a statement comes that the parser has to read.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import numpy as np

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.compiled import Reader
from markaz.quantum.programs.openqasm.formulas import lines_of
from markaz.quantum.programs.openqasm.interpreter import Interpreter
from markaz.quantum.programs.openqasm.kernel_tables import (
    QUBITS,
    REGISTER_PLACES,
    REGISTERS,
    add_gate,
    tables_for,
)
from markaz.quantum.programs.openqasm.kernel_tokens import Ints
from markaz.quantum.programs.openqasm.parser import Parser
from markaz.quantum.programs.openqasm.rows import FREE_WORK
from markaz.quantum.programs.openqasm.values import Bits, Qubits

_LEAST_NESTING: Final = 16  # with less allowed, the parser counts brackets
_ROWS: Final = 1 << 16  # operations taken in one go
_SHORT_WAY: Final = 48  # characters; with less progress each time the reader is not asked
_PATIENCE: Final = 4  # such times more that are let pass
_LONGEST_WAIT: Final = 6  # as a power of two
_TRIES: Final = 8  # names that are looked up for one statement, which is read again each time
_COMPARISONS: Final = ("", "eq", "ne")
_JOINS: Final = {ord("^"): "xor", ord("&"): "and", ord("|"): "or"}


def kernel_path(program: Interpreter, parser: Parser, run: Reader | None) -> KernelPath | None:
    """The compiled reader for a program, where there is one and it can be used."""
    source = program.source
    if run is None or source.limits.nesting < _LEAST_NESTING or "\0" in source.text:
        return None
    return KernelPath(program, parser, run)


class KernelPath:
    """Takes what it can of a program, from a position on."""

    def __init__(self, program: Interpreter, parser: Parser, run: Reader) -> None:
        self._program, self._parser, self._run = program, parser, run
        self._text = text = program.source.text
        data = bytearray(text, "ascii", "replace")  # a character stays a byte
        data += b"\0\0"
        self._bytes = np.frombuffer(data, np.uint8)
        self._waits = self._wait = 0
        self._entries = self._gates = 0  # of the program's tables, how many are known here
        self._since = 0  # where the statements begin that may have added to them
        self._later: list[int] = []  # definitions that the parser has not seen
        self._registers: list[tuple[int, int, tuple[int, int, int, int]]] = []
        self._room, self._qubits = REGISTERS, QUBITS
        self._tables = tables_for(
            text.count("gate"), min(_ROWS, 64 << (len(text) >> 9).bit_length())
        )
        self._set_up()

    def _set_up(self) -> None:
        m, limits, used = self._tables.m, self._program.source.limits, self._tables.used
        m[k.VERSION], m[k.MOST] = self._program.version, limits.gates
        m[k.NESTING], m[k.DEFINITIONS] = limits.nesting, limits.definitions
        m[k.FREE] = FREE_WORK
        m[k.GATES], m[k.LINES], m[k.WIRES] = used.gates, used.lines, used.wires
        m[k.CODES], m[k.CONSTANTS] = used.code, used.constants

    # -- what it may know ---------------------------------------------------------------

    def _learn(self, start: int) -> None:
        """Take over names that other ways have declared since the last time."""
        top, defined = self._program.scopes.top, self._program.gates.defined
        for name in _last(top, len(top) - self._entries):
            entry = top[name]
            if isinstance(entry, Qubits | Bits):
                self._add_register(name, entry)
        for name in _last(defined, len(defined) - self._gates):
            at = self._place(name)
            if at >= 0:
                self._enter(at, at + len(name), k.PENDING)
        self._entries, self._gates, self._since = len(top), len(defined), start

    def _place(self, name: str) -> int:
        """Where a name stands in the text, for the table to point at."""
        return self._text.find(name, self._since) if name.isascii() else -1

    def _enter(self, start: int, end: int, value: int) -> None:
        self._run.enter(self._tables.m, k.NAMES_AT, self._bytes, start, end, value)

    def _add_register(self, name: str, entry: Qubits | Bits) -> None:
        at, index = self._place(name), entry.at
        if at < 0 or not isinstance(index, range) or not index or index.step != 1:
            return
        row = (int(isinstance(entry, Bits)), index[0], len(index), int(entry.single))
        self._registers.append((at, at + len(name), row))
        if len(self._registers) > self._room:
            self._more_registers()
        else:
            self._enter_register(len(self._registers) - 1)

    def _enter_register(self, number: int) -> None:
        start, end, row = self._registers[number]
        m = self._tables.m
        names = k.NAME_COLUMNS * REGISTER_PLACES * self._room
        at = int(m[k.REGISTERS_AT]) + names + k.REGISTER_COLUMNS * number
        m[at : at + k.REGISTER_COLUMNS] = row
        self._run.enter(m, k.REGISTERS_AT, self._bytes, start, end, at)

    def _more_registers(self) -> None:
        """A new and larger table of registers, at the end of the array."""
        self._room *= 2
        self._extend(k.REGISTERS_AT, k.NAME_COLUMNS * (REGISTER_PLACES + 1) * self._room)
        self._tables.m[k.REGISTERS_ROOM] = REGISTER_PLACES * self._room
        for number in range(len(self._registers)):
            self._enter_register(number)

    def _extend(self, part: int, count: int) -> None:
        """Move a part to the end of the array, empty, with room for ``count`` numbers."""
        m = self._tables.m
        longer = np.concatenate([m, np.zeros(count, np.int64)])
        longer[part] = len(m)
        self._tables = self._tables._replace(m=longer)

    def _look_up(self) -> bool:
        """Find out about the gate that the reader stopped at; whether it can go on."""
        m = self._tables.m
        start, end = int(m[k.NAME_START]), int(m[k.NAME_STOP])
        name = self._text[start:end]
        gate = self._program.gates.get(name)
        self._enter(start, end, k.OTHER)
        found = None if gate is None else lines_of(gate, self._program.values.budget)
        if gate is None or found is None:
            return False
        counts = {"gates": k.GATES, "lines": k.LINES, "wires": k.WIRES}
        counts |= {"code": k.CODES, "constants": k.CONSTANTS}
        used = self._tables.used._replace(**{n: int(m[at]) for n, at in counts.items()})
        self._tables, at = add_gate(self._tables._replace(used=used), gate, found)
        if at < 0:
            return False
        self._enter(start, end, at)
        used = self._tables.used
        m[k.GATES], m[k.LINES], m[k.WIRES] = used.gates, used.lines, used.wires
        m[k.CODES], m[k.CONSTANTS] = used.code, used.constants
        m[at + k.OWN] = int(name in self._program.gates.defined)
        return True

    # -- reading ------------------------------------------------------------------------

    def take(self, start: int) -> int:
        """Carry out statements from ``start``; where the first other one begins."""
        if self._wait:
            self._wait -= 1
            return start
        self._learn(start)
        at, more, tries = start, True, 0
        while more:
            before = at
            at, status = self._step(at)
            tries = tries + 1 if at == before else 0
            more = (status == k.UNKNOWN and tries < _TRIES and self._look_up()) or (
                status == k.FULL and self._tables.m[k.ROWS] > 0
            )
        self._since = at
        if at - start > _SHORT_WAY or self._text.startswith("gate", at):
            self._waits = 0
        else:
            self._waits = min(self._waits + 1, _PATIENCE + _LONGEST_WAIT)
        self._wait = (1 << self._waits) >> _PATIENCE
        return at

    def replay(self) -> None:
        """Tell the parser's side of the definitions that it has not seen."""
        if not self._later:
            return
        for start in self._later:
            self._parser.lexer.seek(start)
            self._program.execute(self._parser.statement())
        self._later.clear()
        self._gates = len(self._program.gates.defined)

    def _step(self, at: int) -> tuple[int, int]:
        """Read from ``at`` on into the circuit: where it ended, and why."""
        self._enter_state(at)
        status = self._run.read(self._bytes, self._tables.m, self._tables.f)
        self._commit()
        return int(self._tables.m[k.AT]), int(status)

    def _enter_state(self, at: int) -> None:
        program = self._program
        builder = program.emitter.builder
        if builder.num_qubits > self._qubits:
            self._qubits = 2 * builder.num_qubits
            self._extend(k.SEEN_AT, self._qubits)
        m = self._tables.m
        m[: k.GATES] = (at, 0, 0, 0, 0, program.values.budget.spent, 0)
        m[k.LOGGED] = 0
        m[k.DONE], m[k.POOL_DONE] = len(builder.ops), len(builder.pool)
        m[k.EXPRS_DONE], m[k.QUBITS] = len(builder.exprs), builder.num_qubits
        m[k.DEFINED] = len(program.gates.defined) + len(self._later)
        self._tables.f[k.TOTAL_PHASE] = builder.global_phase

    def _commit(self) -> None:
        """Hand over what was read."""
        m, f, program = self._tables.m, self._tables.f, self._program
        builder = program.emitter.builder
        rows = int(m[k.ROWS])
        if rows:
            block = self._part(k.ROWS_AT, rows, k.ROW_COLUMNS)
            builder.ops += block[:, 0].astype(np.uint8).tobytes()
            builder.qs.frombytes(block[:, 1:4].astype(np.int32).tobytes())
            builder.aux.frombytes(block[:, 4].astype(np.int32).tobytes())
            angles = int(m[k.ANGLES_AT])
            builder.ps.frombytes(f[angles : angles + 4 * rows].tobytes())
            pool = self._part(k.POOL_AT, int(m[k.POOL]), 1)
            builder.pool.frombytes(pool.astype(np.int32).tobytes())
            if m[k.CONDITIONS]:
                found = self._part(k.CONDITIONS_AT, int(m[k.CONDITIONS]), k.CONDITION_COLUMNS)
                read = self._part(k.REFERENCES_AT, int(m[k.REFERENCES]), 2)
                builder.exprs += _expressions(found.tolist(), read.tolist())
            builder.global_phase = float(f[k.TOTAL_PHASE])
        program.values.budget.spent = int(m[k.SPENT])
        if m[k.LOGGED]:
            self._later += self._part(k.LOG_AT, int(m[k.LOGGED]), 1)[:, 0].tolist()

    def _part(self, at: int, rows: int, columns: int) -> Ints:
        m = self._tables.m
        start = int(m[at])
        return m[start : start + rows * columns].reshape(rows, columns)


def _last(table: dict[str, Any], count: int) -> list[str]:
    """The names that entered a table last, in order."""
    return list(islice(reversed(table), count))[::-1] if count else []


def _expressions(rows: list[list[int]], references: list[list[int]]) -> list[Expr]:
    """Conditions as the circuit keeps them; equal ones are one object."""
    made: dict[tuple[int, ...], Expr] = {}
    expressions: list[Expr] = []
    for comparison, negated, operator, first, count, value in rows:
        read = references[first : first + count]
        key = (comparison, negated, operator, value, *(i for pair in read for i in pair))
        expr = made.get(key)
        if expr is None:
            expr = made[key] = _expression(comparison, negated, operator, value, read)
        expressions.append(expr)
    return expressions


def _expression(
    comparison: int, negated: int, operator: int, value: int, read: list[list[int]]
) -> Expr:
    expr: Expr = ("bits", *read[0])
    for each in read[1:]:
        expr = (_JOINS[operator], expr, ("bits", *each))
    if comparison:
        return (_COMPARISONS[comparison], expr, ("const", value))
    if read[0][1] > 1:
        expr = ("ne", expr, ("const", 0))
    return ("not", expr) if negated else expr
