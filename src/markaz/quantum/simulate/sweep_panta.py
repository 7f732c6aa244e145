"""panta's batch: gates in a row on one qubit are multiplied beforehand, for all points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op, matrix
from markaz.quantum.programs.transform import select
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.engines.panta_engine import (
    PantaStatevector,
    build,
    pauli_codes,
    run_vectors,
)

Floats = NDArray[np.float64]
Matrices = NDArray[np.complex128]

LOT_BYTES: Final = 1 << 28  # states that are held at a time
# Gates with a free angle as U of (theta, phi, lambda), up to a global phase: a number, or
# the place of the parameter.
_FREE: Final[dict[int, tuple[float | str, ...]]] = {
    Op.RX: ("0", -np.pi / 2, np.pi / 2),
    Op.RY: ("0", 0.0, 0.0),
    Op.RZ: (0.0, 0.0, "0"),
    Op.P: (0.0, 0.0, "0"),
    Op.U: ("0", "1", "2"),
}


@dataclass(frozen=True, slots=True)
class PantaBatch:
    """``circuit`` has one gate for each of ``runs``, the gates of ``source`` that it stands
    for; parameter ``where[k]`` (operation, slot) of ``source`` is symbolic angle ``k``."""

    source: Circuit
    where: tuple[tuple[int, int], ...]
    circuit: Circuit
    runs: tuple[tuple[int, ...], ...]
    key: str = PantaStatevector.key

    def expectations(self, angles: Floats, paulis: Sequence[Pauli]) -> Floats:
        """Values (points, len(paulis)) at ``angles`` (points, symbolic angles)."""
        codes = pauli_codes(paulis, self.circuit.num_qubits)
        found = [np.asarray(r.expectation_values(codes), np.float64) for r in self._runs(angles)]
        return np.array(found).reshape(len(angles), len(paulis))

    def sums(self, angles: Floats, terms: Sequence[tuple[float, Pauli]]) -> Floats:
        """Values (points, 1) of one sum."""
        weights = np.array([[c] for c, _ in terms])
        values: Floats = self.expectations(angles, [p for _, p in terms]) @ weights
        return values

    def probabilities(self, angles: Floats) -> Iterator[Floats]:
        """Probabilities (2**n,) of the basis states, point by point."""
        for result in self._runs(angles):
            yield np.asarray(result.probabilities(), np.float64)

    def _runs(self, angles: Floats) -> Iterator[Any]:
        lot = max(1, LOT_BYTES >> (4 + self.circuit.num_qubits))
        for start in range(0, len(angles), lot):
            bound = self.parameters(angles[start : start + lot])
            yield from run_vectors([build(self.circuit.with_arrays(params=p)) for p in bound])

    def parameters(self, angles: Floats) -> Floats:
        """Parameters (points, gates of ``circuit``, 4)."""
        bound = np.repeat(self.source.params[None], len(angles), axis=0)
        for k, (i, slot) in enumerate(self.where):
            bound[:, i, slot] = angles[:, k]
        found = bound[:, [run[0] for run in self.runs]]
        for at, run in enumerate(self.runs):
            if len(run) > 1:
                found[:, at, :3] = _as_u(_product(self.source, run, bound))
        return found


def prepare_panta(circuit: Circuit, _threads: int) -> PantaBatch | None:
    """The circuit of gates, prepared; None where it has a gate that the library lacks. Runs
    on every core, see ``panta_engine``."""
    alone = (circuit.op >= Op.MCX) & (circuit.qubits[:, 1] == 1)  # no control at all
    if not set(circuit.op.tolist()) <= PantaStatevector.ops or bool(alone.any()):
        return None
    where = tuple((i, slot) for i, slot, _ in circuit.symbolic)
    runs = _runs_of(circuit, {i for i, _ in where})
    fused = select(circuit, np.array([run[0] for run in runs], np.int64))
    longer = np.array([len(run) > 1 for run in runs], bool)
    op = np.where(longer, np.uint8(Op.U), fused.op)
    plain = fused.with_arrays(op=op, symbolic=(), parameters=())
    return PantaBatch(circuit, where, plain, tuple(runs))


def _runs_of(circuit: Circuit, symbolic: set[int]) -> list[tuple[int, ...]]:
    """Operations in order; those in a row on one qubit together."""
    open_runs: dict[int, list[int]] = {}
    done: list[tuple[int, ...]] = []
    for i, op in enumerate(circuit.op.tolist()):
        operands = circuit.operands(i)
        if len(operands) == 1 and op <= LAST_GATE and (i not in symbolic or op in _FREE):
            open_runs.setdefault(operands[0], []).append(i)
            continue
        done += [tuple(open_runs.pop(q)) for q in operands if q in open_runs]
        done.append((i,))
    return done + [tuple(run) for run in open_runs.values()]


def _product(circuit: Circuit, run: tuple[int, ...], bound: Floats) -> Matrices:
    """The product (points, 2, 2) of a run's gates at ``bound`` (points, gates, 4)."""
    total: Matrices = np.broadcast_to(np.eye(2, dtype=np.complex128), (len(bound), 2, 2))
    for i in run:
        op = int(circuit.op[i])
        if op in _FREE:
            total = _u(len(bound), *(_bound(bound[:, i], f) for f in _FREE[op])) @ total
        else:
            fixed = tuple(circuit.params[i].tolist())
            total = np.array(matrix(op, fixed), np.complex128) @ total
    return total


def _bound(parameters: Floats, angle: float | str) -> Floats | float:
    return parameters[:, int(angle)] if isinstance(angle, str) else angle


def _u(points: int, theta: Floats | float, phi: Floats | float, lam: Floats | float) -> Matrices:
    c, s = np.cos(np.divide(theta, 2)), np.sin(np.divide(theta, 2))
    a, b = np.exp(np.multiply(1j, phi)), np.exp(np.multiply(1j, lam))
    found = np.empty((points, 2, 2), np.complex128)
    found[:, 0, 0], found[:, 0, 1] = c, -b * s
    found[:, 1, 0], found[:, 1, 1] = a * s, a * b * c
    return found


def _as_u(matrices: Matrices) -> Floats:
    """Angles (points, 3) of U for unitary ``matrices`` (points, 2, 2), up to their phases.

    Source: comparison of the entries with those of U; where the diagonal or the other one
    is the smaller, its phase is the less certain and only the larger ones are used.
    """
    upper, lower = np.abs(matrices[:, 0, 0]), np.abs(matrices[:, 1, 0])
    even = np.angle(matrices[:, 1, 1] * matrices[:, 0, 0].conj())  # phi + lambda
    odd = np.angle(-matrices[:, 1, 0] * matrices[:, 0, 1].conj())  # phi - lambda
    both = np.angle(matrices[:, 1, 0] * matrices[:, 0, 0].conj())  # phi
    phi = np.where(lower == 0, 0.0, np.where(upper == 0, odd, both))
    lam = np.where(upper >= lower, even - phi, phi - odd)
    return np.stack([2 * np.arctan2(lower, upper), phi, lam], axis=1)
