"""What set-up compiles is what runs use."""

from __future__ import annotations

import numpy as np

from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.kernel_exact import evolve
from markaz.quantum.simulate.noisy.kernels_shots import run_class
from markaz.quantum.simulate.noisy.trajectories import sample
from markaz.quantum.simulate.noisy.warm import warm_up
from tests.noisy_programs import random_program


def test_runs_find_their_kernels_compiled() -> None:
    warm_up()
    program = random_program(3, 4, seed=1, slow=0.3)
    distribution(program, np.zeros((2, 3)))
    sample(program, 20, np.random.SeedSequence(1), 1)

    assert len(getattr(run_class.fast, "signatures", ())) == 1
    assert len(getattr(evolve.fast, "signatures", ())) == 1
