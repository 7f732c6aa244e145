"""Make a circuit static where that changes nothing: delays go, and resets that do nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.transform import remove_delays

_RESET, _FIRST_CONTROL = int(Op.RESET), int(Op.IF)  # numpy compares with an enumeration slowly


def settle(circuit: Circuit) -> Circuit:
    """The circuit without delays, resets of untouched qubits and resets that nothing follows.

    Circuits with control flow lose their delays only.
    """
    circuit = remove_delays(circuit)
    op = circuit.op
    resets = (op == _RESET).nonzero()[0]
    if len(resets) == 0 or int(op.max()) >= _FIRST_CONTROL:
        return circuit
    first, last = _uses(circuit)
    wires = circuit.qubits[resets, 0]
    idle = (resets < first[wires]) | (resets > last[wires])
    if not idle.any():
        return circuit
    keep = np.ones(len(op), np.bool_)
    keep[resets[idle]] = False
    return circuit.with_arrays(
        op=op[keep],
        qubits=circuit.qubits[keep],
        params=circuit.params[keep],
        aux=circuit.aux[keep],
    )


def _uses(circuit: Circuit) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last operation other than RESET and BARRIER on each qubit."""
    n, size = circuit.num_qubits, len(circuit)
    first, last = np.full(n, size, np.int64), np.full(n, -1, np.int64)
    counted = (circuit.op != Op.RESET) & (circuit.op != Op.BARRIER)
    pooled = (circuit.op == Op.MCX) | (circuit.op == Op.MCP)
    for i in pooled.nonzero()[0].tolist():
        wires = circuit.operands(i)
        first[wires] = np.minimum(first[wires], i)
        last[wires] = i
    rows, slots = np.nonzero((circuit.qubits >= 0) & (counted & ~pooled)[:, None])
    wires_used = circuit.qubits[rows, slots]
    np.minimum.at(first, wires_used, rows)
    np.maximum.at(last, wires_used, rows)
    return first, last
