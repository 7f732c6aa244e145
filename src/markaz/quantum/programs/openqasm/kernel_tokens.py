"""Words, numbers and names of OpenQASM text, in the part of Python that Numba compiles.

The text is bytes with a zero at the end, one byte a character. Functions that take a
position return the one behind what they read, or ``NO`` where the text is of another form
than they know.
"""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.openqasm import kernel_layout as k

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NO: Final = -1
PROBES: Final = 64  # places of a table that are tried for a name
SHORT: Final = 8  # characters of a name that is its own key

_DIGITS: Final = 18  # significant digits that fit in 63 bits
_EXACT: Final = 1 << 53
_POWERS: Final = np.array([10.0**k for k in range(23)])  # those that are exact
_HALF: Final = 134217729.0  # 2^27 + 1
_MARGIN: Final = 2.0**-95


def _classes() -> Bytes:
    classes = np.zeros(256, np.uint8)
    for first, last, kind in ((65, 90, 1), (97, 122, 1), (95, 95, 1), (48, 57, 2)):
        classes[first : last + 1] = kind
    return classes


CLASS: Final = _classes()  # 1 where a name can start, 2 for digits


def skip_comment(text: Bytes, at: int) -> int:
    """Behind the comment at ``at``; ``at`` where none is, or it never ends."""
    end = at + 2
    if text[at + 1] == 47:
        while text[end] != 10 and text[end] != 0:
            end += 1
        return end
    if text[at + 1] != 42:
        return at
    while text[end] != 0:
        if text[end] == 42 and text[end + 1] == 47:
            return end + 2
        end += 1
    return at


def skip(text: Bytes, at: int) -> int:
    """Behind blanks and comments."""
    while True:
        c = text[at]
        if c == 32 or 9 <= c <= 13:
            at += 1
        elif c == 47:
            end = skip_comment(text, at)
            if end == at:
                return at
            at = end
        else:
            return at


def word_end(text: Bytes, at: int) -> int:
    """Behind the name at ``at``; ``at`` where none is."""
    if CLASS[text[at]] != 1:
        return at
    at += 1
    while CLASS[text[at]] != 0:
        at += 1
    return at


def key_of(text: Bytes, start: int, end: int) -> int:
    """A number for a name: the name itself if it is short, else a negative hash."""
    key = 0
    if end - start <= SHORT:
        for i in range(start, end):
            key |= int(text[i]) << (8 * (i - start))
        return key
    for i in range(start, end):
        key = (key * 31 + int(text[i])) & 0xFFFFFFFFFFFFFF
    return -1 - key


def slot_of(m: Ints, table: int, text: Bytes, start: int, end: int) -> int:
    """The place of a name in a table (NAMES_AT or REGISTERS_AT), a free one (LENGTH 0) where
    it is not there yet, NO where none was found in reasonable time."""
    key = key_of(text, start, end)
    first, mask = m[table], m[table - k.NAMES_AT + k.NAMES_ROOM] - 1
    mixed = ((key & 0xFFFFFFFF) ^ (key >> 32)) & 0xFFFFFFF
    hashed = (mixed * 0x9E3779B1) >> 16
    length = end - start
    for probe in range(PROBES):
        slot = int(first + ((hashed + probe) & mask) * k.NAME_COLUMNS)
        if m[slot + k.LENGTH] == 0:
            return slot
        if (
            m[slot + k.KEY] == key
            and m[slot + k.LENGTH] == length
            and (length <= SHORT or reads_alike(text, m[slot + k.START], start, length))
        ):
            return slot
    return NO


def reads_alike(text: Bytes, one: int, other: int, count: int) -> bool:
    """Whether the same ``count`` characters stand at two places."""
    for i in range(count):
        if text[one + i] != text[other + i]:
            return False
    return True


def enter(m: Ints, table: int, text: Bytes, start: int, end: int, value: int) -> bool:
    """Give a name of the text a value; False where there is no room."""
    slot = slot_of(m, table, text, start, end)
    if slot == NO:
        return False
    m[slot + k.KEY] = key_of(text, start, end)
    m[slot + k.START] = start
    m[slot + k.LENGTH] = end - start
    m[slot + k.VALUE] = value
    return True


def whole(text: Bytes, at: int, most: int) -> tuple[int, int]:
    """The whole number of at most ``most`` digits at ``at``, and where it ends."""
    value = 0
    end = at
    while CLASS[text[end]] == 2:
        value = value * 10 + int(text[end]) - 48
        end += 1
        if end - at > most:
            return NO, 0
    if end == at or CLASS[text[end]] != 0 or text[end] == 46:
        return NO, 0
    return end, value


def divided(mantissa: int, power: int) -> float:
    """``mantissa / 10**power`` correctly rounded, for up to 18 digits and powers up to 44;
    NaN in the rare case that is too close to call.

    Two steps of long division in pairs of floats (T. J. Dekker, Numerische Mathematik 18
    (1971) 224); the power of ten is such a pair exactly.
    """
    high = float(mantissa)
    low = float(mantissa - int(high))
    first = float(_POWERS[min(power, 22)])
    second = float(_POWERS[power - min(power, 22)])
    ten = first * second
    ten_low = _product_error(first, second, ten)
    q = high / ten
    product = q * ten
    rest = ((high - product) - _product_error(q, ten, product)) + (low - q * ten_low)
    more = rest / ten
    margin = q * _MARGIN
    value = q + (more - margin)
    return value if value == q + (more + margin) else math.nan


def _product_error(a: float, b: float, product: float) -> float:
    """``a * b - product`` exactly, for the rounded product."""
    x = a * _HALF
    a1 = x - (x - a)
    a2 = a - a1
    y = b * _HALF
    b1 = y - (y - b)
    b2 = b - b1
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def decimal(mantissa: int, power: int) -> float:
    """``mantissa * 10**power`` correctly rounded; NaN where that takes more thought."""
    if mantissa == 0:
        return 0.0
    if power == 0:
        return float(mantissa)
    if mantissa <= _EXACT and -22 <= power <= 22:
        return float(mantissa * _POWERS[power] if power > 0 else mantissa / _POWERS[-power])
    if -44 <= power < 0:
        return divided(mantissa, -power)
    return math.nan


def number(text: Bytes, at: int) -> tuple[int, float, bool]:
    """The unsigned decimal number at ``at``: where it ends, its value, whether it is
    written as a whole number."""
    mantissa, power, digits, seen, point = 0, 0, 0, 0, False
    while True:
        c = int(text[at])
        if 48 <= c <= 57:
            if digits == _DIGITS:
                return NO, 0.0, False
            mantissa = mantissa * 10 + c - 48
            digits += 1 if mantissa > 0 else 0
            seen += 1
            power -= 1 if point else 0
        elif c == 46 and not point:
            point = True
        else:
            break
        at += 1
    if seen == 0:
        return NO, 0.0, False
    integer = not point
    if c == 101 or c == 69:
        integer = False
        sign = int(text[at + 1])
        at += 2 if sign == 43 or sign == 45 else 1
        at, exponent = whole(text, at, 4)
        power += -exponent if sign == 45 else exponent
        if at == NO:
            return NO, 0.0, False
    if CLASS[text[at]] != 0 or text[at] == 46:
        return NO, 0.0, False
    value = decimal(mantissa, power)
    return (NO if math.isnan(value) else at), value, integer
