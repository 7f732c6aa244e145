"""Our expressions as Qiskit's; used by ``qiskit_export``.

Qiskit's unsigned integers have widths, ours are unbounded between casts: every operation
is done at the width that holds its exact result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.classical import expr, types

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.classical import bits_of
from markaz.quantum.programs.qiskit_exprs import unsupported

_BITWISE: Final = {"and": expr.bit_and, "or": expr.bit_or, "xor": expr.bit_xor}
_LOGIC: Final[Mapping[str, Callable[..., expr.Expr]]] = {
    "land": expr.logic_and,
    "lor": expr.logic_or,
    "not": expr.logic_not,
}
_COMPARE: Final = {
    "eq": expr.equal,
    "ne": expr.not_equal,
    "lt": expr.less,
    "le": expr.less_equal,
    "gt": expr.greater,
    "ge": expr.greater_equal,
}
_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "add": expr.add,
    "sub": expr.sub,
    "mul": expr.mul,
    "div": expr.div,
}
_MODULAR: Final = ("add", "sub", "mul")  # low bits of the result need only those of operands


def angle(value: Expr, parameters: Mapping[str, Parameter]) -> ParameterExpression | float:
    """A parameter expression as Qiskit's."""
    name = value[0]
    if name == "const":
        return float(value[1])  # type: ignore[arg-type]
    if name == "param":
        return parameters[str(value[1])]
    operands: list[Any] = [angle(e, parameters) for e in value[1:]]  # type: ignore[arg-type]
    if name in _ANGLES:
        return _ANGLES[str(name)](*operands)
    raise unsupported(f"Qiskit's angles have no {name!r}")


def _function(method: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        return getattr(x if isinstance(x, ParameterExpression) else _constant(x), method)()

    return apply


def _constant(value: float) -> ParameterExpression:
    """A number with the methods of an expression."""
    parameter = Parameter("constant")
    return parameter.bind({parameter: value})


_ANGLES: Final[Mapping[str, Callable[..., Any]]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "sqrt": lambda a: a**0.5,
    "sin": _function("sin"),
    "cos": _function("cos"),
    "tan": _function("tan"),
    "asin": _function("arcsin"),
    "acos": _function("arccos"),
    "atan": _function("arctan"),
    "exp": _function("exp"),
    "log": _function("log"),
    "abs": _function("abs"),
}


class ClassicalExporter:
    """Classical expressions over the bits of one Qiskit circuit."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self._qc = circuit
        self._clbits = circuit.clbits
        self._registers = {}
        place = {bit: i for i, bit in enumerate(circuit.clbits)}
        for r in circuit.cregs:
            if r.size:
                self._registers[place[r[0]], r.size] = r

    def boolean(self, value: Expr) -> expr.Expr:
        """``value`` as a condition."""
        node = self._node(value)
        return node if isinstance(node.type, types.Bool) else expr.not_equal(node, 0)

    def store(self, offset: int, size: int, value: Expr) -> None:
        """Append the assignment of ``value`` to ``size`` bits from ``offset``."""
        if size == 1:
            self._qc.store(self._clbits[offset], self._lowest(value))
        elif (offset, size) in self._registers:
            self._qc.store(self._registers[offset, size], self._sized(value, size))
        elif bits_of(value) & set(range(offset, offset + size)):
            raise unsupported("Qiskit assigns whole registers only")
        else:
            for k in range(size):
                self._qc.store(self._clbits[offset + k], expr.index(self._sized(value, size), k))

    def _lowest(self, value: Expr) -> expr.Expr:
        if value[0] == "const":
            return expr.lift(bool(int(value[1]) & 1))  # type: ignore[arg-type]
        node = self._low(value, 1)
        return node if isinstance(node.type, types.Bool) else expr.not_equal(node, 0)

    def _node(self, value: Expr) -> expr.Expr:
        """``value`` exactly, as Bool or Uint of sufficient width."""
        name = str(value[0])
        if name == "const":
            return self._constant(int(value[1]))  # type: ignore[arg-type]
        if name == "bits":
            return self._read(int(value[1]), int(value[2]))  # type: ignore[arg-type]
        operands: list[Any] = list(value[1:])
        if name in _LOGIC:
            return _LOGIC[name](*map(self.boolean, operands))
        if name in ("cast", "inv"):
            low = self._low if name == "cast" else self._sized
            kept = low(operands[0], operands[1])
            return kept if name == "cast" else expr.bit_not(kept)
        return self._binary(name, *operands)

    def _binary(self, name: str, left: Any, right: Any = None) -> expr.Expr:
        if name in ("neg", "sub", "mod", "pow"):
            raise unsupported(f"Qiskit's classical expressions have no exact {name!r}")
        a = self._uint(self._node(left))
        if name in ("shl", "shr"):
            return self._shifted(name, a, right)
        b = self._uint(self._node(right))
        size = max(_width(a), _width(b)) + (name == "add")
        size = _width(a) + _width(b) if name == "mul" else size
        a, b = _widened(a, size), _widened(b, size)
        for table in (_COMPARE, _BITWISE, _ARITHMETIC):
            if name in table:
                return table[name](a, b)
        raise unsupported(f"Qiskit's classical expressions have no {name!r}")

    def _shifted(self, name: str, a: expr.Expr, amount: Expr) -> expr.Expr:
        if name == "shr":
            return expr.shift_right(a, self._uint(self._node(amount)))
        if amount[0] != "const":
            raise unsupported("a shift to the left by a computed amount")
        by = int(amount[1])  # type: ignore[arg-type]
        return expr.shift_left(_widened(a, _width(a) + by), by) if by else a

    def _sized(self, value: Expr, size: int) -> expr.Expr:
        """The low ``size`` bits of ``value`` as a Uint of that width."""
        return _widened(self._uint(self._low(value, size)), size)

    def _low(self, value: Expr, size: int) -> expr.Expr:
        """``value`` modulo ``2**size``; sums and products need no more of their operands."""
        name = str(value[0])
        if name in _MODULAR:
            a, b = (self._sized(e, size) for e in value[1:])  # type: ignore[arg-type]
            return _ARITHMETIC[name](a, b)
        if name == "neg":
            zero = expr.Value(0, types.Uint(size))
            return expr.sub(zero, self._sized(value[1], size))  # type: ignore[arg-type]
        if name == "const":
            return expr.Value(int(value[1]) % (1 << size), types.Uint(size))  # type: ignore[arg-type]
        node = self._node(value)
        if isinstance(node.type, types.Bool) or _width(node) <= size:
            return node
        return expr.cast(node, types.Uint(size))

    def _constant(self, value: int) -> expr.Expr:
        if value < 0:
            raise unsupported("Qiskit's classical expressions have no negative numbers")
        return expr.Value(value, types.Uint(max(1, value.bit_length())))

    def _read(self, offset: int, size: int) -> expr.Expr:
        if (offset, size) in self._registers and size > 1:
            return expr.lift(self._registers[offset, size])
        if size == 1:
            return expr.lift(self._clbits[offset])
        for (start, count), register in self._registers.items():
            if start <= offset and offset + size <= start + count:
                shifted = expr.shift_right(expr.lift(register), offset - start)
                return expr.cast(shifted, types.Uint(size))
        bits = [self._uint(expr.lift(b)) for b in self._clbits[offset : offset + size]]
        value = _widened(bits[0], size)
        for k, bit in enumerate(bits[1:], 1):
            value = expr.bit_or(value, expr.shift_left(_widened(bit, size), k))
        return value

    def _uint(self, node: expr.Expr) -> expr.Expr:
        return expr.cast(node, types.Uint(1)) if isinstance(node.type, types.Bool) else node


def _width(node: expr.Expr) -> int:
    return int(node.type.width)


def _widened(node: expr.Expr, size: int) -> expr.Expr:
    return node if _width(node) == size else expr.cast(node, types.Uint(size))
