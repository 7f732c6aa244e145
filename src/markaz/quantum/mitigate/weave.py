"""Rebuild a compiled circuit in many random copies that differ in angles only.

Gates on one qubit are multiplied up between two-qubit gates and written as at most two
quarter turns with changes of frame around them, so that Paulis drawn at random, a change of
basis or an inverse noise cost no further pulses: each copy has the same operations at the same
times (J. Wallman and J. Emerson, Phys. Rev. A 94, 052325 (2016)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.mitigate.paulis import PAULIS, unitary
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op

Matrix = NDArray[np.complex128]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOLERANCE = 1e-9  # radians: rotations and differences smaller than this are none
_HALF = math.pi / 2


@dataclass(slots=True)
class Loom:
    """Operations written so far, the same for all ``copies`` but for the angles.

    ``held[q]`` (copies or 1, 2, 2) is what has been multiplied up on qubit ``q``.
    """

    qubits: int
    copies: int
    fabric: Fabric
    held: dict[int, Matrix] = field(default_factory=dict)
    op: list[int] = field(default_factory=list)
    on: list[tuple[int, int, int]] = field(default_factory=list)
    angle: list[Floats | float] = field(default_factory=list)
    aux: list[int] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)

    def turn(self, qubit: int, gate: Matrix) -> None:
        """Multiply a gate, (2, 2) or (copies, 2, 2), onto a qubit."""
        held = self.held.get(qubit)
        gate = gate if gate.ndim == 3 else gate[None]
        self.held[qubit] = gate if held is None else gate @ held

    def pauli(self, qubit: int, letters: Ints) -> None:
        """Multiply a Pauli a copy, numbers 0 to 3, onto a qubit."""
        if np.any(letters):
            self.turn(qubit, PAULIS[letters])

    def flush(self, qubit: int) -> None:
        """Write what is held as native pulses."""
        held = self.held.pop(qubit, None)
        if held is None:
            return
        theta, phi, lam = euler(held)
        if np.all(np.abs(theta) < _TOLERANCE):
            self._frame(qubit, phi + lam)
        elif np.all(np.abs(theta - _HALF) < _TOLERANCE):
            self._frame(qubit, lam - _HALF)
            self.pulse(qubit)
            self._frame(qubit, phi + _HALF)
        else:
            self._frame(qubit, lam)
            self.pulse(qubit)
            self._frame(qubit, theta + math.pi)
            self.pulse(qubit)
            self._frame(qubit, phi + math.pi)

    def _frame(self, qubit: int, angle: Floats) -> None:
        angle = np.remainder(angle + math.pi, 2 * math.pi) - math.pi
        if np.any(np.abs(angle) > _TOLERANCE):
            self.write(Op.RZ, (qubit,), angle)

    def pulse(self, qubit: int) -> None:
        """Write a quarter turn about x."""
        if self.fabric.pulse == "rx":
            self.write(Op.RX, (qubit,), _HALF)
        else:
            self.write(Op.SX, (qubit,))

    def write(
        self, op: int, qubits: tuple[int, ...], angle: Floats | float = 0.0, aux: int = -1
    ) -> None:
        """Write an operation as it stands."""
        self.op.append(int(op))
        self.on.append((*qubits, -1, -1)[:3])  # type: ignore[arg-type]
        self.angle.append(angle)
        self.aux.append(aux)

    def barrier(self, qubits: list[int]) -> None:
        """Write a barrier."""
        self.write(Op.BARRIER, (len(self.pool), len(qubits)))
        self.pool += qubits

    def finish(self, like: Circuit) -> list[Circuit]:
        """The circuits, with the registers of ``like``."""
        for qubit in sorted(self.held):
            self.flush(qubit)
        params = np.zeros((self.copies, len(self.op), 4))
        for i, angle in enumerate(self.angle):
            params[:, i, 0] = angle
        bare = like.with_arrays(
            op=np.array(self.op, np.uint8),
            qubits=np.array(self.on, np.int32).reshape(-1, 3),
            aux=np.array(self.aux, np.int32),
            pool=np.array(self.pool, np.int32),
            exprs=(),
            symbolic=(),
            parameters=(),
        )
        return [bare.with_arrays(params=params[k]) for k in range(self.copies)]


def euler(gates: Matrix) -> tuple[Floats, Floats, Floats]:
    """Angles with ``gate = U(theta, phi, lam)`` up to a phase, for gates (n, 2, 2);
    ``theta`` from 0 to pi."""
    theta = 2 * np.arctan2(np.abs(gates[:, 1, 0]), np.abs(gates[:, 0, 0]))
    # phi is the phase of the lower left against the upper left element, lam that of the
    # upper right (negative); where one of them vanishes, the sum or difference is free.
    no_flip = np.abs(gates[:, 1, 0]) < _TOLERANCE
    all_flip = np.abs(gates[:, 0, 0]) < _TOLERANCE
    phi = np.angle(gates[:, 1, 0]) - np.angle(gates[:, 0, 0])
    lam = np.angle(-gates[:, 0, 1]) - np.angle(gates[:, 0, 0])
    total = np.angle(gates[:, 1, 1]) - np.angle(gates[:, 0, 0])
    difference = np.angle(gates[:, 1, 0]) - np.angle(-gates[:, 0, 1])
    phi = np.where(no_flip, total, np.where(all_flip, difference, phi))
    lam = np.where(no_flip | all_flip, 0.0, lam)
    return theta, phi, lam


@dataclass(slots=True)
class Pattern:
    """What happens at the two-qubit gates and measurements of a weave.

    ``before``, ``after``: Paulis (copies, gates, 2) multiplied on before and after each gate,
    gates repeated by ``repeats`` counted one by one; ``flips`` (copies, measurements) says
    which measurements see X first; ``bases`` gives qubits a gate (2, 2) to be measured
    through.
    """

    repeats: Ints
    before: Ints | None = None
    after: Ints | None = None
    flips: NDArray[np.bool_] | None = None
    bases: dict[int, Matrix] = field(default_factory=dict)


def pair_gates(circuit: Circuit) -> Ints:
    """Indices of the two-qubit gates."""
    return np.flatnonzero((circuit.op <= LAST_GATE) & (circuit.qubits[:, 1] >= 0))


def weave(circuit: Circuit, copies: int, fabric: Fabric, pattern: Pattern) -> Loom:
    """The circuit's operations on a loom, finished but for the last gates."""
    loom = Loom(circuit.num_qubits, copies, fabric)
    pairs, measured = 0, 0
    ops, rows = circuit.op.tolist(), circuit.qubits.tolist()
    gate_number = 0
    for i, op in enumerate(ops):
        a, b, _ = rows[i]
        if op == Op.BARRIER:
            operands = circuit.operands(i)
            for q in operands:
                loom.flush(q)
            loom.barrier(operands)
        elif op == Op.MEASURE:
            _read(loom, a, int(circuit.aux[i]), measured, pattern)
            measured += 1
        elif op in (Op.ID, Op.DELAY):
            loom.flush(a)
            loom.write(op, (a,), float(circuit.params[i, 0]))
        elif b >= 0:
            for k in range(int(pattern.repeats[gate_number])):
                _pair(loom, op, a, b, float(circuit.params[i, 0]), pairs, k, pattern)
                pairs += 1
            gate_number += 1
        else:
            loom.turn(a, unitary(op, tuple(circuit.params[i].tolist())))
    return loom


def _pair(
    loom: Loom, op: int, a: int, b: int, angle: float, number: int, k: int, pattern: Pattern
) -> None:
    if pattern.before is not None:
        loom.pauli(a, pattern.before[:, number, 0])
        loom.pauli(b, pattern.before[:, number, 1])
    loom.flush(a)
    loom.flush(b)
    loom.write(op, (a, b), -angle if k % 2 else angle)  # a repeated pair is gate and inverse
    if pattern.after is not None:
        loom.pauli(a, pattern.after[:, number, 0])
        loom.pauli(b, pattern.after[:, number, 1])


def _read(loom: Loom, qubit: int, clbit: int, number: int, pattern: Pattern) -> None:
    if qubit in pattern.bases:
        loom.turn(qubit, pattern.bases[qubit])
    if pattern.flips is not None:
        loom.pauli(qubit, pattern.flips[:, number].astype(np.int64))
    loom.flush(qubit)
    loom.write(Op.MEASURE, (qubit,), 0.0, clbit)


Draw = Callable[[np.random.Generator, int], tuple[Ints, Ints]]
