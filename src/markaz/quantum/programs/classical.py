"""Classical expressions: what conditions and assignments compute from classical bits.

An expression is a nested tuple of an operator and its operands:

- ``("const", value)``; ``("bits", offset, size)``, unsigned, bit ``offset`` least significant
- ``("not", e)`` logical, ``("neg", e)``, ``("inv", e, width)`` bitwise within ``width`` bits,
  ``("cast", e, width)`` keeps the low ``width`` bits
- ``(operator, a, b)`` with and, or, xor (bitwise), add, sub, mul, div, mod, pow, shl, shr,
  eq, ne, lt, le, gt, ge, land, lor

Integers are unbounded between casts; div and mod truncate towards zero, as in C.
Comparisons and logical operators give 0 or 1; land and lor leave the second operand
unevaluated where the first decides.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.errors import ProgramError

MAX_BITS = 1 << 17  # widest intermediate value; registers have at most 1e5 bits


def evaluate(expr: Expr, bits: Sequence[int]) -> int:
    """Value of ``expr`` when the classical bits have the values ``bits`` (0 or 1 each).

    Raises ProgramError ``unsupported`` for a division by zero, a negative shift or
    exponent, or a value of more than MAX_BITS bits; ``limit-size`` for an expression
    nested too deeply.
    """
    try:
        return _value(expr, bits)
    except RecursionError:
        raise ProgramError("limit-size", "classical expression nested too deeply") from None


def bits_of(expr: Expr) -> frozenset[int]:
    """Every classical bit that ``expr`` may read."""
    found: set[int] = set()
    todo: list[Any] = [expr]
    while todo:
        item = todo.pop()
        if item[0] == "bits":
            found.update(range(item[1], item[1] + item[2]))
        else:
            todo += [x for x in item[1:] if isinstance(x, tuple)]
    return frozenset(found)


def _value(expr: Any, bits: Sequence[int]) -> int:
    name = expr[0]
    if name == "const":
        return int(expr[1])
    if name == "bits":
        return _unsigned(bits[expr[1] : expr[1] + expr[2]])
    first: int = _value(expr[1], bits)
    if name in _WITH_WIDTH:
        return int(_WITH_WIDTH[name](first) & ((1 << expr[2]) - 1))
    if name in _UNARY:
        return _UNARY[name](first)
    if name in ("land", "lor"):
        decided = bool(first) == (name == "lor")
        return int(first != 0) if decided else int(_value(expr[2], bits) != 0)
    return int(_BINARY[name](first, _value(expr[2], bits)))


def _unsigned(bits: Sequence[int]) -> int:
    value = 0
    for bit in reversed(bits):
        value = 2 * value + int(bit)
    return value


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise ProgramError("unsupported", "division by zero in a classical expression")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _modulo(a: int, b: int) -> int:
    return a - b * _divide(a, b)


def _shift(a: int, b: int) -> int:
    """``a * 2**b``; a negative ``b`` shifts to the right."""
    if a == 0:
        return 0
    if b > 0:
        _check_size(a.bit_length() + b)
    return a << b if b > 0 else a >> min(-b, MAX_BITS + 1)


def _left(a: int, b: int) -> int:
    _check_sign("shift", b)
    return _shift(a, b)


def _right(a: int, b: int) -> int:
    _check_sign("shift", b)
    return _shift(a, -b)


def _power(a: int, b: int) -> int:
    _check_sign("exponent", b)
    if abs(a) > 1:
        _check_size(a.bit_length() * b)
    return int(a**b)


def _multiply(a: int, b: int) -> int:
    _check_size(a.bit_length() + b.bit_length())
    return a * b


def _check_sign(what: str, value: int) -> None:
    if value < 0:
        raise ProgramError("unsupported", f"negative {what} {value} in a classical expression")


def _check_size(bits: int) -> None:
    if bits > MAX_BITS:
        raise ProgramError("unsupported", f"a classical value of more than {MAX_BITS} bits")


_WITH_WIDTH: dict[str, Callable[[int], int]] = {"inv": operator.invert, "cast": operator.pos}
_UNARY: dict[str, Callable[[int], int]] = {
    "not": lambda a: int(not a),
    "neg": operator.neg,
}
_BINARY: dict[str, Callable[[int, int], int]] = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "add": operator.add,
    "sub": operator.sub,
    "mul": _multiply,
    "div": _divide,
    "mod": _modulo,
    "pow": _power,
    "shl": _left,
    "shr": _right,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
