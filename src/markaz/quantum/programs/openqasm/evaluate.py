"""Evaluates postfix expressions: to constants wherever that is possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.expressions import Item, Rpn
from markaz.quantum.programs.openqasm.lexer import Source, clip
from markaz.quantum.programs.openqasm.rows import Budget
from markaz.quantum.programs.openqasm.values import Value, ValueProblem

Lookup = Callable[[str, int], Value]


class Host:
    """What expressions may ask of the program around them."""

    def lookup(self, name: str, offset: int) -> Value:
        """The value of a name."""
        raise NotImplementedError

    def call(self, name: str, arguments: list[Value], item: Item) -> Value:
        """The value of a call to something that is not a built-in function."""
        raise NotImplementedError

    def measured(self, operand: Value, item: Item) -> Value:
        """The outcome of ``measure`` inside an expression."""
        raise NotImplementedError

    def hardware(self, number: int, offset: int) -> Value:
        """The physical qubit ``$number``."""
        raise NotImplementedError


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
        if code == "number":
            if value in (float("inf"),):
                self._source.limit("a number is too large", item.offset)
            return value  # type: ignore[no-any-return]
        if code == "name":
            if local is not None and value in local:
                return local[value]  # type: ignore[no-any-return]
            if value in self._constants:
                return self._constants[value]
            found = self._host.lookup(value, item.offset)
            if isinstance(found, v.Bits) and not isinstance(found.index, range):
                self._guarded(item, self._named_again, found)
            return found
        if code == "bits":
            return v.BitString(int(value, 2), len(value))
        if code == "hardware":
            return self._host.hardware(value, item.offset)
        return v.Duration(value)

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
        result = _mixed_binary(symbol, a, b)
        self._charge(result)
        return result

    def _charge(self, value: Value) -> None:
        """Count what a value costs beyond its text."""
        if isinstance(value, v.Qubits | v.Bits):
            if not isinstance(value.index, range):
                self.budget.spend(len(value.index))
        elif isinstance(value, v.Runtime | v.Symbolic):
            self.budget.spend(1)

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

    def _named_again(self, value: Value) -> Value:
        self._charge(value)
        return value

    def _indexed(self, value: Value, at: Value) -> Value:
        result = indexed(value, at)
        self._charge(result)
        return result

    def _span(self, item: Item, parts: Sequence[Value | None]) -> v.Span:
        whole: list[int | None] = []
        for part in parts:
            if isinstance(part, float) and part.is_integer() and self._real:
                part = int(part)
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
        assert width is None or isinstance(width, int)
        return self._guarded(item, convert, name, width, arguments[-1])

    def _call(self, item: Item, name: str, arguments: list[Value]) -> Value:
        if v.is_function(name) and len(arguments) == 1:
            return self._guarded(item, _function, name, arguments[0])
        if name in ("pow", "mod") and len(arguments) == 2:
            step = Item("binary", "**" if name == "pow" else "%", item.offset)
            return self._binary(step, arguments[0], arguments[1])
        if name in _ROUNDING and len(arguments) == 1:
            return self._guarded(item, _rounded, name, arguments[0])
        if name == "sizeof" and len(arguments) == 1:
            return self._guarded(item, _size, arguments[0])
        if v.is_function(name) or name in ("pow", "mod"):
            self._source.parse(f"{name} takes another number of arguments", item.offset)
        return self._host.call(name, arguments, item)


_GROUPS = frozenset({"measure", "range", "index", "set", "cast", "call"})
_ROUNDING = frozenset({"ceiling", "floor", "popcount"})


def _take(stack: list[Value], count: int) -> list[Value]:
    if not count:
        return []
    taken = stack[-count:]
    del stack[-count:]
    return taken


def _refuse(what: str) -> NoReturn:
    raise ValueProblem("parse", what)


def _plain(value: Value) -> Value:
    return value.value if isinstance(value, v.BitString) else value


def _mixed_binary(symbol: str, a: Value, b: Value) -> Value:
    if symbol == "++":
        return _concatenated(a, b)
    if dynamic.is_runtime(a) or dynamic.is_runtime(b):
        return dynamic.binary(symbol, a, b)
    if isinstance(a, v.Symbolic) or isinstance(b, v.Symbolic):
        if isinstance(a, float | int | v.Symbolic) and isinstance(b, float | int | v.Symbolic):
            return v.symbolic(symbol, a, b)
    x, y = _plain(a), _plain(b)
    if isinstance(x, int | float) and isinstance(y, int | float):
        return v.constant_binary(symbol, x, y, real=False)
    if isinstance(a, v.Duration) or isinstance(b, v.Duration):
        return v.Duration("")
    _refuse(f"'{symbol}' does not take these operands")


def _concatenated(a: Value, b: Value) -> Value:
    if isinstance(a, v.Qubits) and isinstance(b, v.Qubits):
        return v.Qubits((*a.index, *b.index))
    if isinstance(a, v.Bits) and isinstance(b, v.Bits):
        return v.Bits((*a.index, *b.index))
    if isinstance(a, v.BitString) and isinstance(b, v.BitString):
        return v.BitString(a.value | b.value << a.width, a.width + b.width)
    _refuse("'++' joins two registers of qubits or of bits")


def _unary(symbol: str, value: Value) -> Value:
    if dynamic.is_runtime(value):
        return dynamic.unary(symbol, value)
    if isinstance(value, v.Symbolic) and symbol in "+-":
        return value if symbol == "+" else v.symbolic("neg", value)
    if isinstance(value, v.BitString) and symbol == "~":
        return v.BitString(value.value ^ ((1 << value.width) - 1), value.width)
    x = _plain(value)
    if isinstance(x, v.Duration):
        return x
    if isinstance(x, int | float):
        if symbol == "!":
            return not x
        if symbol == "~" and isinstance(x, int):
            return not x if isinstance(x, bool) else ~x
        if symbol in "+-":
            return -x if symbol == "-" else +x
    _refuse(f"'{symbol}' does not take this operand")


def _function(name: str, x: Value) -> Value:
    if isinstance(x, v.Symbolic):
        return v.symbolic(name, x)
    if isinstance(x, int | float):
        return v.constant_function(name, x)
    if dynamic.is_runtime(x):
        raise ValueProblem("unsupported", f"{name} of a measured value")
    _refuse(f"{name} takes a number")


def _rounded(name: str, x: Value) -> Value:
    x = _plain(x)
    if name == "popcount" and isinstance(x, int):
        return x.bit_count()
    if name != "popcount" and isinstance(x, int | float):
        return int(x // 1) if name == "floor" else -int(-x // 1)
    raise ValueProblem("unsupported", f"{name} of this value")


def _size(x: Value) -> Value:
    if isinstance(x, v.Qubits | v.Bits):
        return len(x.index)
    if isinstance(x, v.BitString):
        return x.width
    _refuse("sizeof takes a register")


def _picks(members: list[Value]) -> Value:
    whole = [x for x in members if isinstance(x, int)]
    if len(whole) < len(members):
        raise ValueProblem("unsupported", "a set needs constant whole numbers")
    return v.Picks(tuple(whole))


def positions(at: Value, size: int) -> Sequence[int] | int:
    """Which of ``size`` elements ``at`` selects; ValueProblem when out of range."""
    if isinstance(at, int):
        if not -size <= at < size:
            _refuse(f"index {at} is out of range for a register of {size}")
        return at % size
    if isinstance(at, v.Picks):
        return tuple(int(positions(i, size)) for i in at.items)  # type: ignore[arg-type]
    if isinstance(at, v.Span):
        return range(size)[_slice(at, size)]
    raise ValueProblem("unsupported", "an index must be a constant whole number, range or set")


def _slice(span: v.Span, size: int) -> slice:
    for end in (span.start, span.stop):
        if end is not None and not -size <= end < size:
            _refuse(f"index {end} is out of range for a register of {size}")
    start, stop = span.start, span.stop
    if stop is not None:
        past = stop % size + (1 if span.step > 0 else -1)
        stop = None if past < 0 else past
    return slice(None if start is None else start % size, stop, span.step)


def indexed(value: Value, at: Value) -> Value:
    """``value[at]``; ValueProblem when that does not exist."""
    if isinstance(value, v.Qubits | v.Bits):
        if value.single:
            _refuse("this is a single " + ("qubit" if isinstance(value, v.Qubits) else "bit"))
        chosen = positions(at, len(value.index))
        if isinstance(chosen, int):
            return type(value)((value.index[chosen],), True)
        if isinstance(chosen, range) and isinstance(value.index, range):
            at_ = value.index
            stop = at_.start + chosen.stop * at_.step
            return type(value)(
                range(at_.start + chosen.start * at_.step, stop, chosen.step * at_.step)
            )
        return type(value)(tuple(value.index[i] for i in chosen))
    if isinstance(value, v.Runtime) and isinstance(at, int):
        return dynamic.index(value, int(positions(at, value.width)))  # type: ignore[arg-type]
    if isinstance(value, v.BitString):
        picked = positions(at, value.width)
        if isinstance(picked, int):
            return bool(value.value >> picked & 1)
        bits = [value.value >> i & 1 for i in picked]
        return v.BitString(sum(b << i for i, b in enumerate(bits)), len(bits))
    if isinstance(value, int) and isinstance(at, int) and 0 <= at < v.MAX_BITS:
        return bool(value >> at & 1)
    if dynamic.is_runtime(at):
        raise ValueProblem("unsupported", "an index cannot depend on a measurement")
    _refuse("only registers can be indexed")


def convert(kind: str, width: int | None, value: Value) -> Value:
    """``value`` as a classical type; ValueProblem when it has no such value."""
    if width is not None and not 1 <= width <= (v.MAX_BITS if kind != "bit" else 100_000):
        raise ValueProblem("limit-size", f"a width of {clip(str(width))} bits")
    if dynamic.is_runtime(value):
        return _convert_runtime(kind, width, value)
    if kind in ("float", "angle"):
        x = _plain(value)
        if isinstance(x, v.Symbolic | v.Duration):
            return x
        if not isinstance(x, int | float):
            _refuse(f"this is not a value of type {kind}")
        if abs(x) > 1e308:
            raise ValueProblem("limit-size", "a value is too large")
        return float(x)
    x = _plain(value)
    if not isinstance(x, int | float):
        _refuse(f"this is not a constant of type {kind}")
    if kind == "bool":
        return bool(x)
    if kind == "bit":
        return _bits(value, int(x), width)
    whole = int(x)
    if kind == "uint" and width is None and whole < 0:
        width = 32
    return whole if width is None else v.wrap(whole, width, kind == "int")


def _bits(value: Value, whole: int, width: int | None) -> Value:
    if isinstance(value, v.BitString) and value.width != (width or 1):
        _refuse(f"a bit string of {value.width} for {width or 1} bits")
    if width is None:
        return v.BitString(int(bool(whole)), 1)
    return v.BitString(whole & ((1 << width) - 1), width)


def _convert_runtime(kind: str, width: int | None, value: Value) -> Value:
    if kind in ("float", "angle"):
        raise ValueProblem("unsupported", f"a {kind} cannot depend on a measurement")
    if kind == "bool":
        return dynamic.truth(value)
    x = dynamic.as_runtime(value)
    if kind == "bit":
        return dynamic.fits(x, width or 1)
    return dynamic.cast(x, width or 32, kind == "int") if not _same(x, kind, width) else x


def _same(x: v.Runtime, kind: str, width: int | None) -> bool:
    return x.width == (width or 32) and x.signed == (kind == "int")
