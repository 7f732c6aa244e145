"""Stabilisers: exact where all noise is Pauli noise, twirled elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.simulate.noisy.clifford import is_clifford, sample
from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import NoisyProgram
from tests.noisy_programs import fits, frequencies, random_program

QUARTER = math.pi / 2


def rounded(n: int, steps: int, seed: int) -> NoisyProgram:
    """A random Clifford program with Pauli noise only."""
    p = random_program(n, steps, seed)
    none = np.zeros(len(p.measured))
    z, turn = (QUARTER * np.round(3 * a) for a in (p.z, p.turn))
    angle = QUARTER * np.round(2 * p.pair_angle)
    return replace(
        p, z=z, ideal_z=z, turn=turn, ideal_turn=turn, pair_angle=angle, ideal_angle=angle,
        axis=QUARTER * np.round(p.axis), decay=np.zeros_like(p.decay), read1=none, read0=none,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_pauli_noise_is_exact(seed: int) -> None:
    program = rounded(4, 5, seed)
    assert is_clifford(program)
    bits = sample(program, 50_000, 3)
    chances = distribution(program, np.zeros((1, 4)))[0]
    assert fits(frequencies(bits[:, program.measured]), chances)


def test_other_angles_are_no_clifford_circuit() -> None:
    program = rounded(3, 4, 1)
    assert not is_clifford(replace(program, ideal_z=program.ideal_z + 0.1))
    assert not is_clifford(replace(program, ideal_turn=program.ideal_turn + 0.1))
    assert not is_clifford(replace(program, ideal_angle=program.ideal_angle + 0.1))
    # What was not meant does not count.
    assert is_clifford(replace(program, z=program.z + 0.1, turn=program.turn + 0.1))


def test_coherent_errors_become_flips() -> None:
    """One turn that is too long by delta ends in 1 with probability sin²(delta/2)."""
    p = rounded(1, 2, 1)
    none = np.zeros((2, 1))
    program = replace(
        p, z=none, ideal_z=none, dephase=none, flip=none, axis=none,
        has_turn=np.array([[True], [False]]), ideal_turn=none,
        turn=np.array([[0.6], [0.0]]), slow=np.zeros(1),
    )  # fmt: skip
    ones = int(sample(program, 100_000, 1).sum())
    chance = math.sin(0.3) ** 2
    assert abs(ones - 1e5 * chance) < 6 * math.sqrt(1e5 * chance)


def test_relaxation_is_twirled() -> None:
    """Its flips are gamma/2 in both directions, half of what relaxation does to a 1."""
    p = rounded(1, 2, 1)
    none = np.zeros((2, 1))
    program = replace(
        p, z=none, ideal_z=none, dephase=none, flip=none, axis=none, wait=none,
        has_turn=np.array([[True], [False]]), turn=np.array([[math.pi], [0.0]]),
        ideal_turn=np.array([[math.pi], [0.0]]), decay=np.array([[0.0], [0.4]]),
    )  # fmt: skip
    ones = int(sample(program, 100_000, 1).sum())
    assert abs(ones - 80_000) < 6 * math.sqrt(16_000)
