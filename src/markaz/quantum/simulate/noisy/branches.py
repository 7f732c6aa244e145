"""Scripts by quantum trajectories: shots share a state as long as nothing tells them apart.

At each place all shots of a state draw their Pauli errors, and the norm below which they
relax. Those that nothing hits stay together; each of the others goes on alone, eight side by
side, in the kernels of ``trajectories``. A measurement parts the shots of a state by what
they find, and a condition by what they have read. All that waits at a place is taken at once;
places are visited depth first, so that few states wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.detunings import offsets, shares
from markaz.quantum.simulate.noisy.errors import Events, draw_events
from markaz.quantum.simulate.noisy.kernels import LANES
from markaz.quantum.simulate.noisy.kernels_shots import Scratch, Shots, Tables, evolve_lanes
from markaz.quantum.simulate.noisy.script import Bits, Collapse, Ints, Place, Script, Segment
from markaz.quantum.simulate.noisy.trajectories import LONGER, dealt, scratch_of, tables_of

States = NDArray[np.float32]  # (lanes, 2, 2**n): real and imaginary parts, of norm 1
MOST_HELD: Final = 1 << 27  # bytes of states that wait before places are visited depth first
_NEVER: Final = -1.0  # no squared norm is below it


def sample(
    script: Script, shots: int, seeds: np.random.SeedSequence, threads: int, deadline: float
) -> Bits:
    """Classical bits as they are read, (shots, clbits); the same for any number of threads.

    Raises ProgramError ``limit-time`` at ``deadline`` (time.monotonic seconds), and what
    following the script does.
    """
    if script.first is None:
        return np.zeros((shots, script.clbits), np.uint8)
    drawing = np.random.Generator(np.random.Philox(seeds.spawn(1)[0]))
    shifts = offsets(script.slowest, drawing)
    rest = seeds.spawn(len(shifts))
    runs = [
        _Class(script, shift, share, np.random.Generator(np.random.Philox(child)), deadline)
        for shift, share, child in zip(shifts, shares(shots, len(shifts)), rest, strict=True)
        if share
    ]
    with ThreadPoolExecutor(max(1, min(threads, len(runs)))) as pool:
        found = np.concatenate(list(pool.map(_Class.run, runs)))
    return dealt(found, shots, len(shifts))


@dataclass(frozen=True, slots=True)
class _Batch:
    """States, which are not changed in place, and the shots that are in them: shot ``ids[i]``
    in state ``owner[i]``, ascending."""

    states: States
    ids: Ints
    owner: Ints

    def part(self, members: Ints) -> _Batch:
        """Some of the shots, with their states."""
        used, owner = np.unique(self.owner[members], return_inverse=True)
        return _Batch(self.states[used], self.ids[members], owner.reshape(-1))


def _together(batches: list[_Batch]) -> _Batch:
    if len(batches) == 1:
        return batches[0]
    before = np.cumsum([0, *(len(b.states) for b in batches)])
    owner = [b.owner + k for b, k in zip(batches, before, strict=False)]
    states = np.concatenate([b.states for b in batches])
    return _Batch(states, np.concatenate([b.ids for b in batches]), np.concatenate(owner))


@dataclass(frozen=True, slots=True)
class _Draws:
    """What was drawn at a place for the shots of a batch: errors, and the kernel's numbers.
    Behind them stands an entry without errors, for the shots of a state that go on together."""

    events: Events
    shots: Shots


@dataclass(slots=True)
class _Class:
    """The shots of one class of slow noise."""

    script: Script
    shift: NDArray[np.float64]
    shots: int
    rng: np.random.Generator
    deadline: float
    bits: Bits = field(init=False)
    scratch: Scratch = field(init=False)
    most: int = field(init=False)  # states that are dealt with at once
    held: int = 0
    todo: list[Callable[[], None]] = field(default_factory=list)
    waiting: dict[Place, list[_Batch]] = field(default_factory=dict)
    tables: dict[int, Tables] = field(default_factory=dict)

    def run(self) -> Bits:
        """Bits of all shots."""
        n = self.script.qubits
        self.bits = np.zeros((self.shots, self.script.clbits), np.uint8)
        self.scratch = scratch_of(n)
        self.most = max(LANES, (MOST_HELD >> 3) >> n)
        begin = np.zeros((1, 2, 1 << n), np.float32)
        begin[0, 0, 0] = 1.0
        everyone = np.arange(self.shots)
        assert self.script.first is not None
        self._arrive(self.script.first, _Batch(begin, everyone, np.zeros_like(everyone)))
        while self.todo or self.waiting:
            if time.monotonic() > self.deadline:
                raise ProgramError("limit-time", f"the noisy branches took {LONGER}")
            if self.waiting and (self.held > self.most or not self.todo):
                self._visit()
            else:
                self.todo.pop()()
        return self.bits

    def _arrive(self, place: Place, batch: _Batch) -> None:
        self.waiting.setdefault(place, []).append(batch)
        self.held += len(batch.states)

    def _visit(self) -> None:
        """Run the newest place for what waits there."""
        place, batches = self.waiting.popitem()
        batch = _together(batches)
        self.held -= len(batch.states)
        if len(batch.states) > self.most:
            later = batch.owner >= self.most
            self._arrive(place, batch.part(np.flatnonzero(later)))
            batch = batch.part(np.flatnonzero(~later))
        self._shared(place, batch)

    def _shared(self, place: Place, batch: _Batch) -> None:
        """Run a place for a shot that has a state for itself, and for the shots of a state that
        nothing hits; the others wait."""
        draws = self._drawn(place.segment, len(batch.ids))
        single = np.bincount(batch.owner) == 1
        numbers = np.full(len(batch.states), len(batch.ids))
        numbers[batch.owner[single[batch.owner]]] = np.flatnonzero(single[batch.owner])
        marks = draws.shots.marks[:-1].copy()
        states, kept = self._evolved(place.segment, batch.states, numbers, draws)
        quiet = np.diff(draws.events.start)[:-1] == 0
        stay = single[batch.owner] | (quiet & (marks <= kept[batch.owner]))
        hit = np.flatnonzero(~stay)
        for k in range(0, len(hit), self.most):
            self.todo.append(partial(self._alone, place, batch, hit[k : k + self.most], draws))
        if stay.any():
            self._collapse(place, _Batch(states, batch.ids, batch.owner).part(np.flatnonzero(stay)))

    def _alone(self, place: Place, batch: _Batch, numbers: Ints, draws: _Draws) -> None:
        """Run a place for shots that something hits, each from the state in which it came."""
        begun = batch.states[batch.owner[numbers]]
        states, _ = self._evolved(place.segment, begun, numbers, draws)
        self._collapse(place, _Batch(states, batch.ids[numbers], np.arange(len(numbers))))

    def _drawn(self, segment: Segment, shots: int) -> _Draws:
        events = draw_events(segment.program, shots, self.rng)
        start = np.append(events.start, events.start[-1])
        marks = np.append(self.rng.random(shots), _NEVER)
        random = self.rng.integers(0, 1 << 64, shots + 1, np.uint64)
        none = np.zeros(0, np.int64)
        numbers = Shots(none, none, random, marks, np.zeros(0, np.bool_), none, none)
        return _Draws(events._replace(start=start), numbers)

    def _evolved(
        self, segment: Segment, begun: States, numbers: Ints, draws: _Draws
    ) -> tuple[States, NDArray[np.float64]]:
        """States behind the steps of a segment, and the squared norms that they would have
        without a jump."""
        n, scratch, tables = self.script.qubits, self.scratch, self._table(segment)
        lanes, steps = scratch.state.reshape(2, 1 << n, LANES), segment.program.num_steps - 1
        made, kept = np.empty_like(begun), np.empty(len(begun))
        for k in range(0, len(begun), LANES):
            some = slice(k, k + LANES)
            used = len(begun[some])
            lanes[:, :, :used] = begun[some].transpose(1, 2, 0)
            lanes[:, :, used:] = 0
            scratch.shot[:used] = numbers[some]
            scratch.prior[:] = scratch.survival[:] = 1.0
            evolve_lanes.fast(n, 0, -1, steps, used, tables, draws.events, draws.shots, scratch)
            made[some] = lanes[:, :, :used].transpose(2, 0, 1)
            kept[some] = scratch.survival[:used]
        return _normal(made), kept

    def _table(self, segment: Segment) -> Tables:
        found = self.tables.get(id(segment))
        if found is None:
            plain = tables_of(segment.program)
            found = plain._replace(alpha=plain.alpha + self.shift * segment.program.wait)
            self.tables[id(segment)] = found
        return found

    def _collapse(self, place: Place, batch: _Batch) -> None:
        """The measurements and resets of a place; then shots go where their bits lead."""
        segment = place.segment
        if segment.last:
            self._read_all(segment, batch)
        else:
            for collapse in segment.collapses:
                batch = self._parted(batch, collapse)
        bits = self.bits[batch.ids]
        groups = place.follow(bits)
        self.bits[batch.ids] = bits
        for following, members in groups:
            if following is not None:
                self._arrive(following, batch.part(members))

    def _parted(self, batch: _Batch, collapse: Collapse) -> _Batch:
        """The shots of a state by what they find, and by what the qubit is afterwards."""
        halves = batch.states.reshape(len(batch.states), 2, -1, 2, 1 << collapse.qubit)
        weights = np.square(halves, dtype=np.float64).sum(axis=(1, 2, 4))
        chance = weights[:, 1] / weights.sum(axis=1)
        found = self.rng.random(len(batch.ids)) < chance[batch.owner]
        wrong = self._wrong(found, collapse)
        if collapse.clbit >= 0:
            self.bits[batch.ids, collapse.clbit] = found ^ wrong
        ends = found if collapse.clbit >= 0 else wrong
        keys, owner = np.unique(4 * batch.owner + 2 * found + ends, return_inverse=True)
        states = np.zeros((len(keys), *halves.shape[1:]), np.float32)
        picked = halves[keys // 4, :, :, keys // 2 % 2]
        states[np.arange(len(keys)), :, :, keys % 2] = picked
        states = _normal(states.reshape(len(keys), 2, -1))
        order = np.argsort(owner.reshape(-1), kind="stable")
        return _Batch(states, batch.ids[order], owner.reshape(-1)[order])

    def _wrong(self, found: NDArray[np.bool_], collapse: Collapse) -> NDArray[np.bool_]:
        chance = np.where(found, collapse.read0, collapse.read1)
        return np.asarray(self.rng.random(len(found)) < chance)

    def _read_all(self, segment: Segment, batch: _Batch) -> None:
        """Outcomes of all qubits at once, where nothing follows."""
        outcomes = np.empty(len(batch.ids), np.int64)
        for k, state in enumerate(batch.states):
            mine = slice(*np.searchsorted(batch.owner, (k, k + 1)))
            weights = np.cumsum(np.square(state, dtype=np.float64).sum(axis=0))
            drawn = self.rng.random(mine.stop - mine.start) * weights[-1]
            outcomes[mine] = np.searchsorted(weights, drawn, side="right")
        for collapse in segment.collapses:
            found = (outcomes >> collapse.qubit) & 1 == 1
            self.bits[batch.ids, collapse.clbit] = found ^ self._wrong(found, collapse)


def _normal(states: States) -> States:
    norms = np.sqrt(np.square(states, dtype=np.float64).sum(axis=(1, 2), keepdims=True))
    return np.asarray(states / norms, np.float32)
