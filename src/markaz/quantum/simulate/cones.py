"""Which Pauli strings see the same part of a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import POOLED
from markaz.quantum.simulate.engines.base import Pauli

LOOKED_AT: Final = 64  # wider cones that may hold another one


@dataclass(frozen=True, slots=True)
class Cone:
    """``strings`` (their numbers) whose light cones lie within ``qubits`` (a bit mask)."""

    strings: tuple[int, ...]
    qubits: int

    @property
    def width(self) -> int:
        """Number of qubits."""
        return self.qubits.bit_count()


def cones(circuit: Circuit, paulis: Sequence[Pauli]) -> list[Cone]:
    """The light cones of Pauli strings after a circuit of gates, those within another one
    joined to it, largest first; in order of the strings where equally large."""
    seen: dict[int, list[int]] = {}
    for k, mask in enumerate(_qubits_seen(circuit, paulis)):
        seen.setdefault(mask, []).append(k)
    outer: dict[int, list[int]] = {}
    for mask in sorted(seen, key=lambda m: -m.bit_count()):
        home = next((m for m in islice(outer, LOOKED_AT) if m & mask == mask), mask)
        outer.setdefault(home, []).extend(seen[mask])
    return [Cone(tuple(sorted(found)), mask) for mask, found in outer.items()]


def _qubits_seen(circuit: Circuit, paulis: Sequence[Pauli]) -> list[int]:
    """For each string the qubits of its light cone, as a bit mask."""
    # One pass for all strings: bit k of seen_by[q] says whether string k sees qubit q.
    seen_by = [0] * circuit.num_qubits
    for k, pauli in enumerate(paulis):
        for qubit, _ in pauli.factors:
            seen_by[qubit] |= 1 << k
    pool = circuit.pool.tolist()
    rows = zip(circuit.op.tolist()[::-1], circuit.qubits.tolist()[::-1], strict=True)
    for op, (a, b, c) in rows:
        if b < 0:
            continue
        operands = pool[a : a + b] if op in POOLED else (a, b) if c < 0 else (a, b, c)
        joint = 0
        for q in operands:
            joint |= seen_by[q]
        if joint:
            for q in operands:
                seen_by[q] = joint
    return _transposed(seen_by, len(paulis))


def _transposed(seen_by: Sequence[int], strings: int) -> list[int]:
    """Bit q of entry k from bit k of entry q."""
    found = [0] * strings
    for q, mask in enumerate(seen_by):
        rest = mask
        while rest:
            lowest = rest & -rest
            found[lowest.bit_length() - 1] |= 1 << q
            rest ^= lowest
    return found
