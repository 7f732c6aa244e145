"""Random Paulis around two-qubit gates and before measurements, which cancel exactly.

Pauli twirling turns whatever error a gate has into a random Pauli (C. H. Bennett et al.,
Phys. Rev. A 54, 3824 (1996)); flips before measurements make reading errors symmetric
(E. van den Berg, Z. Minev, K. Temme, Phys. Rev. A 105, 032620 (2022)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.mitigate.paulis import images
from markaz.quantum.mitigate.weave import pair_gates
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

Ints = NDArray[np.int64]


def twirls(
    circuit: Circuit, repeats: Ints, copies: int, generator: np.random.Generator
) -> tuple[Ints, Ints]:
    """Paulis before and after each two-qubit gate, (copies, gates, 2), that together are the
    identity; gates are repeated by ``repeats``."""
    gates = np.repeat(pair_gates(circuit), repeats)
    before = np.zeros((copies, len(gates), 2), np.int64)
    after = np.zeros_like(before)
    for n, i in enumerate(gates.tolist()):
        op, angle = int(circuit.op[i]), float(circuit.params[i, 0])
        allowed, moved = _allowed(op, angle)
        drawn = generator.integers(len(allowed), size=copies)
        before[:, n] = _letters(allowed[drawn])
        after[:, n] = _letters(moved[drawn])
    return before, after


def _allowed(op: int, angle: float) -> tuple[Ints, Ints]:
    """Pauli pairs that the gate takes to Pauli pairs, and those.

    For a turn about ZZ by any angle these are the pairs that commute with it.
    """
    if op == Op.RZZ:
        angle = 1.0
    found = images(op, (angle, 0.0, 0.0, 0.0))
    if found is None:
        raise ValueError(f"{Op(op).name} takes no Pauli to a Pauli")
    allowed = np.flatnonzero(found[1] != 0)
    return allowed, found[0][allowed]


def _letters(numbers: Ints) -> Ints:
    return np.stack([numbers & 3, numbers >> 2], axis=-1)


def flips(circuit: Circuit, copies: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Which measurements see X first, (copies, measurements); each is flipped in half of the
    copies, for an even number of them."""
    count = int(np.sum(circuit.op == Op.MEASURE))
    half = np.arange(copies) % 2 == 0
    drawn = [generator.permutation(half) for _ in range(count)]
    return np.array(drawn, np.bool_).reshape(count, copies).T
