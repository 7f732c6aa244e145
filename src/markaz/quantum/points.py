"""A circuit at many parameter values: sampled or measured as one batch where an engine has
one (``simulate.sweep``), else point by point through ``markaz.quantum.run``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum import api
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.simulate import sweep
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.result import Plan, Result
from markaz.quantum.simulate.versions import versions

Floats = NDArray[np.float64]
POINT_SECONDS: Final = 2e-3  # what a run of its own costs a point besides its engine
SAMPLED_QUBITS: Final = 22  # beyond, the probabilities of a point are too long to draw from


@dataclass(frozen=True, slots=True)
class Options:
    """How the circuits of a primitive are run; see ``markaz.quantum.run``.

    ``time_limit`` is in seconds for each pub, ``memory_limit`` in bytes; ``threads`` None: as
    many as there are processors. Raises ValueError for threads that are no whole number.
    """

    engine: str = "auto"
    time_limit: float = 3600.0
    memory_limit: int | None = None
    threads: int | None = None
    min_fidelity: float = 1.0

    def __post_init__(self) -> None:
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 0):
            raise ValueError(f"threads must be a whole number, not {self.threads!r}")


class Points:
    """A circuit at all parameter values of its pub.

    ``values`` is float64 (points, ``circuit.parameters``), in radians. ``plan`` says how the
    points were run, once they were. With ``repeatable`` nothing depends on timing.
    """

    def __init__(
        self, circuit: Circuit, values: Floats, options: Options, *, repeatable: bool
    ) -> None:
        self.circuit = circuit
        self.values = values
        self.options = options
        self.repeatable = repeatable
        self.names = list(circuit.parameters)
        self.count = len(values)
        self.plan: dict[str, Any] = {}
        self.engines: dict[str, str] = {}
        self._deadline = time.monotonic() + options.time_limit

    @property
    def _threads(self) -> int:
        return self.options.threads or os.cpu_count() or 1

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether there is control flow, a reset or a measurement before the end."""
        return self.circuit.is_dynamic

    @cached_property
    def writes_bits(self) -> bool:
        """Whether a classical bit can be anything but 0."""
        return self.is_dynamic or bool((self.circuit.op == Op.MEASURE).any())

    def samples(self, shots: int, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
        """Outcomes (shots, classical bits) of each point in turn.

        Raises ProgramError, ``limit-time`` among others.
        """
        if not self.writes_bits:
            for _ in range(self.count):
                yield np.zeros((shots, self.circuit.num_clbits), np.uint8)
            return
        alone = self.is_dynamic or self.count < 2
        batch = None if alone else self._sampling_batch(shots)
        if batch is None:
            for point, seed in enumerate(_seeds(rng, self.count)):
                yield self._sampled(point, seed, shots)
            return
        prepared, angles, pairs = batch
        for point, outcomes in enumerate(prepared.samples(angles, shots, rng)):
            bits = np.zeros((shots, self.circuit.num_clbits), np.uint8)
            for qubit, clbit in pairs:
                bits[:, clbit] = (outcomes >> qubit) & 1
            yield bits
            self._check_time(point + 1)

    def _sampled(self, point: int, seed: int, shots: int) -> NDArray[np.uint8]:
        found = self._run(point, seed, shots=shots, memory=True)
        return bits_of(found.memory or [], shots, self.circuit.num_clbits)

    def _sampling_batch(
        self, shots: int
    ) -> tuple[sweep.Sweep, Floats, list[tuple[int, int]]] | None:
        pairs = self.circuit.measurements()
        bare = remove_measurements(self.circuit)
        cone, places = sweep.light_cone(bare, [q for q, _ in pairs])
        if not self._samples_as_batch(cone, shots):
            return None
        prepared = sweep.prepare(cone, self.options.engine, threads=self._threads)
        if prepared is None:
            return None
        self._note_batch(prepared)
        angles = sweep.angles_of(cone, self.names, self.values)
        return prepared, angles, [(int(places[q]), c) for q, c in pairs]

    def _samples_as_batch(self, cone: Circuit, shots: int) -> bool:
        return cone.num_qubits <= SAMPLED_QUBITS and self._batch_is_worth_it(cone, 0, shots=shots)

    def estimate(
        self,
        observables: Sequence[PauliSum],
        which_point: NDArray[np.int64],
        which_observable: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Values and standard errors, one for each (point, observable) asked for.

        Raises ProgramError, ``limit-time`` among others.
        """
        evs, stds = np.zeros((2, len(which_point)))
        for points, wanted in _groups(which_point, which_observable):
            chosen = [observables[k] for k in wanted]
            values, errors = self._values(points, chosen, rng)
            rows = np.searchsorted(points, which_point)
            columns = np.searchsorted(wanted, which_observable)
            here = np.isin(which_point, points)
            evs[here] = values[rows[here], columns[here]]
            stds[here] = errors[rows[here], columns[here]]
        return evs, stds

    def predicted(self, shots: int, observables: Sequence[PauliSum] = ()) -> Plan:
        """The plan for all points, with ``shots`` or ``observables`` at each; runs nothing.

        Raises ProgramError where no engine can run it.
        """
        if not self.count or not (observables or self.writes_bits):
            return Plan("none", "there is nothing to run", 0.0, 0)
        asked = {"observables": observables} if observables else {"shots": shots}
        if self.count == 1:
            return self._explained(parameters=self._bindings(0), **asked)
        bare = remove_measurements(self.circuit)
        if observables:
            paulis = _strings(observables)
            cone, _ = sweep.light_cone(bare, _support(paulis))
            batched = not self.is_dynamic and self._batch_is_worth_it(cone, len(paulis), **asked)
        else:
            paulis = []
            cone, _ = sweep.light_cone(bare, [q for q, _ in self.circuit.measurements()])
            batched = not self.is_dynamic and self._samples_as_batch(cone, shots)
        if not batched:
            plan = self._explained(sweep.generic(self.circuit), **asked)
            seconds = self.count * (POINT_SECONDS + plan.predicted_seconds)
            return replace(plan, predicted_seconds=seconds)
        seconds = self.count * sweep.predicted_seconds(cone, len(paulis), self.options.engine)
        engine = sweep.ranked(cone, self.options.engine)[0]
        return Plan(engine, self._batch_words(cone), seconds, self._batch_bytes(cone))

    def _explained(self, circuit: Circuit | None = None, **asked: Any) -> Plan:
        given = self.circuit if circuit is None else circuit
        options = self.options
        return api.explain(given, engine=options.engine, memory_limit=options.memory_limit, **asked)

    def _values(
        self, points: NDArray[np.int64], chosen: Sequence[PauliSum], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Values and standard errors, each of shape (points, observables)."""
        batch = self._batched_values(points, chosen)
        if batch is not None:
            return batch, np.zeros_like(batch)
        values, errors = np.zeros((2, len(points), len(chosen)))
        for row, (point, seed) in enumerate(zip(points, _seeds(rng, len(points)), strict=True)):
            found = self._run(int(point), seed, observables=chosen)
            values[row], errors[row] = found.values, found.standard_errors or 0.0
        return values, errors

    def _batched_values(
        self, points: NDArray[np.int64], chosen: Sequence[PauliSum]
    ) -> Floats | None:
        if len(points) < 2 or self.is_dynamic:
            return None
        paulis = _strings(chosen)
        bare = remove_measurements(self.circuit)
        cone, places = sweep.light_cone(bare, _support(paulis))
        if not self._batch_is_worth_it(cone, len(paulis), observables=chosen):
            return None
        timed = not self.repeatable
        prepared = sweep.prepare(cone, self.options.engine, timed=timed, threads=self._threads)
        if prepared is None:
            return None
        angles = sweep.angles_of(cone, self.names, self.values[points])
        inside = [Pauli(tuple((int(places[q]), c) for q, c in p.factors)) for p in paulis]
        weights = _weights(chosen, paulis)
        if len(chosen) == 1:
            terms = list(zip(weights[:, 0].tolist(), inside, strict=True))
            values = self._joined(prepared.sums(angles, terms))
        else:
            values = self._joined(prepared.expectations(angles, inside)) @ weights
        self._note_batch(prepared)
        return values

    def _joined(self, chunks: Iterator[Floats]) -> Floats:
        rows: list[Floats] = []
        for chunk in chunks:
            rows.append(chunk)
            self._check_time(sum(map(len, rows)))
        return np.concatenate(rows)

    def _batch_is_worth_it(self, cone: Circuit, paulis: int, **asked: Any) -> bool:
        """Whether a state vector is about the best plan for a point of this sweep."""
        if self.count < 2 or cone.num_qubits > sweep.MAX_QUBITS:
            return False
        allowed = self.options.memory_limit or api.default_memory_limit()
        if not sweep.suited(self.options.engine) or self._batch_bytes(cone) > allowed:
            return False
        half = 0.5 * sweep.predicted_seconds(cone, paulis, self.options.engine)
        if POINT_SECONDS > half:  # whatever the plan for a point would be
            return True
        plan = api.explain(sweep.generic(self.circuit), **asked)
        return POINT_SECONDS + plan.predicted_seconds > half

    def _batch_bytes(self, cone: Circuit) -> int:
        """Memory for the state of a point, and the states or results of some more."""
        vector = 16 << cone.num_qubits
        return vector + min(sweep.CHUNK_BYTES, self.count * vector)

    def _run(self, point: int, seed: int, **asked: Any) -> Result:
        options = self.options
        found = api.run(
            self.circuit,
            parameters=self._bindings(point),
            seed=seed,
            engine=options.engine,
            time_limit=self._check_time(point),
            memory_limit=options.memory_limit,
            threads=options.threads,
            min_fidelity=options.min_fidelity,
            **asked,
        )
        self.plan = self.plan or found.plan.to_json()
        self.engines |= found.engines
        return found

    def _bindings(self, point: int) -> dict[str, float] | None:
        row = self.values[point].tolist()
        return dict(zip(self.names, row, strict=True)) or None

    def _note_batch(self, prepared: sweep.Sweep) -> None:
        why = self._batch_words(prepared.circuit)
        self.plan = {"engine": prepared.engine, "why": why, "points": self.count}
        self.engines |= versions([prepared.engine])

    def _batch_words(self, cone: Circuit) -> str:
        width = cone.num_qubits
        return f"{self.count} points of one circuit with {width} qubits in its light cone"

    def _check_time(self, done: int) -> float:
        """Seconds left; raises ProgramError ``limit-time`` where there are none."""
        left = self._deadline - time.monotonic()
        if left > 0 or done >= self.count:
            return max(left, 1e-3)
        raise ProgramError(
            "limit-time",
            f"{done} of {self.count} points ran in {self.options.time_limit:g} s; "
            "give Options(time_limit=…) or fewer points",
        )


def _seeds(rng: np.random.Generator, count: int) -> list[int]:
    return [int(x) for x in rng.integers(0, 1 << 31, size=count)]


def numbers(shape: tuple[int, ...], broadcast: tuple[int, ...]) -> NDArray[np.int64]:
    """Flat index into an array of ``shape`` for every element of the broadcast shape."""
    size = int(np.prod(shape, dtype=np.int64))
    return np.broadcast_to(np.arange(size).reshape(shape), broadcast).ravel()


def packed(bits: NDArray[np.uint8], columns: Sequence[int]) -> NDArray[np.uint8]:
    """The classical bits ``columns`` of ``bits`` (shots, classical bits), the first of them
    the lowest, as big-endian bytes (shots, bytes) with the lowest bit at the right end."""
    mine = bits[:, columns[::-1]]
    padded = np.pad(mine, ((0, 0), (-len(columns) % 8, 0)))
    return np.packbits(padded, axis=-1)


def noisy(
    evs: Floats, stds: Floats, precision: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Values as a device would give them that measures until the standard error is
    ``precision``: independent Gaussian noise on each, and the standard errors with it."""
    if not precision:
        return evs, stds
    return rng.normal(evs, precision), np.hypot(stds, precision)


def _groups(
    which_point: NDArray[np.int64], which_observable: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(points, observables), both sorted: the points that need the same observables."""
    rows, columns = np.unique(which_point), np.unique(which_observable)
    pairs = which_point * (int(which_observable.max(initial=0)) + 1) + which_observable
    if len(np.unique(pairs)) == len(rows) * len(columns):  # each point needs all of them
        if len(rows):
            yield rows, columns
        return
    needs: dict[int, set[int]] = {}
    for point, observable in zip(which_point.tolist(), which_observable.tolist(), strict=True):
        needs.setdefault(point, set()).add(observable)
    groups: dict[tuple[int, ...], list[int]] = {}
    for point in sorted(needs):
        groups.setdefault(tuple(sorted(needs[point])), []).append(point)
    for wanted, points in groups.items():
        yield np.array(points), np.array(wanted)


def bits_of(memory: Sequence[str], shots: int, num_clbits: int) -> NDArray[np.uint8]:
    """Outcomes (shots, classical bits) of shots written as strings, the first bit last; bits
    that the strings do not have are 0."""
    rows = np.frombuffer("".join(memory).encode("ascii"), np.uint8).reshape(shots, -1)
    bits = np.zeros((shots, num_clbits), np.uint8)
    bits[:, : rows.shape[1]] = rows[:, ::-1] - ord("0")
    return bits


def _strings(sums: Sequence[PauliSum]) -> list[Pauli]:
    """The Pauli strings that occur, each once."""
    return list(dict.fromkeys(p for each in sums for p in each.paulis))


def _support(paulis: Sequence[Pauli]) -> list[int]:
    return sorted({q for p in paulis for q, _ in p.factors})


def _weights(chosen: Sequence[PauliSum], paulis: Sequence[Pauli]) -> Floats:
    """Coefficients (Pauli strings, observables)."""
    place = {pauli: k for k, pauli in enumerate(paulis)}
    weights = np.zeros((len(paulis), len(chosen)))
    for column, observable in enumerate(chosen):
        for coefficient, pauli in observable.terms:
            weights[place[pauli], column] += coefficient
    return weights
