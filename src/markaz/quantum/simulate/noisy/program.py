"""A noisy program: what the noisy engines run, and how it falls into independent parts.

A program is a row of steps. In each step, in this order: every qubit turns about z and
pairs turn about ZZ; qubits relax; they dephase, and pairs suffer Pauli errors; qubits turn
about axes in the plane; they suffer Pauli errors. A last step without turns leads to the
measurement. All engines follow this one definition, so they differ only in how they
calculate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Arrays with one row a step and one column a qubit.
_BY_STEP = (
    *("z", "wait", "decay", "dephase", "has_turn", "axis", "turn", "flip"),
    *("ideal_z", "ideal_turn"),
)


@dataclass(frozen=True, slots=True)
class NoisyProgram:
    """``S`` steps on ``n`` qubits; arrays of shape (S, n) unless stated otherwise.

    ``z``: angle in rad; ``wait``: µs that slow frequency noise (``slow``, rad/µs standard
    deviation, shape (n,)) acts; ``decay``: probability that an excited qubit relaxes;
    ``dephase``: probability of Z; ``has_turn``, ``axis``, ``turn``: rotation by ``turn``
    about cos(axis) x + sin(axis) y; ``flip``: probability of X, Y or Z, one third each.

    ``ideal_z`` and ``ideal_turn`` are the angles that were meant.

    ``pair_step`` (K,), ``pairs`` (K, 2), ``pair_angle`` and ``ideal_angle`` (K,):
    exp(-i angle/2 ZZ), each pair at most once a step. ``error_step`` (E,),
    ``error_pairs`` (E, 2), ``error`` (E,): probability of one of the 15 Paulis on two qubits.

    ``measured`` (M,): qubits in the order of their classical bits, each once; ``read1`` and
    ``read0`` (M,): chances to read 1 for 0, and 0 for 1.
    """

    z: Floats
    wait: Floats
    decay: Floats
    dephase: Floats
    has_turn: NDArray[np.bool_]
    axis: Floats
    turn: Floats
    flip: Floats
    ideal_z: Floats
    ideal_turn: Floats
    pair_step: Ints
    pairs: Ints
    pair_angle: Floats
    ideal_angle: Floats
    error_step: Ints
    error_pairs: Ints
    error: Floats
    slow: Floats
    measured: Ints
    read1: Floats
    read0: Floats

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""
        return int(self.z.shape[1])

    @property
    def num_steps(self) -> int:
        """Number of steps, the last one included."""
        return len(self.z)

    @property
    def expected_errors(self) -> float:
        """Mean number of Pauli errors in a shot, and of relaxations with half of the qubits
        excited: how many shots differ from the errorless one."""
        pauli = self.dephase.sum() + self.flip.sum() + self.error.sum()
        return float(pauli + 0.5 * self.decay.sum())

    @property
    def drifts_slowly(self) -> bool:
        """Whether slow noise acts anywhere."""
        return bool(np.any((self.wait > 0) & (self.slow > 0)))


def parts(program: NoisyProgram) -> list[tuple[NoisyProgram, Ints]]:
    """Independent parts and which places of ``measured`` each holds; qubits that are not
    joined to a measured one are left out, as are empty steps."""
    roots = _roots(program)
    found = []
    for root in np.unique(roots[program.measured]).tolist():
        qubits = np.flatnonzero(roots == root)
        columns = np.flatnonzero(roots[program.measured] == root)
        found.append((_part(program, qubits, columns), columns))
    return found


def _roots(program: NoisyProgram) -> Ints:
    """The least qubit of each one's part."""
    parent = list(range(program.num_qubits))

    def find(q: int) -> int:
        while parent[q] != q:
            parent[q] = parent[parent[q]]
            q = parent[q]
        return q

    for a, b in np.concatenate((program.pairs, program.error_pairs)).tolist():
        first, second = sorted((find(a), find(b)))
        parent[second] = first
    return np.array([find(q) for q in range(program.num_qubits)], np.int64)


def _part(program: NoisyProgram, qubits: Ints, columns: Ints) -> NoisyProgram:
    place = np.full(program.num_qubits, -1, np.int64)
    place[qubits] = np.arange(len(qubits))
    pair = np.flatnonzero(place[program.pairs[:, 0]] >= 0)
    error = np.flatnonzero(place[program.error_pairs[:, 0]] >= 0)
    cut = {name: np.ascontiguousarray(getattr(program, name)[:, qubits]) for name in _BY_STEP}
    return _without_empty_steps(
        NoisyProgram(
            **cut,
            pair_step=program.pair_step[pair],
            pairs=place[program.pairs[pair]],
            pair_angle=program.pair_angle[pair],
            ideal_angle=program.ideal_angle[pair],
            error_step=program.error_step[error],
            error_pairs=place[program.error_pairs[error]],
            error=program.error[error],
            slow=program.slow[qubits],
            measured=place[program.measured[columns]],
            read1=program.read1[columns],
            read0=program.read0[columns],
        )
    )


def _without_empty_steps(program: NoisyProgram) -> NoisyProgram:
    """Steps in which nothing happens are removed; the last one, which has no turn, stays."""
    shown = ("has_turn", "flip", "z", "wait", "decay", "dephase")
    rows = [getattr(program, name).any(axis=1) for name in shown]
    busy: NDArray[np.bool_] = np.any(rows, axis=0)
    busy[program.pair_step] = True
    busy[program.error_step] = True
    busy[-1] = True
    number = np.cumsum(busy) - 1
    kept = {name: np.ascontiguousarray(getattr(program, name)[busy]) for name in _BY_STEP}
    return replace(
        program,
        **kept,
        pair_step=number[program.pair_step],
        error_step=number[program.error_step],
    )
