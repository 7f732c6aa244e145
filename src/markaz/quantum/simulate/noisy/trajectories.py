"""Noisy runs by quantum trajectories: one state vector a shot, shared where it can be."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.detunings import offsets, shares
from markaz.quantum.simulate.noisy.errors import draw_events
from markaz.quantum.simulate.noisy.kernels import CHUNK, GROUP, LANES, LOW
from markaz.quantum.simulate.noisy.kernels_shots import run_class
from markaz.quantum.simulate.noisy.program import NoisyProgram

Array = NDArray[Any]
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
    tables = _Tables.of(program)
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
    return np.asarray(_dealt(bits.astype(np.uint8), shots, len(shifts)))


def _dealt(bits: NDArray[np.uint8], shots: int, classes: int) -> NDArray[np.uint8]:
    """Shots of the classes in turn, as slow noise would not be sorted."""
    order = np.concatenate([np.arange(k, shots, classes) for k in range(classes)])
    dealt = np.empty_like(bits)
    dealt[order] = bits
    return dealt


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the kernel needs and all classes share."""

    alpha: Array
    gain: Array
    gamma: Array
    factor: Array
    pair_start: Array
    pair_a: Array
    pair_b: Array
    beta: Array
    cosine: Array
    sine: Array
    kind: Array

    @classmethod
    def of(cls, program: NoisyProgram) -> _Tables:
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
        return cls(
            alpha,
            np.sqrt(1 - gamma),
            gamma,
            np.concatenate((1 / (1 - gamma), np.ones((1, program.num_qubits)))),
            np.searchsorted(program.pair_step[order], np.arange(steps + 1)).astype(np.int64),
            np.ascontiguousarray(program.pairs[order, 0]),
            np.ascontiguousarray(program.pairs[order, 1]),
            -2.0 * program.pair_angle[order],
            np.where(program.has_turn, np.cos(program.turn / 2), 1.0).astype(np.float32),
            np.where(program.has_turn, np.sin(program.turn / 2), 0.0).astype(np.float32),
            program.has_turn.astype(np.int64),
        )


def state_bytes(qubits: int) -> int:
    """Memory of one thread: two states of eight lanes."""
    return 2 * 2 * LANES * 4 * (1 << qubits)


def _work(n: int) -> Iterator[Array]:
    """States and scratch arrays, in the order of the kernel's arguments."""
    low = min(n, LOW)
    for _ in range(2):
        yield np.zeros((2, LANES << n), np.float32)
    yield np.zeros((n, 4, LANES), np.float32)
    yield np.zeros(n, np.int64)
    for _ in range(2):
        yield np.zeros((2, LANES << LOW), np.float32)
    yield np.zeros(16 * LANES, np.float32)
    yield np.zeros((CHUNK * LANES) << GROUP, np.float32)
    yield np.zeros(1 << LOW)
    yield np.zeros((1 << (n - low), LANES))
    yield np.zeros(LANES)
    yield np.zeros(LANES)
    yield np.zeros(LANES, np.int64)
    yield np.zeros(LANES)


def _run(
    program: NoisyProgram,
    tables: _Tables,
    deadline: float,
    shift: NDArray[np.float64],
    shots: int,
    seeds: np.random.SeedSequence,
) -> NDArray[np.int64]:
    """Outcomes of one class, as numbers."""
    if time.monotonic() > deadline:
        raise ProgramError("limit-time", "the noisy trajectories took longer than predicted")
    rng = np.random.Generator(np.random.Philox(seeds))
    events = draw_events(program, shots, rng)
    steps = program.num_steps - 1
    first = events.first_steps(steps + 1)
    out = np.zeros(shots, np.int64)
    run_class.fast(
        program.num_qubits, steps, tables.alpha + shift * program.wait, tables.gain,
        tables.gamma, tables.factor, tables.pair_start, tables.pair_a, tables.pair_b,
        tables.beta, tables.cosine, tables.sine, tables.kind,
        events.start, events.step, events.phase, events.qubit, events.pauli,
        first, np.argsort(first, kind="stable"),
        rng.integers(0, 1 << 64, shots, np.uint64), np.zeros(shots), np.zeros(shots, np.bool_),
        np.zeros(shots, np.int64), out, *_work(program.num_qubits),
    )  # fmt: skip
    return out
