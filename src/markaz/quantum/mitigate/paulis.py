"""Paulis carried through gates: tables computed from the gates' own matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.gates import Op, matrix

Matrix = NDArray[np.complex128]
Ints = NDArray[np.int64]

LETTERS: Final = "IXYZ"
PAULIS: Final[Matrix] = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]
)
_TOLERANCE: Final = 1e-9


@lru_cache(maxsize=4096)
def unitary(op: int, params: tuple[float, ...]) -> Matrix:
    """The gate's matrix; a product of Paulis ``(a, b)`` on its qubits is ``kron(b, a)``."""
    return np.array(matrix(op, params))


@lru_cache(maxsize=4096)
def images(op: int, params: tuple[float, ...]) -> tuple[Ints, Ints] | None:
    """What ``G P G†`` is for every product of Paulis P on the gate's qubits.

    Returns (number of the image, sign 1 or -1), each int64 (4**k,), 0 where the image is no
    Pauli; None if that is so for all but the identity. Number ``a + 4 b`` is Pauli ``a`` on
    the first qubit and ``b`` on the second.
    """
    gate = unitary(op, params)
    size = len(gate)
    products = _products(size)
    moved = gate @ products @ gate.conj().T
    overlap = np.einsum("aij,bji->ab", moved, products).real / size
    best = np.abs(overlap).argmax(axis=1)
    value = overlap[np.arange(len(best)), best]
    sign = np.where(np.abs(np.abs(value) - 1) < _TOLERANCE, np.rint(value), 0).astype(np.int64)
    return (best.astype(np.int64), sign) if np.any(sign[1:]) else None


@cache
def _products(size: int) -> Matrix:
    if size == 2:
        return PAULIS
    return np.array([np.kron(b, a) for b in PAULIS for a in PAULIS])


def is_clifford(op: int, params: Sequence[float]) -> bool:
    """Whether the gate takes every Pauli to a Pauli."""
    found = images(op, tuple(params))
    return found is not None and bool(np.all(found[1] != 0))


def nearest_quarter(angle: float) -> float:
    """The multiple of a quarter turn nearest to ``angle``."""
    return round(angle / (math.pi / 2)) * (math.pi / 2)


class PauliString:
    """A signed Pauli string: ``letters[q]`` is 1, 2, 3 for X, Y, Z on qubit ``q``."""

    def __init__(self, letters: dict[int, int], sign: int = 1) -> None:
        self.letters, self.sign = dict(letters), sign

    def conjugate(self, op: int, params: tuple[float, ...], qubits: Sequence[int]) -> None:
        """Become ``G P G†`` for a Clifford gate; ValueError where that is no Pauli."""
        number = sum(self.letters.get(q, 0) << (2 * k) for k, q in enumerate(qubits))
        if number == 0:
            return
        found = images(op, params)
        if found is None or found[1][number] == 0:
            raise ValueError(f"{Op(op).name} is no Clifford gate")
        self.sign *= int(found[1][number])
        moved = int(found[0][number])
        for k, q in enumerate(qubits):
            letter = moved >> (2 * k) & 3
            if letter:
                self.letters[q] = letter
            else:
                self.letters.pop(q, None)


@lru_cache(maxsize=4096)
def adjoint(op: int, params: tuple[float, ...]) -> tuple[int, tuple[float, ...]]:
    """A gate of the table that is the inverse, up to a global phase, of a native gate."""
    kind = Op(op)
    if kind in (Op.SX, Op.SXDG):
        return int(Op.SXDG if kind == Op.SX else Op.SX), params
    if kind in (Op.S, Op.SDG):
        return int(Op.SDG if kind == Op.S else Op.S), params
    if kind in (Op.RX, Op.RY, Op.RZ, Op.P, Op.RZZ):
        return op, (-params[0], *params[1:])
    if kind == Op.U:
        return op, (-params[0], -params[2], -params[1], *params[3:])
    if kind in (Op.X, Op.Y, Op.Z, Op.H, Op.ID, Op.CZ, Op.CX, Op.ECR):
        return op, params
    raise ValueError(f"{kind.name} has no inverse in the table of native gates")
