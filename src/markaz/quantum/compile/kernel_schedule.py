"""When operations happen: as late as possible, all measurements ending together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.jit import lazy_jit

Floats = NDArray[np.float64]

GATES, MEASURE, RESET, BARRIER = LAST_GATE, int(Op.MEASURE), int(Op.RESET), int(Op.BARRIER)
DELAY = int(Op.DELAY)
POOLED_GATE = int(Op.MCX)


@lazy_jit
def lay_out(
    op: NDArray[np.uint8],
    qubits: NDArray[np.int32],
    pool: NDArray[np.int32],
    lengths: Floats,
    starts: Floats,
    idle: Floats,
    spans: Floats,
) -> None:
    """Write the start of each operation, and each qubit's idle time and span.

    ``lengths`` and ``starts`` (operations,), ``idle`` and ``spans`` (qubits,), all in one unit
    of time; ``starts``, ``idle`` and ``spans`` must be 0 before. The first operation starts at
    0. A span reaches from a qubit's first operation that takes time to the end of all. A
    barrier holds its qubits back; it neither begins nor ends anything.
    """
    count = len(spans)
    free = np.zeros(count)
    seen = np.zeros(count, np.bool_)
    total = 0.0
    for i in range(len(op) - 1, -1, -1):
        kind = op[i]
        if kind > GATES and (kind < MEASURE or kind > DELAY):
            continue
        pooled = kind == BARRIER or (kind >= POOLED_GATE and kind <= GATES)
        first = qubits[i, 0] if pooled else 0
        many = qubits[i, 1] if pooled else 3
        end = 0.0
        for k in range(many):
            q = pool[first + k] if pooled else qubits[i, k]
            if q >= 0:
                end = max(end, free[q])
        starts[i] = -(end + lengths[i])
        for k in range(many):
            q = pool[first + k] if pooled else qubits[i, k]
            if q < 0:
                continue
            free[q] = end + lengths[i]
            if lengths[i] > 0.0:
                if seen[q]:
                    idle[q] += end - spans[q]
                seen[q] = True
                spans[q] = end + lengths[i]
                total = max(total, spans[q])
    for i in range(len(op)):
        starts[i] += total
