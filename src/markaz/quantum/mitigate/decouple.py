"""Dynamical decoupling: echoes in the waits of a circuit's schedule.

A qubit that waits is turned about at even distances, so that slow shifts of its frequency
cancel (L. Viola, S. Lloyd, Phys. Rev. A 58, 2733 (1998); XY4: A. A. Maudsley, J. Magn. Reson.
69, 488 (1986)). The pulses together are the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.compile.schedule import Schedule, schedule
from markaz.quantum.mitigate.weave import Loom
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

# Axes of the half turns as angles from x, in order.
AXES = {"XX": (0.0, 0.0), "XpXm": (0.0, math.pi), "XY4": (0.0, math.pi / 2) * 2}
LEAST_WAIT = 2.0  # free time over time in pulses, below which an echo does more harm than good


@dataclass(frozen=True, slots=True)
class Window:
    """A wait of qubit ``qubit`` for ``length`` ns that ends where operation ``before`` begins."""

    qubit: int
    before: int
    length: float


def windows(circuit: Circuit, fabric: Fabric, sequence: str) -> list[Window]:
    """Waits that are long enough for the sequence."""
    plan = schedule(circuit, fabric)
    found = []
    for window in _gaps(circuit, plan):
        pulses = len(AXES[sequence]) * half_turn_ns(fabric, window.qubit)
        if window.length >= pulses * (1 + LEAST_WAIT):
            found.append(window)
    return found


def half_turn_ns(fabric: Fabric, qubit: int) -> float:
    """Duration of a half turn about x."""
    return float(fabric.pulse_ns[qubit]) * (1 if fabric.flips else 2)


def _gaps(circuit: Circuit, plan: Schedule) -> list[Window]:
    """Waits between two operations of a qubit; a barrier ends one and begins another, so that
    what is put into it stays on its side."""
    last: dict[int, float] = {}
    found = []
    for i in np.flatnonzero((plan.length > 0) | (circuit.op == Op.BARRIER)).tolist():
        begin, end = float(plan.start[i]), float(plan.start[i] + plan.length[i])
        for q in circuit.operands(i):
            if circuit.op[i] == Op.BARRIER and q not in last:
                continue
            if q in last and begin - last[q] > 1e-6:
                found.append(Window(q, i, begin - last[q]))
            last[q] = end
    return found


def decoupled(circuit: Circuit, fabric: Fabric, sequence: str, dt: float) -> Circuit:
    """The circuit with the sequence in every wait that is long enough.

    Waits are ``id`` operations whose first parameter is their length, multiples of ``dt`` ns.
    """
    inserts: dict[int, list[Window]] = {}
    for window in windows(circuit, fabric, sequence):
        inserts.setdefault(window.before, []).append(window)
    if not inserts:
        return circuit
    loom = Loom(circuit.num_qubits, 1, fabric)
    order: list[int] = []  # the operation that each written one copies, -1 for a new one
    for i in range(len(circuit)):
        for window in inserts.get(i, ()):
            _echo(loom, window, sequence, dt)
        order += [-1] * (len(loom.op) - len(order))
        loom.write(int(circuit.op[i]), tuple(circuit.qubits[i].tolist()), 0.0, int(circuit.aux[i]))
        order.append(i)
    loom.pool = circuit.pool.tolist()
    made = loom.finish(circuit)[0]
    params = made.params.copy()
    copied = np.array(order)
    params[copied >= 0] = circuit.params[copied[copied >= 0]]
    return made.with_arrays(params=params)


def _echo(loom: Loom, window: Window, sequence: str, dt: float) -> None:
    """Half a wait, a pulse, a wait, a pulse, …, half a wait; what dt leaves over comes last."""
    axes, q = AXES[sequence], window.qubit
    free = window.length - len(axes) * half_turn_ns(loom.fabric, q)
    step = math.floor(free / (2 * len(axes)) / dt) * dt
    spent = 0.0
    for k, axis in enumerate(axes):
        wait = step if k == 0 else 2 * step
        loom.write(Op.DELAY, (q,), wait)
        spent += wait
        _half_turn(loom, q, axis)
    loom.write(Op.DELAY, (q,), free - spent)


def _half_turn(loom: Loom, qubit: int, axis: float) -> None:
    """X seen from a frame turned by ``axis``."""
    if axis:
        loom.write(Op.RZ, (qubit,), -axis)
    if loom.fabric.flips:
        loom.write(Op.X, (qubit,))
    else:
        loom.pulse(qubit)
        loom.pulse(qubit)
    if axis:
        loom.write(Op.RZ, (qubit,), axis)
