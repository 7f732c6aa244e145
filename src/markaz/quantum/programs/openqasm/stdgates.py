"""The gates that programs use without defining them.

One table for both versions: the gates of ``qelib1.inc`` and ``stdgates.inc``, and names
that exporters write without a definition. What a file defines itself comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.openqasm.rows import (
    CX,
    H,
    Row,
    Rows,
    U,
    multi_phase,
    multi_x,
)
from markaz.quantum.programs.openqasm.values import Number, negated, scaled, total

_PI: Final = math.pi
Params = tuple[Number, ...]

_POOLED_NAMES: Final = frozenset({"mcx", "mcp"})
# name -> (operation, parameters, qubits): one operation with the same parameters
NATIVE: Final[dict[str, tuple[int, int, int]]] = {
    **{
        g.name: (int(g.op), g.num_params, g.num_qubits)
        for g in TABLE.values()
        if g.name not in _POOLED_NAMES
    },
    "U": (int(Op.U), 3, 1),
    "u3": (int(Op.U), 3, 1),
    "u1": (int(Op.P), 1, 1),
    "phase": (int(Op.P), 1, 1),
    "CX": (CX, 0, 2),
    "cnot": (CX, 0, 2),
    "cu1": (int(Op.CP), 1, 2),
    "cphase": (int(Op.CP), 1, 2),
    "cu3": (int(Op.CU), 3, 2),
}


class Standard(NamedTuple):
    """A gate that becomes other gates. ``qubits`` < 0: that many or more."""

    params: int
    qubits: int
    build: Callable[[Params, int], list[Row]]


def _u2(p: Params, n: int) -> list[Row]:
    return [(U, (0,), (_PI / 2, p[0], p[1]))]


def _r(p: Params, n: int) -> list[Row]:
    angle = total(p[1], -_PI / 2)
    return [(U, (0,), (p[0], angle, negated(angle)))]


def _mcx(p: Params, n: int) -> list[Row]:
    return [multi_x(tuple(range(n - 1)), n - 1)]


def _mcp(p: Params, n: int) -> list[Row]:
    return [multi_phase(tuple(range(n)), p[0])]


def _c3sx(p: Params, n: int) -> list[Row]:
    return [(H, (3,), ()), multi_phase((0, 1, 2, 3), _PI / 2), (H, (3,), ())]


def _one(op: Op, *wires: int, angle: Number | None = None) -> Row:
    return int(op), wires, () if angle is None else (angle,)


def _rc3x(p: Params, n: int) -> list[Row]:
    """The relative-phase Toffoli of three controls (arXiv:1508.03273, figure 4)."""

    def half(control: int, first: Op, then: Op) -> list[Row]:
        return [_one(first, 3), (CX, (control, 3), ()), _one(then, 3)]

    turn = [_one(Op.H, 3), *half(2, Op.T, Op.TDG), _one(Op.H, 3)]
    middle = [(CX, (0, 3), ()), *half(1, Op.T, Op.TDG)] * 2
    return [*turn, *middle, *turn]


def _xx_yy(p: Params, sign: int) -> list[Row]:
    """``exp(-i theta/4 (XX + sign YY))`` between turns by beta about Z on one qubit."""
    wire = 0 if sign > 0 else 1
    turn, back = (p[1], negated(p[1])) if sign > 0 else (negated(p[1]), p[1])
    return [
        _one(Op.RZ, wire, angle=turn),
        _one(Op.RXX, 0, 1, angle=scaled(p[0], 0.5)),
        _one(Op.RYY, 0, 1, angle=scaled(p[0], 0.5 * sign)),
        _one(Op.RZ, wire, angle=back),
    ]


STANDARD: Final[dict[str, Standard]] = {
    "u0": Standard(1, 1, lambda p, n: [_one(Op.ID, 0)]),
    "delay": Standard(1, 1, lambda p, n: []),
    "u2": Standard(2, 1, _u2),
    "r": Standard(2, 1, _r),
    "c3x": Standard(0, 4, _mcx),
    "c4x": Standard(0, 5, _mcx),
    "c3sx": Standard(0, 4, _c3sx),
    "c3sqrtx": Standard(0, 4, _c3sx),
    "rc3x": Standard(0, 4, _rc3x),
    "rcccx": Standard(0, 4, _rc3x),
    "xx_plus_yy": Standard(2, 2, lambda p, n: _xx_yy(p, 1)),
    "xx_minus_yy": Standard(2, 2, lambda p, n: _xx_yy(p, -1)),
    "mcx": Standard(0, -2, _mcx),
    "mcx_gray": Standard(0, -2, _mcx),
    "mcp": Standard(1, -2, _mcp),
    "mcphase": Standard(1, -2, _mcp),
    "mcu1": Standard(1, -2, _mcp),
}


def standard_rows(name: str, params: Params, count: int) -> Rows:
    """The operations of a gate of this module on wires 0 to ``count`` - 1."""
    native = NATIVE.get(name)
    if native is None:
        return Rows(STANDARD[name].build(params, count))
    padded = (*params, 0.0) if name == "cu3" else params
    return Rows([(native[0], tuple(range(count)), padded)])


# Bodies that an exporter writes for gates that our table has, with parameters renamed
# a0, a1, … and qubits b0, b1, …: (operation, phase of the body relative to it).
WELL_KNOWN: Final[dict[tuple[str, str], tuple[Op, float]]] = {
    (
        "ryy",
        "sxdg b0;sxdg b1;cx b0,b1;rz(a0)b1;cx b0,b1;sx b0;sx b1;",
    ): (Op.RYY, 0.0),
    ("iswap", "s b0;s b1;h b0;cx b0,b1;cx b1,b0;h b1;"): (Op.ISWAP, 0.0),
    ("ecr", "s b0;sx b1;cx b0,b1;x b0;"): (Op.ECR, _PI / 4),
    ("dcx", "cx b0,b1;cx b1,b0;"): (Op.DCX, 0.0),
    ("rzx", "h b1;cx b0,b1;rz(a0)b1;cx b0,b1;h b1;"): (Op.RZX, 0.0),
    ("rzz", "cx b0,b1;rz(a0)b1;cx b0,b1;"): (Op.RZZ, 0.0),
    ("rxx", "h b0;h b1;cx b0,b1;rz(a0)b1;cx b0,b1;h b0;h b1;"): (Op.RXX, 0.0),
    ("cs", "t b0;cx b0,b1;tdg b1;cx b0,b1;t b1;"): (Op.CS, 0.0),
    ("csdg", "tdg b0;cx b0,b1;t b1;cx b0,b1;tdg b1;"): (Op.CSDG, 0.0),
    ("csx", "h b1;cp(pi/2)b0,b1;h b1;"): (Op.CSX, 0.0),
    ("csx", "h b1;cu1(pi/2)b0,b1;h b1;"): (Op.CSX, 0.0),
    ("ccz", "h b2;ccx b0,b1,b2;h b2;"): (Op.CCZ, 0.0),
    (
        "mcx",
        "h b3;p(pi/8)b0;p(pi/8)b1;p(pi/8)b2;p(pi/8)b3;cx b0,b1;p(-pi/8)b1;cx b0,b1;cx b1,b2;"
        "p(-pi/8)b2;cx b0,b2;p(pi/8)b2;cx b1,b2;p(-pi/8)b2;cx b0,b2;cx b2,b3;p(-pi/8)b3;"
        "cx b1,b3;p(pi/8)b3;cx b2,b3;p(-pi/8)b3;cx b0,b3;p(pi/8)b3;cx b2,b3;p(-pi/8)b3;"
        "cx b1,b3;p(pi/8)b3;cx b2,b3;p(-pi/8)b3;cx b0,b3;h b3;",
    ): (Op.MCX, 0.0),
}
WELL_KNOWN_NAMES: Final = frozenset(name for name, _ in WELL_KNOWN)
