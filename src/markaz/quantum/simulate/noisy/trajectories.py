"""Noisy runs by quantum trajectories: one state vector a shot, shared where it can be."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.detunings import offsets, shares
from markaz.quantum.simulate.noisy.errors import draw_events
from markaz.quantum.simulate.noisy.kernels import CHUNK, GROUP, LANES, LOW
from markaz.quantum.simulate.noisy.kernels_shots import Scratch, Shots, Tables, run_class
from markaz.quantum.simulate.noisy.program import NoisyProgram

Array = NDArray[Any]
LONGER = "longer than predicted; ask for more time, or for fewer shots"
LEAST_COSINE = 0.25  # of half a turn that is written with its tangent
MOST_DECAY = 1 - 1e-12  # relaxation that is as good as certain, and can still be divided by


def sample(
    program: NoisyProgram,
    shots: int,
    seeds: np.random.SeedSequence,
    threads: int,
    deadline: float = math.inf,
) -> NDArray[np.uint8]:
    """Outcomes of all qubits before readout errors, shape (shots, qubits).

    Raises ProgramError ``limit-time`` if a class of slow noise would begin after
    ``deadline`` (time.monotonic seconds).
    """
    shifts = offsets(program, np.random.Generator(np.random.Philox(seeds.spawn(1)[0])))
    tables = tables_of(program)
    tasks = [
        (shift, share, child)
        for shift, share, child in zip(
            shifts, shares(shots, len(shifts)), seeds.spawn(len(shifts)), strict=True
        )
        if share
    ]
    with ThreadPoolExecutor(max(1, min(threads, len(tasks)))) as pool:
        results = pool.map(lambda task: _run(program, tables, deadline, *task), tasks)
        values = np.concatenate(list(results))
    bits = (values[:, None] >> np.arange(program.num_qubits)) & 1
    return np.asarray(dealt(bits.astype(np.uint8), shots, len(shifts)))


def dealt(bits: NDArray[np.uint8], shots: int, classes: int) -> NDArray[np.uint8]:
    """Shots of the classes in turn, as slow noise would not be sorted."""
    order = np.concatenate([np.arange(k, shots, classes) for k in range(classes)])
    dealt = np.empty_like(bits)
    dealt[order] = bits
    return dealt


def tables_of(program: NoisyProgram) -> Tables:
    """Rotations about axes in the plane become turns about z around real ones:
    Rz(phi - pi/2) Ry(theta) Rz(pi/2 - phi)."""
    steps = program.num_steps - 1
    frame = np.where(program.has_turn, math.pi / 2 - program.axis, 0.0)
    alpha = program.z + frame
    alpha[1:] -= frame[:-1]
    for k, (a, b) in enumerate(program.pairs.tolist()):
        alpha[program.pair_step[k], [a, b]] += program.pair_angle[k]
    order = np.argsort(program.pair_step, kind="stable")
    gamma = np.minimum(program.decay, MOST_DECAY)
    return Tables(
        alpha,
        np.sqrt(1 - gamma),
        gamma,
        np.concatenate((1 / (1 - gamma), np.ones((1, program.num_qubits)))),
        np.searchsorted(program.pair_step[order], np.arange(steps + 1)).astype(np.int64),
        np.ascontiguousarray(program.pairs[order, 0]),
        np.ascontiguousarray(program.pairs[order, 1]),
        -2.0 * program.pair_angle[order],
        *_turns(program),
        np.prod(1 - gamma, axis=1),
    )


def _turns(program: NoisyProgram) -> tuple[Array, Array, Array, Array]:
    """``cosine``, ``sine``, ``kind`` and ``scale`` of the tables: a rotation takes fewer
    operations by its tangent, where that is not too large."""
    cosine = np.where(program.has_turn, np.cos(program.turn / 2), 1.0)
    sine = np.where(program.has_turn, np.sin(program.turn / 2), 0.0)
    short = program.has_turn & (np.abs(cosine) > LEAST_COSINE)
    left_out = np.where(short, cosine, 1.0)
    return (
        (cosine / left_out).astype(np.float32),
        (sine / left_out).astype(np.float32),
        np.where(short, 1, 2) * program.has_turn,
        np.prod(left_out, axis=1),
    )


def state_bytes(qubits: int) -> int:
    """Memory of one thread: two states of eight lanes."""
    return 2 * 2 * LANES * 4 * (1 << qubits)


def scratch_of(n: int) -> Scratch:
    """Room for the kernels at ``n`` qubits."""
    low = min(n, LOW)
    return Scratch(
        root=np.zeros((2, LANES << n), np.float32),
        state=np.zeros((2, LANES << n), np.float32),
        m=np.zeros((n, 4, LANES), np.float32),
        kinds=np.zeros(n, np.int64),
        table=np.zeros((2, LANES << LOW), np.float32),
        fixed=np.zeros((2, LANES << LOW), np.float32),
        wide=np.zeros(16 * LANES, np.float32),
        buffer=np.zeros((CHUNK * LANES) << GROUP, np.float32),
        share=np.zeros(1 << LOW),
        weights=np.zeros((1 << (n - low), LANES)),
        norms=np.zeros(LANES),
        prior=np.zeros(LANES),
        shot=np.zeros(LANES, np.int64),
        survival=np.zeros(LANES),
    )


def _shots(first: NDArray[np.int64], rng: np.random.Generator) -> Shots:
    shots = len(first)
    return Shots(
        first_step=first,
        order=np.argsort(first, kind="stable"),
        random=rng.integers(0, 1 << 64, shots, np.uint64),
        marks=np.zeros(shots),
        taken=np.zeros(shots, np.bool_),
        queue=np.zeros(shots, np.int64),
        out=np.zeros(shots, np.int64),
    )


def _run(
    program: NoisyProgram,
    tables: Tables,
    deadline: float,
    shift: NDArray[np.float64],
    shots: int,
    seeds: np.random.SeedSequence,
) -> NDArray[np.int64]:
    """Outcomes of one class, as numbers."""
    if time.monotonic() > deadline:
        raise ProgramError("limit-time", f"the noisy trajectories took {LONGER}")
    rng = np.random.Generator(np.random.Philox(seeds))
    events = draw_events(program, shots, rng)
    steps = program.num_steps - 1
    own = _shots(events.first_steps(steps + 1), rng)
    shifted = tables._replace(alpha=tables.alpha + shift * program.wait)
    run_class.fast(program.num_qubits, steps, shifted, events, own, scratch_of(program.num_qubits))
    return np.asarray(own.out)
