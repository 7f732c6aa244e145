"""Subroutines, put in where they are called: qubits by reference, values by value."""

from __future__ import annotations

from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.elements import convert
from markaz.quantum.programs.openqasm.expressions import Item
from markaz.quantum.programs.openqasm.lexer import Source, clip
from markaz.quantum.programs.openqasm.scopes import Entry, Function, Variable
from markaz.quantum.programs.openqasm.state import State
from markaz.quantum.programs.openqasm.values import Bits, Qubits, Value


class Subroutines(State):
    """``def``, calls and ``return``."""

    def __init__(self, source: Source, version: int) -> None:
        super().__init__(source, version)
        self._returned: Value | None = None
        self._level = 0
        self._depth = 0

    def define_function(self, definition: s.Subroutine) -> None:
        """Take in a ``def`` with a lower bound of what a call costs."""
        names = [name for _, name in definition.arguments]
        if len(set(names)) < len(names):
            self.source.parse("two arguments have the same name", definition.offset)
        weight = self.scales.block(definition.body, frozenset(names))
        function = Function(definition, weight.gates, weight.iterations)
        self.declare(definition.name, function, definition.offset)

    def call(self, name: str, arguments: list[Value], item: Item) -> Value:
        """Carry out a subroutine; its value, or 0 where it returns nothing."""
        function = self.scopes.find(name)
        if not isinstance(function, Function):
            self.source.parse(f"'{clip(name)}' is not a subroutine or function", item.offset)
        if function.running:
            self.source.unsupported(f"subroutine '{clip(name)}' calls itself", item.offset)
        self._check_cost(function, item.offset)
        formal = function.definition.arguments
        if len(formal) != len(arguments):
            self.source.parse(
                f"'{clip(name)}' takes {len(formal)} arguments, not {len(arguments)}", item.offset
            )
        table: dict[str, Entry] = {}
        for (type_, argument), value in zip(formal, arguments, strict=True):
            table[argument] = self._bound(type_, argument, value, item.offset)
        return self._run(function, table, item)

    def _check_cost(self, function: Function, offset: int) -> None:
        self.emitter.room(function.gates, offset)
        self.iterations += 1
        if self.iterations + function.iterations > self.source.limits.iterations:
            self.source.limit(
                f"calls and loops run more than {self.source.limits.iterations} times", offset
            )
        if self._depth >= self.source.limits.nesting:
            self.source.limit("subroutine calls are nested too deep", offset)

    def _bound(self, type_: s.Type, name: str, value: Value, offset: int) -> Entry:
        """An argument as the body sees it."""
        if type_.kind == "qubit":
            width = self.width(type_, self.source.limits.qubits)
            if not isinstance(value, Qubits) or len(value.at) != (width or 1):
                self.source.parse(f"argument '{clip(name)}' takes {width or 1} qubits", offset)
            return Qubits(value.at, width is None)
        width = self.width(type_, v.MAX_BITS)
        if type_.kind == "bit":
            size = width or 1
            start = self.hidden("argument", name, size, type_.offset)
            bits = Bits(range(start, start + size), width is None)
            if isinstance(value, Bits) and len(value.at) != size:
                self.source.parse(f"argument '{clip(name)}' takes {size} bits", offset)
            self.store_value(bits, value, offset)
            return bits
        variable = Variable(name, type_.kind, width, type_.offset)
        self.set_variable(variable, value, offset)
        return variable

    def _run(self, function: Function, table: dict[str, Entry], item: Item) -> Value:
        definition = function.definition
        floor = self.scopes.enter(table)
        kept = self._level, self.loops, self.in_function
        self._level, self.loops, self.in_function = self.dynamic, [], True
        self._returned, function.running = None, True
        self._depth += 1
        for statement in definition.body:
            if self.execute(statement):
                break
        self._depth -= 1
        function.running = False
        self._level, self.loops, self.in_function = kept
        self.scopes.leave(floor)
        returned, self._returned = self._returned, None
        if definition.returns is None:
            return 0
        if returned is None:
            self.source.parse(f"'{clip(definition.name)}' returned nothing", item.offset)
        return self._result(definition.returns, returned, item)

    def _result(self, type_: s.Type, value: Value, item: Item) -> Value:
        """The returned value as its type, in bits of its own where it was measured."""
        width = self.width(type_, v.MAX_BITS)
        result = self.guarded(item.offset, lambda: convert(type_.kind, width, value))
        if not dynamic.is_runtime(result):
            return result
        size = 1 if type_.kind in ("bool", "bit") and width is None else width or 32
        start = self.hidden("result", "result", size, item.offset)
        self.store_value(Bits(range(start, start + size)), result, item.offset)
        bits = Bits(range(start, start + size), size == 1 and width is None)
        if type_.kind != "int":
            return bits
        whole = dynamic.as_runtime(bits)
        return self.guarded(item.offset, lambda: dynamic.cast(whole, size, True))

    def leave_function(self, statement: s.Return) -> str:
        """``return``: keeps the value for the caller."""
        if not self.in_function:
            self.source.parse("'return' outside a subroutine", statement.offset)
        if self.dynamic != self._level:
            self.source.unsupported(
                "'return' in a block that depends on a measurement", statement.offset
            )
        if statement.value is not None:
            self._returned = self.values.value(statement.value)
        return "return"
