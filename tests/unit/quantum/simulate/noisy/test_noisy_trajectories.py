"""Trajectories against the exact distribution."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.detunings import offsets
from markaz.quantum.simulate.noisy.errors import draw_events
from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import NoisyProgram
from markaz.quantum.simulate.noisy.trajectories import sample, state_bytes
from tests.noisy_programs import fits, frequencies, random_program


def unread(program: NoisyProgram) -> NoisyProgram:
    none = np.zeros(len(program.measured))
    return replace(program, read1=none, read0=none)


@pytest.mark.parametrize(
    ("n", "steps", "noise", "slow"),
    [(1, 3, 1.0, 0.0), (2, 4, 4.0, 0.0), (3, 5, 1.0, 0.7), (5, 9, 0.3, 0.0), (9, 4, 0.5, 0.0)],
)
def test_samples_fit_the_exact_distribution(n: int, steps: int, noise: float, slow: float) -> None:
    program = unread(random_program(n, steps, seed=10 * n + steps, noise=noise, slow=slow))
    shots = 64_000
    first = np.random.SeedSequence(5).spawn(1)[0]
    drawn = offsets(program, np.random.Generator(np.random.Philox(first)))
    bits = sample(program, shots, np.random.SeedSequence(5), 2)
    chances = distribution(program, drawn).mean(axis=0)
    assert fits(frequencies(bits[:, program.measured]), chances)


def test_certain_relaxation_is_no_trouble() -> None:
    program = unread(random_program(2, 3, seed=3))
    none = np.zeros_like(program.error), np.zeros_like(program.dephase)
    program = replace(program, decay=none[1] + 1, error=none[0], dephase=none[1])
    bits = sample(program, 1000, np.random.SeedSequence(1), 1)
    assert not bits.any()


def test_wide_states_are_turned_in_all_their_qubits() -> None:
    """A chain of controlled flips makes a GHZ state of 15 qubits, without noise."""
    n, steps = 15, 30
    shape = (steps, n)
    z, axis, turn = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    turned = np.zeros(shape, np.bool_)
    pairs = []
    turned[0, 0], axis[0, 0], turn[0, 0] = True, math.pi / 2, math.pi / 2
    for k in range(n - 1):  # CX = Ry(pi/2) CZ Ry(-pi/2) on the target
        before, after = 2 * k, 2 * k + 1
        turned[[before, after], k + 1] = True
        axis[[before, after], k + 1] = math.pi / 2
        turn[before, k + 1], turn[after, k + 1] = -math.pi / 2, math.pi / 2
        pairs.append((after, k, k + 1))
        z[after, [k, k + 1]] += math.pi / 2
    none = np.zeros(shape)
    program = NoisyProgram(
        z=z, wait=none, decay=none, dephase=none, has_turn=turned, axis=axis, turn=turn,
        flip=none, ideal_z=z, ideal_turn=turn,
        pair_step=np.array([p[0] for p in pairs]), pairs=np.array([p[1:] for p in pairs]),
        pair_angle=np.full(n - 1, -math.pi / 2), ideal_angle=np.full(n - 1, -math.pi / 2),
        error_step=np.zeros(0, np.int64), error_pairs=np.zeros((0, 2), np.int64),
        error=np.zeros(0), slow=np.zeros(n), measured=np.arange(n),
        read1=np.zeros(n), read0=np.zeros(n),
    )  # fmt: skip
    bits = sample(program, 400, np.random.SeedSequence(2), 1)
    assert set(map(tuple, bits.tolist())) == {(0,) * n, (1,) * n}
    # One errored shot in two, on average: the same state in the lanes of shots that err.
    flips = replace(program, flip=np.where(turned, 0.02, 0.0))
    marred = sample(flips, 4000, np.random.SeedSequence(2), 1)
    right = float((np.ptp(marred, axis=1) == 0).mean())
    assert 0.98**29 < right < 0.98**29 + 0.15


def test_bits_depend_on_the_seed_alone() -> None:
    program = random_program(4, 5, seed=2, slow=0.4)
    runs = [sample(program, 500, np.random.SeedSequence(s), t) for s, t in ((1, 1), (1, 3), (2, 1))]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_fewer_shots_than_classes() -> None:
    program = random_program(2, 3, seed=2, slow=0.4)
    assert sample(program, 3, np.random.SeedSequence(1), 2).shape == (3, 2)


def test_time_limit_is_kept_between_classes() -> None:
    program = random_program(2, 3, seed=2)
    with pytest.raises(ProgramError, match="longer than predicted") as caught:
        sample(program, 3, np.random.SeedSequence(1), 1, time.monotonic() - 1)
    assert caught.value.kind == "limit-time"


def test_events_have_the_stated_chances() -> None:
    program = random_program(3, 6, seed=4)
    shots = 40_000
    events = draw_events(program, shots, np.random.default_rng(3))
    singles = program.dephase.sum() + program.flip.sum()
    # A Pauli on two qubits hits one of them in 6 of 15 cases, both in 9.
    expected = shots * (singles + program.error.sum() * 24 / 15)
    assert abs(len(events.step) - expected) < 6 * math.sqrt(2 * expected)
    assert events.first_steps(99)[np.diff(events.start) == 0].tolist() == (
        [99] * int((np.diff(events.start) == 0).sum())
    )


def test_memory_is_that_of_two_states_in_single_precision() -> None:
    assert state_bytes(20) == 2 * 8 * 8 * 2**20
