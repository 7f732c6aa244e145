"""The flat circuit: a checked program as a few arrays.

Every reader produces it, every simplification and engine consumes it. Arrays instead of
gate objects, because conversion between object circuits costs more than many runs.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.gates import LAST_GATE, POOLED, TABLE, Op

# Classical expressions are nested tuples, evaluated by ``classical.py``:
#   ("const", int) | ("bits", offset, size) | (operator, operand, …)
# Parameter expressions likewise: ("const", float) | ("param", name) | (operator, operand, …)
Expr = tuple["str | int | float | Expr", ...]


_MEASURE, _RESET, _FIRST_CONTROL = int(Op.MEASURE), int(Op.RESET), int(Op.IF)
_POOLED = np.zeros(256, np.bool_)
_POOLED[[int(op) for op in POOLED]] = True


@dataclass(frozen=True, slots=True)
class Register:
    """A named run of qubits or classical bits; hidden ones hold a program's variables."""

    name: str
    size: int
    offset: int
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Circuit:
    """A checked circuit.

    For operation ``i`` (see ``gates.Op``): ``op[i]`` uint8; ``qubits[i]`` int32 (3,), -1
    where unused; ``params[i]`` float64 (4,), radians; ``aux[i]`` int32: the classical bit
    of a MEASURE, the expression index of IF, WHILE and ASSIGN, else -1. Operations in
    ``gates.POOLED`` keep ``qubits[i] = (start, count, -1)`` into ``pool``.

    ``num_clbits`` counts all classical bits, those of hidden registers too; results hold
    the visible registers only. ``symbolic`` lists (operation, parameter slot, expression)
    for parameters that are still unbound (their value in ``params`` is NaN).
    """

    num_qubits: int
    num_clbits: int
    op: NDArray[np.uint8]
    qubits: NDArray[np.int32]
    params: NDArray[np.float64]
    aux: NDArray[np.int32]
    pool: NDArray[np.int32]
    exprs: tuple[Expr, ...] = ()
    qregs: tuple[Register, ...] = ()
    cregs: tuple[Register, ...] = ()
    parameters: tuple[str, ...] = ()
    symbolic: tuple[tuple[int, int, Expr], ...] = ()
    global_phase: float = 0.0
    measured: str = "explicit"

    def __len__(self) -> int:
        return len(self.op)

    @property
    def visible_clbits(self) -> int:
        """Classical bits that a result shows."""
        return sum(r.size for r in self.cregs if not r.hidden)

    @property
    def is_dynamic(self) -> bool:
        """Whether it has a reset, control flow, or an operation on a measured qubit or
        a second write to a classical bit."""
        op = self.op
        if len(op) == 0:
            return False
        if int(op.max()) >= _FIRST_CONTROL or bool((op == _RESET).any()):
            return True
        return not self._measures_are_last()

    def _measures_are_last(self) -> bool:
        where = (self.op == _MEASURE).nonzero()[0]
        if len(where) == 0:
            return True
        measured = self.qubits[where, 0]
        bits = self.aux[where]
        if len(set(measured.tolist())) < len(where) or len(set(bits.tolist())) < len(where):
            return False
        if len(self.op) - int(where[0]) == len(where):  # nothing else after the first
            return True
        return self._untouched_after(measured, where)

    def _untouched_after(self, measured: NDArray[np.int32], where: NDArray[np.int64]) -> bool:
        """Whether no gate acts on a measured qubit after its measurement."""
        when = np.full(self.num_qubits, len(self.op), np.int64)
        when[measured] = where
        late = int(where[0])
        gates = (self.op[late:] <= LAST_GATE).nonzero()[0] + late
        pooled = _POOLED[self.op[gates]]
        plain = gates[~pooled]
        used = self.qubits[plain]
        if bool(np.any((used >= 0) & (when[np.maximum(used, 0)] < plain[:, None]))):
            return False
        return all(bool(np.all(when[self.operands(int(i))] > i)) for i in gates[pooled])

    def operands(self, i: int) -> list[int]:
        """Qubits of operation ``i`` in the gate's own order."""
        if int(self.op[i]) in POOLED:
            start, count = int(self.qubits[i, 0]), int(self.qubits[i, 1])
            return [int(x) for x in self.pool[start : start + count]]
        return [int(x) for x in self.qubits[i] if x >= 0]

    def measurements(self) -> list[tuple[int, int]]:
        """(qubit, classical bit) of every MEASURE in order."""
        where = self.op == Op.MEASURE
        return list(zip(self.qubits[where, 0].tolist(), self.aux[where].tolist(), strict=True))

    def with_arrays(self, **changes: object) -> Circuit:
        """A copy with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Builder:
    """Collects operations in growable buffers; ``build`` makes the Circuit.

    Readers may extend ``ops``, ``qs`` (3 a gate), ``ps`` (4 a gate) and ``aux`` directly
    where a call per gate would cost too much.
    """

    num_qubits: int = 0
    num_clbits: int = 0
    ops: bytearray = field(default_factory=bytearray)
    qs: array[int] = field(default_factory=lambda: array("i"))
    ps: array[float] = field(default_factory=lambda: array("d"))
    aux: array[int] = field(default_factory=lambda: array("i"))
    pool: array[int] = field(default_factory=lambda: array("i"))
    exprs: list[Expr] = field(default_factory=list)
    qregs: list[Register] = field(default_factory=list)
    cregs: list[Register] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    symbolic: list[tuple[int, int, Expr]] = field(default_factory=list)
    global_phase: float = 0.0
    measured: str = "explicit"

    def qreg(self, name: str, size: int) -> Register:
        """Declare ``size`` qubits; returns the register."""
        register = Register(name, size, self.num_qubits)
        self.qregs.append(register)
        self.num_qubits += size
        return register

    def creg(self, name: str, size: int, *, hidden: bool = False) -> Register:
        """Declare ``size`` classical bits; returns the register."""
        register = Register(name, size, self.num_clbits, hidden)
        self.cregs.append(register)
        self.num_clbits += size
        return register

    def gate(self, op: Op, qubits: Sequence[int], params: Sequence[float] = ()) -> None:
        """Append a gate; pooled gates take any number of qubits."""
        if op in POOLED:
            self._pooled(op, qubits, params, -1)
            return
        if len(qubits) != TABLE[op].num_qubits:
            raise ValueError(f"{TABLE[op].name} takes {TABLE[op].num_qubits} qubits")
        self._append(op, (*qubits, -1, -1)[:3], params, -1)

    def measure(self, qubit: int, clbit: int) -> None:
        """Append a Z measurement of ``qubit`` into ``clbit``."""
        self._append(Op.MEASURE, (qubit, -1, -1), (), clbit)

    def reset(self, qubit: int) -> None:
        """Append a reset of ``qubit`` to the zero state."""
        self._append(Op.RESET, (qubit, -1, -1), (), -1)

    def delay(self, qubit: int, length: float, unit: float) -> None:
        """Append a wait of ``length`` nanoseconds or clock steps (``gates.STEPS``)."""
        self._append(Op.DELAY, (qubit, -1, -1), (length, unit), -1)

    def barrier(self, qubits: Iterable[int]) -> None:
        """Append a barrier on ``qubits``."""
        self._pooled(Op.BARRIER, list(qubits), (), -1)

    def control(self, op: Op, expr: Expr | None = None) -> None:
        """Append IF/WHILE (with their condition), ELSE, END, BREAK or CONTINUE."""
        self._append(op, (-1, -1, -1), (), -1 if expr is None else self._expr(expr))

    def assign(self, offset: int, size: int, expr: Expr) -> None:
        """Append the assignment of an unsigned value to ``size`` bits from ``offset``."""
        self._append(Op.ASSIGN, (len(self.pool), 2, -1), (), self._expr(expr))
        self.pool.extend((offset, size))

    def _expr(self, expr: Expr) -> int:
        self.exprs.append(expr)
        return len(self.exprs) - 1

    def _pooled(self, op: Op, qubits: Sequence[int], params: Sequence[float], aux: int) -> None:
        self._append(op, (len(self.pool), len(qubits), -1), params, aux)
        self.pool.extend(qubits)

    def _append(self, op: Op, qubits: Sequence[int], params: Sequence[float], aux: int) -> None:
        self.ops.append(op)
        self.qs.extend(qubits)
        self.ps.extend((*params, 0.0, 0.0, 0.0, 0.0)[:4])
        self.aux.append(aux)

    def build(self) -> Circuit:
        """The finished circuit; the builder must not be used afterwards."""
        n = len(self.ops)
        return Circuit(
            self.num_qubits,
            self.num_clbits,
            np.frombuffer(bytes(self.ops), np.uint8),
            np.array(self.qs, np.int32).reshape(n, 3),
            np.array(self.ps, np.float64).reshape(n, 4),
            np.array(self.aux, np.int32),
            np.array(self.pool, np.int32),
            tuple(self.exprs),
            tuple(self.qregs),
            tuple(self.cregs),
            tuple(self.parameters),
            tuple(self.symbolic),
            self.global_phase,
            self.measured,
        )
