"""Gate modifiers: ``inv``, ``pow``, ``ctrl`` and ``negctrl`` on rows, phases included."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Final

from markaz.quantum.programs.gates import TABLE, Matrix, Op, matrix
from markaz.quantum.programs.openqasm.rows import (
    BARRIER,
    CX,
    MCP,
    MCX,
    H,
    P,
    Row,
    Rows,
    U,
    Wires,
    X,
    multi_phase,
    multi_x,
)
from markaz.quantum.programs.openqasm.values import (
    Number,
    Symbolic,
    ValueProblem,
    negated,
    scaled,
    total,
)

MAX_ROWS: Final = 500_000  # operations of one modified gate
_PI: Final = math.pi
_ANGLES: Final = {
    Op.Z: _PI,
    Op.S: _PI / 2,
    Op.SDG: -_PI / 2,
    Op.T: _PI / 4,
    Op.TDG: -_PI / 4,
}
_NAMED: Final = {
    (Op.Z, 1): Op.CZ,
    (Op.Z, 2): Op.CCZ,
    (Op.S, 1): Op.CS,
    (Op.SDG, 1): Op.CSDG,
    (Op.Y, 1): Op.CY,
    (Op.H, 1): Op.CH,
    (Op.SX, 1): Op.CSX,
    (Op.RX, 1): Op.CRX,
    (Op.RY, 1): Op.CRY,
    (Op.RZ, 1): Op.CRZ,
    (Op.SWAP, 1): Op.CSWAP,
}
_ROTATIONS: Final = frozenset(
    {Op.P, Op.RX, Op.RY, Op.RZ, Op.CP, Op.RXX, Op.RYY, Op.RZZ, Op.RZX, Op.MCP}
)


def _check(count: int) -> None:
    if count > MAX_ROWS:
        raise ValueProblem("limit-size", f"a modified gate of more than {MAX_ROWS} operations")


# -- inverse ------------------------------------------------------------------------


def inverse(rows: Rows) -> Rows:
    """The inverse of ``rows``."""
    out: list[Row] = []
    for row in reversed(rows.rows):
        out += _inverse(row)
    return Rows(out, negated(rows.phase))


def _inverse(row: Row) -> list[Row]:
    op, wires, params = row
    minus = tuple(negated(p) for p in params)
    if op in (Op.U, Op.CU):
        return [(op, wires, (minus[0], minus[2], minus[1], *minus[3:]))]
    if op == Op.DCX:
        return [(op, wires[::-1], ())]
    if op == Op.CSX:
        return [(int(Op.CU), wires, (_PI / 2, _PI / 2, -_PI / 2, -_PI / 4))]
    if op == Op.ISWAP:
        return [row, (int(Op.Z), wires[:1], ()), (int(Op.Z), wires[1:], ())]
    if op == BARRIER:
        return [row]
    back = TABLE[Op(op)].inverse
    assert back is not None
    return [(int(back), wires, minus)]


# -- control ------------------------------------------------------------------------


def control(rows: Rows, count: int, *, negative: bool = False) -> Rows:
    """``rows`` under ``count`` controls, which become the first wires."""
    controls = tuple(range(count))
    flips: list[Row] = [(X, (c,), ()) for c in controls] if negative else []
    out = list(flips)
    for op, wires, params in rows.rows:
        shifted = tuple(w + count for w in wires)
        out += _controlled(op, controls, shifted, params)
        _check(len(out))
    if rows.phase != 0.0:
        out.append(multi_phase(controls, rows.phase))
    return Rows(out + flips)


def _controlled(op: int, controls: Wires, wires: Wires, params: tuple[Number, ...]) -> list[Row]:
    if op == BARRIER:
        return [(op, wires, ())]
    if op in (MCX, MCP):
        base = Op.X if op == MCX else Op.P
        return _controlled(base, controls + wires[:-1], wires[-1:], params)
    gate = TABLE[Op(op)]
    if gate.base is not None:
        inner, outer = wires[gate.controls :], controls + wires[: gate.controls]
        return _controlled(gate.base, outer, inner, params)
    named = _NAMED.get((gate.op, len(controls)))
    if named is not None:
        return [(int(named), controls + wires, params)]
    if gate.op in _ANGLES:
        return [multi_phase(controls + wires, _ANGLES[gate.op])]
    return _CONTROLLED[gate.op](controls, wires, params)


Builder = Callable[[Wires, Wires, tuple[Number, ...]], list[Row]]


def _multi_rz(c: Wires, t: Wires, angle: Number) -> list[Row]:
    if len(c) == 1:
        return [(int(Op.CRZ), c + t, (angle,))]
    return [multi_phase(c + t, angle), multi_phase(c, scaled(angle, -0.5))]


def _multi_rx(c: Wires, t: Wires, angle: Number) -> list[Row]:
    return [(H, t, ()), *_multi_rz(c, t, angle), (H, t, ())]


def _multi_ry(c: Wires, t: Wires, angle: Number) -> list[Row]:
    if len(c) == 1:
        return [(int(Op.CRY), c + t, (angle,))]
    return [(int(Op.SDG), t, ()), *_multi_rx(c, t, angle), (int(Op.S), t, ())]


def _multi_u(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    """U = e^{i(phi+lam)/2} Rz(phi) Ry(theta) Rz(lam)."""
    theta, phi, lam = p[:3]
    if len(c) == 1:
        return [(int(Op.CU), c + t, (theta, phi, lam, 0.0))]
    return [
        *_multi_rz(c, t, lam),
        *_multi_ry(c, t, theta),
        *_multi_rz(c, t, phi),
        multi_phase(c, scaled(total(phi, lam), 0.5)),
    ]


def _multi_cu(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    outer = c + t[:1]
    return [*_multi_u(outer, t[1:], p[:3]), multi_phase(outer, p[3])]


def _between(row: Row, middle: list[Row]) -> list[Row]:
    return [row, *middle, row]


def _multi_h(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    before: Row = (int(Op.RY), t, (-_PI / 4,))
    return [before, multi_phase(c + t, _PI), (before[0], t, (_PI / 4,))]


def _multi_swap(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    return _between((CX, (t[1], t[0]), ()), [multi_x((*c, t[0]), t[1])])


def _multi_rzz(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    return _between((CX, t, ()), _multi_rz(c, t[1:], p[0]))


def _multi_rzx(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    return _between((H, t[1:], ()), _multi_rzz(c, t, p))


def _multi_rxx(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    return _between((H, t[:1], ()), _multi_rzx(c, t, p))


def _multi_ryy(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    before: list[Row] = [(int(Op.SDG), t[:1], ()), (int(Op.SDG), t[1:], ())]
    after: list[Row] = [(int(Op.S), t[:1], ()), (int(Op.S), t[1:], ())]
    return [*before, *_multi_rxx(c, t, p), *after]


def _multi_iswap(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    """iSWAP = exp(i pi/4 (XX + YY))."""
    return [*_multi_rxx(c, t, (-_PI / 2,)), *_multi_ryy(c, t, (-_PI / 2,))]


def _multi_ecr(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    """ECR = Rzx(-pi/4) X Rzx(pi/4), X on the first qubit."""
    return [*_multi_rzx(c, t, (_PI / 4,)), multi_x(c, t[0]), *_multi_rzx(c, t, (-_PI / 4,))]


def _multi_rccx(c: Wires, t: Wires, p: tuple[Number, ...]) -> list[Row]:
    a, b, d = t
    turn, back = multi_phase((*c, d), _PI / 4), multi_phase((*c, d), -_PI / 4)
    inner: list[Row] = [turn, multi_x((*c, b), d), back, multi_x((*c, a), d)]
    return _between((H, (d,), ()), [*inner, turn, multi_x((*c, b), d), back])


_CONTROLLED: Final[dict[Op, Builder]] = {
    Op.ID: lambda c, t, p: [],
    Op.X: lambda c, t, p: [multi_x(c, t[0])],
    Op.Y: lambda c, t, p: [(int(Op.SDG), t, ()), multi_x(c, t[0]), (int(Op.S), t, ())],
    Op.H: _multi_h,
    Op.SX: lambda c, t, p: _between((H, t, ()), [multi_phase(c + t, _PI / 2)]),
    Op.SXDG: lambda c, t, p: _between((H, t, ()), [multi_phase(c + t, -_PI / 2)]),
    Op.P: lambda c, t, p: [multi_phase(c + t, p[0])],
    Op.RX: lambda c, t, p: _multi_rx(c, t, p[0]),
    Op.RY: lambda c, t, p: _multi_ry(c, t, p[0]),
    Op.RZ: lambda c, t, p: _multi_rz(c, t, p[0]),
    Op.U: _multi_u,
    Op.CU: _multi_cu,
    Op.SWAP: _multi_swap,
    Op.CSWAP: lambda c, t, p: _multi_swap(c + t[:1], t[1:], p),
    Op.ISWAP: _multi_iswap,
    Op.ECR: _multi_ecr,
    Op.DCX: lambda c, t, p: [multi_x((*c, t[0]), t[1]), multi_x((*c, t[1]), t[0])],
    Op.RXX: _multi_rxx,
    Op.RYY: _multi_ryy,
    Op.RZZ: _multi_rzz,
    Op.RZX: _multi_rzx,
    Op.RCCX: _multi_rccx,
}


# -- power --------------------------------------------------------------------------


def power(rows: Rows, exponent: float) -> Rows:
    """``rows`` to a power: repeated for whole numbers, else the principal root.

    ValueProblem ``unsupported`` for a root of several gates on several qubits.
    """
    if exponent.is_integer():
        count = abs(int(exponent))
        _check(count * max(1, len(rows.rows)))
        once = rows if exponent >= 0 else inverse(rows)
        return Rows(once.rows * count, scaled(once.phase, float(count)))
    gates = [r for r in rows.rows if r[0] not in (BARRIER, Op.ID)]
    if not gates:
        return Rows([], scaled(_principal(rows.phase), exponent))
    if len(gates) == 1 and gates[0][0] in _ROTATIONS:
        op, wires, (angle,) = gates[0]
        return Rows([(op, wires, (scaled(angle, exponent),))], scaled(rows.phase, exponent))
    if len({w for _, wires, _ in gates for w in wires}) == 1:
        return _root_of_one_qubit(gates, rows.phase, exponent)
    if len(gates) == 1 and rows.phase == 0.0:
        return _root_of_gate(gates[0], exponent)
    raise ValueProblem("unsupported", "a fractional power of a gate on several qubits")


def _principal(angle: Number) -> Number:
    if isinstance(angle, Symbolic):
        return angle
    inside = math.remainder(angle, 2 * _PI)
    return inside + 2 * _PI if inside < 1e-9 - _PI else inside


def _root_of_one_qubit(gates: list[Row], phase: Number, exponent: float) -> Rows:
    wire = gates[0][1]
    product: Matrix = ((cmath.exp(1j * _float(phase)), 0), (0, cmath.exp(1j * _float(phase))))
    for op, _, params in gates:
        product = _product(matrix(op, tuple(_float(p) for p in params)), product)
    angles, left = _as_u(_matrix_power(product, exponent))
    if angles[0] == 0.0:
        return Rows([(P, wire, (angles[2],))], left)
    return Rows([(U, wire, angles)], left)


def _root_of_gate(row: Row, exponent: float) -> Rows:
    op, wires, params = row
    if op == Op.SWAP:
        middle = control(_root_of_one_qubit([(X, (0,), ())], 0.0, exponent), 1)
        placed = _placed(middle.rows, (wires[1], wires[0]))
        return Rows(_between((CX, wires, ()), placed))
    if op == Op.CSWAP:
        inner = _root_of_gate((int(Op.SWAP), (0, 1), ()), exponent)
        return Rows(_placed(control(inner, 1).rows, wires))
    if op == Op.ISWAP:
        angle = (-_PI / 2 * exponent,)
        return Rows([(int(Op.RXX), wires, angle), (int(Op.RYY), wires, angle)])
    if op == MCX:
        root = _root_of_one_qubit([(X, (0,), ())], 0.0, exponent)
    elif op == Op.CU:
        root = _root_of_one_qubit([(U, (0,), params[:3])], params[3], exponent)
    elif (base := TABLE[Op(op)].base) is not None:
        root = _root_of_one_qubit([(int(base), (0,), params)], 0.0, exponent)
    else:
        raise ValueProblem("unsupported", f"a fractional power of {TABLE[Op(op)].name}")
    return Rows(_placed(control(root, len(wires) - 1).rows, wires))


def _placed(rows: list[Row], wires: Wires) -> list[Row]:
    return [(op, tuple(wires[w] for w in on), params) for op, on, params in rows]


def _float(x: Number) -> float:
    if isinstance(x, Symbolic):
        raise ValueProblem("unsupported", "a fractional power of a gate with an unbound parameter")
    return x


def _product(a: Matrix, b: Matrix) -> Matrix:
    return tuple(tuple(sum(a[i][k] * b[k][j] for k in (0, 1)) for j in (0, 1)) for i in (0, 1))


def _matrix_power(m: Matrix, exponent: float) -> Matrix:
    """Principal power of a unitary 2 x 2 matrix, from its two eigenprojectors."""
    half = (m[0][0] + m[1][1]) / 2
    root = cmath.sqrt(((m[0][0] - m[1][1]) / 2) ** 2 + m[0][1] * m[1][0])
    values = [half + root, half - root]
    new = [cmath.exp(1j * exponent * float(_float(_principal(cmath.phase(x))))) for x in values]
    if abs(root) < 1e-12:
        return ((new[0], 0), (0, new[0]))
    # f(M) = f(a) (M - b)/(a - b) + f(b) (a - M)/(a - b)
    slope = (new[0] - new[1]) / (2 * root)
    level = (values[0] * new[1] - values[1] * new[0]) / (2 * root)
    return tuple(tuple(slope * m[i][j] + (level if i == j else 0) for j in (0, 1)) for i in (0, 1))


def _as_u(m: Matrix) -> tuple[tuple[float, float, float], float]:
    """(theta, phi, lam) and phase with ``m = e^{i phase} U(theta, phi, lam)``."""
    theta = 2 * math.atan2(abs(m[1][0]), abs(m[0][0]))
    if abs(m[0][0]) < 1e-12:
        return (theta, cmath.phase(m[1][0]), cmath.phase(-m[0][1])), 0.0
    phase = cmath.phase(m[0][0])
    if abs(m[1][0]) < 1e-12:
        return (0.0, 0.0, cmath.phase(m[1][1]) - phase), phase
    return (theta, cmath.phase(m[1][0]) - phase, cmath.phase(-m[0][1]) - phase), phase


def apply(rows: Rows, modifiers: list[tuple[str, float]]) -> Rows:
    """``rows`` under ``modifiers``, the outermost first.

    A root of a controlled gate is the controlled root, which is the easier one to take.
    """
    inward = list(modifiers)
    for i in range(len(inward) - 1):
        if inward[i][0] == "pow" and inward[i + 1][0] in ("ctrl", "negctrl"):
            inward[i], inward[i + 1] = inward[i + 1], inward[i]
    for kind, x in reversed(inward):
        rows = _APPLY[kind](rows, x)
    return rows


_APPLY: Final[dict[str, Callable[[Rows, float], Rows]]] = {
    "inv": lambda rows, x: inverse(rows),
    "pow": power,
    "ctrl": lambda rows, x: control(rows, int(x)),
    "negctrl": lambda rows, x: control(rows, int(x), negative=True),
}
