"""Statements of OpenQASM as the parser hands them over; offsets point into the text."""

from __future__ import annotations

from typing import NamedTuple

from markaz.quantum.programs.openqasm.expressions import Rpn


class Type(NamedTuple):
    """A classical or quantum type; ``width`` is None when none was written."""

    kind: str
    width: Rpn | None
    offset: int


class Modifier(NamedTuple):
    """``ctrl``, ``negctrl``, ``inv`` or ``pow`` with its argument."""

    kind: str
    argument: Rpn | None
    offset: int


class GateCall(NamedTuple):
    """A gate, modified or not, on its operands."""

    offset: int
    name: str
    params: tuple[Rpn, ...]
    operands: tuple[Rpn, ...]
    modifiers: tuple[Modifier, ...] = ()


class Measure(NamedTuple):
    """``measure q -> c`` or ``measure q``."""

    offset: int
    operand: Rpn
    target: Rpn | None


class Reset(NamedTuple):
    """``reset`` of one operand."""

    offset: int
    operand: Rpn


class Barrier(NamedTuple):
    """``barrier``; without operands on all qubits in sight."""

    offset: int
    operands: tuple[Rpn, ...]


class Delay(NamedTuple):
    """``delay[length]``; without operands on all qubits in sight."""

    offset: int
    length: Rpn
    operands: tuple[Rpn, ...]


class Declare(NamedTuple):
    """A register, variable or constant. ``mode``: "", "const", "input", "output"."""

    offset: int
    type: Type
    name: str
    init: Rpn | None
    mode: str = ""


class Alias(NamedTuple):
    """``let name = value``."""

    offset: int
    name: str
    value: Rpn


class Assign(NamedTuple):
    """``target = value`` or ``target op= value`` (``operator`` without the ``=``)."""

    offset: int
    target: Rpn
    operator: str
    value: Rpn


class Call(NamedTuple):
    """A subroutine called for its effect."""

    offset: int
    value: Rpn


class If(NamedTuple):
    """``if`` with its two bodies."""

    offset: int
    condition: Rpn
    then: Block
    otherwise: Block


class While(NamedTuple):
    """``while``."""

    offset: int
    condition: Rpn
    body: Block


class For(NamedTuple):
    """``for type name in values``."""

    offset: int
    name: str
    values: Rpn
    body: Block


class Switch(NamedTuple):
    """``switch``; ``default`` may be empty."""

    offset: int
    target: Rpn
    cases: tuple[tuple[tuple[Rpn, ...], Block], ...]
    default: Block


class Jump(NamedTuple):
    """``break``, ``continue`` or ``end``."""

    offset: int
    kind: str


class Return(NamedTuple):
    """``return`` in a subroutine."""

    offset: int
    value: Rpn | None


class Scope(NamedTuple):
    """A block of its own, such as ``box``."""

    offset: int
    body: Block


class GateDefinition(NamedTuple):
    """``gate``; ``body`` is None for ``opaque``. ``text`` is its source."""

    offset: int
    name: str
    params: tuple[str, ...]
    qubits: tuple[str, ...]
    body: tuple[GateCall | Barrier, ...] | None
    text: str


class Subroutine(NamedTuple):
    """``def``."""

    offset: int
    name: str
    arguments: tuple[tuple[Type, str], ...]
    returns: Type | None
    body: Block


class Ignored(NamedTuple):
    """A statement without effect on the circuit: include, delay, pragma, …"""

    offset: int


Statement = (
    GateCall
    | Measure
    | Reset
    | Barrier
    | Declare
    | Alias
    | Assign
    | Call
    | If
    | While
    | For
    | Switch
    | Jump
    | Return
    | Scope
    | GateDefinition
    | Subroutine
    | Ignored
    | Delay
)
Block = tuple["Statement", ...]
