"""Slow frequency noise: constant in a shot, Gaussian from shot to shot.

Shots are dealt evenly to a few classes; in each class every qubit has one fixed offset. The
offsets of a qubit are a stratified sample of its Gaussian, one from each of as many equally
likely slices as there are classes, in an order of its own. So shots of one class can share
their calculation, averages over runs are exact, and one run's average of a fringe is
closer to the Gaussian's than the scatter of as many independent offsets would be.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy.program import NoisyProgram

# Number of classes for parts of up to so many qubits.
_CLASSES = ((3, 128), (6, 32), (12, 16), (17, 8))
_FEWEST = 4


def class_count(program: NoisyProgram) -> int:
    """Number of classes; 1 where no slow noise acts."""
    if not program.drifts_slowly:
        return 1
    return next((c for most, c in _CLASSES if program.num_qubits <= most), _FEWEST)


def offsets(program: NoisyProgram, rng: np.random.Generator) -> NDArray[np.float64]:
    """Offsets of all qubits in rad/µs, shape (classes, qubits)."""
    count = class_count(program)
    if count == 1:
        return np.zeros((1, program.num_qubits))
    normal, shape = NormalDist(), (program.num_qubits, count)
    slices = rng.permuted(np.tile(np.arange(count), (program.num_qubits, 1)), axis=1)
    shares_below = np.clip((slices + rng.random(shape)) / count, 1e-12, 1 - 1e-12)
    drawn = np.array([[normal.inv_cdf(p) for p in row] for row in shares_below.tolist()])
    return np.ascontiguousarray(drawn.T * program.slow)


def shares(shots: int, count: int) -> list[int]:
    """How many shots each class gets."""
    return [shots // count + (k < shots % count) for k in range(count)]
