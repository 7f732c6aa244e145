"""Random circuits, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE


def random_gates(
    rng: np.random.Generator,
    num_qubits: int,
    num_gates: int,
    ops: Collection[int] | None = None,
) -> Circuit:
    """Gates drawn evenly from ``ops`` (all by default) that fit, on random qubits.

    Angles and the global phase are uniform in [-2π, 2π); pooled gates take 1 to
    ``num_qubits`` qubits. No measurement. The qubits are one register ``q``.
    """
    gates = [g for g in TABLE.values() if (ops is None or g.op in ops)]
    gates = [g for g in gates if g.num_qubits <= num_qubits]
    builder = Builder(global_phase=float(rng.uniform(-2 * np.pi, 2 * np.pi)))
    builder.qreg("q", num_qubits)
    for pick in rng.integers(0, len(gates), num_gates).tolist():
        gate = gates[pick]
        size = gate.num_qubits or int(rng.integers(1, num_qubits + 1))
        operands = rng.permutation(num_qubits)[:size].tolist()
        angles = rng.uniform(-2 * np.pi, 2 * np.pi, gate.num_params).tolist()
        builder.gate(gate.op, operands, angles)
    return builder.build()
