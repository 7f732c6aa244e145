"""What must hold for every noisy program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import parts
from markaz.quantum.simulate.noisy.trajectories import sample
from tests.noisy_programs import fits, frequencies, random_program

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(1, 4), st.integers(2, 7), st.floats(0, 3))
def test_trajectories_fit_the_density_matrix(seed: int, n: int, steps: int, noise: float) -> None:
    p = random_program(n, steps, seed, noise=noise)
    none = np.zeros(len(p.measured))
    program = replace(p, read1=none, read0=none)
    bits = sample(program, 8000, np.random.SeedSequence(seed), 1)
    chances = distribution(program, np.zeros((1, n)))[0]
    assert fits(frequencies(bits[:, program.measured]), chances)


@given(SEEDS, st.integers(2, 5), st.integers(2, 6))
def test_parts_are_as_good_as_the_whole(seed: int, n: int, steps: int) -> None:
    program = random_program(n, steps, seed)
    apart = np.ones(1 << len(program.measured))
    for part, columns in parts(program):
        chances = distribution(part, np.zeros((1, part.num_qubits)))[0]
        outcomes = np.arange(len(apart))
        bits = (outcomes[:, None] >> columns) & 1
        apart *= chances[(bits << np.arange(len(columns))).sum(axis=1)]
    whole = distribution(program, np.zeros((1, n)))[0]
    np.testing.assert_allclose(apart, whole, atol=1e-12)
