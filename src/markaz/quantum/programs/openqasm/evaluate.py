"""Evaluates postfix expressions: to constants wherever that is possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.bitwise import ROTATIONS, popcount, rotated
from markaz.quantum.programs.openqasm.elements import convert, indexed, plain, refuse
from markaz.quantum.programs.openqasm.expressions import Item, Rpn
from markaz.quantum.programs.openqasm.lexer import Source
from markaz.quantum.programs.openqasm.rows import Budget
from markaz.quantum.programs.openqasm.values import Value, ValueProblem

Lookup = Callable[[str, int], Value]


class Host(ABC):
    """What expressions may ask of the program around them."""

    @abstractmethod
    def lookup(self, name: str, offset: int) -> Value:
        """The value of a name."""

    @abstractmethod
    def call(self, name: str, arguments: list[Value], item: Item) -> Value:
        """The value of a call to something that is not a built-in function."""

    @abstractmethod
    def measured(self, operand: Value, item: Item) -> Value:
        """The outcome of ``measure`` inside an expression."""

    @abstractmethod
    def hardware(self, number: int, offset: int) -> Value:
        """The physical qubit ``$number``."""


class Evaluator:
    """Evaluates for one program; ``version`` decides how whole numbers divide."""

    def __init__(self, source: Source, version: int, host: Host, budget: Budget) -> None:
        self.source = self._source = source
        self._host, self.budget = host, budget
        self._real = version == 2
        self._constants = v.CONSTANTS_2 if version == 2 else v.CONSTANTS

    def value(self, rpn: Rpn, local: dict[str, Any] | None = None) -> Value:
        """Value of ``rpn``; names are looked for in ``local`` first."""
        if len(rpn) == 1:
            return self._leaf(rpn[0], local)
        stack: list[Value] = []
        for item in rpn:
            code = item.code
            if code == "binary":
                right = stack.pop()
                stack[-1] = self._binary(item, stack[-1], right)
            elif code == "unary":
                stack[-1] = self._guarded(item, _unary, item.value, stack[-1])
            elif code in _GROUPS:
                self._group(item, stack)
            else:
                stack.append(self._leaf(item, local))
        return stack[0]

    def number(self, rpn: Rpn, local: dict[str, Any] | None = None) -> v.Number:
        """A gate parameter: float or Symbolic."""
        value = self.value(rpn, local)
        if isinstance(value, v.Symbolic | float):
            return value
        if isinstance(value, int):
            try:
                return float(value)
            except OverflowError:
                self._source.limit("an angle is too large", rpn[0].offset)
        if dynamic.is_runtime(value):
            self._source.unsupported(
                "a gate parameter cannot depend on a measurement", rpn[0].offset
            )
        self._source.parse("a gate parameter must be a number", rpn[0].offset)

    def whole(self, rpn: Rpn, what: str) -> int:
        """A constant whole number."""
        value = self.value(rpn)
        if isinstance(value, v.BitString):
            return value.value
        if isinstance(value, float) and value.is_integer() and self._real:
            return int(value)
        if not isinstance(value, int):
            self._source.parse(f"{what} must be a constant whole number", rpn[0].offset)
        return int(value)

    # -- steps ----------------------------------------------------------------------

    def _leaf(self, item: Item, local: dict[str, Any] | None) -> Value:
        code, value = item.code, item.value
        if code == "name":
            if local is not None and value in local:
                return local[value]  # type: ignore[no-any-return]
            return self._name(value, item)
        if code == "hardware":
            return self._host.hardware(value, item.offset)
        if code == "bits":
            return v.BitString(int(value, 2), len(value))
        if code == "duration":
            return v.Duration(value)
        if value == _INFINITE:
            self._source.limit("a number is too large", item.offset)
        return value  # type: ignore[no-any-return]

    def _name(self, name: str, item: Item) -> Value:
        if name in self._constants:
            return self._constants[name]
        found = self._host.lookup(name, item.offset)
        if isinstance(found, v.Bits) and not isinstance(found.at, range):
            self._guarded(item, self._charge, found)
        return found

    def _guarded(self, item: Item, function: Callable[..., Value], *arguments: Any) -> Value:
        try:
            return function(*arguments)
        except ValueProblem as problem:
            self._source.fail(problem.kind, problem.message, item.offset)

    def _binary(self, item: Item, a: Value, b: Value) -> Value:
        if isinstance(a, int | float) and isinstance(b, int | float):
            try:
                return v.constant_binary(item.value, a, b, real=self._real)
            except ValueProblem as problem:
                self._source.fail(problem.kind, problem.message, item.offset)
        return self._guarded(item, self._mixed, item.value, a, b)

    def _mixed(self, symbol: str, a: Value, b: Value) -> Value:
        return self._charge(_mixed_binary(symbol, a, b))

    def _charge(self, value: Value) -> Value:
        """Count what a value costs beyond its text."""
        if isinstance(value, v.Qubits | v.Bits):
            if not isinstance(value.at, range):
                self.budget.spend(len(value.at))
        elif isinstance(value, v.Runtime | v.Symbolic):
            self.budget.spend(1)
        return value

    def _group(self, item: Item, stack: list[Value]) -> None:
        """Steps that take several values from the stack."""
        code = item.code
        if code == "measure":
            stack[-1] = self._host.measured(stack[-1], item)
        elif code == "range":
            parts = [stack.pop() if given else None for given in reversed(item.value)][::-1]
            stack.append(self._span(item, parts))
        elif code == "index":
            arguments = _take(stack, item.value)
            if len(arguments) != 1:
                self._source.unsupported("an index has one dimension here", item.offset)
            stack[-1] = self._guarded(item, self._indexed, stack[-1], arguments[0])
        elif code == "set":
            stack.append(self._guarded(item, _picks, _take(stack, item.value)))
        elif code == "cast":
            name, count = item.value
            stack.append(self._cast(item, name, _take(stack, count)))
        else:
            name, count = item.value
            stack.append(self._call(item, name, _take(stack, count)))

    def _indexed(self, value: Value, at: Value) -> Value:
        return self._charge(indexed(value, at))

    def _span(self, item: Item, parts: Sequence[Value | None]) -> v.Span:
        whole: list[int | None] = []
        for part in parts:
            if part is not None and not isinstance(part, int):
                self._source.unsupported("a range needs constant whole numbers", item.offset)
            whole.append(part)
        if len(whole) == 2:
            return v.Span(whole[0], 1, whole[1])
        if whole[1] == 0:
            self._source.parse("a range cannot have a step of zero", item.offset)
        return v.Span(whole[0], 1 if whole[1] is None else whole[1], whole[2])

    def _cast(self, item: Item, name: str, arguments: list[Value]) -> Value:
        width = arguments[0] if len(arguments) == 2 else None
        if len(arguments) > 1 and not isinstance(width, int):
            self._source.parse("a width must be a constant whole number", item.offset)
        size = int(width) if isinstance(width, int) else None
        return self._guarded(item, convert, name, size, arguments[-1])

    def _call(self, item: Item, name: str, arguments: list[Value]) -> Value:
        if v.is_function(name) and len(arguments) == 1:
            return self._guarded(item, _function, name, arguments[0])
        if name in ("pow", "mod") and len(arguments) == 2:
            step = Item("binary", "**" if name == "pow" else "%", item.offset)
            return self._binary(step, arguments[0], arguments[1])
        if name in _ROUNDING and len(arguments) == 1:
            return self._guarded(item, _rounded, name, arguments[0])
        if name in _BITWISE and len(arguments) == _BITWISE[name]:
            return self._guarded(item, self._bitwise, name, arguments)
        if name == "sizeof" and len(arguments) == 1:
            return self._guarded(item, _size, arguments[0])
        if v.is_function(name) or name in ("pow", "mod") or name in _BITWISE:
            self._source.parse(f"{name} takes another number of arguments", item.offset)
        return self._host.call(name, arguments, item)

    def _bitwise(self, name: str, arguments: list[Value]) -> Value:
        first = arguments[0]
        if isinstance(first, v.Bits):
            self.budget.spend(len(first.at))
        elif isinstance(first, v.Runtime):
            self.budget.spend(first.width)
        return popcount(first) if name == "popcount" else rotated(name, first, arguments[1])


_INFINITE = float("inf")
_GROUPS = frozenset({"measure", "range", "index", "set", "cast", "call"})
_ROUNDING = frozenset({"ceiling", "floor"})
_BITWISE = {"popcount": 1, **dict.fromkeys(ROTATIONS, 2)}  # arguments


def _take(stack: list[Value], count: int) -> list[Value]:
    if not count:
        return []
    taken = stack[-count:]
    del stack[-count:]
    return taken


def _mixed_binary(symbol: str, a: Value, b: Value) -> Value:
    if symbol == "++":
        return _concatenated(a, b)
    if dynamic.is_runtime(a) or dynamic.is_runtime(b):
        return dynamic.binary(symbol, a, b)
    x, y = plain(a), plain(b)
    if isinstance(x, int | float) and isinstance(y, int | float):
        return v.constant_binary(symbol, x, y, real=False)
    if isinstance(x, v.Symbolic | int | float) and isinstance(y, v.Symbolic | int | float):
        return v.symbolic(symbol, x, y)
    if isinstance(a, v.Duration) or isinstance(b, v.Duration):
        return v.Duration("")
    refuse(f"'{symbol}' does not take these operands")


def _concatenated(a: Value, b: Value) -> Value:
    if isinstance(a, v.Qubits) and isinstance(b, v.Qubits):
        return v.Qubits((*a.at, *b.at))
    if isinstance(a, v.Bits) and isinstance(b, v.Bits):
        return v.Bits((*a.at, *b.at))
    if isinstance(a, v.BitString) and isinstance(b, v.BitString):
        return v.BitString(a.value | b.value << a.width, a.width + b.width)
    refuse("'++' joins two registers of qubits or of bits")


def _unary(symbol: str, value: Value) -> Value:
    if dynamic.is_runtime(value):
        return dynamic.unary(symbol, value)
    if isinstance(value, v.BitString) and symbol == "~":
        return v.BitString(value.value ^ ((1 << value.width) - 1), value.width)
    x = plain(value)
    if isinstance(x, int | float):
        return _constant_unary(symbol, x)
    if isinstance(x, v.Duration):
        return x
    if isinstance(x, v.Symbolic) and symbol in "+-":
        return x if symbol == "+" else v.symbolic("neg", x)
    refuse(f"'{symbol}' does not take this operand")


def _constant_unary(symbol: str, x: float) -> Value:
    if symbol == "!":
        return not x
    if symbol == "~":
        if not isinstance(x, int):
            refuse("'~' takes whole numbers")
        return not x if isinstance(x, bool) else ~x
    return -x if symbol == "-" else +x


def _function(name: str, x: Value) -> Value:
    if isinstance(x, v.Symbolic):
        return v.symbolic(name, x)
    if isinstance(x, int | float):
        return v.constant_function(name, x)
    if dynamic.is_runtime(x):
        raise ValueProblem("unsupported", f"{name} of a measured value")
    refuse(f"{name} takes a number")


def _rounded(name: str, x: Value) -> Value:
    x = plain(x)
    if isinstance(x, int | float):
        return int(x // 1) if name == "floor" else -int(-x // 1)
    raise ValueProblem("unsupported", f"{name} of this value")


def _size(x: Value) -> Value:
    if isinstance(x, v.Qubits | v.Bits):
        return len(x.at)
    if isinstance(x, v.BitString):
        return x.width
    refuse("sizeof takes a register")


def _picks(members: list[Value]) -> Value:
    whole = [x for x in members if isinstance(x, int)]
    if len(whole) < len(members):
        raise ValueProblem("unsupported", "a set needs constant whole numbers")
    return v.Picks(tuple(whole))
