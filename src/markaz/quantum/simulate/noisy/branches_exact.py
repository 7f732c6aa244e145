"""Scripts by density matrices: one for each sequence of outcomes that a shot meets.

Shots are dealt to the outcomes of each measurement as they come, so the samples are exact and
no more branches are carried than there are shots.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.detunings import offsets, shares
from markaz.quantum.simulate.noisy.exact import evolved, zeros
from markaz.quantum.simulate.noisy.script import Bits, Collapse, Place, Script
from markaz.quantum.simulate.noisy.trajectories import LONGER

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class _Branch:
    """``shots`` (classes,) of the same past: Pauli vectors ``state`` (4**n, classes), each of
    trace 1, and classical bits (clbits,)."""

    place: Place
    state: Floats
    shots: Ints
    bits: Bits


def sample(script: Script, shots: int, seeds: np.random.SeedSequence, deadline: float) -> Bits:
    """Classical bits as they are read, (shots, clbits).

    Raises ProgramError ``limit-time`` at ``deadline`` (time.monotonic seconds), and what
    following the script does.
    """
    if script.first is None:
        return np.zeros((shots, script.clbits), np.uint8)
    first, second = seeds.spawn(2)
    rng = np.random.Generator(np.random.Philox(second))
    shifts = offsets(script.slowest, np.random.Generator(np.random.Philox(first)))
    begin = zeros(script.qubits, len(shifts))
    dealt = np.array(shares(shots, len(shifts)), np.int64)
    todo = [_Branch(script.first, begin, dealt, np.zeros(script.clbits, np.uint8))]
    found: list[tuple[Bits, int]] = []
    while todo:
        if time.monotonic() > deadline:
            raise ProgramError("limit-time", f"the noisy branches took {LONGER}")
        _go_on(todo.pop(), shifts, rng, todo, found)
    rows = np.repeat(np.stack([bits for bits, _ in found]), [n for _, n in found], axis=0)
    return np.asarray(rng.permutation(rows), np.uint8)


def _go_on(
    branch: _Branch,
    shifts: Floats,
    rng: np.random.Generator,
    todo: list[_Branch],
    found: list[tuple[Bits, int]],
) -> None:
    """Run one place, and note where its shots go from there."""
    segment = branch.place.segment
    branch.state = evolved(segment.program, branch.state, shifts)
    branches = [branch]
    for collapse in segment.collapses:
        branches = [b for one in branches for b in _collapsed(one, collapse, rng)]
    for one in branches:
        bits = one.bits[None, :]
        for place, _ in one.place.follow(bits):
            if place is None:
                found.append((bits[0], int(one.shots.sum())))
            else:
                todo.append(_Branch(place, one.state, one.shots, bits[0]))


def _collapsed(branch: _Branch, collapse: Collapse, rng: np.random.Generator) -> list[_Branch]:
    """The branch by what was read; a reset does not tell."""
    state = branch.state.reshape(-1, 4, 4**collapse.qubit, branch.state.shape[1])
    up, down = (state[:, 0] + state[:, 3]) / 2, (state[:, 0] - state[:, 3]) / 2
    if collapse.clbit < 0:
        excited = collapse.read1 * up + collapse.read0 * down
        return [replace(branch, state=_joined(up + down - excited, excited))]
    ones = _joined(collapse.read1 * up, (1 - collapse.read0) * down)
    chance = np.clip(ones[0] / branch.state[0], 0.0, 1.0)
    read = rng.binomial(branch.shots, chance)
    made = []
    for value, shots in enumerate((branch.shots - read, read)):
        if shots.any():
            state = ones if value else _joined((1 - collapse.read1) * up, collapse.read0 * down)
            bits = branch.bits.copy()
            bits[collapse.clbit] = value
            made.append(_Branch(branch.place, _of_trace_one(state), shots, bits))
    return made


def _joined(up: Floats, down: Floats) -> Floats:
    """A Pauli vector (4**n, classes) of a qubit that is 0 with the rest in ``up``, or 1 with the
    rest in ``down``, each (before, after, classes)."""
    nothing = np.zeros_like(up)
    made = np.stack((up + down, nothing, nothing, up - down), axis=1)
    return np.ascontiguousarray(made.reshape(-1, up.shape[-1]))


def _of_trace_one(state: Floats) -> Floats:
    """Classes without any weight, which no shot is in, stay as they are."""
    return state / np.where(state[0] > 0, state[0], 1.0)
