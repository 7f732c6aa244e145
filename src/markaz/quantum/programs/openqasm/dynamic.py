"""Classical expressions that are known only when the circuit runs.

OpenQASM's sized integers become the unbounded ones of ``classical.py`` with casts where a
value could leave its type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.openqasm.values import (
    MAX_DEPTH,
    Bits,
    BitString,
    Runtime,
    Value,
    ValueProblem,
)

_COMPARE: Final = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_LOGIC: Final = {"&&": "land", "||": "lor"}
_ARITHMETIC: Final = {
    "&": "and",
    "|": "or",
    "^": "xor",
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "%": "mod",
    "**": "pow",
}
_DEEPEST_AMOUNT: Final = 16  # levels of what a shift repeats, which nested ones multiply
_EXACT: Final = frozenset({"and", "or", "xor", "div", "mod"})  # never leave an unsigned type


def is_runtime(value: Value) -> bool:
    """Whether ``value`` depends on measurements."""
    return isinstance(value, Runtime | Bits)


def as_runtime(value: Value) -> Runtime:
    """``value`` as an expression; ValueProblem for what has no place in one."""
    if isinstance(value, Runtime):
        return value
    if isinstance(value, Bits):
        return _read(value.at)
    if isinstance(value, BitString):
        return Runtime(("const", value.value), value.width, False, 1)
    if isinstance(value, int):
        return Runtime(("const", int(value)), max(1, value.bit_length()), value < 0, 1)
    raise ValueProblem("unsupported", "only bits and whole numbers mix with measured values")


def neighbours(index: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of consecutive bit numbers: (position, length) of each."""
    if isinstance(index, range) and index.step == 1:
        return [(0, len(index))] if index else []
    runs: list[tuple[int, int]] = []
    at = 0
    while at < len(index):
        size = 1
        while at + size < len(index) and index[at + size] == index[at] + size:
            size += 1
        runs.append((at, size))
        at += size
    return runs


def _read(index: Sequence[int]) -> Runtime:
    """The bits as an unsigned number; runs of neighbours are read at once."""
    parts: list[Runtime] = []
    for at, size in neighbours(index):
        bits: Expr = ("bits", index[at], size)
        shifted = Runtime(("shl", bits, ("const", at)), at + size, False, 2)
        parts.append(shifted if at else Runtime(bits, size, False, 1))
    if not parts:
        raise ValueProblem("parse", "an empty register has no value")
    while len(parts) > 1:  # balanced, so that a thousand bits are ten levels
        pairs = [_join("or", parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]._replace(width=len(index))


def _join(name: str, a: Runtime, b: Runtime, width: int = 0, signed: bool = False) -> Runtime:
    return _deeper((name, a.expr, b.expr), width or max(a.width, b.width), signed, a, b)


def _deeper(expr: Expr, width: int, signed: bool, *operands: Runtime) -> Runtime:
    depth = 1 + max(x.depth for x in operands)
    if depth > MAX_DEPTH:
        raise ValueProblem("limit-size", "a classical expression is too long")
    return Runtime(expr, width, signed, depth)


def truth(value: Value) -> Runtime:
    """``value`` as a condition: a single bit that is set when it is not zero."""
    x = as_runtime(value)
    if x.width == 1 and not x.signed:
        return x
    return _deeper(("ne", x.expr, ("const", 0)), 1, False, x)


def binary(symbol: str, left: Value, right: Value) -> Runtime:
    """``left symbol right`` where one of them depends on measurements."""
    if symbol in _LOGIC:
        return _join(_LOGIC[symbol], truth(left), truth(right), 1)
    a, b = as_runtime(left), as_runtime(right)
    if symbol in _COMPARE:
        return _join(_COMPARE[symbol], a, b, 1)
    if symbol in ("<<", ">>"):
        return _shifted(symbol, a, b)
    width, signed = _common(left, right, a, b)
    name = _ARITHMETIC[symbol]
    if name == "pow" and b.expr[0] != "const" and b.width > 6:
        raise ValueProblem("unsupported", "a power with a measured exponent of more than 6 bits")
    if width == 1 and name in ("add", "sub", "mul", "pow"):
        width = 32  # a bit in arithmetic is a whole number
    result = _join(name, a, b, width, signed)
    return result if name in _EXACT and not signed else cast(result, width, signed)


def _common(left: Value, right: Value, a: Runtime, b: Runtime) -> tuple[int, bool]:
    """Width and sign of the result; a plain constant takes the other side's type."""
    if isinstance(left, int):
        return (max(a.width, b.width), a.signed) if b.width == 1 else (b.width, b.signed)
    if isinstance(right, int):
        return (max(a.width, b.width), b.signed) if a.width == 1 else (a.width, a.signed)
    return max(a.width, b.width), a.signed and b.signed


def _shifted(symbol: str, a: Runtime, b: Runtime) -> Runtime:
    if symbol == ">>":
        return _join("shr", a, b, a.width, a.signed)
    if b.expr[0] == "const":
        return cast(_join("shl", a, b, a.width, a.signed), a.width, a.signed)
    if b.width > 16:  # what is shifted beyond the width is zero whatever the amount
        if b.depth > _DEEPEST_AMOUNT:
            message = "a shift by a value computed in many steps; assign it to a variable first"
            raise ValueProblem("unsupported", message)
        most: Expr = ("const", a.width)
        over = _deeper(("lt", b.expr, most), 1, False, b)
        kept = _join("mul", over, _deeper(("cast", b.expr, 16), 16, False, b), 16)
        return cast(_join("mul", over, _join("shl", a, kept), a.width), a.width, a.signed)
    return cast(_join("shl", a, b, a.width, a.signed), a.width, a.signed)


def unary(symbol: str, value: Value) -> Runtime:
    """``!``, ``~``, ``-`` or ``+`` of a value that depends on measurements."""
    if symbol == "!":
        x = truth(value)
        return _deeper(("not", x.expr), 1, False, x)
    x = as_runtime(value)
    if symbol == "~":
        return cast(_deeper(("inv", x.expr, x.width), x.width, False, x), x.width, x.signed)
    if symbol == "+":
        return x
    width = 32 if x.width == 1 else x.width
    return cast(_deeper(("neg", x.expr), width, True, x), width, x.signed or x.width == 1)


def cast(x: Runtime, width: int, signed: bool) -> Runtime:
    """``x`` kept to ``width`` bits, read as signed or not."""
    if x.expr[0] == "const":
        return x._replace(width=width, signed=signed)
    if not signed:
        return _deeper(("cast", x.expr, width), width, False, x)
    half: Expr = ("const", 1 << (width - 1))
    flipped: Expr = ("xor", ("cast", x.expr, width), half)
    return _deeper(("sub", flipped, half), width, True, x)._replace(depth=x.depth + 3)


def fits(x: Runtime, width: int) -> Runtime:
    """``x`` as the unsigned value that ``width`` bits are assigned."""
    if x.signed or x.width > width:
        return cast(x, width, False) if x.expr[0] != "const" else _low(x, width)
    return x


def _low(x: Runtime, width: int) -> Runtime:
    value = x.expr[1]
    assert isinstance(value, int)
    return Runtime(("const", value & ((1 << width) - 1)), width, False, 1)


def bit_of(value: Bits | Runtime, at: int) -> Runtime:
    """Bit ``at`` of ``value`` as an expression."""
    x = as_runtime(value)
    shifted = _deeper(("shr", x.expr, ("const", at)), x.width, False, x)
    return cast(shifted, 1, False)
