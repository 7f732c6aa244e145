"""Elements of registers, and values as other types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.lexer import clip
from markaz.quantum.programs.openqasm.values import Value, ValueProblem


def refuse(what: str) -> NoReturn:
    """Raise ValueProblem ``parse``."""
    raise ValueProblem("parse", what)


def plain(value: Value) -> Value:
    """A constant bit string as a number; other values as they are."""
    return value.value if isinstance(value, v.BitString) else value


def _position(at: int, size: int) -> int:
    if not -size <= at < size:
        refuse(f"index {clip(str(at))} is out of range for a register of {size}")
    return at % size


def positions(at: Value, size: int) -> Sequence[int] | int:
    """Which of ``size`` elements ``at`` selects; ValueProblem when out of range."""
    if isinstance(at, int):
        return _position(at, size)
    if isinstance(at, v.Picks):
        return tuple(_position(i, size) for i in at.items)
    if isinstance(at, v.Span):
        return range(size)[_slice(at, size)]
    raise ValueProblem("unsupported", "an index must be a constant whole number, range or set")


def _slice(span: v.Span, size: int) -> slice:
    for end in (span.start, span.stop):
        if end is not None:
            _position(end, size)
    start, stop = span.start, span.stop
    if stop is not None:
        past = stop % size + (1 if span.step > 0 else -1)
        stop = None if past < 0 else past
    return slice(None if start is None else start % size, stop, span.step)


def indexed(value: Value, at: Value) -> Value:
    """``value[at]``; ValueProblem when that does not exist."""
    if isinstance(value, v.Qubits | v.Bits):
        return _elements(value, at)
    if dynamic.is_runtime(at):
        raise ValueProblem("unsupported", "an index cannot depend on a measurement")
    if isinstance(value, v.Runtime) and isinstance(at, int):
        return dynamic.bit_of(value, _position(at, value.width))
    if isinstance(value, v.BitString):
        return _characters(value, at)
    if isinstance(value, int) and isinstance(at, int) and 0 <= at < v.MAX_BITS:
        return bool(value >> at & 1)
    refuse("only registers can be indexed")


def _elements(register: v.Qubits | v.Bits, at: Value) -> Value:
    if register.single:
        refuse("this is a single " + ("qubit" if isinstance(register, v.Qubits) else "bit"))
    index = register.at
    chosen = positions(at, len(index))
    if isinstance(chosen, int):
        return type(register)((index[chosen],), True)
    if isinstance(chosen, range):  # slices of ranges stay ranges, however often
        return type(register)(index[chosen.start : _stop(chosen) : chosen.step])
    return type(register)(tuple(index[i] for i in chosen))


def _stop(chosen: range) -> int | None:
    return None if chosen.stop < 0 else chosen.stop


def _characters(text: v.BitString, at: Value) -> Value:
    chosen = positions(at, text.width)
    if isinstance(chosen, int):
        return bool(text.value >> chosen & 1)
    bits = "".join("1" if text.value >> i & 1 else "0" for i in reversed(chosen))
    return v.BitString(int(bits or "0", 2), len(bits))


def convert(kind: str, width: int | None, value: Value) -> Value:
    """``value`` as a classical type; ValueProblem when it has no such value."""
    if width is not None and not 1 <= width <= (v.MAX_BITS if kind != "bit" else 100_000):
        raise ValueProblem("limit-size", f"a width of {clip(str(width))} bits")
    if dynamic.is_runtime(value):
        return _convert_runtime(kind, width, value)
    if kind in ("float", "angle"):
        x = plain(value)
        if isinstance(x, v.Symbolic | v.Duration):
            return x
        if not isinstance(x, int | float):
            refuse(f"this is not a value of type {kind}")
        if abs(x) > 1e308:
            raise ValueProblem("limit-size", "a value is too large")
        return float(x)
    x = plain(value)
    if not isinstance(x, int | float):
        refuse(f"this is not a constant of type {kind}")
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
        refuse(f"a bit string of {value.width} for {width or 1} bits")
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
