"""Kernel of ``defer.py``: one walk over a circuit that moves its measurements to the end."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_gates import (
    CCX,
    CX,
    ID,
    MCP,
    MCX,
    SWAP,
    Ints,
    X,
)

MEASURE, RESET, BARRIER = int(Op.MEASURE), int(Op.RESET), int(Op.BARRIER)
IF, ELSE, END = int(Op.IF), int(Op.ELSE), int(Op.END)
COUNT, POOL, WIRES, CONTROL = range(4)  # places in ``Deferred.size``
SIZES: Final = 4
FREE, NEVER = -1, -2  # values of CONTROL: no condition holds back, the block never runs
ALL, PARITY = 0, 1  # kinds of conditions: every literal holds, or an odd number of bits is set


class Conditions(NamedTuple):
    """Expression ``e``: ``kind[e]`` (ALL, PARITY; -1: another) of the bits ``bit[start[e]:
    start[e + 1]]``; for ALL they are to have the ``value``s, for PARITY ``wanted[e]``."""

    kind: Ints
    wanted: Ints
    start: Ints
    bit: Ints
    value: Ints


class Deferred(NamedTuple):
    """What is written: gates (flat), the wire of each qubit and of each classical bit's
    outcome (-1: it is 0), and which wires hold an outcome that must stay as it is."""

    op: Ints
    q: Ints
    p: Any
    pool: Ints
    wire: Ints
    holder: Ints
    recorded: Ints
    size: Ints


@lazy_jit
def emit(d: Deferred, op: int, a: int, b: int, c: int) -> int:
    """Write a gate without parameters; its place."""
    i: int = d.size[COUNT]
    d.op[i] = op
    d.q[3 * i], d.q[3 * i + 1], d.q[3 * i + 2] = a, b, c
    for s in range(4):
        d.p[4 * i + s] = 0.0
    d.size[COUNT] = i + 1
    return i


@lazy_jit
def fresh(d: Deferred) -> int:
    """A wire in state 0."""
    new: int = d.size[WIRES]
    d.size[WIRES] = new + 1
    return new


@lazy_jit
def free(d: Deferred, qubit: int) -> None:
    """Let a qubit go on as a copy of the outcome that its wire holds, so that it may change."""
    old = d.wire[qubit]
    if d.recorded[old] != 0:
        d.wire[qubit] = fresh(d)
        emit(d, CX, old, d.wire[qubit], -1)


@lazy_jit
def same_before(d: Deferred, known: Conditions, e: int, k: int) -> int:
    """The literal before ``k`` that is about the same outcome; ``k`` if there is none."""
    for j in range(known.start[e], k):
        if d.holder[known.bit[j]] == d.holder[known.bit[k]]:
            return j
    return k


@lazy_jit
def all_of(d: Deferred, known: Conditions, e: int) -> int:
    """The control for literals that all hold."""
    start = d.size[POOL]
    at = start
    negative = 0
    for k in range(known.start[e], known.start[e + 1]):
        holder = d.holder[known.bit[k]]
        before = same_before(d, known, e, k)
        if known.value[k] != (0 if holder < 0 else known.value[before]):
            return NEVER
        if holder >= 0 and before == k:
            d.pool[at] = holder
            at += 1
            negative += 1 - known.value[k]
    if at == start:
        return FREE
    if at == start + 1 and negative == 0:
        return int(d.pool[start])
    target = fresh(d)
    flip_negative(d, known, e)
    if at == start + 1:
        emit(d, CX, d.pool[start], target, -1)
    elif at == start + 2:
        emit(d, CCX, d.pool[start], d.pool[start + 1], target)
    else:
        d.pool[at] = target
        d.size[POOL] = at + 1
        emit(d, MCX, start, at + 1 - start, -1)
    flip_negative(d, known, e)
    return target


@lazy_jit
def flip_negative(d: Deferred, known: Conditions, e: int) -> None:
    """Flip the outcomes that are to be 0; twice leaves them as they were."""
    for k in range(known.start[e], known.start[e + 1]):
        holder = d.holder[known.bit[k]]
        if holder >= 0 and known.value[k] == 0 and same_before(d, known, e, k) == k:
            emit(d, X, holder, -1, -1)


@lazy_jit
def parity_of(d: Deferred, known: Conditions, e: int) -> int:
    """The control for a parity of outcomes."""
    only, count = -1, 0
    for k in range(known.start[e], known.start[e + 1]):
        if d.holder[known.bit[k]] >= 0:
            only = d.holder[known.bit[k]]
            count += 1
    if count == 0:
        return NEVER if known.wanted[e] else FREE
    if count == 1 and known.wanted[e]:
        return int(only)
    target = fresh(d)
    for k in range(known.start[e], known.start[e + 1]):
        if d.holder[known.bit[k]] >= 0:
            emit(d, CX, d.holder[known.bit[k]], target, -1)
    if known.wanted[e] == 0:
        emit(d, X, target, -1, -1)
    return target


@lazy_jit
def copy_gate(d: Deferred, op: Ints, q: Ints, p: Any, pool: Ints, i: int, keeps: Ints) -> None:
    """Write gate ``i`` on the wires that its qubits have now."""
    o = op[i]
    if o == SWAP:
        a, b = q[3 * i], q[3 * i + 1]
        d.wire[a], d.wire[b] = d.wire[b], d.wire[a]
        return
    if o >= MCX:
        begin, count = q[3 * i], q[3 * i + 1]
        if o == MCX:
            free(d, pool[begin + count - 1])
        start = d.size[POOL]
        for k in range(count):
            d.pool[start + k] = d.wire[pool[begin + k]]
        d.size[POOL] = start + count
        at = emit(d, o, start, count, -1)
    else:
        for s in range(3):
            if q[3 * i + s] >= 0 and keeps[3 * o + s] == 0:
                free(d, q[3 * i + s])
        at = emit(d, o, -1, -1, -1)
        for s in range(3):
            if q[3 * i + s] >= 0:
                d.q[3 * at + s] = d.wire[q[3 * i + s]]
    for s in range(4):
        d.p[4 * at + s] = p[4 * i + s]


@lazy_jit
def control_gate(
    d: Deferred, op: Ints, q: Ints, p: Any, i: int, keeps: Ints, under: Ints, angle: Any
) -> bool:
    """Write gate ``i`` under the condition; False where that is no gate of the table."""
    o, control = op[i], d.size[CONTROL]
    if o == X and d.wire[q[3 * i]] == control:
        d.wire[q[3 * i]] = fresh(d)  # flipped if it is 1: set to 0
        return True
    if o > MCP or under[o] < 0:
        return False
    for s in range(2):
        qubit = q[3 * i + s]
        if qubit >= 0 and (keeps[3 * o + s] == 0 or d.wire[qubit] == control):
            free(d, qubit)
    at = emit(d, under[o], control, d.wire[q[3 * i]], -1)
    if q[3 * i + 1] >= 0:
        d.q[3 * at + 2] = d.wire[q[3 * i + 1]]
    for s in range(3):
        d.p[4 * at + s] = p[4 * i + s]
    if angle[o] != 0:
        d.p[4 * at] = angle[o]
    return True


@lazy_jit
def condition(d: Deferred, known: Conditions, e: int) -> int:
    """The control of a condition."""
    return all_of(d, known, e) if known.kind[e] == ALL else parity_of(d, known, e)


@lazy_jit
def opposite(d: Deferred) -> int:
    """The control for what is done otherwise."""
    control: int = d.size[CONTROL]
    if control < 0:
        return FREE + NEVER - control
    target = fresh(d)
    emit(d, CX, control, target, -1)
    emit(d, X, target, -1, -1)
    return target


@lazy_jit
def defer_gates(
    op: Ints,
    q: Ints,
    p: Any,
    aux: Ints,
    pool: Ints,
    count: int,
    known: Conditions,
    keeps: Ints,
    under: Ints,
    angle: Any,
    d: Deferred,
) -> bool:
    """Write ``count`` operations without measurement, reset and condition.

    ``keeps`` (3 for each operation) says which operands a gate leaves as they are in the
    computational basis, ``under`` its number under one control (-1: none), ``angle`` the
    angle it then has where that is not its own. False where this cannot be done.
    """
    inside = False
    for i in range(count):
        o = op[i]
        if o <= MCP:
            if o == ID or d.size[CONTROL] == NEVER:
                continue
            if d.size[CONTROL] == FREE:
                copy_gate(d, op, q, p, pool, i, keeps)
            elif not control_gate(d, op, q, p, i, keeps, under, angle):
                return False
        elif o == MEASURE and not inside:
            d.holder[aux[i]] = d.wire[q[3 * i]]
            d.recorded[d.wire[q[3 * i]]] = 1
        elif o == RESET and not inside:
            d.wire[q[3 * i]] = fresh(d)
        elif o == IF and not inside:
            inside = True
            if known.kind[aux[i]] < 0:
                return False
            d.size[CONTROL] = condition(d, known, aux[i])
        elif o == ELSE:
            d.size[CONTROL] = opposite(d)
        elif o == END and inside:
            inside = False
            d.size[CONTROL] = FREE
        elif o != BARRIER:
            return False
    return True
