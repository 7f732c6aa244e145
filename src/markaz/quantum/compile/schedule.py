"""When each operation of a physical circuit happens: as late as possible.

A qubit stays in its ground state until it is needed, and all measurements end together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.fabric import Fabric, cost_of
from markaz.quantum.compile.kernel_schedule import lay_out
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.jit import as_arg

Floats = NDArray[np.float64]

# Changes of the reference frame: without pulse, time or error.
VIRTUAL = frozenset(int(op) for op in (Op.RZ, Op.P, Op.Z, Op.S, Op.SDG, Op.T, Op.TDG, Op.BARRIER))
_MEASURE = int(Op.MEASURE)


@dataclass(frozen=True, slots=True)
class Schedule:
    """``start`` and ``length`` (operations,) in ns, the first starts at 0; ``idle`` (qubits,):
    time between a qubit's first and last operation in which it waits; ``total`` in ns."""

    start: Floats
    length: Floats
    idle: Floats
    total: float


def schedule(circuit: Circuit, fabric: Fabric) -> Schedule:
    """The schedule of a circuit on physical qubits.

    Control flow has no known length: all branches are laid one after the other, which gives
    the longest way through a circuit without loops.
    """
    lengths = operation_lengths(circuit, fabric)
    starts, idle, spans = _laid(circuit, lengths)
    return Schedule(starts, lengths, idle, float(spans.max(initial=0.0)))


def layers(circuit: Circuit, *, pairs_only: bool) -> int:
    """Depth, counting operations that take time; with ``pairs_only`` two-qubit gates."""
    op = circuit.op
    pairs = (op <= LAST_GATE) & (circuit.qubits[:, 1] >= 0)
    timed = pairs | (op == _MEASURE) | (op == Op.RESET)
    timed |= (op <= LAST_GATE) & ~np.isin(op, list(VIRTUAL))
    _, _, spans = _laid(circuit, (pairs if pairs_only else timed).astype(np.float64))
    return int(spans.max(initial=0.0))


def _laid(circuit: Circuit, lengths: Floats) -> tuple[Floats, Floats, Floats]:
    """Start of each operation, idle time and span of each qubit."""
    starts = np.zeros(len(circuit))
    idle, spans = np.zeros(circuit.num_qubits), np.zeros(circuit.num_qubits)
    args = (circuit.op, circuit.qubits, circuit.pool, lengths, starts, idle, spans)
    lay_out.fast(*(as_arg(a, a.dtype) for a in args))
    return starts, idle, spans


def operation_lengths(circuit: Circuit, fabric: Fabric) -> Floats:
    """Duration of every operation in ns; 0 for virtual gates, barriers and control flow."""
    op, first, second = circuit.op, circuit.qubits[:, 0], circuit.qubits[:, 1]
    single = (op <= LAST_GATE) & (second < 0) & ~np.isin(op, list(VIRTUAL))
    double = (op <= LAST_GATE) & (second >= 0) & (op < Op.MCX)
    lengths = np.zeros(len(op))
    lengths[single] = fabric.pulse_ns[first[single]]
    lengths[double] = fabric.pair_time[first[double], second[double]]
    lengths[op == Op.DELAY] = circuit.params[op == Op.DELAY, 0]  # nanoseconds, once compiled
    reads = np.isin(op, [int(Op.MEASURE), int(Op.RESET)])
    lengths[reads] = fabric.read_ns[first[reads]]
    return lengths


def log_fidelity(circuit: Circuit, fabric: Fabric, plan: Schedule | None = None) -> float:
    """Logarithm of the expected fidelity: gates, measurements and idle times as independent
    errors.

    The sum of log(1 - error) over gates and measurements, and of the logarithm of
    1/2 + exp(-t/T2)/3 + exp(-t/T1)/6, the average fidelity of waiting (M. A. Nielsen,
    Phys. Lett. A 303, 249 (2002), applied to relaxation and dephasing), over the idle times.
    """
    plan = plan or schedule(circuit, fabric)
    op, first, second = circuit.op, circuit.qubits[:, 0], circuit.qubits[:, 1]
    single = (op <= LAST_GATE) & (second < 0) & ~np.isin(op, [*VIRTUAL, int(Op.ID)])
    double = (op <= LAST_GATE) & (second >= 0) & (op < Op.MCX)
    read = op == _MEASURE
    total = -cost_of(fabric.pulse_error[first[single]]).sum()
    total -= fabric.pair_cost[first[double], second[double]].sum()
    total -= cost_of(fabric.read_error[first[read]]).sum()
    waits = np.isin(op, [int(Op.ID), int(Op.DELAY)])
    t = plan.idle + np.bincount(first[waits], plan.length[waits], minlength=circuit.num_qubits)
    kept = 0.5 + np.exp(-t / fabric.t2_ns) / 3 + np.exp(-t / fabric.t1_ns) / 6
    return float(total + np.log(kept).sum())
