"""``if`` with its blocks, compiled."""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

from typing import Final

from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_gates import has_room, put
from markaz.quantum.programs.openqasm.kernel_statements import operand
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    key_of,
    skip,
    whole,
    word_end,
)

_IF_OP: Final = int(Op.IF)
_ELSE_OP: Final = int(Op.ELSE)
_END_OP: Final = int(Op.END)
_WORD_TRUE: Final = int.from_bytes(b"true", "little")
_WORD_FALSE: Final = int.from_bytes(b"false", "little")
_WORD_ELSE: Final = int.from_bytes(b"else", "little")
_JOINED: Final = 100  # bits in one condition
_CONSTANT_DIGITS: Final = 15


def _reference(text: Bytes, m: Ints, at: int) -> int:
    """A bit or register of bits, noted in ``references``."""
    at = operand(text, m, at, 1)
    if at == NO or m[k.REFERENCES] >= m[k.REFERENCES_ROOM]:
        return NO
    place = m[k.REFERENCES_AT] + 2 * m[k.REFERENCES]
    m[place], m[place + 1] = m[k.BASE], m[k.SIZE]
    m[k.REFERENCES] += 1
    return at


def _joined(text: Bytes, m: Ints, at: int) -> tuple[int, int]:
    """``a ^ b ^ c)``, also with & or |: behind the bracket, and the operator (0: none)."""
    operator, first = 0, m[k.REFERENCES]
    while m[k.REFERENCES] - first < _JOINED:
        at = _reference(text, m, at)
        if at == NO:
            return NO, 0
        c = int(text[at])
        if operator != 0 and m[k.SIZE] != 1:
            return NO, 0
        if c == 41:
            return skip(text, at + 1), operator
        known = c == 94 or ((c == 38 or c == 124) and text[at + 1] != c)
        if not known or (operator != 0 and c != operator):
            return NO, 0
        if m[k.VERSION] == 2 or m[k.SIZE] != 1:
            return NO, 0
        operator = c
        at = skip(text, at + 1)
    return NO, 0


def _number_compared(text: Bytes, m: Ints, at: int) -> tuple[int, int]:
    """A whole number, or ``true`` or ``false``."""
    end = word_end(text, at)
    if end == at:
        return whole(text, at, _CONSTANT_DIGITS)
    key = key_of(text, at, end)
    if m[k.VERSION] == 2 or (key != _WORD_TRUE and key != _WORD_FALSE):
        return NO, 0
    return end, 1 if key == _WORD_TRUE else 0


def _condition(text: Bytes, m: Ints, at: int) -> int:
    """``(c[0] == 1)`` and its like into ``conditions``; ``at`` is behind the ``if``."""
    if text[at] != 40 or m[k.CONDITIONS] >= m[k.CONDITIONS_ROOM]:
        return NO
    m[k.INDEXED] = 0
    first, comparison, operator, value = m[k.REFERENCES], 0, 0, 0
    at = skip(text, at + 1)
    negated = text[at] == 33
    if negated:
        at = skip(text, at + 1)
    if text[at] == 40:
        at, operator = _joined(text, m, skip(text, at + 1))
    else:
        at = _reference(text, m, at)
    if at == NO:
        return NO
    if (text[at] == 61 or text[at] == 33) and text[at + 1] == 61:
        comparison = 1 if text[at] == 61 else 2
        at, value = _number_compared(text, m, skip(text, at + 2))
        if at == NO or negated:
            return NO
        at = skip(text, at)
    if text[at] != 41:
        return NO
    row = m[k.CONDITIONS_AT] + k.CONDITION_COLUMNS * m[k.CONDITIONS]
    m[row], m[row + 1], m[row + 2] = comparison, 1 if negated else 0, operator
    m[row + 3], m[row + 4], m[row + 5] = first, m[k.REFERENCES] - first, value
    m[k.SPENT] += m[k.INDEXED] + m[k.REFERENCES] - first - 1 + (1 if comparison != 0 else 0)
    return skip(text, at + 1)


def open_if(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """``if (…)``, with the brace where there is one; ``at`` is behind the word."""
    deepest = min(m[k.NESTING], k.DEEPEST)
    if m[k.DEPTH] >= deepest:
        return NO
    at = _condition(text, m, at)
    if at == NO or not has_room(m, 1, 1, 0):
        return NO
    put(m, f, _IF_OP, m[k.EXPRS_DONE] + m[k.CONDITIONS])
    m[k.CONDITIONS] += 1
    m[k.DEPTH] += 1
    m[k.ELSE + m[k.DEPTH]] = 0
    return at


def _else_at(text: Bytes, m: Ints, at: int) -> int:
    """Behind the word ``else`` where it comes next, else NO."""
    if m[k.VERSION] == 2:
        return NO
    end = word_end(text, at)
    return end if end > at and key_of(text, at, end) == _WORD_ELSE else NO


def close_single(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """End an ``if`` without braces."""
    if _else_at(text, m, skip(text, at)) != NO or not has_room(m, 1, 1, 0):
        return NO
    put(m, f, _END_OP, -1)
    m[k.DEPTH] -= 1
    return at


def close_block(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """What follows a ``}``: the end, or an else branch."""
    depth = m[k.DEPTH]
    if depth == 0 or not has_room(m, 1, 1, 0):
        return NO
    end = _else_at(text, m, skip(text, at)) if m[k.ELSE + depth] == 0 else NO
    if end == NO:
        put(m, f, _END_OP, -1)
        m[k.DEPTH] -= 1
        return at
    at = skip(text, end)
    if text[at] != 123 or text[skip(text, at + 1)] == 125:
        return NO
    put(m, f, _ELSE_OP, -1)
    m[k.ELSE + depth] = 1
    return at + 1
