"""Long runs of CX gates become the shorter runs that do the same.

A run of CX gates is a linear map of bits over GF(2), which Gauss-Jordan elimination takes
apart into CX gates again: at most a square of its wires, and far fewer where the run has
structure. CX gates between all pairs, in order, come down to one between neighbours each.
Source: K. N. Patel, I. L. Markov, J. P. Hayes, Quantum Information and Computation 8 (2008)
282, of which this is the plain form.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

CX: Final = int(Op.CX)
LONG: Final = 4  # gates for each wire, from which a run may well be longer than it need be
WORTH: Final = 0.75  # of its gates; a run that stays longer stays as it is
MOST_ELIMINATION: Final = 16  # wires squared for each gate of the run


def shortened(circuit: Circuit) -> tuple[Circuit, int]:
    """The same unitary with shorter runs of CX gates, and how many gates fewer."""
    is_cx = circuit.op == CX
    if np.count_nonzero(is_cx) < LONG * circuit.num_qubits:
        return circuit, 0
    edges = np.diff(is_cx, prepend=False, append=False).nonzero()[0]
    qubits, keep = circuit.qubits, np.ones(len(circuit), np.bool_)
    for start, end in edges.reshape(-1, 2).tolist():
        found = _shorter(qubits[start:end, :2].tolist())
        if found is None:
            continue
        if qubits is circuit.qubits:
            qubits = qubits.copy()
        stop = start + len(found)
        qubits[start:stop, :2] = np.array(found, np.int32).reshape(-1, 2)
        keep[stop:end] = False
    fewer = len(keep) - int(np.count_nonzero(keep))
    if not fewer:
        return circuit, 0
    changed = circuit.with_arrays(
        op=circuit.op[keep],
        qubits=qubits[keep],
        params=circuit.params[keep],
        aux=circuit.aux[keep],
    )
    return changed, fewer


def _shorter(run: list[list[int]]) -> list[list[int]] | None:
    """A run of (control, target) that does the same, None where it is not much shorter."""
    if len(run) < 2 * LONG:
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
