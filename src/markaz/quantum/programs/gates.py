"""The gate table: every fact about a gate stands here once.

Parsers, exporters, simplifications and engines read this table; tests check its
fields against each other (matrix against flags, inverse and control structure).

Conventions are Qiskit's: qubit 0 of a gate is the least significant bit of a matrix
index, and ``u(theta, phi, lam)`` has a real upper-left element.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag, auto

Matrix = tuple[tuple[complex, ...], ...]


class Op(IntEnum):
    """Operation codes of the flat circuit; the order is part of the wire format."""

    ID = 0
    X = 1
    Y = 2
    Z = 3
    H = 4
    S = 5
    SDG = 6
    T = 7
    TDG = 8
    SX = 9
    SXDG = 10
    P = 11
    RX = 12
    RY = 13
    RZ = 14
    U = 15
    CX = 16
    CY = 17
    CZ = 18
    CH = 19
    CS = 20
    CSDG = 21
    CSX = 22
    CP = 23
    CRX = 24
    CRY = 25
    CRZ = 26
    CU = 27
    SWAP = 28
    ISWAP = 29
    ECR = 30
    DCX = 31
    RXX = 32
    RYY = 33
    RZZ = 34
    RZX = 35
    CCX = 36
    CCZ = 37
    CSWAP = 38
    RCCX = 39
    MCX = 40  # pooled: controls first, target last
    MCP = 41  # pooled: one phase on the all-ones state of its qubits
    MEASURE = 48
    RESET = 49
    BARRIER = 50  # pooled
    DELAY = 51  # two parameters: how long, and in what (see TIME_UNITS)
    IF = 56  # aux: expression index
    ELSE = 57
    WHILE = 58  # aux: expression index
    END = 59  # closes IF or WHILE
    ASSIGN = 60  # pooled: (first classical bit, size); aux: expression index
    BREAK = 61
    CONTINUE = 62


LAST_GATE = int(Op.MCP)
POOLED = frozenset({Op.MCX, Op.MCP, Op.BARRIER, Op.ASSIGN})

# What the second parameter of a DELAY means: nanoseconds, or steps of the device's clock.
NANOSECONDS, STEPS = 0.0, 1.0
TIME_UNITS = {"ns": 1.0, "us": 1e3, "\u00b5s": 1e3, "\u03bcs": 1e3, "ms": 1e6, "s": 1e9, "ps": 1e-3}


class Flag(IntFlag):
    """Properties that hold for every parameter value."""

    CLIFFORD = auto()
    DIAGONAL = auto()
    MONOMIAL = auto()  # permutes basis states, up to phases
    SELF_INVERSE = auto()
    SYMMETRIC = auto()  # the order of its qubits does not matter


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table.

    ``controls`` leading qubits control ``base`` on the remaining qubit(s); ``base`` is
    None for gates that are not of that form. ``num_qubits`` is 0 for pooled gates, whose
    operands lie in the circuit's pool.
    """

    op: Op
    name: str
    num_qubits: int
    num_params: int
    matrix: Callable[..., Matrix] | None
    flags: Flag
    inverse: Op | None  # inverse with negated parameters; None: see circuit.inverse
    controls: int = 0
    base: Op | None = None


_R = math.sqrt(0.5)


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return (
        (c, -cmath.exp(1j * lam) * s),
        (cmath.exp(1j * phi) * s, cmath.exp(1j * (phi + lam)) * c),
    )


def _p(lam: float) -> Matrix:
    return ((1, 0), (0, cmath.exp(1j * lam)))


def _rx(theta: float) -> Matrix:
    c, s = math.cos(theta / 2), -1j * math.sin(theta / 2)
    return ((c, s), (s, c))


def _ry(theta: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return ((c, -s), (s, c))


def _rz(theta: float) -> Matrix:
    return ((cmath.exp(-0.5j * theta), 0), (0, cmath.exp(0.5j * theta)))


def _fixed(*rows: tuple[complex, ...]) -> Callable[..., Matrix]:
    return lambda: rows


def _controlled(base: Callable[..., Matrix], controls: int = 1) -> Callable[..., Matrix]:
    """Matrix with the controls on the low qubits and ``base`` on the highest one."""

    def build(*params: float) -> Matrix:
        inner = base(*params)
        low = 1 << controls
        size = low * len(inner)
        rows = [[0j] * size for _ in range(size)]
        for i in range(size):
            rows[i][i] = 1
        full = low - 1
        for a, row in enumerate(inner):
            for b, value in enumerate(row):
                rows[a * low + full][b * low + full] = value
        return tuple(tuple(r) for r in rows)

    return build


def _cu(theta: float, phi: float, lam: float, gamma: float) -> Matrix:
    phase = cmath.exp(1j * gamma)
    scaled = tuple(tuple(phase * x for x in row) for row in _u(theta, phi, lam))
    return _controlled(lambda: scaled)()


def _pauli_rotation(flip: int, phases: tuple[complex, ...]) -> Callable[..., Matrix]:
    """``exp(-i theta/2 P)`` where ``P|i> = phases[i] |i ^ flip>``."""

    def build(theta: float) -> Matrix:
        c, s = math.cos(theta / 2), -1j * math.sin(theta / 2)
        rows = [[0j] * 4 for _ in range(4)]
        for i in range(4):
            rows[i][i] += c
            rows[i ^ flip][i] += s * phases[i]
        return tuple(tuple(r) for r in rows)

    return build


def _permutation(*images: int, phases: tuple[complex, ...] | None = None) -> Callable[..., Matrix]:
    size = len(images)
    rows = [[0j] * size for _ in range(size)]
    for i, j in enumerate(images):
        rows[j][i] = phases[i] if phases else 1
    fixed = tuple(tuple(r) for r in rows)
    return lambda: fixed


_X = _fixed((0, 1), (1, 0))
_Y = _fixed((0, -1j), (1j, 0))
_Z = _fixed((1, 0), (0, -1))
_H = _fixed((_R, _R), (_R, -_R))
_S = _fixed((1, 0), (0, 1j))
_SDG = _fixed((1, 0), (0, -1j))
_T = _fixed((1, 0), (0, complex(_R, _R)))
_TDG = _fixed((1, 0), (0, complex(_R, -_R)))
_SX = _fixed((0.5 + 0.5j, 0.5 - 0.5j), (0.5 - 0.5j, 0.5 + 0.5j))
_SXDG = _fixed((0.5 - 0.5j, 0.5 + 0.5j), (0.5 + 0.5j, 0.5 - 0.5j))
_ECR = _fixed((0, _R, 0, 1j * _R), (_R, 0, -1j * _R, 0), (0, 1j * _R, 0, _R), (-1j * _R, 0, _R, 0))
# Margolus gate as Qiskit defines it: a Toffoli up to relative phases.
_RCCX = _permutation(0, 1, 2, 7, 4, 5, 6, 3, phases=(1, 1, 1, 1j, 1, -1, 1, -1j))

_C, _D, _M = Flag.CLIFFORD, Flag.DIAGONAL | Flag.MONOMIAL, Flag.MONOMIAL
_I, _SYM = Flag.SELF_INVERSE, Flag.SYMMETRIC
_NO = Flag(0)

TABLE: dict[Op, Gate] = {
    g.op: g
    for g in (
        Gate(Op.ID, "id", 1, 0, _fixed((1, 0), (0, 1)), _C | _D | _I, Op.ID),
        Gate(Op.X, "x", 1, 0, _X, _C | _M | _I, Op.X),
        Gate(Op.Y, "y", 1, 0, _Y, _C | _M | _I, Op.Y),
        Gate(Op.Z, "z", 1, 0, _Z, _C | _D | _I, Op.Z),
        Gate(Op.H, "h", 1, 0, _H, _C | _I, Op.H),
        Gate(Op.S, "s", 1, 0, _S, _C | _D, Op.SDG),
        Gate(Op.SDG, "sdg", 1, 0, _SDG, _C | _D, Op.S),
        Gate(Op.T, "t", 1, 0, _T, _D, Op.TDG),
        Gate(Op.TDG, "tdg", 1, 0, _TDG, _D, Op.T),
        Gate(Op.SX, "sx", 1, 0, _SX, _C, Op.SXDG),
        Gate(Op.SXDG, "sxdg", 1, 0, _SXDG, _C, Op.SX),
        Gate(Op.P, "p", 1, 1, _p, _D, Op.P),
        Gate(Op.RX, "rx", 1, 1, _rx, _NO, Op.RX),
        Gate(Op.RY, "ry", 1, 1, _ry, _NO, Op.RY),
        Gate(Op.RZ, "rz", 1, 1, _rz, _D, Op.RZ),
        Gate(Op.U, "u", 1, 3, _u, _NO, None),
        Gate(Op.CX, "cx", 2, 0, _controlled(_X), _C | _M | _I, Op.CX, 1, Op.X),
        Gate(Op.CY, "cy", 2, 0, _controlled(_Y), _C | _M | _I, Op.CY, 1, Op.Y),
        Gate(Op.CZ, "cz", 2, 0, _controlled(_Z), _C | _D | _I | _SYM, Op.CZ, 1, Op.Z),
        Gate(Op.CH, "ch", 2, 0, _controlled(_H), _I, Op.CH, 1, Op.H),
        Gate(Op.CS, "cs", 2, 0, _controlled(_S), _D | _SYM, Op.CSDG, 1, Op.S),
        Gate(Op.CSDG, "csdg", 2, 0, _controlled(_SDG), _D | _SYM, Op.CS, 1, Op.SDG),
        Gate(Op.CSX, "csx", 2, 0, _controlled(_SX), _NO, None, 1, Op.SX),
        Gate(Op.CP, "cp", 2, 1, _controlled(_p), _D | _SYM, Op.CP, 1, Op.P),
        Gate(Op.CRX, "crx", 2, 1, _controlled(_rx), _NO, Op.CRX, 1, Op.RX),
        Gate(Op.CRY, "cry", 2, 1, _controlled(_ry), _NO, Op.CRY, 1, Op.RY),
        Gate(Op.CRZ, "crz", 2, 1, _controlled(_rz), _D, Op.CRZ, 1, Op.RZ),
        Gate(Op.CU, "cu", 2, 4, _cu, _NO, None),
        Gate(Op.SWAP, "swap", 2, 0, _permutation(0, 2, 1, 3), _C | _M | _I | _SYM, Op.SWAP),
        Gate(
            Op.ISWAP,
            "iswap",
            2,
            0,
            _permutation(0, 2, 1, 3, phases=(1, 1j, 1j, 1)),
            _C | _M | _SYM,
            None,
        ),
        Gate(Op.ECR, "ecr", 2, 0, _ECR, _C | _I, Op.ECR),
        Gate(Op.DCX, "dcx", 2, 0, _permutation(0, 2, 3, 1), _C | _M, None),
        Gate(Op.RXX, "rxx", 2, 1, _pauli_rotation(3, (1, 1, 1, 1)), _SYM, Op.RXX),
        Gate(Op.RYY, "ryy", 2, 1, _pauli_rotation(3, (-1, 1, 1, -1)), _SYM, Op.RYY),
        Gate(Op.RZZ, "rzz", 2, 1, _pauli_rotation(0, (1, -1, -1, 1)), _D | _SYM, Op.RZZ),
        Gate(Op.RZX, "rzx", 2, 1, _pauli_rotation(2, (1, -1, 1, -1)), _NO, Op.RZX),
        Gate(Op.CCX, "ccx", 3, 0, _controlled(_X, 2), _M | _I, Op.CCX, 2, Op.X),
        Gate(Op.CCZ, "ccz", 3, 0, _controlled(_Z, 2), _D | _I | _SYM, Op.CCZ, 2, Op.Z),
        Gate(Op.CSWAP, "cswap", 3, 0, _permutation(0, 1, 2, 5, 4, 3, 6, 7), _M | _I, Op.CSWAP),
        Gate(Op.RCCX, "rccx", 3, 0, _RCCX, _M | _I, Op.RCCX),
        Gate(Op.MCX, "mcx", 0, 0, None, _M | _I, Op.MCX, -1, Op.X),
        Gate(Op.MCP, "mcp", 0, 1, None, _D | _SYM, Op.MCP, -1, Op.P),
    )
}
BY_NAME: dict[str, Gate] = {g.name: g for g in TABLE.values()}


def matrix(op: int, params: tuple[float, ...] = ()) -> Matrix:
    """Unitary of a gate with a fixed number of qubits, shape (2**k, 2**k).

    Raises KeyError for operations that are not gates, ValueError for pooled gates.
    """
    gate = TABLE[Op(op)]
    if gate.matrix is None:
        raise ValueError(f"{gate.name} has no fixed size")
    return gate.matrix(*params[: gate.num_params])
