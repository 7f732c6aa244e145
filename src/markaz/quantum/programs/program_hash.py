"""A program's identity: the same hash for the same program, whatever its file looks like.

What counts: the numbers of qubits and classical bits; every operation in order, with its
qubits, its classical bit and its parameters to the bit (0.0 and -0.0 are one number); what
classical expressions compute from which bits; unbound parameters and their names, because
values are bound by name; size, order and names of the visible classical registers, because
results are addressed by them; the global phase, because amplitudes show it.

What does not: the format and formatting, comments, gate definitions, names of qubit
registers and of hidden variables, and whether a measurement was written or implied.
Operations that commute are not reordered: the hash says "same program", not "same effect",
and must be as cheap as reading the arrays once.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import POOLED, TABLE, Op

_POOLED = np.zeros(256, np.bool_)
_POOLED[[int(op) for op in POOLED]] = True
_NUM_PARAMS = np.zeros(256, np.int64)
for _gate in TABLE.values():
    _NUM_PARAMS[_gate.op] = _gate.num_params
_NUM_PARAMS[Op.DELAY] = 2
_UNUSED = np.arange(4) >= _NUM_PARAMS[:, None]  # parameters, by operation code
_IF, _MEASURE = int(Op.IF), int(Op.MEASURE)


def program_hash(circuit: Circuit) -> str:
    """``sha256:`` and 64 hexadecimal digits over the canonical bytes of the circuit."""
    digest = hashlib.sha256(b"markaz program 1\n")
    for part in (_head(circuit), *_arrays(circuit)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _head(circuit: Circuit) -> bytes:
    """Everything that is not an array, as text."""
    shown = [(r.name, r.offset, r.size) for r in circuit.cregs if not r.hidden]
    symbolic = sorted((i, slot, _text(expr)) for i, slot, expr in circuit.symbolic)
    uses_expr = circuit.aux[(circuit.op >= _IF) & (circuit.aux >= 0)]
    exprs = [_text(circuit.exprs[k]) for k in uses_expr.tolist()]
    sizes = (circuit.num_qubits, circuit.num_clbits, float(circuit.global_phase) + 0.0)
    return repr((sizes, shown, sorted(circuit.parameters), symbolic, exprs)).encode()


def _text(expr: Any) -> str:
    """An expression without regard to how its numbers are held."""
    if isinstance(expr, tuple):
        return f"({' '.join(_text(e) for e in expr)})"
    if isinstance(expr, str):
        return repr(expr)
    return repr(float(expr) + 0.0) if isinstance(expr, float | np.floating) else str(int(expr))


def _arrays(circuit: Circuit) -> list[bytes]:
    """The arrays, little-endian, without what depends on how they were built: the layout
    of the pool, unused parameters and the numbering of expressions."""
    qubits, pool = _operands(circuit)
    params = circuit.params + 0.0
    params[_UNUSED[circuit.op]] = 0.0
    for i, slot, _ in circuit.symbolic:
        params[i, slot] = 0.0
    aux = np.where(circuit.op == _MEASURE, circuit.aux, -1)
    return [
        circuit.op.tobytes(),
        _bytes(qubits),
        params.astype("<f8").tobytes(),
        _bytes(aux),
        _bytes(pool),
    ]


def _operands(circuit: Circuit) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Qubits of each operation, and the pool in the order in which it is used."""
    pooled = _POOLED[circuit.op]
    if not pooled.any():
        return circuit.qubits, circuit.pool[:0]
    starts, counts = circuit.qubits[pooled, 0], circuit.qubits[pooled, 1]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    qubits = circuit.qubits.copy()
    qubits[pooled, 0] = 0
    return qubits, circuit.pool[np.repeat(starts, counts) + within]


def _bytes(values: NDArray[Any]) -> bytes:
    return values.astype("<i4").tobytes()
