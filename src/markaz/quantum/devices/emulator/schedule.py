"""When each operation of a compiled circuit happens.

As late as possible: a qubit stays in its ground state, where nothing can happen to it, until
it is needed, and all measurements end together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, NANOSECONDS, TABLE, Op


@dataclass(frozen=True, slots=True)
class Timed:
    """One operation on physical qubits: its native gate (or ``delay``), start and duration in
    ns."""

    gate: str
    op: int
    qubits: tuple[int, ...]
    params: tuple[float, ...]
    start: float
    duration: float
    clbit: int = -1


def timed(circuit: Circuit, model: DeviceModel) -> list[Timed]:
    """All operations but barriers, in the order of the circuit; the first starts at 0.

    Raises ProgramError ``unsupported`` for what the device cannot execute, and names it.
    """
    check(circuit, model)
    free: NDArray[np.float64] = np.zeros(max(circuit.num_qubits, 1))
    backwards: list[Timed] = []
    for i in reversed(range(len(circuit))):
        qubits = circuit.operands(i)
        if not qubits:
            continue
        end = float(free[qubits].max())
        if circuit.op[i] == Op.BARRIER:
            free[qubits] = end
            continue
        params = tuple(circuit.params[i].tolist())
        gate, duration = _native(circuit, model, i, qubits, params)
        free[qubits] = end + duration
        backwards.append(
            Timed(gate, int(circuit.op[i]), tuple(qubits), params, -(end + duration), duration,
                  int(circuit.aux[i]))
        )  # fmt: skip
    total = float(free.max())
    return [_shifted(row, total) for row in reversed(backwards)]


def _shifted(row: Timed, by: float) -> Timed:
    return Timed(row.gate, row.op, row.qubits, row.params, row.start + by, row.duration, row.clbit)


def check(circuit: Circuit, model: DeviceModel) -> None:
    """Raises ProgramError ``unsupported`` for a circuit as a whole that cannot run here."""
    if circuit.parameters:
        name = circuit.parameters[0]
        raise ProgramError("unsupported", f"give the parameter {name!r} a value first")
    if circuit.num_qubits > model.num_qubits:
        raise ProgramError(
            "unsupported",
            f"{model.name} has {model.num_qubits} qubits, the circuit {circuit.num_qubits}",
        )
    if circuit.is_dynamic:
        raise ProgramError(
            "unsupported",
            f"{model.name} has no resets, control flow or measurements before the end",
        )


def _native(
    circuit: Circuit, model: DeviceModel, i: int, qubits: list[int], params: tuple[float, ...]
) -> tuple[str, float]:
    """The native gate that an operation is, or ``delay``, and its duration in ns."""
    op = int(circuit.op[i])
    if op == Op.DELAY and "delay" in model.features:
        return "delay", params[0] * (1.0 if params[1] == NANOSECONDS else model.dt)
    gate = model.native(op, params)
    if gate is None:
        name = TABLE[Op(op)].name if op <= LAST_GATE else Op(op).name.lower()
        raise ProgramError(
            "unsupported", f"operation {i}: {name} is no native gate of {model.name}"
        )
    if len(qubits) == 2 and qubits[1] not in model.neighbours[qubits[0]]:
        raise ProgramError(
            "unsupported",
            f"operation {i}: {gate} on qubits {qubits[0]} and {qubits[1]}, which no working "
            f"coupler of {model.name} joins",
        )
    return gate, model.gates[gate]
