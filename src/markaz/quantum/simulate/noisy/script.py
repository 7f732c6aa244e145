"""A noisy script: what runs when measurements in the middle decide what follows.

A script is a tree of places. At each a noisy program runs on all qubits, then qubits are
measured or reset; what shots have in their classical bits says where each of them goes on. Where
nothing depends on a bit, all shots share one chain of places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy.program import NoisyProgram

Bits = NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Collapse:
    """Qubit ``qubit`` is measured into classical bit ``clbit``; for -1 it is reset.

    ``read1``, ``read0``: chances to read 1 for 0 and 0 for 1. The qubit stays in the state that
    was found, not the one that was read. A reset is a measurement, and a half turn where it
    read 1, so it leaves the qubit excited where it read wrongly.
    """

    qubit: int
    clbit: int
    read1: float
    read0: float


@dataclass(frozen=True, slots=True)
class Segment:
    """``program`` runs, its last two steps empty and its ``measured`` too; then the
    ``collapses``, each on a qubit of its own. ``last``: nothing quantum can follow."""

    program: NoisyProgram
    collapses: tuple[Collapse, ...]
    last: bool


class Place(Protocol):
    """Where shots of the same past are."""

    @property
    def segment(self) -> Segment:
        """What happens here."""

    def follow(self, bits: Bits) -> list[tuple[Place | None, Ints]]:
        """Where shots with classical ``bits`` (shots, clbits) go from here, and which; None
        is the end. Assignments are carried out in ``bits``. Raises ProgramError."""


@dataclass(frozen=True, slots=True)
class Script:
    """``first`` is the place at which all shots begin, with ``qubits`` in 0 and ``clbits`` of
    0; ``likely`` are the segments of one way through, for estimates; it is empty where nothing
    is measured."""

    first: Place | None
    qubits: int
    clbits: int
    likely: tuple[Segment, ...]

    @property
    def slowest(self) -> NoisyProgram:
        """The program of ``likely`` from which the classes of slow noise follow."""
        return max((s.program for s in self.likely), key=lambda p: p.drifts_slowly)
