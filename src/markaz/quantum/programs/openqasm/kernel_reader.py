"""The compiled reader: statement after statement of the ordinary forms.

One text that runs interpreted too (tests compare the two). It stops at the first statement
of another form, or with a mistake in it, and everything stands as before that statement.
"""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_blocks import close_block, close_single, open_if
from markaz.quantum.programs.openqasm.kernel_definitions import define
from markaz.quantum.programs.openqasm.kernel_gates import is_spent
from markaz.quantum.programs.openqasm.kernel_statements import (
    assignment,
    barrier,
    call,
    measure,
    reset,
)
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    skip,
    slot_of,
    word_end,
)


def read(text: Bytes, m: Ints, f: Floats) -> int:
    """Read from ``m[AT]`` on, as far as it goes; the new STATUS."""
    while True:
        at = skip(text, m[k.AT])
        if text[at] == 59:
            m[k.AT] = at + 1
            continue
        if m[k.DEPTH] == 0:
            m[k.AT] = at
            for i in range(k.SAVED):
                m[k.COPY + i] = m[i]
            phase = f[k.TOTAL_PHASE]
            if text[at] == 0:
                m[k.STATUS] = k.FINISHED
                return k.FINISHED
        m[k.STATUS] = k.STOPPED
        at = _item(text, m, f, at)
        if at == NO or (m[k.DEPTH] == 0 and is_spent(m, m[k.COPY + k.ROWS])):
            for i in range(k.SAVED):
                m[i] = m[k.COPY + i]
            f[k.TOTAL_PHASE] = phase
            return int(m[k.STATUS])
        m[k.AT] = at


def _item(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """A statement, the head of an ``if``, or the end of a block."""
    if text[at] == 125:
        return close_block(text, m, f, at + 1)
    end = word_end(text, at)
    if end == at:
        return NO
    value = _meaning(text, m, at, end)
    if value == k.GATE and m[k.DEPTH] == 0:
        return define(text, m, f, skip(text, end), at)
    if value != k.IF:
        return _simple(text, m, f, at, end, value)
    at = open_if(text, m, f, skip(text, end))
    if at == NO or text[at] == 123:
        return at if at == NO else at + 1
    end = word_end(text, at)
    if end == at:
        return NO
    at = _simple(text, m, f, at, end, _meaning(text, m, at, end))
    return at if at == NO else close_single(text, m, f, at)


def _meaning(text: Bytes, m: Ints, at: int, end: int) -> int:
    """What a name stands for: a gate, a word of the language, OTHER or PENDING."""
    slot = slot_of(m, k.NAMES_AT, text, at, end)
    if slot == NO:
        return k.OTHER
    return int(m[slot + k.VALUE]) if m[slot + k.LENGTH] > 0 else k.PENDING


def _simple(text: Bytes, m: Ints, f: Floats, at: int, end: int, value: int) -> int:
    """A statement without a block."""
    after = skip(text, end)
    if text[after] == 91 or text[after] == 61:
        return assignment(text, m, f, at)
    if value >= 0:
        return call(text, m, f, after, value)
    if value == k.MEASURE:
        return measure(text, m, f, after)
    if value == k.RESET:
        return reset(text, m, f, after)
    if value == k.BARRIER:
        return barrier(text, m, f, after)
    if value == k.PENDING:
        m[k.STATUS], m[k.NAME_START], m[k.NAME_STOP] = k.UNKNOWN, at, end
    return NO
