"""Circuits as QCIS, in native instructions only.

Exact up to the global phase. QCIS has no classical bits: measurements are written last, in
the order of their classical bits, and bits that nothing is measured into are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import STEPS, Op
from markaz.quantum.programs.qcis import QCIS_STEP

_OPS = frozenset(int(op) for op in (Op.ID, Op.X, Op.Y, Op.H, Op.RX, Op.RY, Op.RZ, Op.U, Op.CZ))
_HALF = math.pi / 2


def to_qcis(circuit: Circuit) -> str:
    """The circuit as QCIS text, one instruction a line; qubit k is ``Qk``.

    Raises ProgramError ``unsupported`` for resets, control flow, measurements before the
    end and unbound parameters.
    """
    if circuit.parameters:
        name = circuit.parameters[0]
        raise ProgramError("unsupported", f"QCIS has no free parameters: give {name!r} a value")
    if circuit.is_dynamic:
        raise ProgramError(
            "unsupported", "QCIS has no resets, control flow or measurements before the end"
        )
    native = to_ops(circuit, _OPS)
    lines = np.full(len(native), "", object)
    for op in np.unique(native.op).tolist():
        rows = np.flatnonzero(native.op == op)
        lines[rows] = np.array(_lines(native, op, rows), object)
    order = sorted(native.measurements(), key=lambda pair: pair[1])
    measured = [" ".join(["M", *(f"Q{q}" for q, _ in order)])] if order else []
    return "".join(f"{line}\n" for line in [*lines, *measured] if line)


def _lines(circuit: Circuit, op: int, rows: NDArray[np.int64]) -> list[str]:
    """Text of operations ``rows``, all of one kind; several instructions stand in one
    text, an operation without effect is an empty one."""
    first, second = (circuit.qubits[rows, k].tolist() for k in (0, 1))
    theta, phi, lam = ((circuit.params[rows, k] + 0.0).tolist() for k in range(3))
    if op == Op.CZ:
        return [f"CZ Q{a} Q{b}" for a, b in zip(first, second, strict=True)]
    if op in _TURNS:
        return [_TURNS[op](q, t) for q, t in zip(first, theta, strict=True)]
    if op == Op.U:
        return [_u(*row) for row in zip(first, theta, phi, lam, strict=True)]
    if op == Op.BARRIER:
        return [" ".join(["B", *(f"Q{q}" for q in circuit.operands(i))]) for i in rows.tolist()]
    if op == Op.DELAY:
        return [_idle(*row) for row in zip(first, theta, phi, strict=True)]
    text = _FIXED.get(op, "")
    return [text.format(q) for q in first]


_FIXED = {
    int(Op.X): "X2P Q{0}\nX2P Q{0}",
    int(Op.Y): "Y2P Q{0}\nY2P Q{0}",
    int(Op.H): f"RZ Q{{0}} {math.pi!r}\nY2P Q{{0}}",
}


def _idle(q: int, length: float, unit: float) -> str:
    if unit == STEPS:
        raise ProgramError("unsupported", "QCIS has no delays in clock steps; give nanoseconds")
    return f"I Q{q} {length / QCIS_STEP:.17g}"


def _rz(q: int, theta: float) -> str:
    return f"RZ Q{q} {theta!r}" if theta else ""


def _rx(q: int, theta: float) -> str:
    """A native pulse where it is one, else RZ seen from a turned frame."""
    if abs(theta) == _HALF:
        return f"X2{'P' if theta > 0 else 'M'} Q{q}"
    return f"Y2M Q{q}\nRZ Q{q} {theta!r}\nY2P Q{q}" if theta else ""


def _ry(q: int, theta: float) -> str:
    if abs(theta) == _HALF:
        return f"Y2{'P' if theta > 0 else 'M'} Q{q}"
    return f"X2P Q{q}\nRZ Q{q} {theta!r}\nX2M Q{q}" if theta else ""


_TURNS: dict[int, Callable[[int, float], str]] = {
    int(Op.RX): _rx,
    int(Op.RY): _ry,
    int(Op.RZ): _rz,
}


def _u(q: int, theta: float, phi: float, lam: float) -> str:
    """``U = RZ(phi + lam) XY2P(pi/2 - lam)`` for a quarter turn, else Euler angles."""
    if abs(theta) == _HALF:
        pulse = f"XY2{'P' if theta > 0 else 'M'} Q{q} {_HALF - lam + 0.0!r}"
        return f"{pulse}\n{_rz(q, phi + lam)}".rstrip("\n")
    return "\n".join(filter(None, (_rz(q, lam), _ry(q, theta), _rz(q, phi))))
