"""The compiled reader's place in a program: what it may know, and what it has read.

It takes as many plain statements as it can from a position on. Definitions that it has
taken are told to the parser only when a statement comes that the parser has to read.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import numpy as np

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.compiled import Reader
from markaz.quantum.programs.openqasm.formulas import lines_of
from markaz.quantum.programs.openqasm.interpreter import Interpreter
from markaz.quantum.programs.openqasm.kernel_ground import LEAST_NESTING, Ground
from markaz.quantum.programs.openqasm.kernel_tables import add_gate
from markaz.quantum.programs.openqasm.parser import Parser
from markaz.quantum.programs.openqasm.values import Bits, Qubits

_SHORT_WAY: Final = 48  # characters; with less progress each time the reader is not asked
_PATIENCE: Final = 4  # such times more that are let pass
_LONGEST_WAIT: Final = 6  # as a power of two
_TRIES: Final = 8  # names that are looked up for one statement, which is read again each time


def kernel_path(program: Interpreter, parser: Parser, run: Reader | None) -> KernelPath | None:
    """The compiled reader for a program, where there is one and it can be used."""
    source = program.source
    if run is None or source.limits.nesting < LEAST_NESTING or "\0" in source.text:
        return None
    return KernelPath(program, parser, run)


class KernelPath:
    """Takes what it can of a program, from a position on."""

    def __init__(self, program: Interpreter, parser: Parser, run: Reader) -> None:
        self._program, self._parser = program, parser
        self._text = program.source.text
        self._ground = Ground(self._text, program.version, program.source.limits, run)
        self._waits = self._wait = 0
        self._entries = self._gates = 0  # of the program's tables, how many are known here
        self._since = 0  # where the statements begin that may have added to them
        self._later: list[int] = []  # definitions that the parser has not seen

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
                self._ground.enter(at, at + len(name), k.PENDING)
        self._entries, self._gates, self._since = len(top), len(defined), start

    def _place(self, name: str) -> int:
        """Where a name stands in the text, for the table to point at."""
        return self._text.find(name, self._since) if name.isascii() else -1

    def _add_register(self, name: str, entry: Qubits | Bits) -> None:
        at, index = self._place(name), entry.at
        if at < 0 or not isinstance(index, range) or not index or index.step != 1:
            return
        row = (int(isinstance(entry, Bits)), index[0], len(index), int(entry.single))
        self._ground.add_register(at, at + len(name), row)

    def _look_up(self) -> bool:
        """Find out about the gate that the reader stopped at; whether it can go on."""
        ground = self._ground
        m = ground.tables.m
        start, end = int(m[k.NAME_START]), int(m[k.NAME_STOP])
        name = self._text[start:end]
        gate = self._program.gates.get(name)
        ground.enter(start, end, k.OTHER)
        found = None if gate is None else lines_of(gate, self._program.values.budget)
        if gate is None or found is None:
            return False
        counts = {"gates": k.GATES, "lines": k.LINES, "wires": k.WIRES}
        counts |= {"code": k.CODES, "constants": k.CONSTANTS}
        used = ground.tables.used._replace(**{n: int(m[at]) for n, at in counts.items()})
        ground.tables, at = add_gate(ground.tables._replace(used=used), gate, found)
        if at < 0:
            return False
        ground.enter(start, end, at)
        used = ground.tables.used
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
                status == k.FULL and self._ground.tables.m[k.ROWS] > 0
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
        status = self._ground.read()
        self._commit()
        return int(self._ground.tables.m[k.AT]), status

    def _enter_state(self, at: int) -> None:
        program = self._program
        builder = program.emitter.builder
        m = self._ground.start_at(at, program.values.budget.spent, builder.num_qubits)
        m[k.DONE], m[k.POOL_DONE] = len(builder.ops), len(builder.pool)
        m[k.EXPRS_DONE] = len(builder.exprs)
        m[k.DEFINED] = len(program.gates.defined) + len(self._later)
        self._ground.tables.f[k.TOTAL_PHASE] = builder.global_phase

    def _commit(self) -> None:
        """Hand over what was read."""
        ground, program = self._ground, self._program
        m, f, builder = ground.tables.m, ground.tables.f, program.emitter.builder
        rows = int(m[k.ROWS])
        if rows:
            block = ground.part(k.ROWS_AT, rows, k.ROW_COLUMNS)
            builder.ops += block[:, 0].astype(np.uint8).tobytes()
            builder.qs.frombytes(block[:, 1:4].astype(np.int32).tobytes())
            builder.aux.frombytes(block[:, 4].astype(np.int32).tobytes())
            angles = int(m[k.ANGLES_AT])
            builder.ps.frombytes(f[angles : angles + 4 * rows].tobytes())
            pool = ground.part(k.POOL_AT, int(m[k.POOL]), 1)
            builder.pool.frombytes(pool.astype(np.int32).tobytes())
            builder.exprs += ground.conditions()
            builder.global_phase = float(f[k.TOTAL_PHASE])
        program.values.budget.spent = int(m[k.SPENT])
        if m[k.LOGGED]:
            self._later += ground.part(k.LOG_AT, int(m[k.LOGGED]), 1)[:, 0].tolist()


def _last(table: dict[str, Any], count: int) -> list[str]:
    """The names that entered a table last, in order."""
    return list(islice(reversed(table), count))[::-1] if count else []
