"""Kernels of ``facts.py``."""

from __future__ import annotations

from typing import Final

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_backward import arity, operand
from markaz.quantum.simulate.simplify.kernel_gates import CX, MCX, Ints

# Places in ``out`` of ``survey_gates``.
ENTANGLING, NON_CLIFFORD, BRANCHING, DIAGONAL, WIDEST, BOND = range(6)
OUT: Final = 6
HIGHEST: Final = 40  # bond beyond which the work grows no more


@lazy_jit
def raise_bond(low: int, high: int, rank: int, n: int, bond: Ints) -> tuple[int, float]:
    """Let the bonds between qubits ``low`` and ``high`` grow by ``rank``; the highest of
    them then and the sum of 8**bond."""
    highest = 0
    total = 0.0
    for k in range(low + 1, high + 1):
        value = min(bond[k] + rank, k, n - k)
        bond[k] = value
        highest = max(highest, value)
        total += 8.0 ** min(value, HIGHEST)
    return (highest, total)


@lazy_jit
def survey_gates(
    op: Ints,
    q: Ints,
    pool: Ints,
    count: int,
    n: int,
    kinds: Ints,
    place: Ints,
    bond: Ints,
    out: Ints,
) -> float:
    """Count gates by kind and bound a matrix product state run over them in order.

    ``kinds`` (4 for each operation) says whether an operation is not Clifford, not
    monomial, diagonal, and the log2 of its rank; qubit ``q`` stands at ``place[q]``.
    ``bond[k]`` (log2) of the cut before place ``k`` grows by the rank of each gate across
    it and is capped by the qubits on its shorter side. Returns the sum of 8**bond over the
    cuts that each gate touches.
    """
    work = 0.0
    for i in range(count):
        o = op[i]
        out[NON_CLIFFORD] += kinds[4 * o]
        out[BRANCHING] += kinds[4 * o + 1]
        out[DIAGONAL] += kinds[4 * o + 2]
        width = arity(o, q, i)
        out[WIDEST] = max(out[WIDEST], width)
        if o < CX:
            continue
        out[ENTANGLING] += 1
        low = high = place[operand(q, pool, i, 0, o >= MCX)]
        for s in range(1, width):
            at = place[operand(q, pool, i, s, o >= MCX)]
            low, high = min(low, at), max(high, at)
        highest, total = raise_bond(low, high, kinds[4 * o + 3], n, bond)
        out[BOND] = max(out[BOND], highest)
        work += total
    return work
