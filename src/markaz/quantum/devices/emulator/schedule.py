"""When each operation of a compiled circuit happens.

As late as possible: a qubit stays in its ground state, where nothing can happen to it, until
it is needed, and all measurements end together.
"""

from __future__ import annotations

from dataclasses import dataclass

from markaz.quantum.devices.features import missing_feature
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, NANOSECONDS, POOLED, TABLE, Op

_POOLED = frozenset(int(op) for op in POOLED)
_BARRIER, _DELAY = int(Op.BARRIER), int(Op.DELAY)
_ANY_ANGLE = frozenset((int(Op.RZ), int(Op.P), int(Op.RZZ)))  # one gate at every angle


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
    free = [0.0] * max(circuit.num_qubits, 1)
    native = _Natives(model)
    ops, columns = circuit.op.tolist(), circuit.qubits.tolist()
    params, bits = circuit.params.tolist(), circuit.aux.tolist()
    backwards: list[Timed] = []
    for i in range(len(ops) - 1, -1, -1):
        op = ops[i]
        pooled = op in _POOLED
        qubits = circuit.operands(i) if pooled else [q for q in columns[i] if q >= 0]
        if not qubits:
            continue
        end = max(free[q] for q in qubits)
        if op == _BARRIER:
            for q in qubits:
                free[q] = end
            continue
        given = tuple(params[i])
        gate, duration = native.found(i, op, qubits, given)
        for q in qubits:
            free[q] = end + duration
        start = -(end + duration)
        backwards.append(Timed(gate, op, tuple(qubits), given, start, duration, bits[i]))
    total = max(free)
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
    if (missing := missing_feature(circuit, model)) is not None:
        raise ProgramError("unsupported", missing)


class _Natives:
    """Native gates of a circuit's operations, each kind looked up once."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self._names: dict[tuple[int, tuple[float, ...]], str | None] = {}

    def found(
        self, i: int, op: int, qubits: list[int], params: tuple[float, ...]
    ) -> tuple[str, float]:
        """The native gate that operation ``i`` is, or ``delay``, and its duration in ns."""
        model = self._model
        if op == _DELAY and "delay" in model.features:
            return "delay", params[0] * (1.0 if params[1] == NANOSECONDS else model.dt)
        key = (op, () if op in _ANY_ANGLE else params)
        if key not in self._names:
            self._names[key] = model.native(op, params)
        gate = self._names[key]
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
