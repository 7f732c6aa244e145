"""Gate definitions, compiled: bodies of plain calls become lines of operations at once.

Calls are put in with their own lines, so that each gate is a list of table gates on its
wires. What is not that plain is left to the parser.
"""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

import math
from typing import Final

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_arguments import body_call, names
from markaz.quantum.programs.openqasm.kernel_formulas import blank, composed
from markaz.quantum.programs.openqasm.kernel_gates import parameter
from markaz.quantum.programs.openqasm.kernel_known import known_gate
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    enter,
    slot_of,
    word_end,
)

PACKED_LINES: Final = 4096  # larger gates are appended piece by piece, which the parser does
KNOWN_LENGTH: Final = 2000  # characters of a definition that may be the table's own gate


def define(text: Bytes, m: Ints, f: Floats, at: int, start: int) -> int:
    """``gate name(a) q { … }`` from behind the word on; ``start`` is where the word is."""
    name = at
    end = word_end(text, at)
    slot = slot_of(m, k.NAMES_AT, text, name, end) if end > at else NO
    if slot == NO or not _may_define(m, slot):
        return NO
    at, params = blank(text, end), 0
    if text[at] == 40:
        at, params = names(text, m, blank(text, at + 1), 0)
        if at == NO or text[at] != 41 or params > k.MOST_PARAMS:
            return NO
        at = blank(text, at + 1)
    at, last = names(text, m, at, params)
    if at == NO or text[at] != 123:
        return NO
    body, gate = blank(text, at + 1), _new_gate(m, f, params, last - params)
    at = _body(text, m, f, body, gate, params, last)
    if at == NO or m[gate + k.LEVEL] > m[k.NESTING]:
        return NO
    m[gate + k.TO] = m[k.LINES]
    m[gate + k.WEIGHT] = max(m[gate + k.WEIGHT], 1)
    known = known_gate(text, m, f, slot, body, params, last)
    if known == NO or (known > 0 and at - start > KNOWN_LENGTH):
        return NO
    if not enter(m, k.NAMES_AT, text, name, end, known if known > 0 else gate):
        return NO
    m[k.GATES] += 1
    m[m[k.LOG_AT] + m[k.LOGGED]] = start
    m[k.LOGGED] += 1
    return at


def _may_define(m: Ints, slot: int) -> bool:
    """Whether there is room, and the name is free or that of one of the table's gates."""
    if m[k.GATES] >= m[k.GATES_ROOM] or m[k.LOGGED] >= m[k.LOG_ROOM]:
        return False
    if m[k.DEFINED] + m[k.LOGGED] >= m[k.DEFINITIONS]:
        return False
    if m[slot + k.LENGTH] == 0:
        return True
    gate = m[slot + k.VALUE]
    return bool(gate >= 0 and m[gate + k.OWN] == 0)


def _new_gate(m: Ints, f: Floats, params: int, qubits: int) -> int:
    gate = int(m[k.GATES_AT] + k.GATE_COLUMNS * m[k.GATES])
    for i in range(k.GATE_COLUMNS):
        m[gate + i] = 0
    m[gate + k.KIND], m[gate + k.OWN] = k.BODY, 1
    m[gate + k.PARAMS], m[gate + k.WIDTH] = params, qubits
    m[gate + k.FROM] = m[k.LINES]
    m[gate + k.PHASE] = m[k.PHASES_AT] + m[k.GATES]
    f[m[gate + k.PHASE]] = 0.0
    return gate


def _body(text: Bytes, m: Ints, f: Floats, at: int, gate: int, params: int, last: int) -> int:
    """The calls up to the closing brace, counted."""
    m[k.COUNT] = 0
    while text[at] != 125:
        end = word_end(text, at)
        slot = slot_of(m, k.NAMES_AT, text, at, end) if end > at else NO
        if slot == NO:
            return NO
        inner = m[slot + k.VALUE]
        if m[slot + k.LENGTH] == 0 or inner == k.PENDING:
            m[k.STATUS], m[k.NAME_START], m[k.NAME_STOP] = k.UNKNOWN, at, end
            return NO
        if inner < 0:
            return NO
        at = body_call(text, m, f, blank(text, end), inner, params, last)
        if at == NO or not _append(m, f, gate, inner):
            return NO
        m[k.COUNT] += 1
        at = blank(text, at)
    return at + 1


def _append(m: Ints, f: Floats, gate: int, inner: int) -> bool:
    """Put the lines of ``inner`` into ``gate``, and what both weigh."""
    weight = m[gate + k.WEIGHT] + max(1, m[inner + k.WEIGHT])
    if weight > PACKED_LINES:
        return False
    plain = m[inner + k.KIND] == k.PLAIN
    if plain:
        if not _plain(m, f, inner):
            return False
    elif m[inner + k.KIND] != k.BODY or not _inner_lines(m, f, inner):
        return False
    for i in range(m[inner + k.PARAMS]):
        plain = plain and m[m[k.OPERANDS_AT] + 2 * i + 1] == NO
    if not plain:
        m[gate + k.COST] += m[inner + k.COST] + m[inner + k.TO] - m[inner + k.FROM] + 1
    m[gate + k.COST] += 1
    m[gate + k.WEIGHT] = weight
    m[gate + k.LEVEL] = max(m[gate + k.LEVEL], m[inner + k.LEVEL] + 1)
    f[m[gate + k.PHASE]] += f[m[inner + k.PHASE]]
    return True


def _new_line(m: Ints, f: Floats, op: int, wires: int) -> int:
    """The number of a new line without parameters; NO where there is no room."""
    number = m[k.LINES]
    if number >= m[k.LINES_ROOM] or m[k.WIRES] + wires > m[k.WIRES_ROOM]:
        return NO
    line = m[k.LINES_AT] + k.LINE_COLUMNS * number
    m[line + k.LINE_OP], m[line + k.LINE_WIRE] = op, m[k.WIRES]
    m[line + k.LINE_COUNT] = wires
    for i in range(4):
        m[line + k.LINE_PARAM + i] = k.FIXED
        f[m[k.NUMBERS_AT] + 4 * number + i] = 0.0
    m[k.LINES] += 1
    m[k.WIRES] += wires
    return int(number)


def _plain(m: Ints, f: Floats, inner: int) -> bool:
    """A line for one of the table's gates."""
    width = m[inner + k.WIDTH]
    number = _new_line(m, f, m[inner + k.OP], width)
    if number == NO:
        return False
    line, first = m[k.LINES_AT] + k.LINE_COLUMNS * number, m[k.OPERANDS_AT]
    wires = m[k.WIRES_AT] + m[line + k.LINE_WIRE]
    for i in range(width):
        m[wires + i] = m[first + 2 * i]
    for i in range(m[inner + k.PARAMS]):
        own = m[first + 2 * i + 1]
        m[line + k.LINE_PARAM + i] = own
        if own == NO:
            f[m[k.NUMBERS_AT] + 4 * number + i] = f[k.CALLED + i]
    return True


def _inner_lines(m: Ints, f: Floats, inner: int) -> bool:
    """The lines of a defined gate on the wires of the call."""
    first, last = m[inner + k.FROM], m[inner + k.TO]
    if m[k.LINES] + last - first > m[k.LINES_ROOM]:
        return False
    for old in range(first, last):
        source = m[k.LINES_AT] + k.LINE_COLUMNS * old
        width = m[source + k.LINE_COUNT]
        number = _new_line(m, f, m[source + k.LINE_OP], width)
        if number == NO:
            return False
        target = m[k.LINES_AT] + k.LINE_COLUMNS * number
        wires, others = m[k.WIRES_AT] + m[target + k.LINE_WIRE], m[source + k.LINE_WIRE]
        for i in range(width):
            m[wires + i] = m[m[k.OPERANDS_AT] + 2 * m[m[k.WIRES_AT] + others + i]]
        for i in range(4):
            if not _hand_on(m, f, inner, old, number, i):
                return False
    return True


def _hand_on(m: Ints, f: Floats, inner: int, old: int, number: int, i: int) -> bool:
    """Parameter ``i`` of a line, seen from the gate around: fixed, one of its own, or a
    formula of them."""
    kind = m[m[k.LINES_AT] + k.LINE_COLUMNS * old + k.LINE_PARAM + i]
    if kind >= 0:
        own = m[m[k.OPERANDS_AT] + 2 * kind + 1]
        if own != NO:
            m[m[k.LINES_AT] + k.LINE_COLUMNS * number + k.LINE_PARAM + i] = own
            return True
    elif kind != k.FIXED:
        for j in range(m[inner + k.PARAMS]):
            if m[m[k.OPERANDS_AT] + 2 * j + 1] != NO:
                own = composed(m, f, -2 - kind)
                m[m[k.LINES_AT] + k.LINE_COLUMNS * number + k.LINE_PARAM + i] = own
                return own != NO
    value = parameter(m, f, old, i)
    f[m[k.NUMBERS_AT] + 4 * number + i] = value
    return not math.isnan(value)
