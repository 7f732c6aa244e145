"""Noisy runs by the density matrix: the exact distribution, for few qubits.

The state is kept as its Pauli vector r_P = Tr(P rho), real numbers of shape (4,) * n with
digits I, X, Y, Z; qubit 0 is the last axis but one, and the last one runs over the classes of
slow noise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy import kernel_exact
from markaz.quantum.simulate.noisy.program import NoisyProgram

Array = NDArray[np.float64]
MOST_COMPILED = 5  # qubits; beyond, NumPy's calls cost little beside the arithmetic


def distribution(program: NoisyProgram, offsets: Array) -> Array:
    """Probabilities of the outcomes that are read, shape (classes, 2**M); bit j of an
    outcome is the j-th measured qubit."""
    n, classes = program.num_qubits, len(offsets)
    state = evolved(program, zeros(n, classes), offsets).reshape((4,) * n + (classes,))
    return _read(program, _outcomes(state, program))


def zeros(n: int, classes: int) -> Array:
    """All qubits in 0, shape (4**n, classes)."""
    state = np.zeros((4,) * n + (classes,))
    for corner in np.ndindex((2,) * n):
        state[tuple(3 * c for c in corner)] = 1.0
    return state.reshape(4**n, classes)


def evolved(program: NoisyProgram, state: Array, offsets: Array) -> Array:
    """The state, (4**n, classes), behind all steps; the given one is left alone."""
    n, shape = program.num_qubits, state.shape
    if n <= MOST_COMPILED:
        made = state.copy()
        _evolve(program, made, offsets)
        return made
    made = state.reshape((4,) * n + (-1,)).copy()
    for step in range(program.num_steps):
        made = _step(program, step, made, offsets)
    return made.reshape(shape)


def _evolve(program: NoisyProgram, state: Array, offsets: Array) -> None:
    """All steps in place, by the compiled kernel."""
    pairs = np.argsort(program.pair_step, kind="stable")
    errors = np.argsort(program.error_step, kind="stable")
    steps = program.num_steps
    kernel_exact.evolve.fast(
        state, program.num_qubits, program.z, program.wait, program.decay, program.dephase,
        program.has_turn, program.axis, program.turn, program.flip,
        np.ascontiguousarray(offsets),
        kernel_exact.starts(program.pair_step[pairs], steps),
        np.ascontiguousarray(program.pairs[pairs]), program.pair_angle[pairs],
        kernel_exact.starts(program.error_step[errors], steps),
        np.ascontiguousarray(program.error_pairs[errors]), program.error[errors],
    )  # fmt: skip


def _step(program: NoisyProgram, step: int, state: Array, offsets: Array) -> Array:
    for k in np.flatnonzero(program.pair_step == step).tolist():
        a, b = program.pairs[k].tolist()
        _turn_pair(state, program.num_qubits, a, b, float(program.pair_angle[k]))
    for q in range(program.num_qubits):
        state = _apply(state, program.num_qubits, q, _matrix(program, step, q, offsets[:, q]))
    for k in np.flatnonzero(program.error_step == step).tolist():
        a, b = program.error_pairs[k].tolist()
        _depolarise(state, program.num_qubits, a, b, float(program.error[k]))
    return state


def _axis(n: int, qubit: int) -> int:
    return n - 1 - qubit


def _apply(state: Array, n: int, qubit: int, matrix: Array) -> Array:
    """A 4x4 matrix for each class on the digit of one qubit."""
    low = 4**qubit
    view = state.reshape(4 ** (n - 1 - qubit), 4, low, -1)
    return np.asarray(np.einsum("gij,hjlg->hilg", matrix, view).reshape(state.shape))


def _matrix(program: NoisyProgram, step: int, qubit: int, offset: Array) -> Array:
    """Turn about z, relaxation, dephasing, turn and errors of one qubit, for each class.

    Two-qubit errors come between; they commute with turns and with Pauli errors.
    """
    angle = program.z[step, qubit] + offset * program.wait[step, qubit]
    gamma = program.decay[step, qubit]
    kept = math.sqrt(1 - gamma) * (1 - 2 * program.dephase[step, qubit])
    made = np.zeros((len(offset), 4, 4))
    made[:, 0, 0] = 1.0
    made[:, 1, 1] = made[:, 2, 2] = kept * np.cos(angle)
    made[:, 2, 1] = kept * np.sin(angle)
    made[:, 1, 2] = -made[:, 2, 1]
    made[:, 3, 0], made[:, 3, 3] = gamma, 1 - gamma
    turned = _rotation(program, step, qubit)
    shrink = 1 - 4 / 3 * program.flip[step, qubit]
    turned[1:] *= shrink
    return np.asarray(turned @ made)


def _rotation(program: NoisyProgram, step: int, qubit: int) -> Array:
    """Rodrigues' formula for an axis in the plane, as a 4x4 matrix on I, X, Y, Z."""
    made = np.eye(4)
    if program.has_turn[step, qubit]:
        phi, theta = program.axis[step, qubit], program.turn[step, qubit]
        x, y = math.cos(phi), math.sin(phi)
        cross = np.array([[0, 0, y], [0, 0, -x], [-y, x, 0]])
        made[1:, 1:] += math.sin(theta) * cross + (1 - math.cos(theta)) * cross @ cross
    return made


def _turn_pair(state: Array, n: int, a: int, b: int, angle: float) -> None:
    """exp(-i angle/2 ZZ): XI and YZ turn into one another, as do XZ and YI."""
    c, s = math.cos(angle), math.sin(angle)
    for first, second in ((a, b), (b, a)):
        view = np.moveaxis(state, (_axis(n, first), _axis(n, second)), (0, 1))
        for digit, other in ((0, 3), (3, 0)):
            x, y = view[1, digit].copy(), view[2, other].copy()
            view[1, digit] = c * x - s * y
            view[2, other] = s * x + c * y


def _depolarise(state: Array, n: int, a: int, b: int, error: float) -> None:
    """One of the 15 Paulis with equal chances: all but the identity shrink."""
    view = np.moveaxis(state, (_axis(n, a), _axis(n, b)), (0, 1))
    kept = view[0, 0].copy()
    view *= 1 - 16 / 15 * error
    view[0, 0] = kept


def _outcomes(state: Array, program: NoisyProgram) -> Array:
    """Probabilities of the measured qubits from the components of I and Z,
    p(x) = 2^-M sum over s of (-1)^(s.x) r_s; shape (classes, 2, ..., 2), last bit first."""
    n = program.num_qubits
    taken = set(program.measured.tolist())
    state = state[tuple(slice(None, None, 3) if _qubit in taken else 0
                        for _qubit in reversed(range(n)))]  # fmt: skip
    axes = [q for q in reversed(range(n)) if q in taken]
    order = [axes.index(q) for q in reversed(program.measured.tolist())]
    result = np.moveaxis(np.transpose(state, (*order, len(axes))), -1, 0)
    for axis in range(1, result.ndim):
        one, z = np.take(result, 0, axis), np.take(result, 1, axis)
        result = np.stack(((one + z) / 2, (one - z) / 2), axis=axis)
    return np.asarray(result)


def _read(program: NoisyProgram, outcomes: Array) -> Array:
    """Errors of the readout, one bit after the other; shape (classes, 2**M)."""
    count = len(program.measured)
    for j in range(count):
        read1, read0 = program.read1[j], program.read0[j]
        confusion = np.array([[1 - read1, read0], [read1, 1 - read0]])
        axis = count - j
        outcomes = np.moveaxis(np.tensordot(confusion, outcomes, (1, axis)), 0, axis)
    flat = outcomes.reshape(len(outcomes), -1).clip(min=0.0)
    return np.asarray(flat / flat.sum(axis=1, keepdims=True))
