"""Kernel that runs all shots of one class of slow noise.

Shots without an error share one state. It is carried through the circuit once; where a shot
leaves it, at its first error, eight such shots are copied into the lanes of a second state
and run to the end. Relaxation is unravelled exactly: without a jump the amplitudes of 1
shrink, a shot jumps once the squared norm has fallen below its own random number, and then
a basis state is drawn, whose excited qubits relax independently (J. Dalibard, Y. Castin and
K. Molmer, Phys. Rev. Lett. 68, 580 (1992), for many qubits in one step).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.noisy.kernels import (
    LANES,
    block_weights,
    diagonal,
    pick,
    turn_all,
    uniform,
)

Array = NDArray[Any]
X, Y, Z = 1, 2, 3
BEFORE, AFTER = 0, 1  # the turn of the same step

_F2, _F1, _I1, _S2 = "float64[:,::1]", "float64[::1]", "int64[::1]", "float32[:,::1]"
_ARGUMENTS = (
    *("int64", "int64", _F2, _F2, _F2, _F2, _I1, _I1, _I1, _F1, _S2, _S2, "int64[:,::1]"),
    *(_I1, _I1, _I1, _I1, _I1, _I1, _I1, "uint64[::1]", _F1, "boolean[::1]", _I1, _I1),
    *(_S2, _S2, "float32[:,:,::1]", _I1, _S2, _S2, "float32[::1]", "float32[::1]", _F1, _F2),
    *(_F1, _F1, _I1, _F1),
)


@lazy_jit(signatures=(f"void({', '.join(_ARGUMENTS)})",))
def run_class(
    n: int,
    steps: int,
    alpha: Array,
    gain: Array,
    gamma: Array,
    factor: Array,
    pair_start: Array,
    pair_a: Array,
    pair_b: Array,
    beta: Array,
    cosine: Array,
    sine: Array,
    kind: Array,
    event_start: Array,
    event_step: Array,
    event_phase: Array,
    event_qubit: Array,
    event_pauli: Array,
    first_step: Array,
    order: Array,
    random: Array,
    marks: Array,
    taken: Array,
    queue: Array,
    out: Array,
    root: Array,
    state: Array,
    m: Array,
    kinds: Array,
    table: Array,
    fixed: Array,
    wide: Array,
    buffer: Array,
    share: Array,
    weights: Array,
    norms: Array,
    prior: Array,
    shot: Array,
    survival: Array,
) -> None:
    """Outcomes ``out`` int64 (shots,) of all qubits, before readout errors.

    ``steps`` is the number of steps with turns; row ``steps`` of ``gamma`` is the
    relaxation before the measurement, and events of that step are flips of outcomes.
    """
    shots = len(out)
    for i in range(shots):
        marks[i] = uniform(random, i)
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
        first = pair_start[s]
        end = pair_start[s + 1]
        diagonal(
            root, n, alpha[s], gain[s], pair_a[first:end], pair_b[first:end],
            beta[first:end], table, fixed, wide, norms,
        )  # fmt: skip
        kept *= norms[0] / last
        last = norms[0]
        count = 0
        for i in range(shots):
            if not taken[i] and (marks[i] > kept or first_step[i] == s):
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
            while used < LANES and waiting < shots and first_step[order[waiting]] < steps:
                if not taken[order[waiting]]:
                    shot[used] = order[waiting]
                    taken[order[waiting]] = True
                    used += 1
                waiting += 1
            for part in range(2):
                for k in range(LANES << n):
                    state[part, k] = root[part, k]
            for b in range(LANES):
                survival[b] = kept
                prior[b] = last
            run_lanes(
                n, s, steps, used, alpha, gain, gamma, factor, pair_start, pair_a, pair_b, beta,
                cosine, sine, kind, event_start, event_step, event_phase, event_qubit,
                event_pauli, random, marks, out, state, m, kinds, table, fixed, wide, buffer,
                share, weights, norms, prior, shot, survival,
            )  # fmt: skip
        turns(n, cosine[s], sine[s], kind[s], m, kinds)
        turn_all(root, n, kinds, m, buffer)
    block_weights(root, n, factor[steps + 1], 0.0, share, weights)
    for i in range(shots):
        if not taken[i]:
            x = pick(root, n, 0, factor[steps + 1], 0.0, share, weights, uniform(random, i))
            out[i] = measured(x, i, n, steps, gamma[steps], event_start, event_step,
                              event_qubit, event_pauli, random)  # fmt: skip


@lazy_jit
def run_lanes(
    n: int,
    start: int,
    steps: int,
    used: int,
    alpha: Array,
    gain: Array,
    gamma: Array,
    factor: Array,
    pair_start: Array,
    pair_a: Array,
    pair_b: Array,
    beta: Array,
    cosine: Array,
    sine: Array,
    kind: Array,
    event_start: Array,
    event_step: Array,
    event_phase: Array,
    event_qubit: Array,
    event_pauli: Array,
    random: Array,
    marks: Array,
    out: Array,
    state: Array,
    m: Array,
    kinds: Array,
    table: Array,
    fixed: Array,
    wide: Array,
    buffer: Array,
    share: Array,
    weights: Array,
    norms: Array,
    prior: Array,
    shot: Array,
    survival: Array,
) -> None:
    """Run ``used`` lanes from behind the diagonal part of step ``start`` to the end."""
    for s in range(start, steps):
        if s > start:
            first = pair_start[s]
            end = pair_start[s + 1]
            diagonal(
                state, n, alpha[s], gain[s], pair_a[first:end], pair_b[first:end],
                beta[first:end], table, fixed, wide, norms,
            )  # fmt: skip
            for b in range(used):
                survival[b] *= norms[b] / prior[b]
                prior[b] = norms[b]
        turns(n, cosine[s], sine[s], kind[s], m, kinds)
        jumps = 0
        for b in range(used):
            pauli_events(
                s, BEFORE, b, shot[b], event_start, event_step, event_phase, event_qubit,
                event_pauli, kinds, m,
            )  # fmt: skip
            if marks[shot[b]] > survival[b]:
                jumps += 1
        if jumps > 0:
            block_weights(state, n, factor[s], 1.0, share, weights)
            for b in range(used):
                if marks[shot[b]] > survival[b]:
                    x = pick(state, n, b, factor[s], 1.0, share, weights,
                             uniform(random, shot[b]))  # fmt: skip
                    jump(x, n, b, shot[b], gamma[s], random, kinds, m)
                    marks[shot[b]] = uniform(random, shot[b])
                    survival[b] = 1.0
        for b in range(used):
            pauli_events(
                s, AFTER, b, shot[b], event_start, event_step, event_phase, event_qubit,
                event_pauli, kinds, m,
            )  # fmt: skip
        turn_all(state, n, kinds, m, buffer)
        if jumps > 0:
            block_weights(state, n, factor[steps + 1], 0.0, share, weights)
            for b in range(used):
                prior[b] = 0.0
                for block in range(len(weights)):
                    prior[b] += weights[block, b]
    block_weights(state, n, factor[steps + 1], 0.0, share, weights)
    for b in range(used):
        i = shot[b]
        x = pick(state, n, b, factor[steps + 1], 0.0, share, weights, uniform(random, i))
        out[i] = measured(x, i, n, steps, gamma[steps], event_start, event_step, event_qubit,
                          event_pauli, random)  # fmt: skip


@lazy_jit
def turns(n: int, cosine: Array, sine: Array, kind: Array, m: Array, kinds: Array) -> None:
    """The errorless turns of a step, the same in all lanes."""
    for q in range(n):
        kinds[q] = kind[q]
        for b in range(LANES):
            m[q, 0, b] = cosine[q]
            m[q, 1, b] = -sine[q]
            m[q, 2, b] = sine[q]
            m[q, 3, b] = cosine[q]


@lazy_jit
def pauli_events(
    s: int,
    phase: int,
    b: int,
    i: int,
    event_start: Array,
    event_step: Array,
    event_phase: Array,
    event_qubit: Array,
    event_pauli: Array,
    kinds: Array,
    m: Array,
) -> None:
    """Pauli errors of shot ``i``, in lane ``b``, before or after the turn of step ``s``."""
    for e in range(event_start[i], event_start[i + 1]):
        if event_step[e] == s and event_phase[e] == phase:
            q = event_qubit[e]
            kinds[q] = 2
            if event_pauli[e] != Z:
                if phase == BEFORE:
                    m[q, 0, b], m[q, 1, b] = m[q, 1, b], m[q, 0, b]
                    m[q, 2, b], m[q, 3, b] = m[q, 3, b], m[q, 2, b]
                else:
                    m[q, 0, b], m[q, 2, b] = m[q, 2, b], m[q, 0, b]
                    m[q, 1, b], m[q, 3, b] = m[q, 3, b], m[q, 1, b]
            if event_pauli[e] != X:
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
def measured(
    x: int,
    i: int,
    n: int,
    steps: int,
    gamma: Array,
    event_start: Array,
    event_step: Array,
    event_qubit: Array,
    event_pauli: Array,
    random: Array,
) -> int:
    """Outcome ``x`` after the last relaxations and flips."""
    for q in range(n):
        if (x >> q) & 1 and gamma[q] > 0.0 and uniform(random, i) < gamma[q]:
            x ^= 1 << q
    for e in range(event_start[i], event_start[i + 1]):
        if event_step[e] == steps and event_pauli[e] != Z:
            x ^= 1 << event_qubit[e]
    return x
