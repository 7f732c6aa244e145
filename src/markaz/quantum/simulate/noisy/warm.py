"""Compile the kernels of noisy runs, for set-up and for processes that stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from markaz.quantum.simulate.noisy import branches
from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import NoisyProgram
from markaz.quantum.simulate.noisy.script import Bits, Collapse, Ints, Place, Script, Segment
from markaz.quantum.simulate.noisy.trajectories import sample


def warm_up() -> None:
    """Run one idle qubit through all engines that have kernels."""
    program, seeds = _idle(), np.random.SeedSequence(0)
    distribution(program, np.zeros((1, 1)))
    sample(program, 1, seeds, 1)
    segment = Segment(program, (Collapse(0, 0, 0.0, 0.0),), last=True)
    branches.sample(Script(_Once(segment), 1, 1, (segment,)), 1, seeds, 1, math.inf)


@dataclass(eq=False, slots=True)
class _Once:
    """The only place of a script."""

    segment: Segment

    def follow(self, bits: Bits) -> list[tuple[Place | None, Ints]]:
        """To the end."""
        return [(None, np.arange(len(bits)))]


def _idle() -> NoisyProgram:
    rows, one, none = np.zeros((2, 1)), np.zeros(1), np.zeros(0)
    nowhere, pairs = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    return NoisyProgram(
        *(rows, rows, rows, rows), np.zeros((2, 1), np.bool_), *(rows, rows, rows, rows, rows),
        nowhere, pairs, none, none,
        nowhere, pairs, none,
        one, np.zeros(1, np.int64), one, one,
    )  # fmt: skip
