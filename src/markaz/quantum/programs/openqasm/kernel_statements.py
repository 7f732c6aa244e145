"""Statements, compiled: operands, parameters, gates, measurements, resets and barriers.

Functions return the position behind what they read, or ``NO`` for what the parser has to
see: what is of another form, and what is wrong.
"""

from __future__ import annotations

import math
from typing import Final

from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_gates import (
    apply,
    are_distinct,
    has_room,
    put,
    put_pooled,
)
from markaz.quantum.programs.openqasm.kernel_tokens import (
    CLASS,
    NO,
    Bytes,
    Floats,
    Ints,
    number,
    skip,
    slot_of,
    whole,
    word_end,
)

_MEASURE_OP: Final = int(Op.MEASURE)
_RESET_OP: Final = int(Op.RESET)
_BARRIER_OP: Final = int(Op.BARRIER)
_WHOLE: Final = float(1 << 53)
_EXACT_SHARE: Final = 16  # elements of a register that a barrier names for one unit of work


def factor(text: Bytes, at: int) -> tuple[int, float, bool]:
    """A number or pi: behind it, its value, whether it is a whole number."""
    if CLASS[text[at]] == 1:
        if text[at] == 112 and text[at + 1] == 105 and CLASS[text[at + 2]] == 0:
            return at + 2, math.pi, False
        return NO, 0.0, False
    return number(text, at)


def term(text: Bytes, m: Ints, at: int, negative: bool) -> tuple[int, float, bool]:
    """Factors joined by * and /, with the sign before them."""
    at, value, integer = factor(text, at)
    if at == NO:
        return NO, 0.0, False
    at = skip(text, at)
    if negative:
        if value == 0.0 and (integer or text[at] == 42 or text[at] == 47):
            return NO, 0.0, False
        value = -value
    while text[at] == 42 or text[at] == 47:
        divide = text[at] == 47
        at, other, also = factor(text, skip(text, at + 1))
        if at == NO or (divide and (other == 0.0 or (integer and also and m[k.VERSION] == 3))):
            return NO, 0.0, False
        value = value / other if divide else value * other
        if integer and also and abs(value) > _WHOLE:
            return NO, 0.0, False
        integer = integer and also and not divide
        at = skip(text, at)
    return at, value, integer


def expression(text: Bytes, m: Ints, at: int) -> tuple[int, float]:
    """Terms joined by + and -: the position of what follows, and the value."""
    negative = text[at] == 45
    if negative or text[at] == 43:
        at = skip(text, at + 1)
    at, value, integer = term(text, m, at, negative)
    while at != NO and (text[at] == 43 or text[at] == 45):
        minus = text[at] == 45
        at, other, also = term(text, m, skip(text, at + 1), False)
        value = value - other if minus else value + other
        integer = integer and also
        if integer and abs(value) > _WHOLE:
            return NO, 0.0
    return (at if math.isfinite(value) else NO), value


def parameters(text: Bytes, m: Ints, f: Floats, at: int) -> tuple[int, int]:
    """``(…)`` into ``params``: behind it, and how many."""
    count = 0
    while True:
        if count == k.MOST_PARAMS:
            return NO, 0
        at, value = expression(text, m, skip(text, at + 1))
        if at == NO:
            return NO, 0
        f[k.CALLED + count] = value
        count += 1
        if text[at] == 41:
            return skip(text, at + 1), count
        if text[at] != 44:
            return NO, 0


def operand(text: Bytes, m: Ints, at: int, kind: int) -> int:
    """A register or an element of one: BASE, SIZE and STEP (0 for a single element)."""
    end = word_end(text, at)
    slot = slot_of(m, k.REGISTERS_AT, text, at, end) if end > at else NO
    if slot == NO or m[slot + k.LENGTH] == 0:
        return NO
    register = m[slot + k.VALUE]
    if m[register + k.SORT] != kind:
        return NO
    m[k.BASE], m[k.SIZE] = m[register + k.FIRST], m[register + k.SPAN]
    single = m[register + k.SINGLE] == 1
    m[k.STEP] = 0 if single else 1
    at = skip(text, end)
    if text[at] != 91:
        return at
    at, index = whole(text, skip(text, at + 1), 9)
    if at == NO or single or index >= m[k.SIZE]:
        return NO
    at = skip(text, at)
    if text[at] != 93:
        return NO
    m[k.BASE] += index
    m[k.SIZE], m[k.STEP] = 1, 0
    m[k.INDEXED] += 1
    return skip(text, at + 1)


def operand_list(text: Bytes, m: Ints, at: int) -> int:
    """A list of qubits and registers of one size: COUNT, TIMES, ``operands``."""
    m[k.COUNT], m[k.TIMES], m[k.INDEXED] = 0, 0, 0
    while m[k.COUNT] < k.MOST_OPERANDS:
        at = operand(text, m, at, 0)
        if at == NO:
            return NO
        if m[k.STEP] == 1:
            if m[k.TIMES] != 0 and m[k.TIMES] != m[k.SIZE]:
                return NO
            m[k.TIMES] = m[k.SIZE]
        place = m[k.OPERANDS_AT] + k.OPERAND_COLUMNS * m[k.COUNT]
        m[place], m[place + 1] = m[k.BASE], m[k.STEP]
        m[k.COUNT] += 1
        if text[at] != 44:
            return at
        at = skip(text, at + 1)
    return NO


def _spend(m: Ints, several: bool) -> None:
    """Count what the parser's way costs: it looks up each element."""
    if several or m[k.DEPTH] > 0:
        m[k.SPENT] += m[k.INDEXED]


def call(text: Bytes, m: Ints, f: Floats, at: int, gate: int) -> int:
    """A gate; ``at`` is behind its name."""
    count = 0
    if text[at] == 40:
        at, count = parameters(text, m, f, at)
        if at == NO:
            return NO
    if count != m[gate + k.PARAMS]:
        return NO
    at = operand_list(text, m, at)
    if at == NO or text[at] != 59:
        return NO
    width = m[gate + k.WIDTH]
    if m[k.COUNT] != width and (width > 0 or m[k.COUNT] < -width):
        return NO
    _spend(m, m[k.TIMES] > 0)
    for i in range(max(m[k.TIMES], 1)):
        for j in range(m[k.COUNT]):
            place = m[k.OPERANDS_AT] + k.OPERAND_COLUMNS * j
            m[m[k.ON_AT] + j] = m[place] + i * m[place + 1]
        if not are_distinct(m, m[k.COUNT]) or not apply(m, f, gate, m[k.COUNT]):
            return NO
    return at + 1


def _measure_into(m: Ints, f: Floats, qubit: int, qubits: int, bit: int, bits: int) -> bool:
    if qubits != bits or not has_room(m, qubits, qubits, 0):
        return False
    for i in range(qubits):
        row = put(m, f, _MEASURE_OP, bit + i)
        m[row] = qubit + i
    return True


def measure(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """``measure q -> c;`` from behind the word on."""
    m[k.INDEXED] = 0
    at = operand(text, m, at, 0)
    if at == NO or text[at] != 45 or text[at + 1] != 62:
        return NO
    qubit, qubits = m[k.BASE], m[k.SIZE]
    at = operand(text, m, skip(text, at + 2), 1)
    if at == NO or text[at] != 59:
        return NO
    _spend(m, m[k.INDEXED] < 2)
    return at + 1 if _measure_into(m, f, qubit, qubits, m[k.BASE], m[k.SIZE]) else NO


def assignment(text: Bytes, m: Ints, f: Floats, start: int) -> int:
    """``c[i] = measure q[j];``. OpenQASM 2 does not have it; of what tools write all the
    same the plain form is taken, outside of blocks."""
    m[k.INDEXED] = 0
    at = operand(text, m, start, 1)
    if at == NO or text[at] != 61:
        return NO
    bit, bits = m[k.BASE], m[k.SIZE]
    at = skip(text, at + 1)
    end = word_end(text, at)
    slot = slot_of(m, k.NAMES_AT, text, at, end) if end > at else NO
    if slot == NO or m[slot + k.LENGTH] == 0 or m[slot + k.VALUE] != k.MEASURE:
        return NO
    at = operand(text, m, skip(text, end), 0)
    if at == NO or text[at] != 59:
        return NO
    if m[k.VERSION] == 2 and (m[k.DEPTH] > 0 or not _is_plain(text, m, start, at)):
        return NO
    _spend(m, m[k.INDEXED] < 2)
    return at + 1 if _measure_into(m, f, m[k.BASE], m[k.SIZE], bit, bits) else NO


def _is_plain(text: Bytes, m: Ints, start: int, end: int) -> bool:
    """Whether both operands are elements and no comment stands between."""
    for i in range(start, end):
        if text[i] == 47:
            return False
    return bool(m[k.INDEXED] == 2)


def reset(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """``reset q;`` from behind the word on."""
    m[k.INDEXED] = 0
    at = operand(text, m, at, 0)
    if at == NO or text[at] != 59 or not has_room(m, m[k.SIZE], m[k.SIZE], 0):
        return NO
    _spend(m, False)
    for i in range(m[k.SIZE]):
        row = put(m, f, _RESET_OP, -1)
        m[row] = m[k.BASE] + i
    return at + 1


def barrier(text: Bytes, m: Ints, f: Floats, at: int) -> int:
    """``barrier q, r[0];`` from behind the word on."""
    first = m[k.POOL]
    if text[at] == 59:
        if m[k.QUBITS] == 0 or not _pool(m, 0, m[k.QUBITS], 0):
            return NO
    else:
        m[k.STAMP] += 1
        stamp, m[k.INDEXED], work, listed, wide = m[k.STAMP], 0, 0, 0, False
        while True:
            at = operand(text, m, at, 0)
            if at == NO or not _pool(m, m[k.BASE], m[k.SIZE], stamp):
                return NO
            work += m[k.SIZE] // _EXACT_SHARE
            listed += m[k.SIZE]
            wide = wide or m[k.STEP] == 1
            if text[at] != 44:
                break
            at = skip(text, at + 1)
        _spend(m, wide or listed > m[k.POOL] - first)
        m[k.SPENT] += work
    if text[at] != 59 or not has_room(m, 1, 1, 0):
        return NO
    put_pooled(m, f, _BARRIER_OP, first, m[k.POOL] - first)
    return at + 1


def _pool(m: Ints, qubit: int, count: int, stamp: int) -> bool:
    """Add qubits to the pool, each one once a ``stamp``."""
    if not has_room(m, 0, 0, count):
        return False
    for i in range(qubit, qubit + count):
        if stamp == 0 or m[m[k.SEEN_AT] + i] != stamp:
            m[m[k.SEEN_AT] + i] = stamp
            m[m[k.POOL_AT] + m[k.POOL]] = i
            m[k.POOL] += 1
    return True
