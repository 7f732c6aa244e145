"""Pauli errors that do not depend on the state: drawn before a shot runs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy.program import NoisyProgram

X, Y, Z = 1, 2, 3
BEFORE, AFTER = 0, 1  # the turn of the same step
Ints = NDArray[np.int64]


class Events(NamedTuple):
    """Errors of all shots: those of shot ``i`` are rows ``start[i]`` to ``start[i + 1]``.

    A row is a Pauli on one qubit in one step, before or after its turn. Kernels take it as
    it is.
    """

    start: Ints
    step: Ints
    phase: Ints
    qubit: Ints
    pauli: Ints

    def first_steps(self, none: int) -> Ints:
        """Step of each shot's first error, ``none`` for a shot without one."""
        found = np.full(len(self.start) - 1, none, np.int64)
        shots = np.repeat(np.arange(len(found)), np.diff(self.start))
        np.minimum.at(found, shots, self.step)
        return found


def draw_events(program: NoisyProgram, shots: int, rng: np.random.Generator) -> Events:
    """Errors of ``shots`` shots."""
    rows = [
        _single(program.dephase, BEFORE, shots, rng, only_z=True),
        _single(program.flip, AFTER, shots, rng, only_z=False),
        _double(program, shots, rng),
    ]
    shot, step, phase, qubit, pauli = np.concatenate(rows, axis=1)
    order = np.lexsort((phase, step, shot))
    start = np.searchsorted(shot[order], np.arange(shots + 1))
    return Events(start.astype(np.int64), *(c[order] for c in (step, phase, qubit, pauli)))


def _hits(chances: NDArray[np.float64], shots: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(place, shot) of every error, for independent places with some chance in each shot."""
    counts = rng.binomial(shots, chances)
    place = np.repeat(np.arange(len(chances)), counts)
    chosen = [rng.choice(shots, k, replace=False) for k in counts[counts > 0].tolist()]
    shot = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    return place, shot


def _single(
    chances: NDArray[np.float64], phase: int, shots: int, rng: np.random.Generator, *, only_z: bool
) -> Ints:
    """Rows (shot, step, phase, qubit, Pauli) of errors on one qubit."""
    place, shot = _hits(chances.ravel(), shots, rng)
    step, qubit = np.divmod(place, chances.shape[1])
    pauli = np.full(len(place), Z) if only_z else rng.integers(1, 4, len(place))
    return np.stack((shot, step, np.full(len(place), phase), qubit, pauli))


def _double(program: NoisyProgram, shots: int, rng: np.random.Generator) -> Ints:
    """Rows of the errors on two qubits, one for each qubit that is hit."""
    place, shot = _hits(program.error, shots, rng)
    both = rng.integers(1, 16, len(place))
    rows = []
    for k, pauli in enumerate((both % 4, both // 4)):
        hit = pauli > 0
        where = place[hit]
        rows.append(
            np.stack(
                (
                    shot[hit],
                    program.error_step[where],
                    np.full(len(where), BEFORE),
                    program.error_pairs[where, k],
                    pauli[hit],
                )
            )
        )
    return np.concatenate(rows, axis=1)
