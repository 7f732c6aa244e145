"""Circuits with mid-circuit results as circuits of gates: measurements moved to the end.

A measured qubit that is only read afterwards may as well be measured last; one that is used
again goes on as a copy, a reset one as a fresh wire, and a gate under a condition becomes a
gate under a control. Exact: M. A. Nielsen and I. L. Chuang, Quantum Computation and Quantum
Information, section 4.4, principles of deferred and implicit measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Flag, Op
from markaz.quantum.simulate.defer_conditions import Condition, numbered
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.kernel_defer import (
    COUNT,
    FREE,
    POOL,
    SIZES,
    WIRES,
    Conditions,
    Deferred,
    defer_gates,
)

STEPS_PER_OPERATION: Final = 25  # interpreted inner steps, for choosing the kernel's form
TAKEN = np.zeros(256, np.bool_)
TAKEN[: LAST_GATE + 1] = True
TAKEN[[int(o) for o in (Op.MEASURE, Op.RESET, Op.BARRIER, Op.IF, Op.ELSE, Op.END)]] = True
_MCX, _IF = int(Op.MCX), int(Op.IF)

# A gate under one control, up to a phase on that, which no outcome shows; and its angle then.
_UNDER = {
    **{Op.X: Op.CX, Op.Y: Op.CY, Op.Z: Op.CZ, Op.H: Op.CH, Op.S: Op.CS, Op.SDG: Op.CSDG},
    **{Op.SX: Op.CSX, Op.P: Op.CP, Op.RZ: Op.CP, Op.RX: Op.CRX, Op.RY: Op.CRY, Op.U: Op.CU},
    **{Op.CX: Op.CCX, Op.CZ: Op.CCZ, Op.SWAP: Op.CSWAP},
}
_ANGLES = {Op.T: (Op.CP, pi / 4), Op.TDG: (Op.CP, -pi / 4), Op.SXDG: (Op.CRX, -pi / 2)}


def _tables() -> tuple[list[int], list[int], list[float]]:
    under, angle = [-1] * (LAST_GATE + 1), [0.0] * (LAST_GATE + 1)
    for op, other in _UNDER.items():
        under[op] = int(other)
    for op, (other, turn) in _ANGLES.items():
        under[op], angle[op] = int(other), turn
    keeps = [0] * (3 * (LAST_GATE + 1))
    for op, gate in TABLE.items():
        diagonal = bool(gate.flags & Flag.DIAGONAL)
        for slot in range(3):
            keeps[3 * op + slot] = int(diagonal or slot < gate.controls)
    return keeps, under, angle


_KEEPS, _UNDER_LIST, _ANGLE_LIST = _tables()
_KEEPS_ARRAY, _UNDER_ARRAY = np.array(_KEEPS, np.uint8), np.array(_UNDER_LIST, np.int32)
_ANGLE_ARRAY = np.array(_ANGLE_LIST)


@dataclass(frozen=True, slots=True)
class Static:
    """``circuit`` has gates only; classical bit ``bits[k]`` of the original is the outcome of
    its wire ``wires[k]``, all others are 0. Qubit ``q`` of the original is wire ``qubits[q]``
    at the end; ``kept`` lists wires that hold an outcome."""

    circuit: Circuit
    wires: NDArray[np.int32]
    bits: NDArray[np.int32]
    qubits: NDArray[np.int32]
    kept: frozenset[int]


def deferred(circuit: Circuit) -> Static | None:
    """The same joint distribution of all classical bits without mid-circuit results; None
    where the program has loops, assignments, nested conditions, conditions other
    than bits with given values or a parity, or unusual gates under a condition."""
    if not bool(TAKEN[circuit.op].all()):
        return None
    conditions, aux = numbered(circuit)
    work = len(circuit) * STEPS_PER_OPERATION
    out = _walked(circuit, conditions, aux, defer_gates.worth_it(work))
    return None if out is None else _static(circuit, out)


@dataclass(frozen=True, slots=True)
class _Room:
    """How much the kernel may write: operations, pooled operands, wires."""

    operations: int
    pool: int
    wires: int


def _room(circuit: Circuit, conditions: list[Condition], aux: NDArray[np.int32]) -> _Room:
    op = circuit.op
    ifs = aux[op == _IF]
    sizes = np.array([len(c.bits) for c in conditions], np.int64)
    literals = int(sizes[ifs].sum())
    pooled = op[op <= LAST_GATE] >= _MCX
    operands = int(circuit.qubits[op <= LAST_GATE][pooled, 1].sum())
    marks = int(((op > LAST_GATE) & (op <= int(Op.RESET))).sum())
    most = int(sizes.max(initial=0))
    return _Room(
        4 * len(op) + 3 * literals + 4,
        operands + literals + len(ifs) + most + 2,
        circuit.num_qubits + marks + 2 * len(ifs) + 1,
    )


def _walked(
    circuit: Circuit, conditions: list[Condition], aux: NDArray[np.int32], fast: bool
) -> Deferred | None:
    room = _room(circuit, conditions, aux)
    known = _known(conditions, fast)
    out = _empty(circuit, room, fast)
    n = len(circuit)
    if fast:
        arrays = (
            as_arg(circuit.op, np.uint8),
            as_arg(circuit.qubits, np.int32).reshape(-1),
            as_arg(circuit.params, np.float64).reshape(-1),
            as_arg(aux, np.int32),
            as_arg(circuit.pool, np.int32),
        )
        masks = (_KEEPS_ARRAY, _UNDER_ARRAY, _ANGLE_ARRAY)
        done = defer_gates.fast(*arrays, n, known, *masks, out)
    else:
        flat = (circuit.op, circuit.qubits.ravel(), circuit.params.ravel(), aux, circuit.pool)
        op, q, p, bits, pool = (x.tolist() for x in flat)
        tables = (_KEEPS, _UNDER_LIST, _ANGLE_LIST)
        done = defer_gates.py(op, q, p, bits, pool, n, known, *tables, out)
    return out if done else None


def _known(conditions: list[Condition], fast: bool) -> Conditions:
    kinds, wanted = [c.kind for c in conditions], [c.wanted for c in conditions]
    starts = list(accumulate((len(c.bits) for c in conditions), initial=0))
    bits = [bit for c in conditions for bit in c.bits]
    values = [value for c in conditions for value in c.bits.values()]
    known = Conditions(kinds, wanted, starts, bits, values)
    return Conditions._make(np.array(x, np.int32) for x in known) if fast else known


def _empty(circuit: Circuit, room: _Room, fast: bool) -> Deferred:
    n, bits = circuit.num_qubits, circuit.num_clbits
    sizes = [0] * SIZES
    sizes[WIRES], sizes[-1] = n, FREE
    if fast:
        return Deferred(
            np.empty(room.operations, np.uint8),
            np.empty(3 * room.operations, np.int32),
            np.empty(4 * room.operations, np.float64),
            np.empty(room.pool, np.int32),
            np.arange(n, dtype=np.int32),
            np.full(bits, -1, np.int32),
            np.zeros(room.wires, np.uint8),
            np.array(sizes, np.int64),
        )
    return Deferred(
        [0] * room.operations,
        [0] * (3 * room.operations),
        [0.0] * (4 * room.operations),
        [0] * room.pool,
        list(range(n)),
        [-1] * bits,
        [0] * room.wires,
        sizes,
    )


def _static(circuit: Circuit, out: Deferred) -> Static:
    count, wires = int(out.size[COUNT]), int(out.size[WIRES])
    holder = np.asarray(out.holder, np.int32)
    bits = np.flatnonzero(holder >= 0).astype(np.int32)
    gates = Circuit(
        wires,
        circuit.num_clbits,
        np.asarray(out.op[:count], np.uint8),
        np.asarray(out.q[: 3 * count], np.int32).reshape(-1, 3),
        np.asarray(out.p[: 4 * count], np.float64).reshape(-1, 4),
        np.full(count, -1, np.int32),
        np.asarray(out.pool[: int(out.size[POOL])], np.int32),
    )
    kept = frozenset(np.flatnonzero(np.asarray(out.recorded[:wires])).tolist())
    return Static(gates, holder[bits], bits, np.asarray(out.wire, np.int32), kept)


def warm_kernel() -> None:
    """Load the compiled kernel, or compile it once for this machine."""
    builder = Builder(num_qubits=1, num_clbits=1)
    builder.measure(0, 0)
    circuit = builder.build()
    _walked(circuit, *numbered(circuit), True)
