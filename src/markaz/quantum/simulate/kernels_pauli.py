"""The compiled loop over Pauli strings.

A string is a row of ``words`` integers with BITS bits each: bit ``q`` is the X part of
qubit ``q``, bit ``n + q`` its Z part. Rows of operations are six integers: kind, first
factor, number of factors, a, b, gate number.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.kernels_sparse import DONE, bit_at, slot_of, toggle

H: Final = 0
CX: Final = 1
CZ: Final = 2
SWAP: Final = 3
TURN: Final = 4  # exp(-i angle/2 Q), Q given by its factors 4 * qubit + X part + 2 * Z part
ENDLESS: Final = 1 << 62  # steps
MOST_STRINGS: Final = 1 << 16  # that one string may become in ``run_strings``
SHARES: Final = 4  # strings that are given up before the others are not tried any more
NEGLIGIBLE: Final = 1e-15  # coefficient that rounding leaves where exact ones cancel


@lazy_jit
def _anticommutes(keys, at, n, pool, first, count):  # type: ignore[no-untyped-def]
    odd = 0
    for j in range(first, first + count):
        q = pool[j] // 4
        odd ^= (bit_at(keys, at, q) & (pool[j] >> 1)) ^ (bit_at(keys, at, n + q) & pool[j])
    return odd & 1 == 1


@lazy_jit
def _product_sign(keys, at, n, pool, first, count):  # type: ignore[no-untyped-def]
    """The sign of i Q P, where Q and P anticommute."""
    turns = 1
    for j in range(first, first + count):
        x, z = bit_at(keys, at, pool[j] // 4), bit_at(keys, at, n + pool[j] // 4)
        qx, qz = pool[j] & 1, (pool[j] >> 1) & 1
        turns += (qx & qz) + (x & z) - ((x ^ qx) & (z ^ qz)) + 2 * (qz & x)
    return 1.0 - (turns & 3)


@lazy_jit
def _times(keys, at, n, pool, first, count):  # type: ignore[no-untyped-def]
    """Replace P by Q P, up to its phase."""
    for j in range(first, first + count):
        q = pool[j] // 4
        if pool[j] & 1:
            toggle(keys, at, q, -1)
        if pool[j] & 2:
            toggle(keys, at, n + q, -1)


@lazy_jit
def _conjugate(keys, values, terms, words, n, kind, a, b):  # type: ignore[no-untyped-def]
    """Clifford gates: strings to strings, up to signs."""
    for i in range(terms):
        at = i * words
        xa, za = bit_at(keys, at, a), bit_at(keys, at, n + a)
        if kind == H:
            if xa & za:
                values[i] = -values[i]
            elif xa != za:
                toggle(keys, at, a, n + a)
            continue
        xb, zb = bit_at(keys, at, b), bit_at(keys, at, n + b)
        if kind == CX:
            if xa & zb & (1 ^ xb ^ za):
                values[i] = -values[i]
            if xa:
                toggle(keys, at, b, -1)
            if zb:
                toggle(keys, at, n + a, -1)
        elif kind == CZ:
            if xa & xb & (za ^ zb):
                values[i] = -values[i]
            if xa:
                toggle(keys, at, n + b, -1)
            if xb:
                toggle(keys, at, n + a, -1)
        else:
            if xa != xb:
                toggle(keys, at, a, b)
            if za != zb:
                toggle(keys, at, n + a, n + b)


@lazy_jit
def _turn_in_place(keys, values, terms, words, n, pool, first, count, c, s):  # type: ignore[no-untyped-def]
    """Rotations by a multiple of a quarter turn."""
    for i in range(terms):
        at = i * words
        if _anticommutes(keys, at, n, pool, first, count):
            if s == 0:
                values[i] *= c
            else:
                values[i] *= s * _product_sign(keys, at, n, pool, first, count)
                _times(keys, at, n, pool, first, count)


@lazy_jit
def _turn(keys, values, terms, words, n, pool, first, count, c, s, limit):  # type: ignore[no-untyped-def]
    """Rotate pairs P, QP into each other; returns keys, values, terms, weight dropped."""
    here = 0
    while here < terms and not _anticommutes(keys, here * words, n, pool, first, count):
        here += 1
    if here == terms:
        return keys, values, terms, 0.0
    size = 16
    while size < 2 * terms + 2:
        size *= 2
    table = np.full(size, -1, np.int32)
    pairs = np.empty((terms + 1) * words, np.int64)
    low = np.zeros(terms, np.float64)
    high = np.zeros(terms, np.float64)
    out = np.empty(2 * terms * words, np.int64)
    out_values = np.empty(2 * terms, np.float64)
    found = 0
    total = 0
    dropped = 0.0
    lead = pool[first] // 4 + (0 if pool[first] & 1 else n)
    for i in range(terms):
        at = i * words
        if not _anticommutes(keys, at, n, pool, first, count):
            out_values[total] = values[i]
            for w in range(words):
                out[total * words + w] = keys[at + w]
            total += 1
            continue
        is_high = bit_at(keys, at, lead) == 1
        if is_high:
            _times(keys, at, n, pool, first, count)
        slot = slot_of(table, keys, at, pairs, words)
        if table[slot] < 0:
            table[slot] = found
            for w in range(words):
                pairs[found * words + w] = keys[at + w]
            found += 1
        if is_high:
            high[table[slot]] = values[i]
        else:
            low[table[slot]] = values[i]
    for j in range(found):
        sign = s * _product_sign(pairs, j * words, n, pool, first, count)
        for side in range(2):
            value = c * high[j] + sign * low[j] if side else c * low[j] - sign * high[j]
            if abs(value) <= NEGLIGIBLE:
                dropped += abs(value)
                continue
            for w in range(words):
                out[total * words + w] = pairs[j * words + w]
            if side:
                _times(out, total * words, n, pool, first, count)
            out_values[total] = value
            total += 1
        if total > limit:
            break
    return out, out_values, total, dropped


@lazy_jit
def _carry(keys, values, words, n, last, rows, angles, pool, limit, patience):  # type: ignore[no-untyped-def]
    """Take strings back through operations ``last`` to 0; returns keys, coefficients, the
    number of strings, the weight dropped, the operation at which there were more than
    ``limit`` strings or ``patience`` was used up (DONE if none), and the steps taken."""
    terms = len(values)
    dropped = 0.0
    used = 0
    for m in range(last, -1, -1):
        used += terms
        if used > patience:
            return keys, values, terms, dropped, m, used
        kind, first, count = rows[6 * m], rows[6 * m + 1], rows[6 * m + 2]
        c, s = angles[2 * m], angles[2 * m + 1]
        if kind != TURN:
            _conjugate(keys, values, terms, words, n, kind, rows[6 * m + 3], rows[6 * m + 4])
        elif c == 0 or s == 0:
            _turn_in_place(keys, values, terms, words, n, pool, first, count, c, s)
        else:
            keys, values, terms, lost = _turn(
                keys, values, terms, words, n, pool, first, count, c, s, limit
            )
            dropped += lost
            if terms > limit:
                return keys, values, terms, dropped, m, used
    return keys, values, terms, dropped, DONE, used


@lazy_jit(
    signatures=(
        "Tuple((int64[::1], float64[::1], int64, float64, int64))(int64[::1], float64[::1],"
        " int64, int64, int64, int32[::1], float64[::1], int32[::1], int64)",
    )
)
def run_pauli(keys, values, words, n, last, rows, angles, pool, limit):  # type: ignore[no-untyped-def]
    """Take the strings of ``keys`` (changed) back through operations ``last`` to 0.

    Returns keys, coefficients, the number of strings, the weight that was dropped as
    rounding and the operation that needed more than ``limit`` strings (DONE if none did).
    """
    keys, values, terms, dropped, broken, _ = _carry(
        keys, values, words, n, last, rows, angles, pool, limit, ENDLESS
    )
    return keys, values, terms, dropped, broken


@lazy_jit(
    signatures=(
        "int64(int64[::1], int64[::1], int64, int64, int32[::1], float64[::1], int32[::1],"
        " int64, int64, float64[::1], float64[::1])",
    )
)
def run_strings(keys, low, words, n, rows, angles, pool, waste, total, values, lost):  # type: ignore[no-untyped-def]
    """The value on |0...0> of each string of ``keys`` after all operations.

    Strings are taken back one by one until ``total`` steps are used up, or ``waste`` on
    strings that were given up, each after its share of that; what was not finished keeps
    its entry in ``values`` (strings,). ``lost`` (strings,) gets the weight dropped as
    rounding; ``low`` (words,) marks the bits of X parts. Returns the steps taken.
    """
    spent = 0
    wasted = 0
    for i in range(len(values)):
        if spent >= total or wasted >= waste:
            break
        out, coefs, terms, dropped, broken, used = _carry(
            keys[i * words : (i + 1) * words].copy(),
            np.ones(1),
            words,
            n,
            len(rows) // 6 - 1,
            rows,
            angles,
            pool,
            MOST_STRINGS,
            min(waste // SHARES, waste - wasted, total - spent),
        )
        spent += used
        if broken != DONE:
            wasted += used
            continue
        value = 0.0
        for t in range(terms):
            flips = 0
            for w in range(words):
                flips |= out[t * words + w] & low[w]
            if flips == 0:
                value += coefs[t]
        values[i] = value
        lost[i] = dropped
    return spent
