"""Small whole-circuit transformations on the flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr, Register
from markaz.quantum.programs.gates import LAST_GATE, POOLED, TABLE, Op

Indices = NDArray[np.int64]
_DELAY = int(Op.DELAY)  # numpy compares with an enumeration slowly

_INVERSE = np.zeros(256, np.uint8)
for _gate in TABLE.values():
    _INVERSE[_gate.op] = _gate.op if _gate.inverse is None else _gate.inverse
_INVERSE[Op.BARRIER] = Op.BARRIER
_INVERSE[Op.DELAY] = Op.DELAY
_KEPT = (int(Op.BARRIER), int(Op.DELAY))
# The inverse of CSX has no name of its own; as a CU its angles are these.
_INVERSE[Op.CSX] = Op.CU
_CSX_INVERSE = np.array([np.pi / 2, np.pi / 2, -np.pi / 2, -np.pi / 4])


def inverse(circuit: Circuit) -> Circuit:
    """The inverse of a circuit of gates, barriers and delays, global phase included.

    ValueError for measurements, resets and control flow.
    """
    other = circuit.op[(circuit.op > LAST_GATE) & ~np.isin(circuit.op, _KEPT)]
    if len(other):
        raise ValueError(f"{Op(int(other[0])).name} has no inverse")
    back = _reversed(circuit)
    params = 0.0 - back.params  # not unary minus: 0.0 has to stay 0.0
    waits = back.op == Op.DELAY
    params[waits] = back.params[waits]
    turned = np.isin(back.op, [Op.U, Op.CU])
    params[turned] = params[turned][:, [0, 2, 1, 3]]
    params[back.op == Op.CSX] = _CSX_INVERSE
    qubits = back.qubits.copy()
    crossed = back.op == Op.DCX
    qubits[crossed] = qubits[crossed][:, [1, 0, 2]]
    return back.with_arrays(
        op=_INVERSE[back.op],
        params=params,
        qubits=qubits,
        symbolic=tuple(
            (i, s, e) if waits[i] else _negated(i, s, e, bool(turned[i]))
            for i, s, e in back.symbolic
        ),
        global_phase=0.0 - circuit.global_phase,
    )


def _reversed(circuit: Circuit) -> Circuit:
    """Operations from last to first; each ISWAP is followed by Z on both its qubits,
    which makes it its own inverse."""
    order = np.arange(len(circuit))[::-1]
    counts = np.where(circuit.op[order] == Op.ISWAP, 3, 1)
    back = select(circuit, np.repeat(order, counts))
    first = (np.cumsum(counts) - counts)[counts == 3]
    op, qubits = back.op.copy(), back.qubits.copy()
    for k in (1, 2):
        op[first + k] = Op.Z
        qubits[first + k] = np.pad(qubits[first, k - 1 : k], ((0, 0), (0, 2)), constant_values=-1)
    return back.with_arrays(op=op, qubits=qubits)


def _negated(i: int, slot: int, expr: Expr, turned: bool) -> tuple[int, int, Expr]:
    place = (0, 2, 1, 3)[slot] if turned else slot
    return i, place, ("neg", expr)


def compose(first: Circuit, second: Circuit) -> Circuit:
    """``second`` after ``first``, on the same qubits and classical bits.

    Registers are those of ``first``. ValueError where the sizes differ.
    """
    sizes = [(c.num_qubits, c.num_clbits) for c in (first, second)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"cannot join circuits of (qubits, classical bits) {sizes}")
    pooled, uses_expr = _pooled(second), second.op >= Op.IF
    qubits, aux = second.qubits.copy(), second.aux.copy()
    qubits[pooled, 0] += len(first.pool)
    aux[uses_expr & (aux >= 0)] += len(first.exprs)
    shift = len(first)
    return first.with_arrays(
        op=np.concatenate([first.op, second.op]),
        qubits=np.concatenate([first.qubits, qubits]),
        params=np.concatenate([first.params, second.params]),
        aux=np.concatenate([first.aux, aux]),
        pool=np.concatenate([first.pool, second.pool]),
        exprs=first.exprs + second.exprs,
        parameters=tuple(dict.fromkeys(first.parameters + second.parameters)),
        symbolic=first.symbolic + tuple((i + shift, s, e) for i, s, e in second.symbolic),
        global_phase=first.global_phase + second.global_phase,
    )


def _pooled(circuit: Circuit) -> NDArray[np.bool_]:
    return np.isin(circuit.op, [int(op) for op in POOLED])


def relabel(circuit: Circuit, mapping: Indices, num_qubits: int) -> Circuit:
    """The circuit on ``num_qubits`` qubits with qubit ``q`` renamed ``mapping[q]``.

    ``mapping`` int (circuit.num_qubits,); -1 for a qubit that no operation uses. The
    qubits become one register ``q``. ValueError where a used qubit has no new name.
    """
    table = np.append(np.asarray(mapping, np.int32), np.int32(-1))
    plain = ~_pooled(circuit)
    qubits = circuit.qubits.copy()
    qubits[plain] = table[qubits[plain]]  # unused slots: -1 is the last entry
    named = _qubit_entries(circuit)
    pool = circuit.pool.copy()
    pool[named] = table[pool[named]]
    lost = (qubits[plain] < 0) & (circuit.qubits[plain] >= 0)
    if np.any(lost) or np.any(pool[named] < 0):
        raise ValueError("the mapping leaves out a qubit that is used")
    registers = (Register("q", num_qubits, 0),)
    return circuit.with_arrays(num_qubits=num_qubits, qubits=qubits, pool=pool, qregs=registers)


def _qubit_entries(circuit: Circuit) -> NDArray[np.bool_]:
    """Which pool entries are qubits that some operation uses."""
    pooled = circuit.qubits[_pooled(circuit) & (circuit.op != Op.ASSIGN)]
    edges = np.zeros(len(circuit.pool) + 1, np.int64)
    np.add.at(edges, pooled[:, 0], 1)
    np.add.at(edges, pooled[:, 0] + pooled[:, 1], -1)
    return np.cumsum(edges)[:-1] > 0


def select(circuit: Circuit, indices: Indices) -> Circuit:
    """The operations ``indices``, in that order; everything else stays as it is.

    An operation with an unbound parameter may be named once only. The caller keeps
    blocks closed where there is control flow.
    """
    symbolic: list[tuple[int, int, Any]] = []
    if circuit.symbolic:
        place = np.full(len(circuit), -1)
        place[indices] = np.arange(len(indices))
        symbolic = [(int(place[i]), s, e) for i, s, e in circuit.symbolic if place[i] >= 0]
    return circuit.with_arrays(
        op=circuit.op[indices],
        qubits=circuit.qubits[indices],
        params=circuit.params[indices],
        aux=circuit.aux[indices],
        symbolic=tuple(symbolic),
    )


def remove_measurements(circuit: Circuit) -> Circuit:
    """The circuit without its measurements, barriers and delays."""
    return select(circuit, np.flatnonzero(~np.isin(circuit.op, [Op.MEASURE, *_KEPT])))


def remove_delays(circuit: Circuit) -> Circuit:
    """The circuit without its delays, which do nothing where time does nothing."""
    if not (circuit.op == _DELAY).any():
        return circuit
    return select(circuit, np.flatnonzero(circuit.op != _DELAY))
