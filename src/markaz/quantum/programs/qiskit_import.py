"""From Qiskit's circuit objects to flat arrays; see ``qiskit_bridge.from_qiskit``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import (
    Barrier,
    BreakLoopOp,
    CircuitInstruction,
    ContinueLoopOp,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Measure,
    Parameter,
    ParameterExpression,
    QuantumCircuit,
    Reset,
    Store,
)

from markaz.quantum.programs.circuit import Builder, Circuit, Expr, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, NANOSECONDS, POOLED, STEPS, TIME_UNITS, Op
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.qiskit_control import ControlImporter
from markaz.quantum.programs.qiskit_exprs import parametric
from markaz.quantum.programs.qiskit_gates import DIRECT, REWRITTEN, controlled, definition

_NAN: Final = float("nan")
_POOLED_GATES: Final = sorted(int(op) for op in POOLED if op <= LAST_GATE)


class Scope:
    """Where a circuit's own bits lie in the whole, and how deep it is nested."""

    def __init__(
        self, circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int], depth: int
    ) -> None:
        self.qubits = dict(zip(circuit.qubits, qubits, strict=True))
        self.clbits = dict(zip(circuit.clbits, clbits, strict=True))
        self.depth = depth


class Importer:
    """Converts one circuit; ``run`` may be called once."""

    def __init__(self, circuit: QuantumCircuit, limits: Limits) -> None:
        self.limits = limits
        self.builder = Builder(num_qubits=circuit.num_qubits, num_clbits=circuit.num_clbits)
        self.loops: dict[Parameter, float] = {}
        self._circuit = circuit
        self._blocks: dict[tuple[object, ...], tuple[object, Circuit]] = {}
        self._control = ControlImporter(self)
        self._handlers: list[tuple[type, Callable[[Any, CircuitInstruction, Scope], None]]] = [
            (Measure, self._measure),
            (Barrier, self._barrier),
            (Reset, self._reset),
            (Delay, self._delay),
            (ControlFlowOp, self._control.append),
            (BreakLoopOp, self._control.leave),
            (ContinueLoopOp, self._control.proceed),
            (Store, self._control.store),
            (ControlledGate, self._controlled),
        ]

    def run(self) -> Circuit:
        """The flat circuit."""
        c, b = self._circuit, self.builder
        self._check("qubits", c.num_qubits, self.limits.qubits)
        self._check("classical bits", c.num_clbits, self.limits.clbits)
        self._check("parameters", c.num_parameters, self.limits.parameters)
        b.qregs = _runs(c.qregs, {q: i for i, q in enumerate(c.qubits)})
        bits = {bit: i for i, bit in enumerate(c.clbits)}
        b.cregs = _filled(_runs(c.cregs, bits), c.num_clbits)
        b.parameters = [p.name for p in c.parameters]
        self.walk(c, Scope(c, range(c.num_qubits), range(c.num_clbits), 0))
        self._check("classical bits", b.num_clbits, self.limits.clbits)
        return b.build()

    def _check(self, what: str, count: int, most: int) -> None:
        if count > most:
            raise ProgramError("limit-size", f"{count} {what}; at most {most}")

    def walk(self, circuit: QuantumCircuit, scope: Scope) -> None:
        """Append all instructions of ``circuit``."""
        b = self.builder
        self._check("nested definitions or blocks", scope.depth, self.limits.nesting)
        self._check("operations", len(b.ops) + len(circuit.data), self.limits.gates)
        self._control.declare(circuit)
        if not isinstance(circuit.global_phase, ParameterExpression):
            b.global_phase += float(circuit.global_phase)
        where = scope.qubits
        ops, qs, ps, aux = b.ops, b.qs, b.ps, b.aux
        for inst in circuit.data:
            direct = DIRECT.get(inst.name)
            if direct is None or not inst.is_standard_gate():
                self._other(inst, scope)
                continue
            op, count, angles = direct
            if count == 1:
                qs.extend((where[inst.qubits[0]], -1, -1))
            elif count == 2:
                first, second = inst.qubits
                qs.extend((where[first], where[second], -1))
            else:
                qs.extend([where[q] for q in inst.qubits])
            ops.append(op)
            aux.append(-1)
            if not angles:
                ps.extend(_ZEROS)
            elif len(params := inst.params) == angles:
                ps.extend(self._numbers(params))
            else:
                raise ProgramError("parse", f"the gate {inst.name!r} lacks an angle")

    def _numbers(self, params: Sequence[Any]) -> Sequence[float]:
        """Four numbers; unbound parameters of the operation just appended are put on record."""
        if all(type(p) is float for p in params):
            return (*params, *_ZEROS)[:4]
        row = [0.0, 0.0, 0.0, 0.0]
        for slot, p in enumerate(params):
            value = self._number(p)
            if isinstance(value, float):
                row[slot] = value
            else:
                row[slot] = _NAN
                self.builder.symbolic.append((len(self.builder.ops) - 1, slot, value))
        return row

    def _number(self, p: Any) -> float | Expr:
        if isinstance(p, ParameterExpression):
            return parametric(p, self.loops)
        if isinstance(p, Real):
            return float(p)
        raise ProgramError("parse", f"an angle is {type(p).__name__}, not a real number")

    def _gate(self, op: Op, qubits: Sequence[int], params: Sequence[Any]) -> None:
        b = self.builder
        b.gate(op, qubits)
        b.ps[-4:] = type(b.ps)("d", self._numbers(params))

    def _other(self, inst: CircuitInstruction, scope: Scope) -> None:
        """Anything but a standard gate of ours."""
        if inst.is_standard_gate() and self._standard(inst, scope):
            return
        op = inst.operation
        for kind, handler in self._handlers:
            if isinstance(op, kind):
                handler(op, inst, scope)
                return
        self._expand(op, inst, scope)

    def _standard(self, inst: CircuitInstruction, scope: Scope) -> bool:
        if inst.name == "global_phase":
            phase = inst.params[0]
            if not isinstance(phase, ParameterExpression):
                self.builder.global_phase += float(phase)
            return True
        if inst.name not in REWRITTEN:
            return False
        op, rewrite = REWRITTEN[inst.name]
        self._gate(op, [scope.qubits[q] for q in inst.qubits], rewrite(*inst.params))
        return True

    def _measure(self, op: Measure, inst: CircuitInstruction, scope: Scope) -> None:
        self.builder.measure(scope.qubits[inst.qubits[0]], scope.clbits[inst.clbits[0]])

    def _barrier(self, op: Barrier, inst: CircuitInstruction, scope: Scope) -> None:
        self.builder.barrier(scope.qubits[q] for q in inst.qubits)

    def _reset(self, op: Reset, inst: CircuitInstruction, scope: Scope) -> None:
        self.builder.reset(scope.qubits[inst.qubits[0]])

    def _delay(self, op: Delay, inst: CircuitInstruction, scope: Scope) -> None:
        """A wait; of an unbound one the unit must be one of seconds, or clock steps."""
        if op.unit != "dt" and op.unit not in TIME_UNITS:
            raise ProgramError("unsupported", f"a delay in {op.unit!r} has no known length")
        steps = op.unit == "dt"
        length = self._number(op.duration)
        factor = 1.0 if steps else TIME_UNITS[op.unit]
        self.builder.delay(scope.qubits[inst.qubits[0]], 0.0, STEPS if steps else NANOSECONDS)
        if isinstance(length, float):
            if not 0 <= length < math.inf:
                raise ProgramError("parse", f"a delay of {length!r} is no time")
            self.builder.ps[-4] = round(length * factor, 6)  # seconds are no whole nanoseconds
        else:
            self.builder.ps[-4] = _NAN
            scaled: Expr = length if factor == 1.0 else ("mul", length, ("const", factor))
            self.builder.symbolic.append((len(self.builder.ops) - 1, 0, scaled))

    def _controlled(self, op: ControlledGate, inst: CircuitInstruction, scope: Scope) -> None:
        ours = controlled(op)
        if ours is None:
            self._expand(op, inst, scope)
            return
        qubits = [scope.qubits[q] for q in inst.qubits]
        opened = [
            q for k, q in enumerate(qubits[: op.num_ctrl_qubits]) if not op.ctrl_state >> k & 1
        ]
        for q in opened:
            self.builder.gate(Op.X, [q])
        self._gate(ours[0], qubits, ours[1])
        for q in opened:
            self.builder.gate(Op.X, [q])

    def _expand(self, op: Any, inst: CircuitInstruction, scope: Scope) -> None:
        """Append the definition: as a copied block, or in place if it has classical parts."""
        inner = definition(op)
        qubits = [scope.qubits[q] for q in inst.qubits]
        if inner.num_clbits or inner.num_vars or inner.has_control_flow_op():
            clbits = [scope.clbits[c] for c in inst.clbits]
            self.walk(inner, Scope(inner, qubits, clbits, scope.depth + 1))
        else:
            self._copy(self._block(inner, scope.depth + 1), np.array(qubits, np.int32))

    def _block(self, inner: QuantumCircuit, depth: int) -> Circuit:
        """The definition on its own qubits, converted once."""
        values = tuple(self.loops.items()) if inner.num_parameters else ()
        key = (id(inner), *values)
        if key not in self._blocks:
            outer, self.builder = self.builder, Builder(num_qubits=inner.num_qubits)
            try:
                self.walk(inner, Scope(inner, range(inner.num_qubits), (), depth))
                block = self.builder.build()
            finally:
                self.builder = outer
            self._blocks[key] = (inner, block)  # held, so that its id stays its own
        return self._blocks[key][1]

    def _copy(self, block: Circuit, where: NDArray[np.int32]) -> None:
        b = self.builder
        self._check("operations", len(b.ops) + len(block), self.limits.gates)
        pooled = np.isin(block.op, [*_POOLED_GATES, int(Op.BARRIER)])
        padded = np.append(where, np.int32(-1))
        rows = padded[np.where(pooled[:, None], -1, block.qubits)]
        rows[pooled] = block.qubits[pooled]
        rows[pooled, 0] += len(b.pool)
        b.symbolic += [(i + len(b.ops), slot, e) for i, slot, e in block.symbolic]
        b.ops += block.op.tobytes()
        b.qs.frombytes(rows.tobytes())
        b.ps.frombytes(block.params.tobytes())
        b.aux.frombytes(block.aux.tobytes())
        b.pool.frombytes(where[block.pool].tobytes() if len(block.pool) else b"")
        b.global_phase += block.global_phase


_ZEROS: Final = (0.0, 0.0, 0.0, 0.0)


def _runs(registers: Sequence[Any], place: dict[Any, int]) -> list[Register]:
    """The registers that are runs of neighbouring bits and share none with one before."""
    found: list[Register] = []
    taken: set[int] = set()
    for r in registers:
        where = [place[bit] for bit in r]
        first = where[0] if where else 0
        if where and where == list(range(first, first + len(where))) and taken.isdisjoint(where):
            found.append(Register(r.name, len(where), first))
            taken.update(where)
    return sorted(found, key=lambda r: r.offset)


def _filled(registers: list[Register], bits: int) -> list[Register]:
    """The registers with others in the gaps, so that each bit is shown exactly once."""
    names = {r.name for r in registers}
    result: list[Register] = []
    at = 0
    for r in [*registers, Register("", 0, bits)]:
        if r.offset > at:
            name = next(n for i in range(bits + 1) if (n := f"loose{i}") not in names)
            names.add(name)
            result.append(Register(name, r.offset - at, at))
        if r.size:
            result.append(r)
        at = r.offset + r.size
    return result
