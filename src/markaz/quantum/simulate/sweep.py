"""One circuit at many parameter values: prepared once, run as a batch by one engine.

A sweep keeps the state as a vector, so it is for circuits whose light cone has at most
MAX_QUBITS qubits and whose measurements, if any, are all at the end. Where it is not
suited, or no engine for it is installed, ``prepare`` returns None and the caller runs the
points one by one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import chain
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE
from markaz.quantum.programs.parameters import bind_many
from markaz.quantum.programs.transform import relabel, select
from markaz.quantum.simulate.engines.base import Method, Pauli
from markaz.quantum.simulate.facts import describe
from markaz.quantum.simulate.sweep_panta import prepare_panta
from markaz.quantum.simulate.sweep_prism import prepare_prism
from markaz.quantum.simulate.value_cost import table, value_terms

Floats = NDArray[np.float64]

MAX_QUBITS: Final = 24
ENGINES: Final = {
    "panta:statevector": ("panta_sim", prepare_panta),
    "prism:statevector": ("prism_q", prepare_prism),
}
# Results of one call: probabilities of 2**n doubles a point, and time between two looks
# at the clock.
CHUNK_BYTES: Final = 1 << 28
CHUNK_GATES: Final = 1 << 34
TRIAL_SHARE: Final = 50  # one point in so many goes to each engine's trial,
TRIAL_LEAST: Final = 2  # but not fewer: some engines run points side by side
TRIAL_FROM: Final = 8  # times as many points


class Batch(Protocol):
    """One engine with a prepared circuit; see ``sweep_prism.PrismBatch``."""

    @property
    def key(self) -> str:
        """The engine's key."""

    def expectations(self, angles: Floats, paulis: Sequence[Pauli]) -> Floats:
        """Values (points, len(paulis)) at ``angles`` (points, symbolic angles)."""

    def sums(self, angles: Floats, terms: Sequence[tuple[float, Pauli]]) -> Floats:
        """Values (points, 1) of one sum of ``terms``."""

    def probabilities(self, angles: Floats) -> Iterator[Floats]:
        """Probabilities (2**n,) of the basis states, point by point."""


@dataclass(slots=True)
class Sweep:
    """A prepared circuit; ``batches`` by predicted time. ``engine`` is the one that ran
    most points, or will.

    With ``timed`` the first points of a large sweep are shared out to find the quicker
    engine; values then agree from run to run up to rounding only. ``threads`` is how many
    the batches were prepared for.
    """

    circuit: Circuit
    batches: tuple[Batch, ...]
    timed: bool = True
    threads: int = 1
    engine: str = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.batches[0].key

    def expectations(self, angles: Floats, paulis: Sequence[Pauli]) -> Iterator[Floats]:
        """Values of ``paulis`` at every row of ``angles`` (points, symbolic angles of the
        circuit), in chunks of shape (some points, len(paulis))."""
        return self._quickest(angles, lambda batch, rows: batch.expectations(rows, paulis))

    def sums(self, angles: Floats, terms: Sequence[tuple[float, Pauli]]) -> Iterator[Floats]:
        """As ``expectations``, for one sum of ``terms``; chunks of shape (some points, 1)."""
        return self._quickest(angles, lambda batch, rows: batch.sums(rows, terms))

    def samples(
        self, angles: Floats, shots: int, rng: np.random.Generator
    ) -> Iterator[NDArray[np.int64]]:
        """For every row of ``angles`` the outcomes (shots,) as basis-state numbers; by the
        first engine throughout, because a seed must give the same outcomes again."""
        for rows in self._chunks(angles):
            for probabilities in self.batches[0].probabilities(rows):
                yield _draw(probabilities, shots, rng)

    def _quickest(
        self, angles: Floats, values: Callable[[Batch, Floats], Floats]
    ) -> Iterator[Floats]:
        """All values: the first points by each engine in turn, then each chunk by the one
        that was the quicker when it last ran."""
        least = max(TRIAL_LEAST, self.threads)
        compared = self.timed and len(self.batches) > 1 and len(angles) >= TRIAL_FROM * least
        batches = self.batches if compared else self.batches[:1]
        points = max(least, len(angles) // TRIAL_SHARE) if compared else 0
        start = points * len(batches)
        trials = [angles[i : i + points] for i in range(0, start, points or 1)]
        pace = {b.key: 0.0 for b in batches}  # seconds a point; 0: not tried yet
        done = dict.fromkeys(pace, 0)
        for rows in chain(trials, self._chunks(angles[start:])):
            batch = min(batches, key=lambda b: pace[b.key])
            begun = _clocks()
            found = values(batch, rows)
            pace[batch.key] = _spent(begun, self.threads) / len(rows)
            done[batch.key] += len(rows)
            self.engine = max(done, key=lambda key: done[key])
            yield found

    def _chunks(self, angles: Floats) -> Iterator[Floats]:
        size = 1 << self.circuit.num_qubits
        work = size * max(len(self.circuit), 1)
        step = max(2, min(CHUNK_BYTES // (8 * size), CHUNK_GATES // work))
        if step > self.threads:  # the same for each
            step -= step % self.threads
        for start in range(0, len(angles), step):
            yield angles[start : start + step]


def _clocks() -> tuple[float, float, float]:
    """The wall's seconds, and the processor's for this thread and for all threads."""
    return time.perf_counter(), time.thread_time(), time.process_time()


def _spent(begun: tuple[float, float, float], threads: int) -> float:
    """Seconds since then, as if no other program had run: the processor's, what other
    threads did taken as shared by ``threads``; the wall's where that is less."""
    wall, here, total = (now - then for now, then in zip(_clocks(), begun, strict=True))
    return min(wall, here + (total - here) / threads)


def light_cone(circuit: Circuit, qubits: Sequence[int]) -> tuple[Circuit, NDArray[np.int64]]:
    """The gates that can influence ``qubits`` at the end, on the qubits they use.

    Returns the circuit and its qubit numbers by the old ones (-1: left out). Asked qubits
    stay even if no gate touches them. ``circuit`` holds gates and barriers only.
    """
    needed = np.zeros(circuit.num_qubits, bool)
    needed[list(qubits)] = True
    kept = []
    gates = np.flatnonzero(circuit.op <= LAST_GATE)
    for i in gates[::-1].tolist():
        operands = circuit.operands(i)
        if needed[operands].any():
            needed[operands] = True
            kept.append(i)
    numbers = np.full(circuit.num_qubits, -1, np.int64)
    numbers[needed] = np.arange(int(needed.sum()))
    inside = select(circuit, np.array(kept[::-1], np.int64))
    return relabel(inside, numbers, int(needed.sum())), numbers


def prepare(
    circuit: Circuit, engine: str = "auto", *, timed: bool = True, threads: int = 1
) -> Sweep | None:
    """A sweep over the circuit's symbolic angles by the installed engines, or by one of
    them; None where it is not suited. For ``timed`` and ``threads`` see Sweep."""
    if circuit.num_qubits > MAX_QUBITS or not circuit.symbolic:
        return None
    if len(circuit) and int(circuit.op.max()) > LAST_GATE:
        return None
    keys = ranked(circuit, engine)
    found = [ENGINES[key][1](circuit, threads) for key in keys]
    batches = tuple(b for b in found if b is not None)
    return Sweep(circuit, batches, timed, threads) if batches else None


def ranked(circuit: Circuit, engine: str) -> list[str]:
    """Engines that ``suited`` gives, the one that is predicted to be the quickest first."""
    seconds = _predictions(circuit, 0, engine)
    return sorted(suited(engine), key=lambda key: seconds.get(key, math.inf))


def suited(engine: str) -> list[str]:
    """The engines of a sweep that are installed and that ``engine`` ("auto", a key or a
    library) allows."""
    return [
        key
        for key, (package, _) in ENGINES.items()
        if _is_here(package, find_spec) and engine in ("auto", key, key.partition(":")[0])
    ]


@cache
def _is_here(package: str, find: Callable[[str], object]) -> bool:
    """Whether ``package`` is installed; remembered, for a confined child cannot look."""
    return find(package) is not None


def angles_of(
    circuit: Circuit, names: Sequence[str], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Symbolic angles (points, len(circuit.symbolic)) from values (points, len(names));
    names that the circuit lost to its light cone are ignored."""
    used = set(circuit.parameters)
    keep = [k for k, name in enumerate(names) if name in used]
    return bind_many(circuit, [names[k] for k in keep], values[:, keep])


def generic(circuit: Circuit) -> Circuit:
    """The circuit at angles without special values, on which its cost can be predicted."""
    where = np.array([s[:2] for s in circuit.symbolic], np.int64).reshape(-1, 2)
    params = circuit.params.copy()
    params[where[:, 0], where[:, 1]] = np.random.default_rng(0).uniform(0.2, 1.4, len(where))
    return circuit.with_arrays(params=params, parameters=(), symbolic=())


def predicted_seconds(circuit: Circuit, paulis: int = 0, engine: str = "auto") -> float:
    """Predicted seconds a point, with ``paulis`` strings each, of the best engine that
    ``suited`` gives; infinite if there is none."""
    return min(_predictions(circuit, paulis, engine).values(), default=math.inf)


def _predictions(circuit: Circuit, paulis: int, engine: str) -> dict[str, float]:
    """Seconds a point by the engines that ``suited`` gives and the table knows."""
    rows = {key: table()[key] for key in suited(engine) if key in table()}
    steps = value_terms(describe(generic(circuit)), Method.STATEVECTOR, paulis) if rows else {}
    return {key: row.predict(steps) for key, row in rows.items()}


def _draw(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    edges = np.cumsum(probabilities)
    draws = rng.random(shots) * edges[-1]
    found: NDArray[np.int64] = np.searchsorted(edges, draws, side="right")
    return found.clip(max=len(edges) - 1)
