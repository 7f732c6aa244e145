"""Carries statements out: declarations, gates, measurements and assignments."""

from __future__ import annotations

import numpy as np

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.control import Control
from markaz.quantum.programs.openqasm.elements import convert
from markaz.quantum.programs.openqasm.emitter import numbers
from markaz.quantum.programs.openqasm.expressions import Item, Rpn
from markaz.quantum.programs.openqasm.gatedefs import Gate, modifier_argument
from markaz.quantum.programs.openqasm.lexer import clip
from markaz.quantum.programs.openqasm.scopes import Function, Variable
from markaz.quantum.programs.openqasm.values import Bits, Qubits, Value


class Interpreter(Control):
    """One program being read; every method takes one kind of statement."""

    # -- names ----------------------------------------------------------------------

    def lookup(self, name: str, offset: int) -> Value:
        """The value of a name; a parse error where there is none."""
        entry = self.scopes.find(name)
        if isinstance(entry, Variable):
            return self.read(entry, offset)
        if entry is None:
            self.source.parse(f"'{clip(name)}' is not defined", offset)
        if isinstance(entry, Function):
            self.source.parse(f"'{clip(name)}' is a subroutine, not a value", offset)
        return entry

    def declare(self, name: str, entry: Value | Variable | Function, offset: int) -> None:
        """Give ``name`` a meaning in the innermost block."""
        table = self.scopes.tables[-1]
        if name in table:
            self.source.parse(f"'{clip(name)}' is declared twice", offset)
        if len(table) >= self.source.limits.definitions * 3:
            self.source.limit("too many declarations", offset)
        table[name] = entry

    # -- declarations ---------------------------------------------------------------

    def _declare(self, statement: s.Declare) -> None:
        kind = statement.type.kind
        if kind == "qubit":
            self._declare_qubits(statement)
        elif kind in ("duration", "stretch"):
            self.declare(statement.name, self._duration(statement), statement.offset)
        elif statement.mode == "input":
            self._declare_input(statement)
        elif kind == "bit" and statement.mode != "const":
            self._declare_bits(statement)
        else:
            self._declare_variable(statement)

    def _duration(self, statement: s.Declare) -> v.Duration:
        if statement.type.kind == "stretch":
            return v.Duration(v.STRETCH)
        init = statement.init
        known = init is not None and len(init) == 1 and init[0].code == "duration"
        return v.Duration(str(init[0].value) if init is not None and known else "")

    def width(self, type_: s.Type, most: int) -> int | None:
        """The width that a type gives, None where it gives none."""
        if type_.width is None:
            return None
        size = self.values.whole(type_.width, "a size")
        if size < 1:
            self.source.parse("a size must be at least 1", type_.offset)
        if size > most:
            what = "a register" if most > v.MAX_BITS else "a type"
            self.source.limit(f"{what} of {clip(str(size))} is too large", type_.offset)
        return size

    def _declare_qubits(self, statement: s.Declare) -> None:
        if not self.scopes.is_global:
            self.source.parse("qubits can only be declared globally", statement.offset)
        if self.physical:
            self.source.unsupported(
                "physical qubits and declared ones cannot be mixed", statement.offset
            )
        width = self.width(statement.type, self.source.limits.qubits)
        self.new_qubits(statement.name, width or 1, width is None, statement.offset)

    def new_qubits(self, name: str, size: int, single: bool, offset: int) -> None:
        """Declare a register of ``size`` qubits, or one qubit."""
        builder, most = self.emitter.builder, self.source.limits.qubits
        start = builder.num_qubits
        if start + size > most:
            self.source.limit(f"more than {most} qubits are declared", offset)
        self.declare(name, Qubits(range(start, start + size), single), offset)
        builder.qreg(name, size)

    def _declare_input(self, statement: s.Declare) -> None:
        if statement.type.kind not in ("float", "angle"):
            self.source.unsupported(
                f"input of type {statement.type.kind}: only float and angle can be inputs",
                statement.offset,
            )
        if not self.scopes.is_global:
            self.source.parse("inputs can only be declared globally", statement.offset)
        builder = self.emitter.builder
        if len(builder.parameters) >= self.source.limits.parameters:
            self.source.limit("too many parameters", statement.offset)
        entry = v.Symbolic(("param", statement.name), 1, 1)
        self.declare(statement.name, entry, statement.offset)
        builder.parameters.append(statement.name)

    def _declare_bits(self, statement: s.Declare) -> None:
        width = self.width(statement.type, self.source.limits.clbits)
        if self.scopes.is_global:
            start = self.new_bits(statement.name, width or 1, statement.offset, hidden=False)
        else:
            start = self.hidden("bits", statement.name, width or 1, statement.offset)
            if statement.init is None:
                self.assign_bits(start, width or 1, ("const", 0), statement.offset)
        entry = Bits(range(start, start + (width or 1)), width is None)
        self.declare(statement.name, entry, statement.offset)
        if statement.init is not None:
            self._store(entry, statement.init, statement.offset)

    def _declare_variable(self, statement: s.Declare) -> None:
        kind = statement.type.kind
        most = v.MAX_BITS if kind != "bit" else self.source.limits.clbits
        width = self.width(statement.type, most)
        variable = Variable(statement.name, kind, width, statement.offset)
        if statement.init is not None:
            value = self.values.value(statement.init)
            if statement.mode == "const" and dynamic.is_runtime(value):
                self.source.parse(
                    f"constant '{clip(statement.name)}' depends on a measurement", statement.offset
                )
            self.set_variable(variable, value, statement.offset)
        variable.constant = statement.mode == "const"
        self.declare(statement.name, variable, statement.offset)

    def _alias(self, statement: s.Alias) -> None:
        value = self.values.value(statement.value)
        if not isinstance(value, Qubits | Bits):
            self.source.parse("an alias stands for qubits or bits", statement.offset)
        if not isinstance(value.at, range) and len(set(value.at)) < len(value.at):
            self.source.parse("an alias names the same qubit or bit twice", statement.offset)
        self.declare(statement.name, value, statement.offset)

    # -- assignments ----------------------------------------------------------------

    def _assign(self, statement: s.Assign) -> None:
        target, value = statement.target, statement.value
        if statement.operator:
            value = [*target, *value, Item("binary", statement.operator, statement.offset)]
        entry = self.scopes.find(target[0].value)
        if isinstance(entry, Variable) and len(target) == 1:
            if value[-1].code == "measure" and entry.bits is not None:
                self._store(entry.bits, value, statement.offset)
                return
            self.set_variable(entry, self.values.value(value), statement.offset)
            return
        self._store(self.place(target), value, statement.offset)

    def place(self, target: Rpn) -> Bits:
        """The classical bits that an assignment or measurement writes to."""
        name, offset = target[0].value, target[0].offset
        entry = self.scopes.find(name) if target[0].code == "name" else None
        if isinstance(entry, Variable):
            if entry.constant:
                self.source.parse(f"constant '{clip(name)}' cannot be changed", offset)
            if entry.kind in ("float", "angle"):
                self.source.unsupported("a float cannot hold measured bits", offset)
            self.materialise(entry, offset)
            assert entry.bits is not None
            local = {name: entry.bits}
            if len(target) == 1:
                return entry.bits
            value = self.values.value(target, local)
        else:
            value = self.values.value(target)
        if not isinstance(value, Bits):
            self.source.parse("only classical bits and variables can be assigned to", offset)
        return value

    def _store(self, target: Bits, rpn: Rpn, offset: int) -> None:
        """Assign an expression, measured straight into place where it is a measurement."""
        if rpn[-1].code == "measure":
            operand = self.values.value(rpn[:-1])
            self._measure_into(operand, target, offset)
            return
        value = self.values.value(rpn)
        width = len(target.at)
        known = value.width if isinstance(value, v.BitString) else None
        if isinstance(value, Bits):
            known = len(value.at)
        if known is not None and known != width:
            self.source.parse(f"{known} bits are assigned to {width}", offset)
        self.store_value(target, value, offset)

    # -- qubits ---------------------------------------------------------------------

    def qubits(self, rpn: Rpn) -> Qubits:
        """The qubits that an operand names."""
        value = self.values.value(rpn)
        if not isinstance(value, Qubits):
            self.source.parse("a qubit or register of qubits must stand here", rpn[0].offset)
        return value

    def hardware(self, number: int, offset: int) -> Value:
        """Physical qubit ``$number``; the first one declares them all."""
        if not self.physical:
            if self.emitter.builder.num_qubits:
                self.source.unsupported("physical qubits and declared ones cannot be mixed", offset)
            count = self.highest_physical() + 1
            if count > self.source.limits.qubits:
                self.source.limit(f"physical qubit {count - 1} is too high a number", offset)
            self.emitter.builder.qreg("physical", count)
            self.physical = True
        return Qubits((number,), True)

    def _gate_call(self, call: s.GateCall) -> None:
        gate = self.gates.find(call.name, call.offset)
        params = tuple([self.values.number(p) for p in call.params])
        operands = [self.qubits(o) for o in call.operands]
        modifiers = [(m.kind, modifier_argument(self.values, m)) for m in call.modifiers]
        controls = sum(int(x) for kind, x in modifiers if kind in ("ctrl", "negctrl"))
        self.gates.check(gate, len(params), len(operands) - controls, call.offset)
        if all(q.single for q in operands):
            row = [q.at[0] for q in operands]
            if len(set(row)) < len(row):
                self._twice(gate, call.offset)
            self.emitter.gate(gate, params, modifiers, row, call.offset)
            return
        self._broadcast(gate, params, modifiers, operands, call.offset)

    def _twice(self, gate: Gate, offset: int) -> None:
        self.source.parse(f"gate '{clip(gate.name)}' is applied to the same qubit twice", offset)

    def _broadcast(
        self,
        gate: Gate,
        params: tuple[v.Number, ...],
        modifiers: list[tuple[str, float]],
        operands: list[Qubits],
        offset: int,
    ) -> None:
        sizes = {len(q.at) for q in operands if not q.single}
        if len(sizes) > 1:
            self.source.parse(
                f"gate '{clip(gate.name)}' is applied to registers of different sizes", offset
            )
        times = sizes.pop()
        self.emitter.room(times, offset)
        columns = np.empty((times, len(operands)), np.int32)
        for k, q in enumerate(operands):
            columns[:, k] = q.at[0] if q.single else numbers(q.at)
        if len(operands) > 1:
            ordered = np.sort(columns, axis=1)
            if bool(np.any(ordered[:, 1:] == ordered[:, :-1])):
                self._twice(gate, offset)
        self.emitter.broadcast(gate, params, modifiers, columns, offset)

    def _measure(self, statement: s.Measure) -> None:
        operand = self.values.value(statement.operand)
        if statement.target is None:
            self.measured(operand, Item("measure", "", statement.offset))
            return
        self._measure_into(operand, self.place(statement.target), statement.offset)

    def _measure_into(self, operand: Value, target: Bits, offset: int) -> None:
        if not isinstance(operand, Qubits):
            self.source.parse("only qubits can be measured", offset)
        if len(operand.at) != len(target.at):
            self.source.parse(
                f"{len(operand.at)} qubits are measured into {len(target.at)} bits", offset
            )
        self.emitter.measure(operand.at, target.at, offset)

    def measured(self, operand: Value, item: Item) -> Value:
        """``measure`` inside an expression: into bits of its own."""
        if not isinstance(operand, Qubits):
            self.source.parse("only qubits can be measured", item.offset)
        size = len(operand.at)
        start = self.hidden("measure", "outcome", size, item.offset)
        bits = Bits(range(start, start + size), operand.single)
        self._measure_into(operand, bits, item.offset)
        return bits

    def _reset(self, statement: s.Reset) -> None:
        self.emitter.reset(self.qubits(statement.operand).at, statement.offset)

    def _delay(self, statement: s.Delay) -> None:
        """A wait; a stretch may be as short as nothing."""
        length = self.values.value(statement.length)
        if not isinstance(length, v.Duration):
            self.source.parse("a delay takes a duration, such as 100ns", statement.offset)
        if length.text == v.STRETCH:
            return
        value, unit = self.guarded(statement.offset, length.measure)
        on = [q for operand in statement.operands for q in self.qubits(operand).at]
        whole = range(self.emitter.builder.num_qubits)
        wires = on if statement.operands else whole
        self.emitter.delay(wires, value, unit, statement.offset)

    def _barrier(self, statement: s.Barrier) -> None:
        if not statement.operands:
            self.emitter.barrier(range(self.emitter.builder.num_qubits), statement.offset)
            return
        on: dict[int, None] = {}
        for operand in statement.operands:
            index = self.qubits(operand).at
            self.guarded(statement.offset, lambda: self.values.budget.spend(len(index) // 16))  # noqa: B023 - called at once
            on.update(dict.fromkeys(index))
        self.emitter.barrier(list(on), statement.offset)

    # -- statements by kind -----------------------------------------------------------

    def execute(self, statement: s.Statement) -> str:
        """Carry out a statement; returns how it leaves its block ("" for normally)."""
        if isinstance(statement, s.GateCall):
            self._gate_call(statement)
        elif isinstance(statement, s.Measure):
            self._measure(statement)
        elif isinstance(statement, s.Declare):
            self._declare(statement)
        elif isinstance(statement, s.Assign):
            self._assign(statement)
        elif isinstance(statement, s.Reset):
            self._reset(statement)
        elif isinstance(statement, s.Barrier):
            self._barrier(statement)
        elif isinstance(statement, s.Delay):
            self._delay(statement)
        elif isinstance(statement, s.Alias):
            self._alias(statement)
        elif isinstance(statement, s.Call):
            self.values.value(statement.value)
        elif isinstance(statement, s.GateDefinition):
            self._top_only(statement.offset, "gates")
            self.gates.define(statement)
        elif isinstance(statement, s.Subroutine):
            self._top_only(statement.offset, "subroutines")
            self.define_function(statement)
        elif not isinstance(statement, s.Ignored):
            return self.flow(statement)
        return ""

    def _top_only(self, offset: int, what: str) -> None:
        if not self.scopes.is_global:
            self.source.parse(f"{what} can only be defined globally", offset)

    def set_variable(self, variable: Variable, value: Value, offset: int) -> None:
        """Assign to a variable: folded while known, an ASSIGN once measured."""
        if variable.constant:
            self.source.parse(f"constant '{clip(variable.name)}' cannot be changed", offset)
        try:
            new = convert(variable.kind, variable.width, value)
        except v.ValueProblem as problem:
            self.source.fail(problem.kind, problem.message, offset)
        if variable.bits is None and not dynamic.is_runtime(new):
            variable.value = new
            return
        self.materialise(variable, offset, keep=False)
        assert variable.bits is not None
        self.store_value(variable.bits, new, offset)

    def store_value(self, target: Bits, value: Value, offset: int) -> None:
        """Append the assignment of a value to classical bits, least significant first."""
        if isinstance(value, float | v.Duration | v.Symbolic | Qubits):
            self.source.parse("this value cannot be stored in bits", offset)
        width = len(target.at)
        x = self.guarded(offset, lambda: dynamic.fits(dynamic.as_runtime(value), width))
        runs = dynamic.neighbours(target.at)
        if len(runs) == 1:
            self.assign_bits(target.at[0], width, x.expr, offset)
            return
        expr: Expr = x.expr
        if expr[0] != "const":  # the value may read the very bits that are written
            start = self.hidden("copy", "copy", width, offset)
            self.assign_bits(start, width, expr, offset)
        for at, size in runs:
            part: Expr = (
                ("const", int(expr[1]) >> at & ((1 << size) - 1))  # type: ignore[arg-type]
                if expr[0] == "const"
                else ("bits", start + at, size)
            )
            self.assign_bits(target.at[at], size, part, offset)
