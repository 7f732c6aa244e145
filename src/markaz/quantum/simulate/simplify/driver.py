"""Runs the passes over a circuit of gates and splits what is left into components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.simplify.kernel_divide import Shares, divide
from markaz.quantum.simulate.simplify.kernel_emit import Work
from markaz.quantum.simulate.simplify.kernel_round import Ends, join, one_round
from markaz.quantum.simulate.simplify.outcome import ClassicalLogic, Part, Simplified

STEPS_PER_GATE = 25  # interpreted inner steps a gate, for choosing the kernel's form
FUSE_ABOVE = 48  # with fewer non-Clifford gates their names matter more than their number
NON_CLIFFORD_LIST = [int(o in TABLE and not TABLE[Op(o)].flags & Flag.CLIFFORD) for o in range(256)]
NON_CLIFFORD = np.array(NON_CLIFFORD_LIST, np.uint8)
GROWTH = 3  # output operations an input operation at most; see kernel_known


@dataclass(slots=True)
class Flat:
    """Gates between passes: lists where interpreted, arrays where compiled."""

    op: Any
    q: Any
    p: Any
    pool: Any


def _work(flat: Flat, wires: int, fast: bool) -> Work:
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
            np.zeros(1, np.int64),
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
        [0],
    )


class Round(NamedTuple):
    """One forward and one backward pass over ``gates`` gates; ``emitted`` gates came out of
    the forward pass, those that became classical logic not counted."""

    kept: Flat
    posted: Flat
    wire: Any
    need: Any
    gates: int
    emitted: int


def _ends(asked: Any, level: Any, capacity: int, fast: bool) -> Ends:
    wires = len(asked)
    if fast:
        need, levels = np.zeros(wires, np.uint8), np.zeros(wires, np.uint8)
        post, op = np.empty(capacity, np.int32), np.empty(capacity, np.uint8)
        return Ends(asked, level, need, levels, post, op, np.empty(3 * capacity, np.int32))
    return Ends(
        *(asked, level, [0] * wires, [0] * wires),
        *([0] * capacity, [0] * capacity, [0] * (3 * capacity)),
    )


def _round(flat: Flat, asked: Any, level: Any, fast: bool) -> Round:
    count = len(flat.op)
    w = _work(flat, len(asked), fast)
    ends = _ends(asked, level, len(w.op), fast)
    run = one_round.fast if fast else one_round.py
    gates, kept, moved, emitted = run(
        *(w, flat.op, flat.q, flat.p, flat.pool, count, ends),
        *(NON_CLIFFORD if fast else NON_CLIFFORD_LIST, FUSE_ABOVE),
    )
    pool = w.pool[: int(w.size[1])]
    return Round(
        Flat(w.op[:kept], w.q[: 3 * kept], w.p[: 4 * kept], pool),
        Flat(ends.op[:moved], ends.q[: 3 * moved], w.p[:0], pool),
        w.wire,
        ends.need,
        gates,
        emitted,
    )


def _joined(first: Flat, second: Flat, wire: Any, fast: bool) -> Flat:
    """Logic of a second round, ``first`` applied, then that of the first round."""
    op, pool = len(first.op) + len(second.op), len(first.pool) + len(second.pool)
    out: tuple[Any, Any, Any] = ([0] * op, [0] * (3 * op), [0] * pool)
    if fast:
        ints = np.empty(3 * op + pool, np.int32)
        out = (np.empty(op, np.uint8), ints[: 3 * op], ints[3 * op :])
    run = join.fast if fast else join.py
    run(first.op, first.q, first.pool, second.op, second.q, second.pool, wire, *out)
    return Flat(out[0], out[1], second.p, out[2])


def _logic(moved: Flat) -> ClassicalLogic:
    return ClassicalLogic(
        np.asarray(moved.op, np.uint8),
        np.asarray(moved.q, np.int32),
        np.asarray(moved.pool, np.int32),
    )


class Passed(NamedTuple):
    """Gates left of ``gates``, classical logic, the wire of each logical qubit, and which
    wires matter."""

    kept: Flat
    logic: ClassicalLogic
    wire: NDArray[np.int32]
    need: NDArray[np.uint8]
    gates: int


def _passes(flat: Flat, asked: NDArray[np.uint8], level: NDArray[np.uint8], fast: bool) -> Passed:
    """One or two rounds: a second one where the first has removed much."""
    wanted: tuple[Any, Any] = (asked, level) if fast else (asked.tolist(), level.tolist())
    one = _round(flat, *wanted, fast)
    wire = np.asarray(one.wire, np.int32)
    left = len(one.kept.op)
    if left == 0 or one.emitted - left < left // 10:
        need = np.asarray(one.need, np.uint8)
        return Passed(one.kept, _logic(one.posted), wire, need, one.gates)
    raised = np.zeros_like(level)
    raised[wire] = level
    two = _round(one.kept, one.need, raised if fast else raised.tolist(), fast)
    logic = two.posted
    if len(one.posted.op):
        logic = _joined(logic, one.posted, two.wire, fast)
    wire, need = np.asarray(two.wire, np.int32)[wire], np.asarray(two.need, np.uint8)
    return Passed(two.kept, _logic(logic), wire, need, one.gates)


def is_fast(operations: int) -> bool:
    """Whether compiled passes finish first, loading them included."""
    work = operations * STEPS_PER_GATE
    return one_round.worth_it(work) and divide.worth_it(work)


def _flat(circuit: Circuit, fast: bool) -> Flat:
    """All operations of a circuit; the passes skip those that are no gates."""
    if fast:
        return Flat(
            as_arg(circuit.op, np.uint8),
            as_arg(circuit.qubits, np.int32).reshape(-1),
            as_arg(circuit.params, np.float64).reshape(-1),
            as_arg(circuit.pool, np.int32),
        )
    return Flat(
        circuit.op.tolist(),
        circuit.qubits.ravel().tolist(),
        circuit.params.ravel().tolist(),
        circuit.pool.tolist(),
    )


def _shares(flat: Flat, wires: int, fast: bool) -> Shares:
    count, pool = len(flat.op), len(flat.pool)
    if fast:
        numbers = np.zeros((7, wires + 1), np.int32)
        numbers[0] = np.arange(wires + 1)
        parent, sizes, gates, local, number, members, wire_at = numbers
        return Shares(
            parent=parent[:wires],
            sizes=sizes,
            gates=gates,
            local=local,
            number=number,
            members=members,
            wire_at=wire_at,
            gate_at=np.zeros(wires + 1, np.int64),
            ones=np.full(wires, -1.0),
            a0=np.ones(wires, np.complex128),
            a1=np.zeros(wires, np.complex128),
            op=np.empty(count, np.uint8),
            q=np.empty(3 * count, np.int32),
            p=np.empty(4 * count, np.float64),
            pool=np.empty(pool, np.int32),
        )
    return Shares(
        parent=list(range(wires)),
        sizes=[0] * wires,
        gates=[0] * wires,
        local=[0] * wires,
        number=[0] * wires,
        members=[0] * wires,
        wire_at=[0] * (wires + 1),
        gate_at=[0] * (wires + 1),
        ones=[-1.0] * wires,
        a0=[1 + 0j] * wires,
        a1=[0j] * wires,
        op=[0] * count,
        q=[0] * (3 * count),
        p=[0.0] * (4 * count),
        pool=[0] * pool,
    )


class Divided(NamedTuple):
    """Components, and the wires whose gates touch no other, with their probability of 1."""

    parts: list[Part]
    single_wires: NDArray[np.int32]
    single_probabilities: NDArray[np.float64]


def _divided(flat: Flat, need: NDArray[np.uint8], smallest: int, fast: bool) -> Divided:
    """The gates by component, those of fewer than ``smallest`` wires followed by hand."""
    count, wires = len(flat.op), len(need)
    if count == 0:
        return Divided([], np.zeros(0, np.int32), np.zeros(0))
    s = _shares(flat, wires, fast)
    run = divide.fast if fast else divide.py
    number = run(flat.op, flat.q, flat.p, flat.pool, count, smallest, s)
    ones = np.asarray(s.ones)
    singles = np.flatnonzero(ones >= 0).astype(np.int32)
    return Divided([_part(s, k, need) for k in range(number)], singles, ones[singles])


def _part(s: Shares, k: int, need: NDArray[np.uint8]) -> Part:
    a, b = int(s.gate_at[k]), int(s.gate_at[k + 1])
    wires = np.asarray(s.members[s.wire_at[k] : s.wire_at[k + 1]], np.int32)
    circuit = Circuit(
        len(wires),
        0,
        np.asarray(s.op[a:b], np.uint8),
        np.asarray(s.q[3 * a : 3 * b], np.int32).reshape(-1, 3),
        np.asarray(s.p[4 * a : 4 * b], np.float64).reshape(-1, 4),
        np.full(b - a, -1, np.int32),
        np.asarray(s.pool, np.int32),
    )
    return Part(circuit, wires, np.flatnonzero(need[wires]).astype(np.int32))


def simplify(circuit: Circuit, measured: Sequence[tuple[int, int]] | None = None) -> Simplified:
    """Simplify a circuit whose only non-unitary operations are final measurements.

    ``measured`` are (qubit, classical bit) pairs; by default those of the circuit. Exact
    for the joint distribution of the measured bits.
    """
    qubits, bits = _measured(circuit) if measured is None else _columns(measured)
    asked = np.zeros(circuit.num_qubits, np.uint8)
    asked[qubits] = 1
    fast = is_fast(len(circuit))
    done = _passes(_flat(circuit, fast), asked, np.zeros_like(asked), fast)
    parts, single_wires, single_probabilities = _divided(done.kept, done.need, 2, fast)
    return Simplified(
        circuit.num_qubits,
        tuple(parts),
        single_wires,
        single_probabilities,
        done.logic,
        bits,
        done.wire[qubits],
        done.gates,
        sum(len(p.circuit) for p in parts),
    )


def _measured(circuit: Circuit) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    where = np.flatnonzero(circuit.op == int(Op.MEASURE))
    return circuit.qubits[where, 0], circuit.aux[where]


def _columns(
    pairs: Sequence[tuple[int, int]],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    table = np.array(pairs, np.int32).reshape(-1, 2)
    return table[:, 0], table[:, 1]


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
    fast = is_fast(len(circuit))
    done = _passes(_flat(circuit, fast), asked, level, fast)
    return _divided(done.kept, done.need, 1, fast).parts, done.wire


def warm_kernels() -> None:
    """Load the compiled passes, or compile them once for this machine."""
    flat = Flat(
        np.array([Op.H, Op.CX, Op.CX], np.uint8),
        np.array([0, -1, -1, 0, 1, -1, 1, 0, -1], np.int32),
        np.zeros(12),
        np.zeros(0, np.int32),
    )
    done = _passes(flat, np.ones(2, np.uint8), np.zeros(2, np.uint8), fast=True)
    _divided(done.kept, done.need, 2, fast=True)
    done.logic.apply_compiled(np.zeros((2, 1), np.uint8))
