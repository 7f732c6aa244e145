"""The compiled loop over few basis states.

A basis state is a row of ``words`` integers with BITS qubits each (63, so that no word is
negative); partner states of a mixing operation find each other in a hash table.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.kernels_lower import FLIP, MIX, PARITY, PHASE

BITS: Final = 63
NEGLIGIBLE: Final = 1e-28  # squared amplitude of a state that is dropped; the norm is 1
DONE: Final = -1


@lazy_jit
def _hash(keys, at, words):  # type: ignore[no-untyped-def]
    h = 0
    for w in range(words):
        h = (h ^ keys[at + w]) * 0x2545F4914F6CDD1D
        h ^= h >> 29
    return h


@lazy_jit
def slot_of(table, keys, at, pairs, words):  # type: ignore[no-untyped-def]
    """Where the pair of the key at ``at`` is, or is to be, in the hash table."""
    mask = len(table) - 1
    slot = _hash(keys, at, words) & mask
    while table[slot] >= 0:
        same = True
        for w in range(words):
            if pairs[table[slot] * words + w] != keys[at + w]:
                same = False
                break
        if same:
            return slot
        slot = (slot + 1) & mask
    return slot


@lazy_jit
def bit_at(keys, at, q):  # type: ignore[no-untyped-def]
    """Bit ``q`` of the key at ``at``."""
    return (keys[at + q // BITS] >> (q % BITS)) & 1


@lazy_jit
def _selected(keys, at, where, masks, first, cn):  # type: ignore[no-untyped-def]
    """Whether all controls are set, each given by its word and its bit in that."""
    j = first
    while j < first + cn and keys[at + where[j]] & masks[j] != 0:
        j += 1
    return j == first + cn


@lazy_jit
def toggle(keys, at, a, b):  # type: ignore[no-untyped-def]
    """Flip bits ``a`` and, unless it is -1, ``b`` of the key at ``at``."""
    one = 1
    keys[at + a // BITS] ^= one << (a % BITS)
    if b >= 0:
        keys[at + b // BITS] ^= one << (b % BITS)


@lazy_jit
def _sign(keys, at, za, zb):  # type: ignore[no-untyped-def]
    odd = 0
    if za >= 0:
        odd ^= bit_at(keys, at, za)
    if zb >= 0:
        odd ^= bit_at(keys, at, zb)
    return 1.0 - 2.0 * odd


@lazy_jit
def _mix(keys, amps, n, words, row, where, masks, c0, c1, c2, c3, limit):  # type: ignore[no-untyped-def]
    """Mix partner states; returns the new keys, amplitudes and their number (``limit`` + 1
    or more where there are too many)."""
    first, cn, a, b, za, zb = row[1], row[2], row[3], row[4], row[5], row[6]
    size = 16
    while size < 2 * n + 2:
        size *= 2
    table = np.full(size, -1, np.int32)
    pairs = np.empty((n + 1) * words, np.int64)
    low = np.zeros(n, np.complex128)
    high = np.zeros(n, np.complex128)
    out_keys = np.empty(2 * n * words, np.int64)
    out_amps = np.empty(2 * n, np.complex128)
    count = 0
    total = 0
    for i in range(n):
        at = i * words
        if not _selected(keys, at, where, masks, first, cn):
            out_amps[total] = amps[i]
            for w in range(words):
                out_keys[total * words + w] = keys[at + w]
            total += 1
            continue
        is_high = bit_at(keys, at, a) == 1
        if is_high:
            toggle(keys, at, a, b)
        slot = slot_of(table, keys, at, pairs, words)
        if table[slot] < 0:
            table[slot] = count
            for w in range(words):
                pairs[count * words + w] = keys[at + w]
            count += 1
        if is_high:
            high[table[slot]] = amps[i]
        else:
            low[table[slot]] = amps[i]
    for j in range(count):
        s = _sign(pairs, j * words, za, zb)
        x = c0 * low[j] + s * c1 * high[j]
        y = s * c2 * low[j] + c3 * high[j]
        for side in range(2):
            value = x if side == 0 else y
            if value.real * value.real + value.imag * value.imag > NEGLIGIBLE:
                for w in range(words):
                    out_keys[total * words + w] = pairs[j * words + w]
                if side == 1:
                    toggle(out_keys, total * words, a, b)
                out_amps[total] = value
                total += 1
        if total > limit:
            break
    return out_keys, out_amps, total


@lazy_jit
def _flip(keys, n, words, row, where, masks):  # type: ignore[no-untyped-def]
    first, cn = row[1], row[2]
    word, mask = row[3] // BITS, 1 << (row[3] % BITS)
    for i in range(n):
        if _selected(keys, i * words, where, masks, first, cn):
            keys[i * words + word] ^= mask


@lazy_jit
def _scale(keys, amps, n, words, row, where, masks, phase):  # type: ignore[no-untyped-def]
    first, cn = row[1], row[2]
    for i in range(n):
        if _selected(keys, i * words, where, masks, first, cn):
            amps[i] *= phase


@lazy_jit
def _in_place(keys, amps, n, words, row, where, masks, c0, c1, c2, c3):  # type: ignore[no-untyped-def]
    """The other operations that map basis states to basis states, up to phases."""
    kind, first, cn, a, b, za, zb = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
    for i in range(n):
        at = i * words
        if not _selected(keys, at, where, masks, first, cn):
            continue
        if kind == MIX:
            s = _sign(keys, at, za, zb)
            if bit_at(keys, at, a) == 1:
                amps[i] *= c3 if c1 == 0 else s * c1
            else:
                amps[i] *= c0 if c1 == 0 else s * c2
            if c1 != 0:
                toggle(keys, at, a, b)
        elif bit_at(keys, at, a) != bit_at(keys, at, b):
            if kind == PARITY:
                amps[i] *= c0
            else:
                toggle(keys, at, a, b)


@lazy_jit(
    signatures=(
        "Tuple((int64[::1], complex128[::1], int64, int64, int64, int64))("
        "int64[::1], complex128[::1], int64, int64, int64, int32[::1], complex128[::1],"
        " int32[::1], int64, int64)",
    )
)
def run_sparse(keys, amps, words, start, count, rows, coefs, controls, limit, work):  # type: ignore[no-untyped-def]
    """Apply micro-operations ``start`` to ``count`` to the states of ``keys`` (changed).

    Returns keys, amplitudes, the number of states, the largest number met, the work left
    and the operation that broke a limit (DONE if none did): more than ``limit`` states, or
    ``work`` states-times-operations used up.
    """
    n = len(amps)
    peak = n
    where = np.empty(len(controls), np.int64)
    masks = np.empty(len(controls), np.int64)
    for j in range(len(controls)):
        where[j] = controls[j] // BITS
        masks[j] = 1 << (controls[j] % BITS)
    for m in range(start, count):
        work -= n
        if work < 0:
            return keys, amps, n, peak, work, m
        c0, c1, c2, c3 = coefs[4 * m], coefs[4 * m + 1], coefs[4 * m + 2], coefs[4 * m + 3]
        row = rows[8 * m : 8 * m + 8]
        monomial = (c1 == 0 and c2 == 0) or (c0 == 0 and c3 == 0)
        if row[0] == FLIP:
            _flip(keys, n, words, row, where, masks)
            continue
        if row[0] == PHASE:
            _scale(keys, amps, n, words, row, where, masks, c0)
            continue
        if row[0] != MIX or monomial:
            _in_place(keys, amps, n, words, row, where, masks, c0, c1, c2, c3)
            continue
        keys, amps, n = _mix(keys, amps, n, words, row, where, masks, c0, c1, c2, c3, limit)
        peak = max(peak, n)
        if n > limit:
            return keys, amps, n, peak, work, m
    return keys, amps, n, peak, work, DONE
