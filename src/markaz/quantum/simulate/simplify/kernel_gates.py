"""Facts about operations in a form that interpreted and compiled kernels share.

Functions here and in the other ``kernel_*`` modules use only indexing, arithmetic and each
other, so that ``jit.compiled`` can compile a whole module; the same text runs interpreted
over lists where compiling would cost more than it saves.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.jit import lazy_jit

Ints = Any  # a list of int where interpreted, an integer array where compiled
Matrix = tuple[complex, complex, complex, complex]

ID, X, Y, Z, H = int(Op.ID), int(Op.X), int(Op.Y), int(Op.Z), int(Op.H)
S, SDG, T, TDG = int(Op.S), int(Op.SDG), int(Op.T), int(Op.TDG)
SX, SXDG, P, RX, RY = int(Op.SX), int(Op.SXDG), int(Op.P), int(Op.RX), int(Op.RY)
RZ, U, CX, CY, CZ = int(Op.RZ), int(Op.U), int(Op.CX), int(Op.CY), int(Op.CZ)
CH, CS, CSDG, CSX, CP = int(Op.CH), int(Op.CS), int(Op.CSDG), int(Op.CSX), int(Op.CP)
CRX, CRY, CRZ, CU = int(Op.CRX), int(Op.CRY), int(Op.CRZ), int(Op.CU)
SWAP, ISWAP, ECR, DCX = int(Op.SWAP), int(Op.ISWAP), int(Op.ECR), int(Op.DCX)
RXX, RYY, RZZ, RZX = int(Op.RXX), int(Op.RYY), int(Op.RZZ), int(Op.RZX)
CCX, CCZ, CSWAP, RCCX = int(Op.CCX), int(Op.CCZ), int(Op.CSWAP), int(Op.RCCX)
MCX, MCP = int(Op.MCX), int(Op.MCP)
DEAD = 255

EPS = 1e-12  # amplitudes and angles closer than this are taken as equal
TAU = 2 * math.pi
ROOT = math.sqrt(0.5)


@lazy_jit
def is_diagonal_one(op: int) -> bool:
    """Whether a one-qubit operation is diagonal."""
    return op == P or op == RZ or op == Z or op == S or op == SDG or op == T or op == TDG


@lazy_jit
def is_continuous_one(op: int) -> bool:
    """Whether a one-qubit operation has a free angle."""
    return op == P or op == RZ or op == RX or op == RY or op == U


@lazy_jit
def is_controlled(op: int) -> bool:
    """Whether it is a one-qubit operation under one control."""
    return CX <= op <= CU


@lazy_jit
def is_controlled_phase(op: int) -> bool:
    """Whether it is diag(1, 1, 1, phase)."""
    return op == CZ or op == CS or op == CSDG or op == CP


@lazy_jit
def phase_of(op: int, angle: float) -> float:
    """Angle between the two diagonal entries of a (controlled) phase operation."""
    if op == P or op == RZ or op == CP:
        return angle
    if op == Z or op == CZ:
        return math.pi
    if op == S or op == CS:
        return math.pi / 2
    if op == SDG or op == CSDG:
        return -math.pi / 2
    if op == T:
        return math.pi / 4
    return -math.pi / 4


@lazy_jit
def eighth(angle: float) -> int:
    """``k`` in 0..7 if the angle is k pi/4 modulo 2 pi, else -1."""
    turns = angle / (math.pi / 4)
    k = math.floor(turns + 0.5)
    if abs(turns - k) > EPS:
        return -1
    return int(k) % 8


@lazy_jit
def base_of(op: int) -> int:
    """One-qubit operation under the control of ``op``."""
    if op == CX:
        return X
    if op == CY:
        return Y
    if op == CZ:
        return Z
    if op == CH:
        return H
    if op == CS:
        return S
    if op == CSDG:
        return SDG
    if op == CSX:
        return SX
    if op == CP:
        return P
    if op == CRX:
        return RX
    if op == CRY:
        return RY
    if op == CRZ:
        return RZ
    return U


@lazy_jit
def matrix_u(theta: float, phi: float, lam: float) -> Matrix:
    """Entries (00, 01, 10, 11) of u(theta, phi, lam)."""
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return (
        complex(c, 0.0),
        -cmath.exp(1j * lam) * s,
        cmath.exp(1j * phi) * s,
        cmath.exp(1j * (phi + lam)) * c,
    )


@lazy_jit
def matrix_continuous(op: int, a: float, b: float, c: float) -> Matrix:
    """Entries of a one-qubit operation with angles."""
    if op == P:
        return (complex(1.0, 0.0), 0j, 0j, cmath.exp(1j * a))
    if op == RZ:
        return (cmath.exp(-0.5j * a), 0j, 0j, cmath.exp(0.5j * a))
    if op == RX:
        co, si = complex(math.cos(a / 2), 0.0), complex(0.0, -math.sin(a / 2))
        return (co, si, si, co)
    if op == RY:
        co, si = complex(math.cos(a / 2), 0.0), complex(math.sin(a / 2), 0.0)
        return (co, -si, si, co)
    return matrix_u(a, b, c)


@lazy_jit
def matrix_one(op: int, a: float, b: float, c: float) -> Matrix:
    """Entries (00, 01, 10, 11) of any one-qubit operation."""
    one, i = complex(1.0, 0.0), 1j
    if is_continuous_one(op):
        return matrix_continuous(op, a, b, c)
    if op == X:
        return (0j, one, one, 0j)
    if op == H:
        root = complex(ROOT, 0.0)
        return (root, root, root, -root)
    if op == Y:
        return (0j, -i, i, 0j)
    if op == Z:
        return (one, 0j, 0j, -one)
    if op == S:
        return (one, 0j, 0j, i)
    if op == SDG:
        return (one, 0j, 0j, -i)
    if op == T:
        return (one, 0j, 0j, complex(ROOT, ROOT))
    if op == TDG:
        return (one, 0j, 0j, complex(ROOT, -ROOT))
    plus, minus = complex(0.5, 0.5), complex(0.5, -0.5)
    if op == SX:
        return (plus, minus, minus, plus)
    if op == SXDG:
        return (minus, plus, plus, minus)
    return (one, 0j, 0j, one)


@lazy_jit
def product(m: Matrix, n: Matrix) -> Matrix:
    """Entries of the matrix product ``m n``."""
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
    )
