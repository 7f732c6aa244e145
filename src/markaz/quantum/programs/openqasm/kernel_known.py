"""Definitions that say, word for word, what the table's own gate of that name is, compiled.

Tools write such definitions for gates that an older library lacks. A body is compared call
by call with the usual ones ("models", laid out by ``kernel_tables``).
"""

from __future__ import annotations

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_arguments import body_call
from markaz.quantum.programs.openqasm.kernel_formulas import blank, position
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    slot_of,
    word_end,
)


def known_gate(
    text: Bytes, m: Ints, f: Floats, slot: int, body: int, params: int, last: int
) -> int:
    """For a definition with ``m[COUNT]`` calls from ``body`` on: the gate that it is; 0 for
    an ordinary one; NO where the parser should compare, because it is nearly known."""
    if m[slot + k.LENGTH] == 0:
        return 0
    at, calls, near = m[m[slot + k.VALUE] + k.MODEL], m[k.COUNT], 0
    while at != 0:
        model = m[k.MODELS_AT] + at
        if m[model + k.MODEL_CALLS] == calls:
            found = _compared(text, m, f, model, body, params, last)
            if found > 0:
                return int(m[model + k.MODEL_GATE])
            near = min(near, found)
        at = m[model + k.MODEL_NEXT]
    return near


def _compared(
    text: Bytes, m: Ints, f: Floats, model: int, body: int, params: int, last: int
) -> int:
    """1 if the body is, call by call, that of the model; 0 if other gates are called; NO if
    something else differs, which may be spacing."""
    gate = m[model + k.MODEL_GATE]
    if params != m[gate + k.PARAMS] or last - params != m[gate + k.WIDTH]:
        return NO
    at, place, alike = body, model + k.MODEL_COLUMNS, True
    for _ in range(m[model + k.MODEL_CALLS]):
        end = word_end(text, at)
        inner = m[slot_of(m, k.NAMES_AT, text, at, end) + k.VALUE]
        if position(text, m, at, end, 0, last) != NO:
            return NO  # a gate's name that is an argument's too
        if inner != m[place]:
            return 0
        at = blank(text, body_call(text, m, f, blank(text, end), inner, params, last))
        alike = alike and _is_call(m, f, place + 1, inner)
        place += 1 + m[inner + k.WIDTH] + 3 * m[inner + k.PARAMS]
    return 1 if alike else NO


def _is_call(m: Ints, f: Floats, place: int, inner: int) -> bool:
    """Whether the call just read has the wires and parameters that stand at ``place``; a
    number is the same text if value and length are."""
    first = m[k.OPERANDS_AT]
    for i in range(m[inner + k.WIDTH]):
        if m[place + i] != m[first + 2 * i]:
            return False
    place += m[inner + k.WIDTH]
    for i in range(m[inner + k.PARAMS]):
        own = m[first + 2 * i + 1]
        if own != m[place]:
            return False
        value = f[m[k.CONSTANTS_AT] + m[place + 1]]
        if own == NO and (f[k.CALLED + i] != value or m[m[k.ON_AT] + i] != m[place + 2]):
            return False
        place += 3
    return True
