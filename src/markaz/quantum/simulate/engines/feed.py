"""Hand the operations of a flat circuit to a library's builder, about 0.7 µs a gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, POOLED, TABLE, Op

# What an engine does with one gate: (qubits in the gate's order, its parameters).
Emit = Callable[[list[int], list[float]], object]
Row = tuple[int, list[int], list[float]]

CHUNK = 1 << 16  # operations turned into Python objects at a time


class _Shape(IntEnum):
    Q = 0
    QQ = 1
    PQ = 2
    PQQ = 3
    PPPQ = 4
    QQQ = 5
    OTHER = 6


_SHAPES = {
    (1, 0): _Shape.Q,
    (2, 0): _Shape.QQ,
    (1, 1): _Shape.PQ,
    (2, 1): _Shape.PQQ,
    (1, 3): _Shape.PPPQ,
    (3, 0): _Shape.QQQ,
}


def rows(circuit: Circuit) -> Iterator[Row]:
    """(op, qubits (3,), params (4,)) of every operation as Python numbers."""
    for start in range(0, len(circuit), CHUNK):
        part = slice(start, start + CHUNK)
        yield from zip(
            circuit.op[part].tolist(),
            circuit.qubits[part].tolist(),
            circuit.params[part].tolist(),
            strict=True,
        )


def drive(
    circuit: Circuit,
    builder: object,
    names: Mapping[Op, str],
    special: Mapping[Op, Emit] | None = None,
) -> None:
    """Call a builder's method for every gate of ``circuit``.

    ``names`` maps operations to methods that take the parameters, then the qubits;
    ``special`` maps the others to functions of (qubits, params).
    """
    shapes = _shapes(frozenset(names))
    table: list[tuple[_Shape, Callable[..., object]]] = [(_Shape.OTHER, _unknown)] * 256
    for op in set(circuit.op.tolist()):
        if op in shapes:
            table[op] = (shapes[op], getattr(builder, names[op]))
        elif special and op in special:
            table[op] = (_Shape.OTHER, special[op])
    for start in range(0, len(circuit), CHUNK):
        _run(circuit, slice(start, start + CHUNK), table)


@cache
def _shapes(ops: frozenset[Op]) -> dict[int, _Shape]:
    return {int(op): _SHAPES[TABLE[op].num_qubits, TABLE[op].num_params] for op in ops}


def _run(
    circuit: Circuit, part: slice, table: Sequence[tuple[_Shape, Callable[..., object]]]
) -> None:
    q, qq, pq, pqq, pppq, qqq = list(_Shape)[:6]
    pool, params = circuit.pool, circuit.params[part]
    ops, wires = circuit.op[part].tolist(), circuit.qubits[part].T.tolist()
    angles = params[:, :3].T.tolist()  # lists of columns: a list for each gate takes longer
    for i, (op, a, b, c, angle, phi, lam) in enumerate(zip(ops, *wires, *angles, strict=True)):
        shape, call = table[op]
        if shape is q:
            call(a)
        elif shape is qq:
            call(a, b)
        elif shape is pq:
            call(angle, a)
        elif shape is pqq:
            call(angle, a, b)
        elif shape is pppq:
            call(angle, phi, lam, a)
        elif shape is qqq:
            call(a, b, c)
        elif op in POOLED:
            call(pool[a : a + b].tolist(), params[i].tolist())
        else:
            call([x for x in (a, b, c) if x >= 0], params[i].tolist())


def _unknown(qubits: list[int], params: list[float]) -> object:
    raise ValueError(f"an operation on qubits {qubits} is unknown to this engine")


def segments(circuit: Circuit) -> Iterator[tuple[int, Circuit | None]]:
    """The circuit cut into runs of gates and single other operations: (place of the first
    operation, the run as a circuit, or None for an operation that is not a gate)."""
    is_gate = circuit.op <= LAST_GATE
    cuts = np.flatnonzero(~(is_gate[1:] & is_gate[:-1])) + 1
    for start, end in pairwise([0, *cuts.tolist(), len(circuit)] if len(circuit) else []):
        part = slice(start, end)
        yield (
            start,
            circuit.with_arrays(
                op=circuit.op[part], qubits=circuit.qubits[part], params=circuit.params[part]
            )
            if is_gate[start]
            else None,
        )


def bits_of_integers(values: Sequence[int], width: int) -> NDArray[np.uint8]:
    """Bits of non-negative integers of any size, uint8 (len(values), width), column 0
    the least significant."""
    size = max(1, (width + 7) // 8)
    data = b"".join(v.to_bytes(size, "little") for v in values)
    packed = np.frombuffer(data, np.uint8).reshape(len(values), size)
    return np.unpackbits(packed, axis=1, bitorder="little")[:, :width]
