"""Kernel that runs all shots of one class of slow noise.

Shots without an error share one state. It is carried through the circuit once; where a shot
leaves it, at its first error, eight such shots are copied into the lanes of a second state
and run to the end. Relaxation is unravelled exactly: without a jump the amplitudes of 1
shrink, a shot jumps once the squared norm has fallen below its own random number, and then
a basis state is drawn, whose excited qubits relax independently (J. Dalibard, Y. Castin and
K. Molmer, Phys. Rev. Lett. 68, 580 (1992), for many qubits in one step).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.noisy.errors import AFTER, BEFORE, Events, X, Z
from markaz.quantum.simulate.noisy.kernels import (
    LANES,
    block_weights,
    diagonal,
    pick,
    turn_all,
    turn_high,
    uniform,
)

Array = NDArray[Any]


class Tables(NamedTuple):
    """What the steps of a program do, the same for all classes; C-ordered arrays.

    Float64 (steps or more, qubits): ``alpha`` phases of set bits, ``gain`` amplitudes that
    relaxation leaves of them, ``gamma`` chances to relax, ``factor`` 1 / (1 - gamma) with a
    row of ones behind. Pairs of step ``s`` are rows ``pair_start[s]`` to ``pair_start[s + 1]``
    of ``pair_a``, ``pair_b`` int64 and ``beta`` float64. Turns, (steps, qubits): ``cosine``,
    ``sine`` float32, ``kind`` int64: 1 where they are 1 and the tangent, 2 for other turns, 0
    for none. ``scale`` (steps,): product of the cosines that tangents leave out. ``safe``
    (steps,): least share of the squared norm that relaxation can leave.
    """

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
    scale: Array
    safe: Array


class Shots(NamedTuple):
    """What is known of each shot, arrays (shots,)."""

    first_step: Array  # int64, of its first Pauli error
    order: Array  # int64, shots by that step
    random: Array  # uint64, state of its random stream
    marks: Array  # float64, squared norm below which it jumps
    taken: Array  # bool, whether it has left the shared state
    queue: Array  # int64, shots that leave in a step
    out: Array  # int64, outcomes


class Scratch(NamedTuple):
    """Two states, and room to work in; shapes as the kernels say, or (8,)."""

    root: Array
    state: Array
    m: Array
    kinds: Array
    table: Array
    fixed: Array
    wide: Array
    buffer: Array
    share: Array
    weights: Array
    norms: Array
    prior: Array
    shot: Array
    survival: Array


@lazy_jit
def run_class(
    n: int, steps: int, tables: Tables, events: Events, shots: Shots, scratch: Scratch
) -> None:
    """Outcomes ``shots.out`` of all qubits, before readout errors.

    ``steps`` is the number of steps with turns; row ``steps`` of ``gamma`` is the
    relaxation before the measurement, and events of that step are flips of outcomes.
    """
    root, state, shot = scratch.root, scratch.state, scratch.shot
    taken, queue, order, out = shots.taken, shots.queue, shots.order, shots.out
    number = len(out)
    for i in range(number):
        shots.marks[i] = uniform(shots.random, i)
        taken[i] = False
    for part in range(2):
        for k in range(LANES << n):
            root[part, k] = np.float32(0.0)
    for b in range(LANES):
        root[0, b] = np.float32(1.0)
    kept = 1.0
    last = 1.0
    waiting = 0
    for s in range(steps):
        phases(root, n, s, False, tables, scratch)
        kept *= scratch.norms[0] / last
        last = scratch.norms[0]
        count = 0
        for i in range(number):
            if not taken[i] and (shots.marks[i] > kept or shots.first_step[i] == s):
                queue[count] = i
                taken[i] = True
                count += 1
        done = 0
        while done < count:
            used = 0
            while used < LANES and done < count:
                shot[used] = queue[done]
                used += 1
                done += 1
            while used < LANES and waiting < number and shots.first_step[order[waiting]] < steps:
                if not taken[order[waiting]]:
                    shot[used] = order[waiting]
                    taken[order[waiting]] = True
                    used += 1
                waiting += 1
            for part in range(2):
                for k in range(LANES << n):
                    state[part, k] = root[part, k]
            for b in range(LANES):
                scratch.survival[b] = kept
                scratch.prior[b] = last
            run_lanes(n, s, steps, used, tables, events, shots, scratch)
        turns(n, s, tables, scratch)
        turn_all(root, n, scratch.kinds, scratch.m, scratch.buffer)
    weigh(root, n, tables.factor[steps + 1], 0.0, scratch)
    for i in range(number):
        if not taken[i]:
            out[i] = outcome(root, 0, i, n, steps, tables, events, shots.random, scratch)


@lazy_jit
def run_lanes(
    n: int,
    start: int,
    steps: int,
    used: int,
    tables: Tables,
    events: Events,
    shots: Shots,
    scratch: Scratch,
) -> None:
    """Run ``used`` lanes from behind the diagonal part of step ``start`` to the end."""
    evolve_lanes(n, start, start, steps, used, tables, events, shots, scratch)
    weigh(scratch.state, n, tables.factor[steps + 1], 0.0, scratch)
    for b in range(used):
        i = scratch.shot[b]
        shots.out[i] = outcome(scratch.state, b, i, n, steps, tables, events, shots.random, scratch)


@lazy_jit
def evolve_lanes(
    n: int,
    start: int,
    behind: int,
    steps: int,
    used: int,
    tables: Tables,
    events: Events,
    shots: Shots,
    scratch: Scratch,
) -> None:
    """Carry ``used`` lanes of ``scratch.state`` through steps ``start`` to ``steps`` - 1; the
    diagonal parts of those up to ``behind`` have been done.

    Lane ``b`` is shot ``scratch.shot[b]``, with squared norm ``scratch.prior[b]``.
    """
    state, m, kinds, shot = scratch.state, scratch.m, scratch.kinds, scratch.shot
    norms, prior, survival = scratch.norms, scratch.prior, scratch.survival
    marks, random = shots.marks, shots.random
    for s in range(start, steps):
        turns(n, s, tables, scratch)
        for b in range(used):
            pauli_events(s, BEFORE, b, shot[b], events, kinds, m)
        at_once = s > behind  # the diagonal and the turns, where nothing can jump between them
        for b in range(used):
            at_once = at_once and marks[shot[b]] < survival[b] * tables.safe[s]
        if at_once:
            for b in range(used):
                pauli_events(s, AFTER, b, shot[b], events, kinds, m)
        jumps = 0
        if s > behind:
            phases(state, n, s, at_once, tables, scratch)
            for b in range(used):
                survival[b] *= norms[b] / prior[b]
                prior[b] = norms[b]
        if at_once:
            turn_high(state, n, kinds, m, scratch.buffer)
            continue
        for b in range(used):
            if marks[shot[b]] > survival[b]:
                jumps += 1
        if jumps > 0:
            weigh(state, n, tables.factor[s], 1.0, scratch)
            for b in range(used):
                if marks[shot[b]] > survival[b]:
                    x = pick(state, n, b, tables.factor[s], 1.0, scratch.share, scratch.weights,
                             uniform(random, shot[b]))  # fmt: skip
                    jump(x, n, b, shot[b], tables.gamma[s], random, kinds, m)
                    marks[shot[b]] = uniform(random, shot[b])
                    survival[b] = 1.0
        for b in range(used):
            pauli_events(s, AFTER, b, shot[b], events, kinds, m)
        turn_all(state, n, kinds, m, scratch.buffer)
        if jumps > 0:
            weigh(state, n, tables.factor[steps + 1], 0.0, scratch)
            for b in range(used):
                prior[b] = 0.0
                for block in range(len(scratch.weights)):
                    prior[b] += scratch.weights[block, b]


@lazy_jit
def phases(state: Array, n: int, s: int, turned: bool, tables: Tables, scratch: Scratch) -> None:
    """The diagonal part of step ``s``, with ``turned`` also ``scratch.m`` on the qubits below
    LOW; ``scratch.norms`` receives the squared norms between both."""
    first = tables.pair_start[s]
    end = tables.pair_start[s + 1]
    diagonal(
        state, n, tables.alpha[s], tables.gain[s], tables.pair_a[first:end],
        tables.pair_b[first:end], tables.beta[first:end], tables.scale[s], scratch.kinds,
        scratch.m, turned, scratch.table, scratch.fixed, scratch.wide, scratch.norms,
    )  # fmt: skip
    for b in range(LANES):
        scratch.norms[b] /= tables.scale[s] ** 2


@lazy_jit
def weigh(state: Array, n: int, factor: Array, offset: float, scratch: Scratch) -> None:
    """What ``pick`` draws from."""
    block_weights(state, n, factor, offset, scratch.share, scratch.weights)


@lazy_jit
def turns(n: int, s: int, tables: Tables, scratch: Scratch) -> None:
    """The errorless turns of step ``s``, the same in all lanes."""
    cosine, sine, kind = tables.cosine[s], tables.sine[s], tables.kind[s]
    m, kinds = scratch.m, scratch.kinds
    for q in range(n):
        kinds[q] = kind[q]
        for b in range(LANES):
            m[q, 0, b] = cosine[q]
            m[q, 1, b] = -sine[q]
            m[q, 2, b] = sine[q]
            m[q, 3, b] = cosine[q]


@lazy_jit
def pauli_events(
    s: int, phase: int, b: int, i: int, events: Events, kinds: Array, m: Array
) -> None:
    """Pauli errors of shot ``i``, in lane ``b``, before or after the turn of step ``s``."""
    for e in range(events.start[i], events.start[i + 1]):
        if events.step[e] == s and events.phase[e] == phase:
            q = events.qubit[e]
            kinds[q] = 2
            if events.pauli[e] != Z:
                if phase == BEFORE:
                    m[q, 0, b], m[q, 1, b] = m[q, 1, b], m[q, 0, b]
                    m[q, 2, b], m[q, 3, b] = m[q, 3, b], m[q, 2, b]
                else:
                    m[q, 0, b], m[q, 2, b] = m[q, 2, b], m[q, 0, b]
                    m[q, 1, b], m[q, 3, b] = m[q, 3, b], m[q, 1, b]
            if events.pauli[e] != X:
                if phase == BEFORE:
                    m[q, 1, b] = -m[q, 1, b]
                    m[q, 3, b] = -m[q, 3, b]
                else:
                    m[q, 2, b] = -m[q, 2, b]
                    m[q, 3, b] = -m[q, 3, b]


@lazy_jit
def jump(
    x: int, n: int, b: int, i: int, gamma: Array, random: Array, kinds: Array, m: Array
) -> None:
    """Relax excited qubits of basis state ``x``, at least one, before everything else."""
    none = 1.0
    last = -1
    for q in range(n):
        if (x >> q) & 1 and gamma[q] > 0.0:
            none *= 1.0 - gamma[q]
            last = q
    r = uniform(random, i) * (1.0 - none)
    kept = 1.0
    found = False
    for q in range(n):
        if (x >> q) & 1 and gamma[q] > 0.0:
            if found:
                if uniform(random, i) >= gamma[q]:
                    continue
            elif q < last and r >= kept * gamma[q]:
                r -= kept * gamma[q]
                kept *= 1.0 - gamma[q]
                continue
            found = True
            kinds[q] = 2
            m[q, 1, b] = m[q, 0, b]
            m[q, 3, b] = m[q, 2, b]
            m[q, 0, b] = np.float32(0.0)
            m[q, 2, b] = np.float32(0.0)


@lazy_jit
def outcome(
    state: Array,
    lane: int,
    i: int,
    n: int,
    steps: int,
    tables: Tables,
    events: Events,
    random: Array,
    scratch: Scratch,
) -> int:
    """What shot ``i``, in a lane of a weighed state, measures: a basis state after the last
    relaxations and flips."""
    gamma = tables.gamma[steps]
    x = pick(
        state, n, lane, tables.factor[steps + 1], 0.0, scratch.share, scratch.weights,
        uniform(random, i),
    )  # fmt: skip
    for q in range(n):
        if (x >> q) & 1 and gamma[q] > 0.0 and uniform(random, i) < gamma[q]:
            x ^= 1 << q
    for e in range(events.start[i], events.start[i + 1]):
        if events.step[e] == steps and events.pauli[e] != Z:
            x ^= 1 << events.qubit[e]
    return x
