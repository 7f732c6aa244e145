"""Parameters that a gate's body computes from the gate's own, compiled into formulas.

A formula is laid out as ``formulas`` makes it: steps on a stack, see ``kernel_layout``.
"""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

from typing import Final

from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_statements import factor
from markaz.quantum.programs.openqasm.kernel_tokens import (
    NO,
    Bytes,
    Floats,
    Ints,
    key_of,
    reads_alike,
    word_end,
)

LONGEST: Final = 64  # steps of a formula
_OPEN: Final = -1  # a bracket among the operators that wait


def blank(text: Bytes, at: int) -> int:
    """Behind blanks; comments in a definition are for the parser."""
    while text[at] == 32 or 9 <= text[at] <= 13:
        at += 1
    return at


def position(text: Bytes, m: Ints, start: int, end: int, first: int, last: int) -> int:
    """Which of the arguments ``first`` to ``last`` has this name, else NO."""
    key = key_of(text, start, end)
    for i in range(first, last):
        row = m[k.FORMAL_AT] + k.FORMAL_COLUMNS * i
        if (
            m[row + 2] == key
            and m[row + 1] - m[row] == end - start
            and reads_alike(text, m[row], start, end - start)
        ):
            return i - first
    return NO


def begin(m: Ints) -> None:
    """Start a formula behind those that there are."""
    m[k.FORMULA], m[k.HEIGHT], m[k.WAITING], m[k.WHOLE] = 0, 0, 0, 0


def finish(m: Ints) -> int:
    """Keep the formula; what a line's parameter is then (-2 or less)."""
    start = m[k.CODES]
    m[m[k.CODE_AT] + start] = m[k.FORMULA]
    m[k.CODES] = start + 1 + m[k.FORMULA]
    return int(-2 - start)


def _step(m: Ints, code: int) -> bool:
    if m[k.FORMULA] >= LONGEST or m[k.CODES] + m[k.FORMULA] + 2 >= k.CODE_ROOM:
        return False
    m[m[k.CODE_AT] + m[k.CODES] + 1 + m[k.FORMULA]] = code
    m[k.FORMULA] += 1
    return True


def push_parameter(m: Ints, number: int, integer: bool) -> bool:
    """A parameter of the gate, by its number."""
    return _push(m, integer) and _step(m, k.PARAMETER) and _step(m, number)


def push_constant(m: Ints, f: Floats, value: float, integer: bool) -> bool:
    """A number; ``integer`` for one that is written as a whole number."""
    number = m[k.CONSTANTS]
    if number >= k.CODE_ROOM:
        return False
    f[m[k.CONSTANTS_AT] + number] = value
    m[k.CONSTANTS] = number + 1
    return _push(m, integer) and _step(m, k.CONSTANT) and _step(m, number)


def _push(m: Ints, integer: bool) -> bool:
    m[k.HEIGHT] += 1
    m[k.WHOLE] = 2 * m[k.WHOLE] + (1 if integer else 0)
    return bool(m[k.HEIGHT] <= k.STACK_ROOM)


def operate(m: Ints, code: int) -> bool:
    """An operation on the last values. Two whole numbers are for the parser, whose numbers
    are then whole ones too."""
    if code != k.NEGATE:
        if m[k.HEIGHT] < 2 or (m[k.WHOLE] & 3) == 3:
            return False
        m[k.HEIGHT] -= 1
        m[k.WHOLE] = (m[k.WHOLE] >> 2) << 1
    return _step(m, code)


def _rank(code: int) -> int:
    if code == _OPEN:
        return 0
    if code == k.NEGATE:
        return 3
    return 2 if code == k.MULTIPLY or code == k.DIVIDE else 1


def _wait(m: Ints, code: int) -> bool:
    """Let an operator wait for its second operand."""
    if m[k.WAITING] >= k.MOST_WAITING:
        return False
    m[k.OPERATORS + m[k.WAITING]] = code
    m[k.WAITING] += 1
    return True


def _settle(m: Ints, rank: int) -> bool:
    """Carry out the operators that wait and bind at least as tightly as ``rank``."""
    while m[k.WAITING] > 0 and _rank(m[k.OPERATORS + m[k.WAITING] - 1]) >= rank:
        m[k.WAITING] -= 1
        if not operate(m, m[k.OPERATORS + m[k.WAITING]]):
            return False
    return True


def _operator(c: int) -> int:
    if c == 43:
        return k.ADD
    if c == 45:
        return k.SUBTRACT
    if c == 42:
        return k.MULTIPLY
    return k.DIVIDE if c == 47 else NO


def _operand(text: Bytes, m: Ints, f: Floats, at: int, params: int) -> int:
    """A parameter, a number or pi; what follows it."""
    end = word_end(text, at)
    own = position(text, m, at, end, 0, params) if end > at else NO
    if own != NO:
        return end if push_parameter(m, own, False) else NO
    at, value, integer = factor(text, at)
    return at if at != NO and push_constant(m, f, value, integer) else NO


def formula(text: Bytes, m: Ints, f: Floats, at: int, params: int) -> tuple[int, int]:
    """An expression of the first ``params`` arguments: the comma or bracket that ends it,
    and what it makes of a line's parameter. Signs stand first or behind a bracket only."""
    begin(m)
    first = True
    while True:
        at = blank(text, at)
        while text[at] == 40 or (first and (text[at] == 45 or text[at] == 43)):
            first = text[at] == 40  # a sign may follow
            if text[at] != 43 and not _wait(m, _OPEN if first else k.NEGATE):
                return NO, 0
            at = blank(text, at + 1)
        at = _operand(text, m, f, at, params)
        if at == NO:
            return NO, 0
        at, first = blank(text, at), False
        while text[at] == 41:
            if not _settle(m, 1):
                return NO, 0
            if m[k.WAITING] == 0:
                return at, finish(m)
            m[k.WAITING] -= 1
            at = blank(text, at + 1)
        if text[at] == 44:
            done = _settle(m, 1) and m[k.WAITING] == 0
            return (at, finish(m)) if done else (NO, 0)
        code = _operator(int(text[at]))
        if code == NO or not _settle(m, _rank(code)) or not _wait(m, code):
            return NO, 0
        at += 1


def _copied(m: Ints, start: int) -> bool:
    """Put in the steps of a formula that is one of the gate's own already."""
    step, end = m[k.CODE_AT] + start + 1, m[k.CODE_AT] + start + 1 + m[m[k.CODE_AT] + start]
    while step < end:
        code = m[step]
        if code <= k.PARAMETER:
            if not (_push(m, False) and _step(m, code) and _step(m, m[step + 1])):
                return False
            step += 2
            continue
        if not operate(m, code):
            return False
        step += 1
    return True


def composed(m: Ints, f: Floats, start: int) -> int:
    """A formula of a gate that is called, for the arguments of the call (the second column
    of the operands), as one of the gate around; NO where it is too long."""
    begin(m)
    step, end = m[k.CODE_AT] + start + 1, m[k.CODE_AT] + start + 1 + m[m[k.CODE_AT] + start]
    while step < end:
        code = m[step]
        step += 1
        if code > k.PARAMETER:
            if not operate(m, code):
                return NO
            continue
        number = m[step]
        step += 1
        own = m[m[k.OPERANDS_AT] + 2 * number + 1] if code == k.PARAMETER else NO
        if code == k.CONSTANT:
            done = _push(m, False) and _step(m, code) and _step(m, number)
        elif own == NO:
            done = push_constant(m, f, float(f[k.CALLED + number]), False)
        elif own >= 0:
            done = push_parameter(m, own, False)
        else:
            done = _copied(m, -2 - own)
        if not done:
            return NO
    return finish(m)
