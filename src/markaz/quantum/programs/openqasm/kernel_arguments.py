"""The arguments of a gate definition and of the calls in its body, compiled."""

from __future__ import annotations

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_formulas import blank, formula, position
from markaz.quantum.programs.openqasm.kernel_statements import expression
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    key_of,
    word_end,
)


def _back(text: Bytes, at: int) -> int:
    """The end of what stands before ``at`` and blanks before that."""
    while text[at - 1] == 32 or 9 <= text[at - 1] <= 13:
        at -= 1
    return at


def names(text: Bytes, m: Ints, at: int, first: int) -> tuple[int, int]:
    """A list of different names: what follows it, and the number of arguments so far."""
    last = first
    while last < k.MOST_OPERANDS:
        end = word_end(text, at)
        if end == at or position(text, m, at, end, first, last) != NO:
            return NO, 0
        row = m[k.FORMAL_AT] + k.FORMAL_COLUMNS * last
        m[row], m[row + 1], m[row + 2] = at, end, key_of(text, at, end)
        last += 1
        at = blank(text, end)
        if text[at] != 44:
            return at, last
        at = blank(text, at + 1)
    return NO, 0


def body_call(text: Bytes, m: Ints, f: Floats, at: int, inner: int, params: int, last: int) -> int:
    """The arguments of a call: its wires as first column of the operands, and as second one
    which own parameter each of its parameters is (NO for a number, -2 or less for a
    formula). ``on`` holds how many characters each parameter has."""
    count, width = 0, m[inner + k.WIDTH]
    if text[at] == 40:
        at, count = _arguments(text, m, f, at, params)
        if at == NO:
            return NO
    if count != m[inner + k.PARAMS]:
        return NO
    wires, first = 0, m[k.OPERANDS_AT]
    while True:
        end = word_end(text, at)
        wire = position(text, m, at, end, params, last) if end > at else NO
        if wire == NO or wires == width:
            return NO
        for i in range(wires):
            if m[first + 2 * i] == wire:
                return NO
        m[first + 2 * wires] = wire
        wires += 1
        at = blank(text, end)
        if text[at] != 44:
            break
        at = blank(text, at + 1)
    return at + 1 if text[at] == 59 and wires == width else NO


def _arguments(text: Bytes, m: Ints, f: Floats, at: int, params: int) -> tuple[int, int]:
    for count in range(k.MOST_PARAMS):
        at = blank(text, at + 1)
        end = word_end(text, at)
        own = position(text, m, at, end, 0, params) if end > at else NO
        start = at
        at, value = (blank(text, end), 0.0) if own != NO else expression(text, m, at)
        if at == NO or (text[at] != 41 and text[at] != 44):
            at, own = formula(text, m, f, start, params)
            if at == NO:
                return NO, 0
        f[k.CALLED + count] = value
        m[m[k.OPERANDS_AT] + 2 * count + 1] = own
        m[m[k.ON_AT] + count] = _back(text, at) - start
        if text[at] == 41:
            return blank(text, at + 1), count + 1
        if text[at] != 44:
            return NO, 0
    return NO, 0
