"""Long runs of CX gates become the shorter runs that do the same.

Gates that stand between CX gates without touching their wires are put before or behind them
first. A run of CX gates is a linear map of bits over GF(2), which Gauss-Jordan elimination takes
apart into CX gates again: at most a square of its wires, and far fewer where the run has
structure. CX gates between all pairs, in order, come down to one between neighbours each.
Source: K. N. Patel, I. L. Markov, J. P. Hayes, Quantum Information and Computation 8 (2008)
282, of which this is the plain form.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.simplify.kernel_networks import gather

Ints = NDArray[np.int64]

CX: Final = int(Op.CX)
LONG: Final = 4  # gates for each wire, from which a run may well be longer than it need be
LEAST: Final = 8  # gates of a run
WORTH: Final = 0.75  # of its gates; a run that stays longer stays as it is
MOST_ELIMINATION: Final = 16  # wires squared for each gate of the run


def shortened(circuit: Circuit) -> tuple[Circuit, int]:
    """The same unitary with shorter runs of CX gates, and how many gates fewer."""
    if np.count_nonzero(circuit.op == CX) < LONG * circuit.num_qubits:
        return circuit, 0
    place, sizes, wires = _gathered(circuit)
    if not ((sizes >= LONG * wires) & (sizes >= LEAST)).any():
        return circuit, 0
    order = place.argsort(kind="stable")
    op, qubits = circuit.op[order], circuit.qubits[order]
    keep = np.ones(len(op), np.bool_)
    edges = np.diff(op == CX, prepend=False, append=False).nonzero()[0]
    for start, end in edges.reshape(-1, 2).tolist():
        found = _shorter(qubits[start:end, :2].tolist())
        if found is not None:
            stop = start + len(found)
            qubits[start:stop, :2] = np.array(found, np.int32).reshape(-1, 2)
            keep[stop:end] = False
    fewer = len(keep) - int(np.count_nonzero(keep))
    if not fewer:
        return circuit, 0
    order = order[keep]
    params, aux = circuit.params[order], circuit.aux[order]
    changed = circuit.with_arrays(op=op[keep], qubits=qubits[keep], params=params, aux=aux)
    return changed, fewer


def _gathered(circuit: Circuit) -> tuple[Ints, Ints, Ints]:
    """Places, and sizes and wires of blocks, as ``gather`` writes them."""
    count, n = len(circuit), circuit.num_qubits
    place, sizes, wires = (np.zeros(count + 1, np.int64) for _ in range(3))
    at, seen = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    if gather.worth_it(8 * count):
        flat = (
            as_arg(circuit.op, np.uint8),
            as_arg(circuit.qubits, np.int32).reshape(-1),
            as_arg(circuit.pool, np.int32),
        )
        gather.fast(*flat, count, at, seen, place, sizes, wires)
        return place[:count], sizes, wires
    lists = (circuit.op.tolist(), circuit.qubits.ravel().tolist(), circuit.pool.tolist())
    found = [x.tolist() for x in (at, seen, place, sizes, wires)]
    gather.py(*lists, count, *found)
    return np.array(found[2][:count], np.int64), np.array(found[3]), np.array(found[4])


def _shorter(run: list[list[int]]) -> list[list[int]] | None:
    """A run of (control, target) that does the same, None where it is not much shorter."""
    if len(run) < LEAST:
        return None
    wires = sorted({wire for pair in run for wire in pair})
    count = len(wires)
    if len(run) < LONG * count or count * count > MOST_ELIMINATION * len(run):
        return None
    place = {wire: i for i, wire in enumerate(wires)}
    rows = [1 << i for i in range(count)]  # bit j of row i: input j is part of output i
    for control, target in run:
        rows[place[target]] ^= rows[place[control]]
    steps = eliminated(rows)
    if len(steps) > WORTH * len(run):
        return None
    return [[wires[control], wires[target]] for control, target in steps]


def eliminated(rows: list[int]) -> list[tuple[int, int]]:
    """CX gates (control, target) in order of time that make the invertible map ``rows`` of
    the identity; ``rows`` becomes the identity."""
    steps: list[tuple[int, int]] = []
    for column in range(len(rows)):
        bit = 1 << column
        if not rows[column] & bit:
            pivot = next(r for r in range(column + 1, len(rows)) if rows[r] & bit)
            rows[column] ^= rows[pivot]
            steps.append((pivot, column))
        found = rows[column]
        for r, row in enumerate(rows):
            if row & bit and r != column:
                rows[r] = row ^ found
                steps.append((column, r))
    return steps[::-1]
