"""Noisy runs by matrix product states: many qubits with little entanglement along a line.

One trajectory a shot; shots share the errorless state up to their first error. Relaxation
is drawn as a reset, with dephasing to match where T2 <= T1 allows it (elsewhere coherence
falls as exp(-t/T1)); crosstalk and other small ZZ angles are drawn as ZZ flips, slow noise as
phase flips. See U. Schollwoeck, Ann. Phys. 326, 96 (2011), for the algorithms.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy.errors import AFTER, Events, Z, draw_events
from markaz.quantum.simulate.noisy.program import NoisyProgram

Tensor = NDArray[np.complex128]
MOST_BOND = 64
CUT = 1e-10  # squared singular values below this share are dropped
SMALL_ANGLE = 0.2  # rad; pairs that were not meant to turn are drawn below it
RESET = 4
_PAULIS: tuple[Tensor, ...] = (
    np.eye(2, dtype=np.complex128),
    np.array([[0, 1], [1, 0]], np.complex128),
    np.array([[0, -1j], [1j, 0]]),
    np.array([[1, 0], [0, -1]], np.complex128),
)


@dataclass(slots=True)
class State:
    """A matrix product state: tensors (left, 2, right), in mixed form about ``centre``;
    ``kept`` is the product of the weights that truncations kept."""

    tensors: list[Tensor]
    centre: int = 0
    kept: float = 1.0

    @classmethod
    def zeros(cls, n: int) -> State:
        """All qubits in 0."""
        one = np.array([1.0, 0.0], np.complex128).reshape(1, 2, 1)
        return cls([one] * n)

    def copy(self) -> State:
        """A state that shares tensors, which are never changed in place."""
        return State(list(self.tensors), self.centre, self.kept)

    def move(self, site: int) -> None:
        """Make ``site`` the centre."""
        while self.centre < site:
            a = self.tensors[self.centre]
            q, r = np.linalg.qr(a.reshape(-1, a.shape[2]))
            self.tensors[self.centre] = q.reshape(a.shape[0], 2, -1)
            self.centre += 1
            self.tensors[self.centre] = np.tensordot(r, self.tensors[self.centre], 1)
        while self.centre > site:
            a = self.tensors[self.centre]
            q, r = np.linalg.qr(a.reshape(a.shape[0], -1).T)
            self.tensors[self.centre] = q.T.reshape(-1, 2, a.shape[2])
            self.centre -= 1
            self.tensors[self.centre] = np.tensordot(self.tensors[self.centre], r.T, 1)

    def one(self, site: int, matrix: NDArray[np.complex128]) -> None:
        """A matrix on one site."""
        self.tensors[site] = np.einsum("ij,ajb->aib", matrix, self.tensors[site])

    def two(self, site: int, phases: Tensor, *, swap: bool) -> None:
        """A diagonal gate ``phases`` (2, 2) on two neighbours, which then may change places."""
        if self.centre not in (site, site + 1):
            self.move(site if self.centre < site else site + 1)
        left, right = self.tensors[site], self.tensors[site + 1]
        theta = np.tensordot(left, right, 1) * phases[None, :, :, None]
        if swap:
            theta = theta.transpose(0, 2, 1, 3)
        u, s, v = np.linalg.svd(theta.reshape(left.shape[0] * 2, -1), full_matrices=False)
        weights = s * s
        total = float(weights.sum())
        rank = max(1, min(MOST_BOND, int((weights > CUT * total).sum())))
        held = float(weights[:rank].sum())
        self.kept *= held / total
        s = s[:rank] * math.sqrt(total / held)
        self.tensors[site] = u[:, :rank].reshape(left.shape[0], 2, rank)
        self.tensors[site + 1] = (s[:, None] * v[:rank]).reshape(rank, 2, -1)
        self.centre = site + 1

    def reset(self, site: int, random: float) -> None:
        """Measure a site, and turn 1 into 0."""
        self.move(site)
        a = self.tensors[site]
        weights = np.einsum("aib,aib->i", a.conj(), a).real
        outcome = int(random * weights.sum() >= weights[0])
        made = np.zeros_like(a)
        made[:, 0] = a[:, outcome] / math.sqrt(weights[outcome])
        self.tensors[site] = made

    def draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """One outcome of all sites."""
        self.move(0)
        bits = np.zeros(len(self.tensors), np.uint8)
        left = np.ones(1, np.complex128)
        for site, tensor in enumerate(self.tensors):
            rows = np.tensordot(left, tensor, 1)
            weights = np.einsum("ib,ib->i", rows.conj(), rows).real
            bits[site] = rng.random() * weights.sum() >= weights[0]
            left = rows[bits[site]] / math.sqrt(weights[bits[site]])
        return bits


@dataclass(slots=True)
class _Run:
    """A program in the order of its line, and what each step does to a state."""

    program: NoisyProgram
    gates: list[list[tuple[int, int, Tensor]]] = field(default_factory=list)
    turns: list[list[tuple[int, Tensor]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = self.program
        self.gates = [[] for _ in range(p.num_steps)]
        for step, pair, angle in zip(p.pair_step, p.pairs, p.pair_angle, strict=True):
            phase = np.exp(-0.5j * angle)
            phases = np.array([[phase, phase.conj()], [phase.conj(), phase]])
            self.gates[step].append((int(pair.min()), int(pair.max()), phases))
        self.turns = [_turns(p, step) for step in range(p.num_steps)]

    def diagonal(self, state: State, step: int) -> None:
        """Turns about z and of pairs; far pairs are brought together by swaps and back."""
        for q, angle in enumerate(self.program.z[step].tolist()):
            if angle:
                state.one(q, np.diag(np.exp([-0.5j * angle, 0.5j * angle])))
        for a, b, phases in self.gates[step]:
            for site in range(a, b - 1):
                state.two(site, np.ones((2, 2), np.complex128), swap=True)
            state.two(b - 1, phases, swap=False)
            for site in reversed(range(a, b - 1)):
                state.two(site, np.ones((2, 2), np.complex128), swap=True)

    def turn(self, state: State, step: int) -> None:
        """Turns about axes in the plane."""
        for q, matrix in self.turns[step]:
            state.one(q, matrix)


def _turns(program: NoisyProgram, step: int) -> list[tuple[int, Tensor]]:
    made = []
    for q in np.flatnonzero(program.has_turn[step]).tolist():
        c, s = (f(program.turn[step, q] / 2) for f in (math.cos, math.sin))
        phase = complex(np.exp(1j * program.axis[step, q]))
        made.append((q, np.array([[c, -1j * s / phase], [-1j * s * phase, c]])))
    return made


def line(program: NoisyProgram) -> list[int]:
    """Qubits in an order that keeps pairs close: breadth first from an end of the graph."""
    near: list[set[int]] = [set() for _ in range(program.num_qubits)]
    for a, b in program.pairs.tolist():
        near[a].add(b)
        near[b].add(a)
    far = _search(near, 0)[-1]
    return _search(near, far)


def _search(near: list[set[int]], start: int) -> list[int]:
    order, seen, waiting = [], {start}, deque([start])
    while waiting:
        q = waiting.popleft()
        order.append(q)
        for other in sorted(near[q] - seen, key=lambda o: (len(near[o]), o)):
            seen.add(other)
            waiting.append(other)
    return order + [q for q in range(len(near)) if q not in seen]


def drawn(program: NoisyProgram) -> NoisyProgram:
    """The program with small unmeant ZZ angles and slow noise turned into random flips:
    dephasing of both qubits instead of joint flips, which is the same for either alone."""
    small = (np.abs(program.pair_angle) < SMALL_ANGLE) & (program.ideal_angle == 0)
    dephase = program.dephase.copy()
    blurred = (1 - np.exp(-((program.slow * program.wait) ** 2) / 2)) / 2
    dephase = dephase + blurred - 2 * dephase * blurred
    for k in np.flatnonzero(small).tolist():
        chance = math.sin(program.pair_angle[k] / 2) ** 2
        step, both = program.pair_step[k], program.pairs[k]
        dephase[step, both] += chance * (1 - 2 * dephase[step, both])
    kept = np.flatnonzero(~small)
    lost = 1 - np.sqrt(1 - program.decay)
    spare = 1 - (1 - 2 * dephase) / np.maximum(1 - lost, 1e-12)
    return replace(
        program,
        dephase=np.clip(spare / 2, 0.0, 0.5),
        pair_step=program.pair_step[kept],
        pairs=program.pairs[kept],
        pair_angle=program.pair_angle[kept],
        ideal_angle=program.ideal_angle[kept],
    )


def sample(
    program: NoisyProgram, shots: int, seeds: np.random.SeedSequence, deadline: float
) -> tuple[NDArray[np.uint8], float]:
    """Outcomes of all qubits before readout errors, shape (shots, qubits), and the mean
    weight that truncations kept.

    Raises ProgramError ``limit-time`` at ``deadline`` (time.monotonic seconds), because the
    cost cannot be told beforehand.
    """
    rng = np.random.Generator(np.random.Philox(seeds))
    order = line(program)
    plain = drawn(program)
    run = _Run(_reordered(plain, order))
    events = draw_events(run.program, shots, rng)
    resets = _resets(run.program, shots, rng)
    snapshots = _errorless(run)
    first = np.minimum(events.first_steps(run.program.num_steps), resets.first_steps(
        run.program.num_steps))  # fmt: skip
    bits = np.zeros((shots, program.num_qubits), np.uint8)
    kept = 0.0
    for i in range(shots):
        if time.monotonic() > deadline:
            raise ProgramError("limit-time", f"{i} of {shots} noisy shots were done in time")
        state = snapshots[first[i]].copy()
        _finish(run, state, int(first[i]), i, (resets, events), rng)
        kept += state.kept / shots
        bits[i, order] = state.draw(rng)
    return bits, kept


def _errorless(run: _Run) -> list[State]:
    """States behind the diagonal part of every step, and the final one."""
    state, found = State.zeros(run.program.num_qubits), []
    for step in range(run.program.num_steps):
        run.diagonal(state, step)
        found.append(state.copy())
        run.turn(state, step)
    return [*found, state]


def _finish(
    run: _Run,
    state: State,
    start: int,
    shot: int,
    errors: tuple[Events, Events],
    rng: np.random.Generator,
) -> None:
    """The rest of a shot, from behind the diagonal part of step ``start``."""
    for step in range(start, run.program.num_steps):
        if step > start:
            run.diagonal(state, step)
        for events in errors:
            _strike(state, events, shot, step, rng, after=False)
        run.turn(state, step)
        _strike(state, errors[1], shot, step, rng, after=True)


def _strike(
    state: State, events: Events, shot: int, step: int, rng: np.random.Generator, *, after: bool
) -> None:
    for e in range(int(events.start[shot]), int(events.start[shot + 1])):
        if events.step[e] == step and (events.phase[e] == AFTER) == after:
            site = int(events.qubit[e])
            if events.pauli[e] == RESET:
                state.reset(site, rng.random())
            else:
                state.one(site, _PAULIS[int(events.pauli[e])])


def _resets(program: NoisyProgram, shots: int, rng: np.random.Generator) -> Events:
    """Relaxations, as events that are resets instead of Paulis."""
    bare = replace(
        program,
        dephase=program.decay,
        flip=np.zeros_like(program.flip),
        error_step=program.error_step[:0],
        error_pairs=program.error_pairs[:0],
        error=program.error[:0],
    )
    found = draw_events(bare, shots, rng)
    return found._replace(pauli=np.where(found.pauli == Z, RESET, found.pauli))


def _reordered(program: NoisyProgram, order: list[int]) -> NoisyProgram:
    """The program on sites of the line; ``measured`` keeps its meaning of qubits."""
    place = np.argsort(order)
    by_step = ("z", "wait", "decay", "dephase", "has_turn", "axis", "turn", "flip",
               "ideal_z", "ideal_turn")  # fmt: skip
    return replace(
        program,
        **{name: getattr(program, name)[:, order] for name in by_step},
        pairs=place[program.pairs],
        error_pairs=place[program.error_pairs],
        slow=program.slow[order],
    )
