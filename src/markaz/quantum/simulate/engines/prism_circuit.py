"""Circuits of gates in PRISM-Q's builder."""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from typing import Any

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op, matrix
from markaz.quantum.simulate.engines.feed import Emit, drive

NAMES = {
    **{
        op: op.name.lower()
        for op in (
            *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG),
            *(Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CY, Op.CZ, Op.CH),
            *(Op.CRX, Op.CRY, Op.CRZ, Op.SWAP, Op.ISWAP),
            *(Op.RXX, Op.RYY, Op.RZZ, Op.CCX, Op.CSWAP),
        )
    },
    Op.CP: "cphase",
}
CONTROLLED = frozenset({Op.CSX, Op.CU, Op.CCZ, Op.MCX, Op.MCP})
CLIFFORD_T = frozenset(
    {
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG),
        *(Op.CX, Op.CZ, Op.SWAP),
    }
)
# What Pauli propagation follows: Clifford gates and Pauli rotations.
PAULI_OPS = CLIFFORD_T | {
    *(Op.P, Op.RX, Op.RY, Op.RZ, Op.CY, Op.CP, Op.CRZ, Op.RXX, Op.RYY, Op.RZZ),
}
X_MATRIX = [[0, 1], [1, 0]]


def build(circuit: Circuit, qubits: Sequence[int], clbits: int = 0) -> Any:
    """A ``prism_q.Circuit`` that measures ``qubits`` into classical bits 0, 1, …; it has
    at least ``clbits`` of them."""
    import prism_q

    builder = prism_q.CircuitBuilder(circuit.num_qubits, max(clbits, len(qubits)))
    drive(circuit, builder, NAMES, _controlled(builder))
    for j, qubit in enumerate(qubits):
        builder.measure(qubit, j)
    return builder.build()


def _controlled(builder: Any) -> dict[Op, Emit]:
    """Gates that the library takes as a controlled 2 x 2 matrix."""
    sx = [list(row) for row in matrix(Op.SX)]

    def cu(qubits: list[int], params: list[float]) -> None:
        scale = cmath.exp(1j * params[3])
        rows = matrix(Op.U, tuple(params[:3]))
        builder.cu([[scale * x for x in row] for row in rows], *qubits)

    return {
        Op.CSX: lambda q, _: builder.cu(sx, *q),
        Op.CU: cu,
        Op.CCZ: lambda q, _: builder.mcu([[1, 0], [0, -1]], q[:-1], q[-1]),
        Op.MCX: lambda q, _: builder.mcu(X_MATRIX, q[:-1], q[-1]),
        Op.MCP: lambda q, p: builder.mcu([[1, 0], [0, cmath.exp(1j * p[0])]], q[:-1], q[-1]),
    }
