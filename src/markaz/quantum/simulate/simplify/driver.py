"""Runs the passes over a circuit of gates and splits what is left into components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Flag, Op, matrix
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.simplify.kernel_backward import backward, union_components
from markaz.quantum.simulate.simplify.kernel_emit import Work, flush_needed
from markaz.quantum.simulate.simplify.kernel_forward import forward
from markaz.quantum.simulate.simplify.kernel_gates import DEAD
from markaz.quantum.simulate.simplify.outcome import ClassicalLogic, Part, Simplified

STEPS_PER_GATE = 25  # interpreted inner steps a gate, for choosing the kernel's form
FUSE_ABOVE = 48  # with fewer non-Clifford gates their names matter more than their number
NON_CLIFFORD = np.array(
    [
        o <= LAST_GATE and not (Op(o) in TABLE and TABLE[Op(o)].flags & Flag.CLIFFORD)
        if o in Op._value2member_map_
        else False
        for o in range(256)
    ]
)
GROWTH = 3  # output operations an input operation at most; see kernel_forward


@dataclass(slots=True)
class Flat:
    """Gates between passes."""

    op: NDArray[np.uint8]
    q: NDArray[np.int32]
    p: NDArray[np.float64]
    pool: NDArray[np.int32]

    def taken(self, where: NDArray[Any]) -> Flat:
        """The gates at ``where``."""
        return Flat(
            self.op[where],
            self.q.reshape(-1, 3)[where].ravel(),
            self.p.reshape(-1, 4)[where].ravel(),
            self.pool,
        )


def _work(flat: Flat, wires: int, fuse: bool, fast: bool) -> Work:
    capacity = GROWTH * len(flat.op) + 2 * wires + 8
    pool = len(flat.pool) + wires + 8
    if fast:
        return Work(
            np.zeros(2, np.int64),
            np.empty(capacity, np.uint8),
            np.empty(3 * capacity, np.int32),
            np.empty(4 * capacity, np.float64),
            np.empty(3 * capacity, np.int32),
            np.full(wires, -1, np.int32),
            np.ones(wires, np.uint8),
            np.ones(wires, np.complex128),
            np.zeros(wires, np.complex128),
            np.arange(wires, dtype=np.int32),
            np.empty(pool, np.int32),
            np.array([int(fuse)], np.int64),
        )
    return Work(
        [0, 0],
        [0] * capacity,
        [0] * (3 * capacity),
        [0.0] * (4 * capacity),
        [0] * (3 * capacity),
        [-1] * wires,
        [1] * wires,
        [1 + 0j] * wires,
        [0j] * wires,
        list(range(wires)),
        [0] * pool,
        [int(fuse)],
    )


@dataclass(slots=True)
class Round:
    """One forward and one backward pass; ``emitted`` gates came out of the forward pass,
    those that became classical logic not counted."""

    kept: Flat
    posted: Flat
    wire: NDArray[np.int32]
    need: NDArray[np.uint8]
    emitted: int


def _round(
    flat: Flat, asked: NDArray[np.uint8], level: NDArray[np.uint8], *, compiled: bool = False
) -> Round:
    count, wires = len(flat.op), len(asked)
    fast = compiled or forward.worth_it(count * STEPS_PER_GATE)
    fuse = int(np.count_nonzero(NON_CLIFFORD[flat.op])) > FUSE_ABOVE
    w = _work(flat, wires, fuse, fast)
    need: Any = np.zeros(wires, np.uint8)
    levels: Any = np.zeros(wires, np.uint8)
    run: Any = [k.fast if fast else k.py for k in (forward, flush_needed, backward)]
    arrays: list[Any] = [flat.op, flat.q, flat.p, flat.pool]
    run[0](w, *(arrays if fast else [a.tolist() for a in arrays]), count)
    wire = np.asarray(w.wire, np.int32)
    need[wire] = asked
    levels[wire] = level
    post: Any = np.empty(w.size[0] + 2 * wires + 1, np.int64)
    if not fast:
        need, levels, post = need.tolist(), levels.tolist(), post.tolist()
    run[1](w, need)
    n = int(w.size[0])
    live = int(np.count_nonzero(w.op[:n] != DEAD)) if fast else n - w.op[:n].count(DEAD)
    posted = run[2](w.op, w.q, w.pool, n, need, levels, post)
    out = Flat(
        np.array(w.op[:n], np.uint8),
        np.array(w.q[: 3 * n], np.int32),
        np.array(w.p[: 4 * n], np.float64),
        np.array(w.pool[: int(w.size[1])], np.int32),
    )
    logic = np.array(post[:posted], np.int64)[::-1]
    alive = out.op != DEAD
    alive[logic] = False
    return Round(
        out.taken(np.flatnonzero(alive)),
        out.taken(logic),
        wire,
        np.asarray(need, np.uint8),
        live - posted,
    )


def _relabelled(flat: Flat, wire: NDArray[np.int32]) -> Flat:
    if np.array_equal(wire, np.arange(len(wire))):
        return flat
    q = flat.q.reshape(-1, 3).copy()
    plain = flat.op < Op.MCX
    q[plain] = np.where(q[plain] >= 0, wire[np.maximum(q[plain], 0)], -1)
    pool = wire[flat.pool] if len(flat.pool) else flat.pool
    return Flat(flat.op, q.ravel(), flat.p, pool)


def _joined(first: Flat, second: Flat) -> ClassicalLogic:
    q = second.q.reshape(-1, 3).copy()
    q[second.op >= Op.MCX, 0] += len(first.pool)
    return ClassicalLogic(
        np.concatenate([first.op, second.op]),
        np.concatenate([first.q, q.ravel()]),
        np.concatenate([first.pool, second.pool]),
    )


class Passed(NamedTuple):
    """Gates left, classical logic, the wire of each logical qubit, and which wires matter."""

    kept: Flat
    logic: ClassicalLogic
    wire: NDArray[np.int32]
    need: NDArray[np.uint8]


def _passes(flat: Flat, asked: NDArray[np.uint8], level: NDArray[np.uint8]) -> Passed:
    """One or two rounds: a second one where the first has removed much."""
    one = _round(flat, asked, level)
    if len(one.kept.op) == 0 or one.emitted - len(one.kept.op) < len(one.kept.op) // 10:
        logic = ClassicalLogic(one.posted.op, one.posted.q, one.posted.pool)
        return Passed(one.kept, logic, one.wire, one.need)
    raised = np.zeros_like(level)
    raised[one.wire] = level
    two = _round(one.kept, one.need, raised)
    logic = _joined(two.posted, _relabelled(one.posted, two.wire))
    return Passed(two.kept, logic, two.wire[one.wire], two.need)


def flat_gates(circuit: Circuit) -> Flat:
    """The gates of a circuit, without measurements and barriers."""
    gates = circuit.op <= LAST_GATE
    flat = Flat(circuit.op, circuit.qubits.ravel(), circuit.params.ravel(), circuit.pool)
    return flat if bool(gates.all()) else flat.taken(np.flatnonzero(gates))


def _components(flat: Flat, wires: int, *, compiled: bool = False) -> NDArray[np.int32]:
    """A representative wire for each wire's component."""
    count = len(flat.op)
    if compiled or union_components.worth_it(count * 4 + wires):
        parent = np.arange(wires, dtype=np.int32)
        union_components.fast(flat.op, flat.q, flat.pool, count, parent)
        return parent
    roots = list(range(wires))
    union_components.py(flat.op.tolist(), flat.q.tolist(), flat.pool.tolist(), count, roots)
    return np.array(roots, np.int32)


def _parts(
    flat: Flat, need: NDArray[np.uint8], smallest: int
) -> tuple[list[Part], NDArray[np.int32]]:
    """Components of ``smallest`` or more wires, and the component of each wire."""
    if len(flat.op) == 0:
        return [], np.arange(len(need), dtype=np.int32)
    parent = _components(flat, len(need))
    return _split(flat, parent, need, smallest), parent


def _split(
    flat: Flat, parent: NDArray[np.int32], need: NDArray[np.uint8], smallest: int
) -> list[Part]:
    q = flat.q.reshape(-1, 3)
    pooled = flat.op >= Op.MCX
    first = np.where(pooled, 0, q[:, 0])
    if pooled.any():
        first[pooled] = flat.pool[q[pooled, 0]]
    owner = parent[first]
    sizes = np.bincount(parent, minlength=len(parent))
    local = np.zeros(len(parent), np.int32)
    parts = []
    for root in sorted(set(owner.tolist())):
        if sizes[root] < smallest:
            continue
        members = np.flatnonzero(parent == root).astype(np.int32)
        local[members] = np.arange(len(members), dtype=np.int32)
        mine = flat if len(members) == len(parent) else flat.taken(np.flatnonzero(owner == root))
        asked = np.flatnonzero(need[members]).astype(np.int32)
        parts.append(Part(_local(mine, local, len(members)), members, asked))
    return parts


def _local(flat: Flat, local: NDArray[np.int32], size: int) -> Circuit:
    q = flat.q.reshape(-1, 3).copy()
    plain = flat.op < Op.MCX
    q[plain] = np.where(q[plain] >= 0, local[np.maximum(q[plain], 0)], -1)
    pool = local[flat.pool] if len(flat.pool) else flat.pool
    n = len(flat.op)
    return Circuit(size, 0, flat.op, q, flat.p.reshape(-1, 4), np.full(n, -1, np.int32), pool)


def _singles(
    flat: Flat, parent: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Wires that no multi-qubit gate touches, with their probability of 1."""
    if len(flat.op) == 0:
        return np.zeros(0, np.int32), np.zeros(0)
    sizes = np.bincount(parent, minlength=len(parent))
    mine = (flat.op <= Op.U) & (sizes[parent[np.minimum(flat.q[::3], len(parent) - 1)]] == 1)
    states: dict[int, tuple[complex, complex]] = {}
    params = flat.p.reshape(-1, 4)
    for i in np.flatnonzero(mine).tolist():
        wire = int(flat.q[3 * i])
        a, b = states.get(wire, (1 + 0j, 0j))
        m = matrix(int(flat.op[i]), tuple(params[i]))
        states[wire] = (m[0][0] * a + m[0][1] * b, m[1][0] * a + m[1][1] * b)
    wires = np.fromiter(states, np.int32, len(states))
    ones = np.array([abs(b) ** 2 / (abs(a) ** 2 + abs(b) ** 2) for a, b in states.values()])
    return wires, ones


def simplify(circuit: Circuit, measured: Sequence[tuple[int, int]] | None = None) -> Simplified:
    """Simplify a circuit whose only non-unitary operations are final measurements.

    ``measured`` are (qubit, classical bit) pairs; by default those of the circuit. Exact
    for the joint distribution of the measured bits.
    """
    pairs = circuit.measurements() if measured is None else list(measured)
    flat = flat_gates(circuit)
    asked = np.zeros(circuit.num_qubits, np.uint8)
    qubits = np.array([q for q, _ in pairs], np.int32)
    asked[qubits] = 1
    kept, logic, wire, need = _passes(flat, asked, np.zeros(circuit.num_qubits, np.uint8))
    parts, parent = _parts(kept, need, 2)
    single_wires, single_probabilities = _singles(kept, parent)
    done = Simplified(
        circuit.num_qubits,
        tuple(parts),
        single_wires,
        single_probabilities,
        logic,
        np.array([c for _, c in pairs], np.int32),
        wire[qubits],
        len(flat.op),
        sum(len(p.circuit) for p in parts),
    )
    return replace(done, steps=tuple(_in_words(done, circuit.num_qubits)))


def _in_words(done: Simplified, qubits: int) -> list[str]:
    """What simplification achieved, for people."""
    steps = []
    if done.gates_after < done.gates_before:
        steps.append(f"{_counted(done.gates_before, 'gate')} became {done.gates_after}")
    if len(done.logic.op):
        moved = _counted(len(done.logic.op), "classical gate")
        steps.append(f"{moved} moved behind the measurement")
    if len(done.single_wires):
        steps.append(f"{_counted(len(done.single_wires), 'qubit')} sampled by hand")
    left = sum(len(p.wires) for p in done.parts)
    if len(done.parts) > 1:
        steps.append(f"{len(done.parts)} independent parts")
    if 0 < left < qubits:
        steps.append(f"{left} of {qubits} qubits left to simulate")
    return steps


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def simplify_values(
    circuit: Circuit, paulis: Sequence[Pauli]
) -> tuple[list[Part], NDArray[np.int32]]:
    """Simplify a circuit of gates for the expectation values of Pauli strings.

    Returns the components that some string touches (single qubits too; a wire in none of
    them is in state 0) and the wire of each qubit.
    """
    asked = np.zeros(circuit.num_qubits, np.uint8)
    level = np.zeros(circuit.num_qubits, np.uint8)
    for pauli in paulis:
        for qubit, factor in pauli.factors:
            asked[qubit] = 1
            # Gates diagonal on a wire that is only read in Z commute with the reading.
            level[qubit] = max(int(level[qubit]), 1 if factor == "Z" else 2)
    done = _passes(flat_gates(circuit), asked, level)
    parts, _ = _parts(done.kept, done.need, 1)
    return parts, done.wire


def warm_kernels() -> None:
    """Load the compiled passes, or compile them once for this machine."""
    flat = Flat(
        np.array([Op.H, Op.CX], np.uint8),
        np.array([0, -1, -1, 0, 1, -1], np.int32),
        np.zeros(8),
        np.zeros(0, np.int32),
    )
    done = _round(flat, np.ones(2, np.uint8), np.zeros(2, np.uint8), compiled=True)
    _components(done.kept, 2, compiled=True)
    logic = ClassicalLogic(done.posted.op, done.posted.q, done.posted.pool)
    logic.apply_compiled(np.zeros((2, 1), np.uint8))
