"""Scripts worked out by density matrices and Kraus operators, for a few qubits: slow and plain."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy.program import NoisyProgram
from markaz.quantum.simulate.noisy.script import Collapse, Place, Script

Matrix = NDArray[np.complex128]
PAULIS: tuple[Matrix, ...] = (
    np.eye(2, dtype=complex),
    np.array([[0, 1], [1, 0]], complex),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1.0 + 0j, -1.0]),
)
UP, DOWN, LOWER = np.diag([1.0, 0]), np.diag([0, 1.0]), np.array([[0, 1.0], [0, 0]])


def distribution(script: Script, shift: NDArray[np.float64]) -> dict[tuple[int, ...], float]:
    """Chances of all classical bits, for offsets ``shift`` (qubits,) in rad/us."""
    assert script.first is not None
    begin = np.zeros((2**script.qubits,) * 2, complex)
    begin[0, 0] = 1.0
    found: defaultdict[tuple[int, ...], float] = defaultdict(float)
    todo: list[tuple[Place, Matrix, tuple[int, ...]]] = [
        (script.first, begin, (0,) * script.clbits)
    ]
    while todo:
        place, rho, bits = todo.pop()
        made = [(_evolved(place.segment.program, rho, shift), bits)]
        for collapse in place.segment.collapses:
            made = [b for state, row in made for b in _collapsed(state, row, collapse)]
        for state, row in made:
            array = np.array([row], np.uint8)
            [(following, _)] = place.follow(array)
            if following is None:
                found[tuple(array[0].tolist())] += float(state.trace().real)
            elif state.trace().real > 1e-12:
                todo.append((following, state, tuple(array[0].tolist())))
    return dict(found)


def _on(matrix: Any, qubit: int, n: int) -> Matrix:
    return np.kron(np.kron(np.eye(2 ** (n - 1 - qubit)), matrix), np.eye(2**qubit))


def _channel(rho: Matrix, operators: list[Matrix]) -> Matrix:
    return np.asarray(sum(k @ rho @ k.conj().T for k in operators))


def _evolved(p: NoisyProgram, rho: Matrix, shift: NDArray[np.float64]) -> Matrix:
    n = p.num_qubits
    z = [np.diag(_on(PAULIS[3], q, n)).real for q in range(n)]
    for s in range(p.num_steps):
        angles = np.zeros(2**n)
        for q in range(n):
            angles += (p.z[s, q] + shift[q] * p.wait[s, q]) / 2 * z[q]
        for k in np.flatnonzero(p.pair_step == s):
            a, b = p.pairs[k]
            angles += p.pair_angle[k] / 2 * z[a] * z[b]
        rho = _channel(rho, [np.diag(np.exp(-1j * angles))])
        for q in range(n):
            g, d, f = p.decay[s, q], p.dephase[s, q], p.flip[s, q]
            kept = np.diag([1, math.sqrt(1 - g)])
            rho = _channel(rho, [_on(kept, q, n), _on(math.sqrt(g) * LOWER, q, n)])
            rho = (1 - d) * rho + d * _channel(rho, [_on(PAULIS[3], q, n)])
        for k in np.flatnonzero(p.error_step == s):
            a, b = p.error_pairs[k]
            struck = [_on(x, a, n) @ _on(y, b, n) for x in PAULIS for y in PAULIS][1:]
            rho = (1 - p.error[k]) * rho + p.error[k] / 15 * _channel(rho, struck)
        for q in range(n):
            if p.has_turn[s, q]:
                axis = math.cos(p.axis[s, q]) * PAULIS[1] + math.sin(p.axis[s, q]) * PAULIS[2]
                half = p.turn[s, q] / 2
                turn = math.cos(half) * PAULIS[0] - 1j * math.sin(half) * axis
                rho = _channel(rho, [_on(turn, q, n)])
            f = p.flip[s, q]
            rho = (1 - f) * rho + f / 3 * _channel(rho, [_on(x, q, n) for x in PAULIS[1:]])
    return rho


def _collapsed(
    rho: Matrix, bits: tuple[int, ...], collapse: Collapse
) -> list[tuple[Matrix, tuple[int, ...]]]:
    n, q = int(math.log2(len(rho))), collapse.qubit
    up, down = (_channel(rho, [_on(each, q, n)]) for each in (UP, DOWN))
    flip = [_on(PAULIS[1], q, n)]
    wrong = collapse.read1, collapse.read0
    ones = wrong[0] * up + (1 - wrong[1]) * down
    zeros = (1 - wrong[0]) * up + wrong[1] * down
    if collapse.clbit < 0:  # read, and turned about where it read 1
        return [(zeros + _channel(ones, flip), bits)]
    place = collapse.clbit
    return [(zeros, (*bits[:place], 0, *bits[place + 1 :])),
            (ones, (*bits[:place], 1, *bits[place + 1 :]))]  # fmt: skip
