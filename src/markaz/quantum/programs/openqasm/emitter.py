"""Appends gates to the circuit, one or many at a time, within the limits."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm.gatedefs import (
    PACKED_ROWS,
    Defined,
    Gate,
    modified,
)
from markaz.quantum.programs.openqasm.lexer import Source
from markaz.quantum.programs.openqasm.rows import POOLED_CODES, Packed, pack, plain
from markaz.quantum.programs.openqasm.stdgates import NATIVE
from markaz.quantum.programs.openqasm.values import Number, Symbolic, ValueProblem

Columns = NDArray[np.int32]


def numbers(at: Sequence[int]) -> NDArray[np.int32]:
    """Wires as int32; a register's are a range, which need not be counted one by one."""
    if isinstance(at, range):
        return np.arange(at.start, at.stop, at.step, dtype=np.int32)
    return np.array(at, np.int32)


class Emitter:
    """Writes to a builder; ``fixed`` is True where every run passes (phases count there)."""

    def __init__(self, source: Source) -> None:
        self.builder = Builder()
        self.fixed = True
        self._source = source
        self._most = source.limits.gates

    def room(self, count: int, offset: int) -> None:
        """Refuse ``count`` more operations where they would be too many."""
        if len(self.builder.ops) + count > self._most:
            self._source.limit(f"the program has more than {self._most} operations", offset)

    def _pool_room(self, count: int, offset: int) -> None:
        """Refuse operations whose operands together take too much memory."""
        if len(self.builder.pool) + count > self._most:
            self._source.limit(
                "the program's barriers and large gates name too many qubits", offset
            )

    def gate(
        self,
        gate: Gate,
        params: tuple[Number, ...],
        modifiers: list[tuple[str, float]],
        qubits: Sequence[int],
        offset: int,
    ) -> None:
        """Append one gate on concrete qubits."""
        self.room(gate.size, offset)
        try:
            if modifiers:
                self._append(pack(modified(gate, params, modifiers, len(qubits))), qubits, offset)
            elif not isinstance(gate, Defined):
                self._append(pack(gate.rows(params, len(qubits))), qubits, offset)
            elif gate.size <= PACKED_ROWS:
                self._append(gate.packed(params), qubits, offset)
            else:
                self._pieces(gate, params, qubits, offset)
        except ValueProblem as problem:
            self._source.fail(problem.kind, problem.message, offset)

    def _pieces(
        self, gate: Defined, params: tuple[Number, ...], qubits: Sequence[int], offset: int
    ) -> None:
        """A large gate line by line; as deep as definitions are nested."""
        for item in gate.items:
            on = [qubits[w] for w in item.wires]
            if item.gate is None:
                self.barrier(on, offset)
                continue
            values, modifiers = gate.arguments(item, params)
            self.gate(item.gate, values, modifiers, on, offset)

    def _append(self, packed: Packed, qubits: Sequence[int], offset: int) -> None:
        b = self.builder
        self.room(len(packed.ops), offset)
        first = len(b.ops)
        ext = (*qubits, -1)
        b.ops += packed.ops
        b.qs.extend([ext[w] for w in packed.wires])
        b.ps.frombytes(packed.params)
        b.aux.frombytes(packed.aux)
        for row, wires in packed.pooled:
            self._pool_room(len(wires), offset)
            at = 3 * (first + row)
            b.qs[at : at + 2] = array("i", (len(b.pool), len(wires)))
            b.pool.extend([ext[w] for w in wires])
        for row, slot, expr in packed.symbolic:
            b.symbolic.append((first + row, slot, expr))
        if packed.phase != 0.0 and self.fixed and not isinstance(packed.phase, Symbolic):
            b.global_phase += packed.phase

    def broadcast(
        self,
        gate: Gate,
        params: tuple[Number, ...],
        modifiers: list[tuple[str, float]],
        columns: Columns,
        offset: int,
    ) -> None:
        """Append the gate on every row of ``columns``, int32 (times, qubits)."""
        times = len(columns)
        self.room(gate.size * times, offset)
        native = NATIVE.get(gate.name) if type(gate) is Gate and not modifiers else None
        if native is None or times == 1 or native[0] in POOLED_CODES:
            for row in columns.tolist():
                self.gate(gate, params, modifiers, row, offset)
            return
        first = len(self.builder.ops)
        self.plain(native[0], columns, plain(params))
        for slot, angle in enumerate(params):
            if isinstance(angle, Symbolic):
                self.builder.symbolic += [(first + i, slot, angle.expr) for i in range(times)]

    def plain(
        self, op: int, columns: Columns, params: list[float], aux: Columns | None = None
    ) -> None:
        """Append an operation that is not pooled on every row of ``columns``."""
        b, times = self.builder, len(columns)
        qs = np.full((times, 3), -1, np.int32)
        qs[:, : columns.shape[1]] = columns
        b.ops += bytes([op]) * times
        b.qs.frombytes(qs.tobytes())
        b.ps.frombytes(array("d", params).tobytes() * times)
        b.aux.frombytes((np.full(times, -1, np.int32) if aux is None else aux).tobytes())

    def measure(self, qubits: Sequence[int], bits: Sequence[int], offset: int) -> None:
        """Measure each of ``qubits`` into the bit beside it."""
        self.room(len(qubits), offset)
        if len(qubits) == 1:
            self.builder.measure(qubits[0], bits[0])
            return
        columns = numbers(qubits).reshape(-1, 1)
        self.plain(int(Op.MEASURE), columns, [0.0] * 4, numbers(bits))

    def reset(self, qubits: Sequence[int], offset: int) -> None:
        """Reset each of ``qubits``."""
        self.room(len(qubits), offset)
        self.plain(int(Op.RESET), numbers(qubits).reshape(-1, 1), [0.0] * 4)

    def delay(self, qubits: Sequence[int], length: float, unit: float, offset: int) -> None:
        """Let each of ``qubits`` wait."""
        self.room(len(qubits), offset)
        columns = numbers(qubits).reshape(-1, 1)
        self.plain(int(Op.DELAY), columns, [length, unit, 0.0, 0.0])

    def barrier(self, qubits: Sequence[int], offset: int) -> None:
        """A barrier on ``qubits``."""
        self.room(1, offset)
        self._pool_room(len(qubits), offset)
        self.builder.barrier(qubits)
