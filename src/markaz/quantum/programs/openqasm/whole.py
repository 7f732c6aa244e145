"""Programs that the compiled reader knows every statement of: the shortest way.

Most programs are a header, some registers, and then only gates, measurements and plain
conditions. For those nothing of the parser is set up, which would take longer than to read
them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr, Register
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.compiled import Reader
from markaz.quantum.programs.openqasm.kernel_ground import LEAST_NESTING, Ground
from markaz.quantum.programs.openqasm.kernel_tables import WORDS
from markaz.quantum.programs.openqasm.lexer import BLANK
from markaz.quantum.programs.openqasm.stdgates import NATIVE, STANDARD

_LONGEST: Final = 1 << 20  # characters; in longer programs the parser's share is small
_MOST_REGISTERS: Final = 64
_TAKEN: Final = frozenset((*WORDS, *NATIVE, *STANDARD))
_HEAD = re.compile(
    rf"{BLANK}OPENQASM\s++([23])(?:\.[0-9]++)?\s*+;"
    rf"(?:{BLANK}include\s*+\"(?:qelib1|stdgates)\.inc\"\s*+;)?"
).match
_NAME, _SIZE = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*+)", r"\[\s*+(?P<size>[0-9]{1,6}+)\s*+\]"
_REGISTER = {
    2: re.compile(rf"{BLANK}(?P<kind>[qc])reg\s++{_NAME}\s*+{_SIZE}\s*+;").match,
    3: re.compile(rf"{BLANK}(?P<kind>qubit|bit)\s*+{_SIZE}\s*+{_NAME}\s*+;").match,
}


def read_whole(text: str, limits: Limits, run: Reader) -> Circuit | None:
    """The circuit of a program, None where the parser has to look at it."""
    if len(text) > _LONGEST or not text.isascii() or "\0" in text:
        return None
    head = _HEAD(text)
    if head is None or limits.nesting < LEAST_NESTING or limits.definitions < _MOST_REGISTERS:
        return None
    version, at = int(head[1]), head.end()
    program = _Program(Ground(text, version, limits, run))
    registers = program.registers
    while (at := registers.read(program.ground, text, version, at)) > 0:
        if registers.qubits > limits.qubits or registers.bits > limits.clbits:
            return None
        at, status = program.read(at)
        if status == k.FINISHED:
            return program.circuit()
        if status != k.STOPPED or not _REGISTER[version](text, at):
            return None
    return None


class _Registers:
    """Those declared before anything else."""

    def __init__(self) -> None:
        self.qregs: list[Register] = []
        self.cregs: list[Register] = []
        self.names: set[str] = set()
        self.qubits = self.bits = 0

    def read(self, ground: Ground, text: str, version: int, at: int) -> int:
        """Read from ``at`` on; where they end, -1 where one needs a closer look."""
        while match := _REGISTER[version](text, at):
            name, size = match["name"], int(match["size"])
            if (
                not size
                or name in _TAKEN
                or name in self.names
                or len(self.names) == _MOST_REGISTERS
            ):
                return -1
            self.names.add(name)
            self._add(ground, match["kind"], name, size, match.span("name"))
            at = match.end()
        return at

    def _add(self, ground: Ground, kind: str, name: str, size: int, span: tuple[int, int]) -> None:
        if kind in ("q", "qubit"):
            ground.add_register(*span, (0, self.qubits, size, 0))
            self.qregs.append(Register(name, size, self.qubits))
            self.qubits += size
        else:
            ground.add_register(*span, (1, self.bits, size, 0))
            self.cregs.append(Register(name, size, self.bits))
            self.bits += size


class _Program:
    """What has been read so far."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.registers = ground, _Registers()
        self._blocks: list[tuple[NDArray[Any], ...]] = []
        self._done = [0, 0, 0]  # operations, pooled qubits and conditions in the blocks
        self._exprs: list[Expr] = []
        self._defined = 0
        ground.tables.f[k.TOTAL_PHASE] = 0.0
        self._start(0)

    def _start(self, at: int) -> None:
        m = self.ground.start_at(at, int(self.ground.tables.m[k.SPENT]) if at else 0, 0)
        m[k.DONE], m[k.POOL_DONE], m[k.EXPRS_DONE] = self._done
        m[k.DEFINED] = self._defined

    def read(self, at: int) -> tuple[int, int]:
        """Read from ``at`` on as far as it goes: where it ended, and why."""
        status = self.ground.go_on(at, self.registers.qubits)
        m = self.ground.tables.m
        while status == k.FULL and m[k.ROWS] > 0:
            self._keep()
            self._start(int(m[k.AT]))
            status = self.ground.go_on(int(m[k.AT]), self.registers.qubits)
        return int(m[k.AT]), status

    def _keep(self) -> None:
        ground = self.ground
        m, f = ground.tables.m, ground.tables.f
        rows, angles = int(m[k.ROWS]), int(m[k.ANGLES_AT])
        block = ground.part(k.ROWS_AT, rows, k.ROW_COLUMNS)
        pool = ground.part(k.POOL_AT, int(m[k.POOL]), 1)
        self._blocks.append(
            (
                block[:, 0].astype(np.uint8),
                block[:, 1:4].astype(np.int32),
                f[angles : angles + 4 * rows].reshape(rows, 4).copy(),
                block[:, 4].astype(np.int32),
                pool[:, 0].astype(np.int32),
            )
        )
        self._exprs += ground.conditions()
        self._done = [self._done[0] + rows, self._done[1] + len(pool), len(self._exprs)]
        self._defined += int(m[k.LOGGED])

    def circuit(self) -> Circuit:
        """The circuit of all that was read."""
        self._keep()
        blocks, registers = self._blocks, self.registers
        joined = [np.concatenate(c) if len(c) > 1 else c[0] for c in zip(*blocks, strict=True)]
        op, qubits, params, aux, pool = joined
        return Circuit(
            registers.qubits,
            registers.bits,
            *(op, qubits, params, aux, pool),
            tuple(self._exprs),
            tuple(registers.qregs),
            tuple(registers.cregs),
            global_phase=float(self.ground.tables.f[k.TOTAL_PHASE]),
        )
