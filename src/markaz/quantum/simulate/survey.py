"""Counts of a circuit's gates and bounds on its entanglement, in a given order of qubits.

A loop over the gates where they are few, operations on whole arrays where they are many.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Flag, Op
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.kernel_facts import HIGHEST, OUT, survey_gates

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Up to where a loop over the gates costs less than arrays: gates where interpreted; where
# compiled, gates times qubits, for a gate may cross as many cuts.
FEW, FEW_CROSSINGS = 70, 300_000
LOT: Final = 1 << 13  # crossings of a gate and a cut that are looked at together


def _mask(flag: Flag) -> Mask:
    table = np.zeros(256, np.bool_)
    for op, gate in TABLE.items():
        table[op] = bool(gate.flags & flag)
    return table


IS_CLIFFORD, IS_MONOMIAL, IS_DIAGONAL = map(_mask, (Flag.CLIFFORD, Flag.MONOMIAL, Flag.DIAGONAL))
# log2 of the operator Schmidt rank over any cut, an upper bound.
RANK: Final = np.zeros(256, np.int64)
RANK[int(Op.CX) : LAST_GATE + 1] = 1
RANK[[int(o) for o in (Op.SWAP, Op.ISWAP, Op.DCX, Op.CSWAP, Op.RCCX)]] = 2
_EACH: Final = np.stack([~IS_CLIFFORD, ~IS_MONOMIAL, IS_DIAGONAL, RANK], 1)
KINDS: Final = _EACH.astype(np.uint8).ravel()
_KINDS_LIST: Final = KINDS.tolist()
_EIGHTS: Final = 8.0 ** np.arange(HIGHEST + 1)
_SUMS: Final = np.cumsum(_EIGHTS) - 1.0  # of 8**1 to 8**k


def survey(circuit: Circuit, place: NDArray[np.int32]) -> tuple[list[int], float]:
    """Counts and bond as ``survey_gates`` puts them out, and what it returns; the arrays
    add up in another order, which the last digits show."""
    if survey_gates.ready and len(circuit) * circuit.num_qubits <= FEW_CROSSINGS:
        return _compiled(circuit, place)
    if survey_gates.ready or len(circuit) > FEW:
        return by_arrays(circuit, place)
    return _interpreted(circuit, place)


def _compiled(circuit: Circuit, place: NDArray[np.int32]) -> tuple[list[int], float]:
    n, count, out = circuit.num_qubits, len(circuit), np.zeros(OUT, np.int64)
    work = survey_gates.fast(
        as_arg(circuit.op, np.uint8),
        as_arg(circuit.qubits, np.int32).reshape(-1),
        as_arg(circuit.pool, np.int32),
        *(count, n, KINDS, place, np.zeros(n + 1, np.int64), out),
    )
    return out.tolist(), float(work)


def _interpreted(circuit: Circuit, place: NDArray[np.int32]) -> tuple[list[int], float]:
    n, out = circuit.num_qubits, [0] * OUT
    lists = (circuit.op.tolist(), circuit.qubits.ravel().tolist(), circuit.pool.tolist())
    tables = (_KINDS_LIST, place.tolist(), [0] * (n + 1))
    return out, survey_gates.py(*lists, len(circuit), n, *tables, out)


def by_arrays(circuit: Circuit, place: NDArray[np.int32]) -> tuple[list[int], float]:
    """As ``survey_gates``, for ``circuit`` with qubit ``q`` at ``place[q]``."""
    non_clifford, branching, diagonal, _ = np.bincount(circuit.op, minlength=256) @ _EACH
    several = np.flatnonzero(circuit.op >= Op.CX)
    low, high = _ends(circuit, place, several)
    bond, work = _entangled(low, high, RANK[circuit.op[several]], circuit.num_qubits)
    counts = (len(several), non_clifford, branching, diagonal, _widest(circuit), bond)
    return [int(x) for x in counts], work


def _widest(circuit: Circuit) -> int:
    pooled = circuit.qubits[circuit.op >= Op.MCX, 1]
    top = int(circuit.op[circuit.op < Op.MCX].max(initial=0))
    plain = 3 if top >= Op.CCX else 2 if top >= Op.CX else 1
    return max(plain if len(circuit) > len(pooled) else 0, int(pooled.max(initial=0)))


def _ends(circuit: Circuit, place: NDArray[np.int32], several: Ints) -> tuple[Ints, Ints]:
    """First and last place of each of the operations ``several``."""
    first, second, third = circuit.qubits[several].T
    at = [place[first % len(place)], place[second % len(place)]]
    at.append(np.where(third >= 0, place[third], at[0]))
    low, high = np.minimum.reduce(at), np.maximum.reduce(at)
    pooled = np.flatnonzero(circuit.op[several] >= Op.MCX)
    if len(pooled):
        starts, sizes = first[pooled], second[pooled]
        begin = np.cumsum(sizes) - sizes
        where = np.arange(int(sizes.sum())) + np.repeat(starts - begin, sizes)
        found = place[circuit.pool[where]]
        low[pooled] = np.minimum.reduceat(found, begin)
        high[pooled] = np.maximum.reduceat(found, begin)
    return low.astype(np.int64), high.astype(np.int64)


def _entangled(low: Ints, high: Ints, rank: Ints, n: int) -> tuple[int, float]:
    """The highest bond, and the sum of 8**bond over the cuts that each gate touches."""
    caps = np.minimum(np.arange(n + 1), np.arange(n, -1, -1))
    sums = _over_cuts(low, high, rank, n)
    bond = int(np.minimum(sums, caps).max(initial=0))
    caps = np.minimum(caps, HIGHEST)
    if not (rank > 1).any():
        grown = np.minimum(sums, caps)
        return bond, float((_SUMS[grown] + (sums - grown) * _EIGHTS[grown]).sum())
    return bond, _in_order(low, high, rank, caps)


def _over_cuts(low: Ints, high: Ints, rank: Ints, n: int) -> Ints:
    """Ranks (n + 1,) added up over each cut; cut ``k`` is before place ``k``."""
    ends = np.bincount(low + 1, rank, n + 1) - np.bincount(high + 1, rank, n + 2)[: n + 1]
    return np.cumsum(ends).astype(np.int64)


def _in_order(low: Ints, high: Ints, rank: Ints, caps: Ints) -> float:
    """The sum of 8**bond, where bonds grow by ``rank`` up to ``caps``."""
    done = np.zeros(len(caps), np.int64)
    work = 0.0
    while len(low):
        is_open = done < caps  # the other bonds grow no more, whatever the order
        number = np.cumsum(is_open)
        crossings: Ints = np.cumsum(number[high] - number[low])
        lot = slice(max(1, int(np.searchsorted(crossings, LOT))))
        crossed = _over_cuts(low[lot], high[lot], np.ones_like(rank[lot]), len(caps) - 1)
        work += float((crossed * _EIGHTS[caps])[~is_open].sum())
        work += _growing(low[lot], high[lot], rank[lot], is_open, caps, done)
        done += _over_cuts(low[lot], high[lot], rank[lot], len(caps) - 1)
        low, high, rank = low[lot.stop :], high[lot.stop :], rank[lot.stop :]
    return work


def _growing(low: Ints, high: Ints, rank: Ints, is_open: Mask, caps: Ints, done: Ints) -> float:
    """The sum of 8**bond over crossings of open cuts, where ``done`` of each went before."""
    number = np.cumsum(is_open)
    spans: Ints = number[high] - number[low]
    begin: Ints = np.cumsum(spans) - spans
    cut = np.arange(int(spans.sum())) + np.repeat(number[low] - begin, spans)
    small = np.min_scalar_type(len(caps))  # sorted by digits, several times as fast
    by_cut = np.argsort(cut.astype(small), kind="stable")
    cut, added = cut[by_cut], np.repeat(rank, spans)[by_cut]
    total = np.cumsum(added)
    starts = np.flatnonzero(np.diff(cut, prepend=-1))
    before = np.repeat(total[starts] - added[starts], np.diff(starts, append=len(cut)))
    cut = np.flatnonzero(is_open)[cut]
    return float(_EIGHTS[np.minimum(total - before + done[cut], caps[cut])].sum())
