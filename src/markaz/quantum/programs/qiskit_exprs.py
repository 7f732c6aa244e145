"""Expressions of Qiskit as ours: ``qiskit.circuit.classical.expr`` and ParameterExpression.

Imported only by the Qiskit bridge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from qiskit.circuit import ClassicalRegister, Clbit, Parameter, ParameterExpression
from qiskit.circuit.classical import expr, types

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.errors import ProgramError

_COMPARISONS: Final = {
    "EQUAL": "eq",
    "NOT_EQUAL": "ne",
    "LESS": "lt",
    "LESS_EQUAL": "le",
    "GREATER": "gt",
    "GREATER_EQUAL": "ge",
    "LOGIC_AND": "land",
    "LOGIC_OR": "lor",
}
_WITHIN_WIDTH: Final = {"BIT_AND": "and", "BIT_OR": "or", "BIT_XOR": "xor", "SHIFT_RIGHT": "shr"}
_LEAVING_WIDTH: Final = {"ADD": "add", "SUB": "sub", "MUL": "mul", "SHIFT_LEFT": "shl"}

# Where the bits of a Clbit, ClassicalRegister or Var lie, lowest first.
Locate = Callable[[Any], Sequence[int]]


def unsupported(message: str) -> ProgramError:
    """An error of kind ``unsupported``."""
    return ProgramError("unsupported", message)


def read_bits(where: Sequence[int]) -> Expr:
    """The bits as an unsigned number, lowest first; neighbours are read at once."""
    runs: list[list[int]] = []  # first bit, size, place in the value
    for place, bit in enumerate(where):
        if runs and bit == runs[-1][0] + runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([bit, 1, place])
    terms: list[Expr] = [
        ("shl", ("bits", bit, size), ("const", place)) if place else ("bits", bit, size)
        for bit, size, place in runs
    ]
    while len(terms) > 1:  # balanced, so that a thousand bits are ten levels
        pairs: list[Expr] = [("or", a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
    return terms[0] if terms else ("const", 0)


def condition(value: Any, locate: Locate) -> Expr:
    """Condition of an IfElseOp or WhileLoopOp: an Expr, or (bit or register, value)."""
    if isinstance(value, expr.Expr):
        return classical(value, locate)
    target, wanted = value
    return ("eq", read_bits(locate(target)), ("const", int(wanted)))


def classical(node: expr.Expr, locate: Locate) -> Expr:
    """A classical expression. Raises ProgramError for floats, durations and stretches."""
    match node:
        case expr.Value():
            return ("const", _whole(node.value))
        case expr.Var():
            return read_bits(locate(node if node.standalone else node.var))
        case expr.Cast():
            return _cast(node, locate)
        case expr.Unary():
            return _unary(node, locate)
        case expr.Binary():
            return _binary(node, locate)
        case expr.Index():
            shifted: Expr = ("shr", classical(node.target, locate), classical(node.index, locate))
            return ("cast", shifted, 1)
    raise unsupported(f"the classical expression {type(node).__name__} is not supported")


def _whole(value: Any) -> int:
    if not isinstance(value, (bool, int)):
        raise unsupported(f"a classical value of type {type(value).__name__}: only integers")
    return int(value)


def width(type_: Any) -> int:
    """Bits of a classical type. Raises ProgramError for all but Bool and Uint."""
    if isinstance(type_, types.Uint):
        return int(type_.width)
    if isinstance(type_, types.Bool):
        return 1
    raise unsupported(f"classical values of type {type_!r} are not supported")


def _cast(node: expr.Cast, locate: Locate) -> Expr:
    inner = classical(node.operand, locate)
    before, after = width(node.operand.type), width(node.type)
    if isinstance(node.type, types.Bool):
        return inner if before == 1 else ("ne", inner, ("const", 0))
    return inner if after >= before else ("cast", inner, after)


def _unary(node: expr.Unary, locate: Locate) -> Expr:
    inner = classical(node.operand, locate)
    if node.op == expr.Unary.Op.LOGIC_NOT:
        return ("not", inner)
    return ("inv", inner, width(node.type))  # Qiskit negates real numbers only


def _binary(node: expr.Binary, locate: Locate) -> Expr:
    a, b = classical(node.left, locate), classical(node.right, locate)
    name = node.op.name
    if name in _COMPARISONS:
        return (_COMPARISONS[name], a, b)
    if name in _WITHIN_WIDTH:
        return (_WITHIN_WIDTH[name], a, b)
    size = width(node.type)
    return ("div", a, b) if name == "DIV" else ("cast", (_LEAVING_WIDTH[name], a, b), size)


_OPERATORS: Final = {"ADD": "add", "SUB": "sub", "MUL": "mul", "DIV": "div", "POW": "pow"}
_SWAPPED: Final = {"RSUB": "sub", "RDIV": "div", "RPOW": "pow"}
_FUNCTIONS: Final = {
    "SIN": "sin",
    "COS": "cos",
    "TAN": "tan",
    "ASIN": "asin",
    "ACOS": "acos",
    "ATAN": "atan",
    "EXP": "exp",
    "LOG": "log",
    "ABS": "abs",
}


def parametric(value: ParameterExpression, loops: Mapping[Parameter, float]) -> float | Expr:
    """An angle: a number once no parameter is left, else an expression.

    ``loops`` gives the loop parameters their present values. Raises ProgramError for
    complex values and for functions that angles do not have.
    """
    known = {p: v for p, v in loops.items() if p in value.parameters} if loops else {}
    if known:
        value = value.bind(known)
    if not value.parameters:
        return _real(value.numeric())
    if isinstance(value, Parameter):
        return ("param", value.name)
    return _replayed(value)


def _real(value: complex | float) -> float:
    if isinstance(value, complex):
        raise unsupported(f"the angle {value} is complex")
    return float(value)


def _replayed(value: ParameterExpression) -> Expr:
    """The expression from Qiskit's record of how it was built: operators in postfix order,
    where a missing operand is the last result."""
    stack: list[Expr] = []
    for step in value._qpy_replay:  # the one description of an expression that is exact
        name = step.op.name if hasattr(step.op, "name") else str(step.op).rpartition(".")[2]
        if name in _FUNCTIONS or name in ("CONJ", "SIGN"):
            operand = _operand(step.lhs, stack)
            stack.append(_function(name, operand))
            continue
        right = _operand(step.rhs, stack)
        left = _operand(step.lhs, stack)
        if name in _SWAPPED:
            name, left, right = _SWAPPED[name], right, left
        elif name in _OPERATORS:
            name = _OPERATORS[name]
        else:
            raise unsupported(f"the operation {name} in the angle {value}")
        stack.append((name, left, right))
    return stack[-1]


def _function(name: str, operand: Expr) -> Expr:
    if name == "CONJ":
        return operand  # parameters are real
    if name == "SIGN":
        raise unsupported("the function sign in an angle")
    return (_FUNCTIONS[name], operand)


def _operand(value: Any, stack: list[Expr]) -> Expr:
    if value is None:
        return stack.pop()
    if isinstance(value, ParameterExpression):
        return ("param", value.name) if isinstance(value, Parameter) else _replayed(value)
    return ("const", _real(value))


def clbits_of(target: Clbit | ClassicalRegister) -> list[Clbit]:
    """The bits of a bit or register, lowest first."""
    return [target] if isinstance(target, Clbit) else list(target)
