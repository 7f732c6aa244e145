"""Planning of noisy runs, their parts, readout errors and limits."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import NoisyProgram, parts
from markaz.quantum.simulate.noisy.run import (
    DENSITY,
    METHODS,
    MPS,
    TRAJECTORIES,
    TWIRLED,
    Limits,
    candidates,
    run,
)
from tests.noisy_programs import fits, frequencies, random_program


def limits(seconds: float = 1000.0, memory: int = 4 << 30) -> Limits:
    return Limits(time.monotonic() + seconds, seconds, memory, 1)


def cut(program: NoisyProgram, *between: int) -> NoisyProgram:
    """Without the pairs that join qubit k and k + 1, for the given k."""
    lower = program.pairs.min(axis=1)
    pair = np.flatnonzero(~np.isin(lower, between))
    error = np.flatnonzero(~np.isin(program.error_pairs.min(axis=1), between))
    return replace(
        program, pair_step=program.pair_step[pair], pairs=program.pairs[pair],
        pair_angle=program.pair_angle[pair], ideal_angle=program.ideal_angle[pair],
        error_step=program.error_step[error], error_pairs=program.error_pairs[error],
        error=program.error[error],
    )  # fmt: skip


@pytest.mark.parametrize("method", [DENSITY, TRAJECTORIES])
def test_readout_errors_are_those_of_the_density_matrix(method: str) -> None:
    program = random_program(3, 4, seed=2, slow=0.3)
    quiet = replace(program, slow=np.zeros(3))
    outcome = run(quiet, 40_000, 7, limits(), method)
    assert fits(frequencies(outcome.bits), distribution(quiet, np.zeros((1, 3)))[0])
    assert outcome.accuracy == f"{method}: {METHODS[method]}"


def test_parts_are_run_apart_and_put_together() -> None:
    program = cut(random_program(6, 5, seed=9), 1, 3)
    split = parts(program)
    assert [p.num_qubits for p, _ in split] == [2, 2, 2]
    assert sorted(c for _, columns in split for c in columns.tolist()) == [0, 1, 2, 3, 4]
    outcome = run(program, 40_000, 1, limits())
    assert fits(frequencies(outcome.bits), distribution(program, np.zeros((1, 6)))[0])
    assert len(outcome.plan.parts) == 3


def test_qubits_apart_from_all_measured_ones_are_left_out() -> None:
    program = cut(random_program(4, 5, seed=9), 1)
    kept = program.measured < 2
    program = replace(
        program, measured=program.measured[kept], read1=program.read1[kept],
        read0=program.read0[kept],
    )  # fmt: skip
    assert [p.num_qubits for p, _ in parts(program)] == [2]


def test_nothing_measured_is_nothing_to_run() -> None:
    program = random_program(2, 3, seed=1)
    none = np.zeros(0)
    program = replace(program, measured=np.zeros(0, np.int64), read1=none, read0=none)
    outcome = run(program, 5, 1, limits())
    assert (outcome.bits.shape, outcome.plan.engine) == ((5, 0), "markaz:direct")


def test_same_seed_same_bits() -> None:
    program = random_program(3, 4, seed=2, slow=0.3)
    for method in (DENSITY, TRAJECTORIES, MPS):
        runs = [run(program, 60, seed, limits(), method).bits for seed in (1, 1, 2)]
        np.testing.assert_array_equal(runs[0], runs[1])
        assert (runs[0] != runs[2]).any()


def chosen(n: int, shots: int, memory: int = 4 << 30, *, clifford: bool = False) -> str:
    program = random_program(n, 4, seed=1)
    if clifford:
        none, zero = np.zeros_like(program.z), np.zeros(len(program.pairs))
        program = replace(program, ideal_z=none, axis=none, ideal_turn=none, ideal_angle=zero)
    rows = candidates(program, shots, 1)
    fit = [r for r in rows if r.refused is None and r.predicted_bytes <= memory]
    rank = [DENSITY, TRAJECTORIES, TWIRLED, MPS]
    return min(fit, key=lambda r: (max(1, rank.index(r.engine)), r.predicted_seconds)).engine


def test_method_suits_the_size() -> None:
    assert chosen(2, 1000) == DENSITY
    assert chosen(9, 1000) == TRAJECTORIES
    assert chosen(40, 1000, clifford=True) == TWIRLED
    assert chosen(40, 1000) == MPS


def test_limits_are_kept_before_anything_runs() -> None:
    program = random_program(18, 6, seed=1)
    with pytest.raises(ProgramError, match=r"within 0\.01 s") as caught:
        run(program, 100_000, 1, limits(seconds=0.01))
    assert caught.value.kind == "limit-time"
    with pytest.raises(ProgramError, match="needs") as caught:
        run(program, 10, 1, limits(memory=1000))
    assert caught.value.kind == "limit-memory"


def test_method_that_cannot_is_refused() -> None:
    program = random_program(3, 4, seed=1)
    with pytest.raises(ProgramError, match="not a Clifford circuit") as caught:
        run(program, 10, 1, limits(), TWIRLED)
    assert caught.value.kind == "engine"
    with pytest.raises(ProgramError, match="no noisy method is called 'x'"):
        run(program, 10, 1, limits(), "x")
