"""The short way through a gate body that is a plain list of calls.

Programs that tools write put most of their gates into bodies. A body in which every line is
a name, fixed numbers or the gate's own parameters, and qubits, is split by one regular
expression; any other body goes to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from markaz.quantum.programs.openqasm.expressions import Item, Rpn
from markaz.quantum.programs.openqasm.literals import simple_number
from markaz.quantum.programs.openqasm.syntax import GateCall

_LINE: Final = (
    r"\s*+([^\W\d]\w*+)\s*+(?:\(([^();{}]*+)\)\s*+)?"
    r"([^\W\d]\w*+(?:\s*+,\s*+[^\W\d]\w*+)*)\s*+;"
)
_BODY: Final = re.compile(rf"(?:{_LINE})*\s*+\}}").match
_CALLS: Final = re.compile(_LINE).finditer
# Words that start something else than a call of a gate.
_OTHERS: Final = frozenset(
    {
        *("angle", "array", "barrier", "bit", "bool", "box", "break", "complex", "const"),
        *("continue", "creg", "ctrl", "def", "defcal", "delay", "duration", "end", "extern"),
        *("float", "for", "gate", "gphase", "if", "input", "int", "inv", "let", "measure"),
        *("negctrl", "nop", "opaque", "output", "pow", "qreg", "qubit", "reset", "return"),
        *("stretch", "switch", "uint", "while"),
    }
)


def fast_body(
    text: str, start: int, params: Collection[str]
) -> tuple[tuple[GateCall, ...], int] | None:
    """The calls of the body that follows ``start`` and the place of its closing brace, or
    None where the parser has to read it."""
    found = _BODY(text, start)
    if found is None:
        return None
    calls: list[GateCall] = []
    known: dict[str, tuple[Rpn, ...] | None] = {}
    for line in _CALLS(text, start, found.end()):
        name, inside, wires = line.groups()
        at = line.start(1)
        values: tuple[Rpn, ...] | None = ()
        if inside is not None:
            if inside not in known:
                known[inside] = _values(inside, at, params)
            values = known[inside]
        if values is None or name in _OTHERS:
            return None
        operands = tuple([[Item("name", w.strip(), at)] for w in wires.split(",")])
        calls.append(GateCall(at, name, values, operands))
    return tuple(calls), found.end() - 1


def _values(inside: str, at: int, params: Collection[str]) -> tuple[Rpn, ...] | None:
    values: list[Rpn] = []
    for part in inside.split(","):
        word = part.strip()
        if word in params:
            values.append([Item("name", word, at)])
            continue
        number = simple_number(part)
        if number is None:
            return None
        values.append([Item("number", number, at)])
    return tuple(values)
