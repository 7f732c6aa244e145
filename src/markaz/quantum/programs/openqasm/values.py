"""What an expression can stand for while a program is read, and arithmetic on constants."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.gates import NANOSECONDS, STEPS, TIME_UNITS

MAX_BITS: Final = 4096  # widest constant integer
MAX_DEPTH: Final = 400  # levels of an expression that reaches the circuit
MAX_NODES: Final = 20_000  # operands of one
STRETCH: Final = "stretch"
_LENGTH: Final = re.compile(r"([0-9._]+(?:[eE][-+]?[0-9]+)?)\s?(dt|ns|us|[\u00b5\u03bc]s|ms|s)")


class Qubits(NamedTuple):
    """Qubits by number; ``single`` for one that is not a register."""

    at: Sequence[int]
    single: bool = False


class Bits(NamedTuple):
    """Classical bits by number, least significant first."""

    at: Sequence[int]
    single: bool = False


class BitString(NamedTuple):
    """A constant bit register."""

    value: int
    width: int


class Span(NamedTuple):
    """``start:step:stop``, both ends included; None where left out."""

    start: int | None
    step: int
    stop: int | None


class Picks(NamedTuple):
    """``{a, b, c}``."""

    items: tuple[int, ...]


class Symbolic(NamedTuple):
    """A number that depends on unbound parameters (see ``parameters.py``)."""

    expr: Expr
    depth: int
    nodes: int


class Runtime(NamedTuple):
    """A number that depends on measurements (see ``classical.py``)."""

    expr: Expr
    width: int
    signed: bool
    depth: int


class Duration(NamedTuple):
    """A length of time as it is written; ``STRETCH``: whatever fits, "": not known here."""

    text: str

    def measure(self) -> tuple[float, float]:
        """Length and unit of a DELAY. Raises ValueProblem where they are not known."""
        found = _LENGTH.fullmatch(self.text)
        if found is None:
            message = "the length of a delay must be written out, or be a duration that is"
            raise ValueProblem("unsupported", message)
        number = float(found[1].replace("_", ""))
        if not math.isfinite(number):
            raise ValueProblem("limit-size", "a delay is too long")
        if found[2] == "dt":
            return number, STEPS
        return number * TIME_UNITS[found[2]], NANOSECONDS


Value = (
    bool | int | float | Qubits | Bits | BitString | Span | Picks | Symbolic | Runtime | Duration
)
Number = float | Symbolic


class ValueProblem(Exception):
    """An operation that has no value; ``kind`` as in ProgramError."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


CONSTANTS: Final[dict[str, float | bool]] = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
    "true": True,
    "false": False,
}
CONSTANTS_2: Final[dict[str, float | bool]] = {"pi": math.pi}
_FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "arcsin": math.asin,
    "acos": math.acos,
    "arccos": math.acos,
    "atan": math.atan,
    "arctan": math.atan,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
}
_SYMBOLIC_NAMES: Final = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "log"}
_SYMBOLIC_OPS: Final = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "**": "pow",
    "%": "mod",
}
_SIMPLE: Final[dict[str, Callable[[Any, Any], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&&": lambda a, b: bool(a) and bool(b),
    "||": lambda a, b: bool(a) or bool(b),
}


def is_function(name: str) -> bool:
    """Whether ``name`` is a function of one real number."""
    return name in _FUNCTIONS


def constant_binary(symbol: str, a: float, b: float, *, real: bool) -> float:
    """``a symbol b``; ``real`` where whole numbers divide as real ones (OpenQASM 2).

    Raises ValueProblem for what has no finite value or is too wide.
    """
    try:
        result = _binary(symbol, a, b, real)
    except ZeroDivisionError:
        raise ValueProblem("parse", "division by zero") from None
    except OverflowError:
        raise ValueProblem("limit-size", "a value is too large") from None
    if isinstance(result, int):
        if result.bit_length() > MAX_BITS:
            raise ValueProblem("limit-size", "a whole number is too large")
    elif not math.isfinite(result):
        raise ValueProblem("limit-size", "a value is too large")
    return result


def _binary(symbol: str, a: float, b: float, real: bool) -> float:
    whole = isinstance(a, int) and isinstance(b, int)
    if symbol in _SIMPLE:
        return _SIMPLE[symbol](a, b)
    if symbol == "/":
        return a / b if real or not whole else _truncated(int(a), int(b))
    if symbol == "**":
        return _power(a, b)
    if symbol == "%":
        return math.fmod(a, b) if not whole and b else a - b * _truncated(int(a), int(b))
    if isinstance(a, int) and isinstance(b, int) and symbol in _WHOLE:
        return _WHOLE[symbol](a, b)
    raise ValueProblem("parse", f"'{symbol}' takes whole numbers")


def _truncated(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _power(a: float, b: float) -> float:
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        if abs(a) > 1 and b * (abs(a).bit_length() - 1) > MAX_BITS:
            raise OverflowError
        return int(a**b)
    result = a**b
    if isinstance(result, complex):
        raise ValueProblem("parse", "a power is not a real number")
    return float(result)


def _left(a: int, b: int) -> int:
    if a and b > MAX_BITS:
        raise OverflowError
    return a << _amount(b) if a else 0


def _right(a: int, b: int) -> int:
    return a >> min(_amount(b), MAX_BITS + 1)


def _amount(b: int) -> int:
    if b < 0:
        raise ValueProblem("parse", "a shift by a negative number")
    return b


_WHOLE: Final[dict[str, Callable[[int, int], int]]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": _left,
    ">>": _right,
}


def constant_function(name: str, x: float) -> float:
    """A function of the language at ``x``; ValueProblem where it has no finite value."""
    try:
        result = _FUNCTIONS[name](x)
    except ValueError:
        raise ValueProblem("parse", f"{name}({x:.6g}) is not a real number") from None
    except OverflowError:
        raise ValueProblem("limit-size", f"{name}({x:.6g}) is too large") from None
    return result


def symbolic(name: str, *operands: Number) -> Symbolic:
    """``name`` of numbers of which one at least is symbolic."""
    parts: list[Symbolic] = [
        x if isinstance(x, Symbolic) else Symbolic(("const", float(x)), 1, 1) for x in operands
    ]
    depth = 1 + max(p.depth for p in parts)
    nodes = 1 + sum(p.nodes for p in parts)
    if depth > MAX_DEPTH or nodes > MAX_NODES:
        raise ValueProblem("limit-size", "an expression of parameters is too long")
    word = _SYMBOLIC_OPS.get(name) if len(operands) == 2 else _SYMBOLIC_NAMES.get(name, name)
    if word is None:
        raise ValueProblem("unsupported", f"'{name}' of a parameter that has no value yet")
    return Symbolic((word, *(p.expr for p in parts)), depth, nodes)


def negated(x: Number) -> Number:
    """``-x``."""
    return symbolic("neg", x) if isinstance(x, Symbolic) else 0.0 - x


def scaled(x: Number, factor: float) -> Number:
    """``factor * x``."""
    return symbolic("*", factor, x) if isinstance(x, Symbolic) else factor * x


def total(a: Number, b: Number) -> Number:
    """``a + b``."""
    if isinstance(a, Symbolic) or isinstance(b, Symbolic):
        return symbolic("+", a, b)
    return a + b


def wrap(value: int, width: int, signed: bool) -> int:
    """``value`` as ``width`` bits hold it."""
    low = value & ((1 << width) - 1)
    return low - (1 << width) if signed and low >> (width - 1) else low
