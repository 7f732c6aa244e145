"""popcount, rotl and rotr: of constants, of registers, and of uint variables that measurements
decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.dynamic import as_runtime
from markaz.quantum.programs.openqasm.elements import refuse
from markaz.quantum.programs.openqasm.values import Value, ValueProblem

ROTATIONS: Final = {"rotl": 1, "rotr": -1}
_UINT: Final = 32  # bits of a uint without a width


def popcount(value: Value) -> Value:
    """The number of bits that are set, a uint; ValueProblem for what has no bits."""
    if isinstance(value, v.BitString):
        return value.value.bit_count()
    if isinstance(value, int) and value >= 0:
        return value.bit_count()
    at = _bits(value, "popcount")
    if not at:
        refuse("an empty register has no value")
    terms: list[Expr] = [("bits", bit, 1) for bit in at]
    depth = 1
    while len(terms) > 1:  # balanced, so that a thousand bits are ten levels
        pairs: list[Expr] = [("add", terms[i], terms[i + 1]) for i in range(0, len(terms) - 1, 2)]
        terms, depth = pairs + terms[len(pairs) * 2 :], depth + 1
    return v.Runtime(terms[0], _UINT, False, depth)


def rotated(name: str, value: Value, distance: Value) -> Value:
    """``value`` with its bits moved ``distance`` places around, by rotl towards the most
    significant one; a negative distance goes the other way. The width stays; of a register
    the same bits are named in another order."""
    if not isinstance(distance, int):
        raise ValueProblem("unsupported", f"the distance of {name} must be a constant whole number")
    if isinstance(value, v.BitString):
        return _constant(value, distance * ROTATIONS[name])
    if isinstance(value, int):
        message = f"{name} of a constant without a width; give it one, as in {name}(bit[8](x), 1)"
        raise ValueProblem("unsupported", message)
    at = _bits(value, name)
    if len(at) < 2:
        return value
    turn = -distance * ROTATIONS[name] % len(at)
    turned = v.Bits((*at[turn:], *at[:turn]))
    return turned if isinstance(value, v.Bits) else as_runtime(turned)


def _constant(value: v.BitString, left: int) -> v.BitString:
    turn, mask = left % max(value.width, 1), (1 << value.width) - 1
    moved = value.value << turn | value.value >> (value.width - turn)
    return v.BitString(moved & mask, value.width)


def _bits(value: Value, name: str) -> Sequence[int]:
    """The classical bits that ``value`` reads as they are, least significant first."""
    if isinstance(value, v.Bits):
        return value.at
    if isinstance(value, v.Runtime) and not value.signed:
        if value.expr[0] == "bits":
            _, start, size = value.expr
            assert isinstance(start, int)
            assert isinstance(size, int)
            return range(start, start + size)
        # Taken apart bit by bit, nested calls would double the expression each time.
        message = f"{name} of a measured value that was computed; assign it to a variable first"
        raise ValueProblem("unsupported", message)
    refuse(f"{name} takes bits or a uint")
