"""A real sum of Pauli strings: a dictionary while it is small, arrays when it is large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.kernels_pauli import (
    CX,
    CZ,
    MOST_STRINGS,
    NEGLIGIBLE,
    SHARES,
    TURN,
    H,
    run_pauli,
    run_strings,
)
from markaz.quantum.simulate.kernels_sparse import BITS, DONE
from markaz.quantum.simulate.pauli_rules import Steps, X, Y, Z

Terms = dict[int, float]  # bit q: X part of qubit q; bit n + q: Z part; Y has both

_WORD = (1 << BITS) - 1
_CODES: Final = {"X": X, "Y": Y, "Z": Z}
_STEP_COST = 5  # cost of an interpreted step beside that of its strings, in strings


def packed(pauli: Pauli, n: int) -> int:
    """A string on ``n`` qubits as a key of Terms."""
    key = 0
    for q, letter in pauli.factors:
        code = _CODES[letter]
        key |= (code & 1) << q | (code >> 1) << (n + q)
    return key


@dataclass(frozen=True, slots=True)
class Allowance:
    """Steps (one operation on one string) that ``carry_back`` may take: on strings that it
    gives up (on each of them a share of that), and in all."""

    waste: int
    total: int


def carry_back(
    paulis: Sequence[Pauli], n: int, steps: Steps, allowance: Allowance
) -> tuple[NDArray[np.float64], float, int]:
    """The values (strings,) on |0...0> of Pauli strings after all ``steps`` (NaN where a
    string becomes too many for the allowance), the largest weight dropped as rounding, and
    the steps taken."""
    values, lost = np.full(len(paulis), np.nan), np.zeros(len(paulis))
    if run_strings.worth_it(min(allowance.total, len(paulis) * len(steps))):
        keys = [packed(p, n) for p in paulis]
        words = -(-2 * n // BITS)
        rows = steps.rows, steps.angles, steps.pool
        limits = allowance.waste, allowance.total
        low = _words([(1 << n) - 1], words)
        taken = run_strings.fast(_words(keys, words), low, words, n, *rows, *limits, values, lost)
        return values, float(lost.max(initial=0.0)), taken
    spent = wasted = 0
    for i, pauli in enumerate(paulis):
        if spent >= allowance.total or wasted >= allowance.waste:
            break
        share = min(allowance.waste // SHARES, allowance.waste - wasted)
        patience = min(share, allowance.total - spent)
        found, lost[i], used = _carried({packed(pauli, n): 1.0}, n, steps, patience)
        spent += used
        if found is None:
            wasted += used
        else:
            values[i] = found
    return values, float(lost.max(initial=0.0)), spent


def _words(keys: Sequence[int], words: int) -> NDArray[np.int64]:
    return np.array([(k >> (BITS * w)) & _WORD for k in keys for w in range(words)], np.int64)


def _carried(terms: Terms, n: int, steps: Steps, patience: int) -> tuple[float | None, float, int]:
    """Value (None: given up), weight dropped and steps taken."""
    used, dropped = 0, 0.0
    for m in range(len(steps) - 1, -1, -1):
        used += len(terms)
        if used > patience:
            return None, 0.0, used
        terms, lost = _back(terms, n, steps, m)
        dropped += lost
        if len(terms) > MOST_STRINGS:
            return None, 0.0, used
    return _on_zero(terms, n), dropped, used


def _on_zero(terms: Terms, n: int) -> float:
    low = (1 << n) - 1
    return math.fsum(v for k, v in terms.items() if not k & low)


def pull_back(terms: Terms, n: int, steps: Steps, limit: int) -> tuple[float, float]:
    """The value on |0...0> of Pauli strings on ``n`` qubits after all ``steps``.

    Returns the value and the weight of terms dropped as rounding. Raises EngineRefusal
    where more than ``limit`` strings are needed at once.
    """
    patience = run_pauli.patience()
    dropped = 0.0
    for m in range(len(steps) - 1, -1, -1):
        cost = (m + 1) * (_STEP_COST + len(terms))
        if cost > patience:
            if run_pauli.worth_it(cost):
                value, lost = _compiled(terms, n, steps, m, limit)
                return value, dropped + lost
            patience = 4 * cost  # not compiled yet: ask again when there is more to gain
        terms, lost = _back(terms, n, steps, m)
        dropped += lost
        if len(terms) > limit:
            raise _refusal(limit, steps, m)
    return _on_zero(terms, n), dropped


def _refusal(limit: int, steps: Steps, m: int) -> EngineRefusal:
    return EngineRefusal(f"more than {limit} Pauli strings at gate {steps.rows[6 * m + 5]}")


def _compiled(terms: Terms, n: int, steps: Steps, last: int, limit: int) -> tuple[float, float]:
    words = -(-2 * n // BITS)
    keys = _words(list(terms), words)
    values = np.array(list(terms.values()), np.float64)
    keys, values, count, dropped, broken = run_pauli.fast(
        keys, values, words, n, last, steps.rows, steps.angles, steps.pool, limit
    )
    if broken != DONE:
        raise _refusal(limit, steps, broken)
    keys = keys[: count * words].reshape(count, words)
    low = _words([(1 << n) - 1], words)
    return math.fsum(values[:count][~(keys & low).any(axis=1)]), dropped


def _back(terms: Terms, n: int, steps: Steps, m: int) -> tuple[Terms, float]:
    """Conjugate every string by step ``m``; returns the terms and the weight dropped."""
    kind, first, count, a, b, _ = steps.rows[6 * m : 6 * m + 6].tolist()
    if kind != TURN:
        return _conjugated(terms, n, kind, a, b), 0.0
    factors = steps.pool[first : first + count].tolist()
    return _turned(terms, n, factors, *steps.angles[2 * m : 2 * m + 2].tolist())


def _conjugated(terms: Terms, n: int, kind: int, a: int, b: int) -> Terms:
    if kind == H:
        return _exchanged(terms, a, n + a, signed=True)
    if kind == CX:
        return _controlled(terms, (a, n + b), (b, n + a), (b, n + a), 1)
    if kind == CZ:
        return _controlled(terms, (a, b), (n + b, n + a), (n + a, n + b), 0)
    return _exchanged(_exchanged(terms, a, b), n + a, n + b)


def _exchanged(terms: Terms, i: int, j: int, *, signed: bool = False) -> Terms:
    """Exchange bits i and j; ``signed``: negate where both are set."""
    both = 1 << i | 1 << j
    out: Terms = {}
    for k, v in terms.items():
        found = k & both
        if found == both:
            out[k] = -v if signed else v
        else:
            out[k ^ both if found else k] = v
    return out


def _controlled(
    terms: Terms, tests: Sequence[int], targets: Sequence[int], signs: Sequence[int], odd: int
) -> Terms:
    """Flip each target bit where its test bit is set; negate where both tests are set and
    the sign bits differ (``odd`` 0) or agree (1)."""
    first, second = 1 << tests[0], 1 << tests[1]
    either = first | second
    flips = {
        0: 0,
        first: 1 << targets[0],
        second: 1 << targets[1],
        either: 1 << targets[0] | 1 << targets[1],
    }
    out: Terms = {}
    for k, v in terms.items():
        tested = k & either
        negate = tested == either and ((k >> signs[0] ^ k >> signs[1]) & 1) ^ odd
        out[k ^ flips[tested]] = -v if negate else v
    return out


def _turned(
    terms: Terms, n: int, factors: Sequence[int], c: float, s: float
) -> tuple[Terms, float]:
    """Rotate about the Pauli string Q of ``factors`` by the angle of cosine c, sine s."""
    qx = sum(1 << f // 4 for f in factors if f & 1)
    qz = sum(1 << f // 4 for f in factors if f & 2)
    flip, against = qx | qz << n, qz | qx << n
    out: Terms = {}
    for k, v in terms.items():
        if not (k & against).bit_count() & 1:
            out[k] = v
            continue
        if c:
            out[k] = out.get(k, 0.0) + c * v
        if s:
            image = k ^ flip
            out[image] = out.get(image, 0.0) + s * v * _sign(k, image, n, qx, qz)
    if not c or not s:
        return out, 0.0
    small = [k for k, v in out.items() if abs(v) <= NEGLIGIBLE]
    return out, math.fsum(abs(out.pop(k)) for k in small)


def _sign(k: int, image: int, n: int, qx: int, qz: int) -> int:
    """The sign of i Q P, where P (``k``) anticommutes with Q and ``image`` is their product."""
    turns = 1 + (qx & qz).bit_count() + 2 * (k & qz).bit_count()
    turns += (k & k >> n & (1 << n) - 1).bit_count()
    turns -= (image & image >> n & (1 << n) - 1).bit_count()
    return 1 - (turns & 3)
