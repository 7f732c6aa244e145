"""The kernel of the density matrix of a few qubits, where NumPy's calls would cost the most.

The state is the Pauli vector of ``exact``, an array (4**n, classes).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit

Array = NDArray[Any]


@lazy_jit
def evolve(
    state: Array,
    n: int,
    z: Array,
    wait: Array,
    decay: Array,
    dephase: Array,
    has_turn: Array,
    axis: Array,
    turn: Array,
    flip: Array,
    offsets: Array,
    pair_at: Array,
    pairs: Array,
    pair_angle: Array,
    error_at: Array,
    error_pairs: Array,
    error: Array,
) -> None:
    """All steps of a program in place; ``pair_at`` and ``error_at`` (steps + 1,) say where the
    pairs and errors of each step begin."""
    for step in range(z.shape[0]):
        for k in range(pair_at[step], pair_at[step + 1]):
            turn_pair(state, pairs[k, 0], pairs[k, 1], pair_angle[k])
        for q in range(n):
            kept = math.sqrt(1 - decay[step, q]) * (1 - 2 * dephase[step, q])
            turn_one(
                state, q, z[step, q], wait[step, q], decay[step, q], kept, has_turn[step, q],
                axis[step, q], turn[step, q], 1 - 4 / 3 * flip[step, q], offsets,
            )  # fmt: skip
        for k in range(error_at[step], error_at[step + 1]):
            depolarise(state, error_pairs[k, 0], error_pairs[k, 1], 1 - 16 / 15 * error[k])


@lazy_jit
def turn_one(
    state: Array,
    q: int,
    z: float,
    wait: float,
    gamma: float,
    kept: float,
    turned: bool,
    axis: float,
    theta: float,
    shrink: float,
    offsets: Array,
) -> None:
    """One qubit's turn about z, relaxation, dephasing, turn and errors (``exact._matrix``)."""
    low = 4**q
    size, classes = state.shape
    x, y = math.cos(axis), math.sin(axis)
    s, c = (math.sin(theta), math.cos(theta)) if turned else (0.0, 1.0)
    v = 1 - c
    for k in range(classes):
        angle = z + offsets[k, q] * wait
        ca, sa = kept * math.cos(angle), kept * math.sin(angle)
        for high in range(0, size, 4 * low):
            for i in range(high, high + low):
                a, b = state[i + low, k], state[i + 2 * low, k]
                d = gamma * state[i, k] + (1 - gamma) * state[i + 3 * low, k]
                a, b = ca * a - sa * b, sa * a + ca * b
                along = v * (x * a + y * b)
                state[i + low, k] = shrink * (c * a + along * x + s * y * d)
                state[i + 2 * low, k] = shrink * (c * b + along * y - s * x * d)
                state[i + 3 * low, k] = shrink * (c * d - s * y * a + s * x * b)


@lazy_jit
def turn_pair(state: Array, first: int, second: int, angle: float) -> None:
    """exp(-i angle/2 ZZ) on two qubits: XI and YZ turn into one another, as do XZ and YI."""
    c, s = math.cos(angle), math.sin(angle)
    size, classes = state.shape
    for one in range(2):
        a = 4 ** (first if one == 0 else second)
        b = 4 ** (second if one == 0 else first)
        for i in range(size):
            if (i // a) % 4 == 1 and ((i // b) % 4 == 0 or (i // b) % 4 == 3):
                other = i + a + (3 * b if (i // b) % 4 == 0 else -3 * b)
                for k in range(classes):
                    p, r = state[i, k], state[other, k]
                    state[i, k] = c * p - s * r
                    state[other, k] = s * p + c * r


@lazy_jit
def depolarise(state: Array, first: int, second: int, shrink: float) -> None:
    """All of two qubits' Paulis but the identity shrink."""
    a, b = 4**first, 4**second
    size, classes = state.shape
    for i in range(size):
        if (i // a) % 4 or (i // b) % 4:
            for k in range(classes):
                state[i, k] *= shrink


def starts(of: Array, steps: int) -> Array:
    """Where the entries of each step begin in a sorted array of steps."""
    return np.searchsorted(of, np.arange(steps + 1)).astype(np.int64)
