"""Classical and parameter expressions as OpenQASM 3.

OpenQASM's integers have a width and wrap; the circuit's are unbounded between casts. So
every operand is cast to a type in which the operation cannot overflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.classical import bits_of, evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_names import angle

_SYMBOLS = {
    "and": "&",
    "or": "|",
    "xor": "^",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
    "pow": "**",
    "shl": "<<",
    "shr": ">>",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "land": "&&",
    "lor": "||",
}
_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_WRAPPING = frozenset({"add", "sub", "mul"})
_MAX_WIDTH = 1 << 16


class Variable(NamedTuple):
    """A declared run of classical bits; ``is_bits``: ``bit[size]``, else ``uint[size]``."""

    name: str
    offset: int
    size: int
    is_bits: bool


class _Typed(NamedTuple):
    """Text of a value and its type: ``kind`` const, bool, bits, uint or int."""

    text: str
    kind: str
    width: int

    def as_type(self, width: int, *, signed: bool = False) -> str:
        kind = "int" if signed else "uint"
        if self.kind == "const" or (self.kind == kind and self.width == width):
            return self.text
        if self.kind == "bits" and self.width > 1 and (signed or self.width != width):
            return f"{kind}[{width}](uint[{self.width}]({self.text}))"
        return f"{kind}[{width}]({self.text})"

    def as_bool(self) -> str:
        single = self.kind == "bool" or (self.width == 1 and self.kind == "bits")
        return self.text if single else f"({self.as_number()} != 0)"

    def as_number(self) -> str:
        return self.text if self.kind in ("const", "int", "uint") else self.as_type(self.width)

    @property
    def signed(self) -> bool:
        return self.kind == "int" or self.text.startswith("-")


class ClassicalWriter:
    """Writes classical expressions over the declared ``variables``."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._variable: dict[int, Variable] = {}
        for v in variables:
            self._variable.update(dict.fromkeys(range(v.offset, v.offset + v.size), v))

    def condition(self, expr: Expr) -> str:
        """``expr`` as a truth value, without brackets around it."""
        return _bare(self._typed(expr).as_bool())

    def place(self, bit: int) -> str:
        """A single classical bit."""
        v = self._variable[bit]
        return f"{v.name}[{bit - v.offset}]"

    def assignment(self, offset: int, size: int, expr: Expr) -> str:
        """The statement that assigns the low ``size`` bits of ``expr``."""
        v = self._variable[offset]
        if offset + size > v.offset + v.size:
            raise ProgramError("unsupported", "an assignment across classical registers")
        value = self._typed(expr)
        if value.kind == "const":
            value = _constant(int(value.text) & ((1 << size) - 1))
        if size == 1 and (v.is_bits or v.size > 1):
            plain = value.kind in ("const", "bool") or (value.kind, value.width) == ("bits", 1)
            low = value.text if plain else f"bool({value.as_type(1)})"
            return f"{self.place(offset)} = {_bare(low)};"
        part = f"[{offset - v.offset}:{_last(v, offset, size)}]"
        target = v.name if size == v.size else v.name + part
        number = value.as_type(size)
        number = f"bit[{size}]({_bare(number)})" if v.is_bits else _bare(number)
        return f"{target} = {number};"

    def _typed(self, expr: Any) -> _Typed:
        name = expr[0]
        if name == "bits" and expr[2]:
            return self._bits(expr[1], expr[2])
        if not bits_of(expr):
            return _constant(evaluate(expr, ()))
        if name in ("not", "land", "lor"):
            parts = [self._typed(e).as_bool() for e in expr[1:]]
            return _Typed("!" + parts[0] if name == "not" else _infix(name, *parts), "bool", 1)
        if name in ("cast", "inv", "neg"):
            return self._unary(name, expr)
        return self._binary(name, self._typed(expr[1]), self._typed(expr[2]))

    def _bits(self, offset: int, size: int) -> _Typed:
        parts, at = [], offset
        while at < offset + size:
            v = self._variable[at]
            count = min(v.offset + v.size, offset + size) - at
            if count == v.size and (count > 1 or not v.is_bits):
                text, kind = v.name, "bits" if v.is_bits else "uint"
            elif count == 1:
                text, kind = self.place(at), "bits"
            else:
                text, kind = f"{v.name}[{at - v.offset}:{_last(v, at, count)}]", "bits"
            parts.append(_Typed(text, kind, count))
            at += count
        if len(parts) == 1:
            return parts[0]
        texts, low = [], 0
        for part in parts:
            texts.append(f"({part.as_type(size)} << {low})" if low else part.as_type(size))
            low += part.width
        return _Typed(f"({' | '.join(texts)})", "uint", size)

    def _unary(self, name: str, expr: Any) -> _Typed:
        if name == "cast" and expr[1][0] in _WRAPPING:
            a, b = (self._typed(e) for e in expr[1][1:])
            if not (a.signed or b.signed or max(a.width, b.width) > expr[2]):
                texts = (_not_const(a, expr[2]), b.as_type(expr[2]))
                return _Typed(_infix(expr[1][0], *texts), "uint", expr[2])
        inner = self._typed(expr[1])
        if name == "neg":
            width = inner.width + 2
            return _Typed(f"(-{_not_const(inner, width, signed=True)})", "int", width)
        text = inner.as_type(expr[2])
        return _Typed("~" + text if name == "inv" else text, "uint", expr[2])

    def _binary(self, name: str, a: _Typed, b: _Typed) -> _Typed:
        if name in _COMPARISONS:
            return _Typed(_infix(name, *_comparable(a, b)), "bool", 1)
        signed = a.signed or b.signed or name == "sub"
        width = _result_width(name, a, b) + 2 * signed
        if width > _MAX_WIDTH:
            raise ProgramError("unsupported", f"a classical value of {width} bits")
        left = _not_const(a, width, signed=signed)
        right = b.as_number() if name in ("shl", "shr", "pow") else b.as_type(width, signed=signed)
        return _Typed(_infix(name, left, right), "int" if signed else "uint", width)


def _constant(value: int) -> _Typed:
    return _Typed(str(value), "const", max(1, value.bit_length()))


def _bare(text: str) -> str:
    """``text`` without a pair of brackets around all of it."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if text.startswith("(") and k == len(text) - 1 else text
    return text


def _last(v: Variable, offset: int, size: int) -> int:
    """Last index of a range; OpenQASM 3 ranges include it."""
    return offset - v.offset + size - 1


def _infix(name: str, left: str, right: str) -> str:
    return f"({left} {_SYMBOLS[name]} {right})"


def _not_const(value: _Typed, width: int, *, signed: bool = False) -> str:
    """With its type even for a constant, so that the operation has that type."""
    if value.kind == "const":
        return f"{'int' if signed else 'uint'}[{width}]({value.text})"
    return value.as_type(width, signed=signed)


def _comparable(a: _Typed, b: _Typed) -> tuple[str, str]:
    if "const" in (a.kind, b.kind):
        return a.text, b.text
    if a.signed == b.signed:
        return a.as_number(), b.as_number()
    width = max(a.width, b.width) + 1
    return a.as_type(width, signed=True), b.as_type(width, signed=True)


def _result_width(name: str, a: _Typed, b: _Typed) -> int:
    most = abs(int(b.text)) if b.kind == "const" else 1 << min(b.width, 17)
    widths = {"add": max(a.width, b.width) + 1, "mul": a.width + b.width}
    widths |= {"shl": a.width + most, "pow": max(1, a.width * most)}
    return widths.get(name, max(a.width, b.width))


_FUNCTIONS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}


def parameter_text(expr: Expr, names: Mapping[str, str]) -> str:
    """A parameter expression; ``names`` gives each parameter's identifier."""
    return _bare(_parameter(expr, names))


def _parameter(expr: Any, names: Mapping[str, str]) -> str:
    name = expr[0]
    if name == "const":
        return angle(float(expr[1]))
    if name == "param":
        return names[expr[1]]
    parts = [_parameter(e, names) for e in expr[1:]]
    if name == "neg":
        return f"(-{parts[0]})"
    if name == "abs":  # OpenQASM has no abs; in binary floating point this is the same
        return f"sqrt({parts[0]}*{parts[0]})"
    if name == "mod" or name not in _SYMBOLS:
        return f"{_FUNCTIONS.get(name, name)}({', '.join(parts)})"
    return f"({parts[0]} {_SYMBOLS[name]} {parts[1]})"
