"""Observables on a compiled circuit: which bases to measure, and what to add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.mitigate.errors import refused
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.transform import select

Letters = dict[int, str]  # physical qubit: X, Y or Z

_S = 0.5**0.5
# Gates after which measuring Z means measuring X or Y.
BASES = {
    "X": np.array([[_S, _S], [_S, -_S]], np.complex128),
    "Y": np.array([[_S, -1j * _S], [_S, 1j * _S]], np.complex128),
}
REGISTER = "m"


@dataclass(frozen=True, slots=True)
class Group:
    """Pauli terms that are measured together: ``letters`` are the bases, ``terms`` the places
    of the terms among all; ``qubits`` the measured physical qubits, bit ``k`` is the k-th."""

    letters: Letters
    terms: tuple[int, ...]

    @property
    def qubits(self) -> tuple[int, ...]:
        """Measured physical qubits, ascending."""
        return tuple(sorted(self.letters))

    @property
    def bases(self) -> dict[int, NDArray[np.complex128]]:
        """Gate to put before the measurement of each qubit that needs one."""
        return {q: BASES[c] for q, c in self.letters.items() if c != "Z"}


@dataclass(frozen=True, slots=True)
class Terms:
    """Distinct Paulis of all observables: ``paulis[t]`` on physical qubits (empty for the
    identity); ``weights`` (observables, terms)."""

    paulis: tuple[Letters, ...]
    weights: NDArray[np.float64]
    groups: tuple[Group, ...]


def terms_of(observables: Sequence[PauliSum], compiled: Compiled) -> Terms:
    """The observables on the physical qubits where the compiled circuit leaves its qubits.

    A qubit that the program does not use is 0: Z on it is 1, X and Y on it are 0.
    """
    index: dict[tuple[tuple[int, str], ...], int] = {}
    weights: list[dict[int, float]] = []
    for observable in observables:
        observable.check_width(len(compiled.end))
        row: dict[int, float] = {}
        for coefficient, pauli in observable.terms:
            placed = [(compiled.end[q], c) for q, c in pauli.factors]
            if any(p < 0 and c != "Z" for p, c in placed):
                continue
            key = tuple(sorted((p, c) for p, c in placed if p >= 0))
            term = index.setdefault(key, len(index))
            row[term] = row.get(term, 0.0) + coefficient
        weights.append(row)
    table = np.zeros((len(weights), len(index)))
    for o, row in enumerate(weights):
        for term, weight in row.items():
            table[o, term] = weight
    paulis = tuple(dict(key) for key in index)
    return Terms(paulis, table, _grouped(paulis, np.abs(table).sum(axis=0)))


def _grouped(paulis: Sequence[Letters], weight: NDArray[np.float64]) -> tuple[Group, ...]:
    """Terms that agree on every qubit that both have are measured together, heaviest first."""
    groups: list[tuple[Letters, list[int]]] = []
    for t in np.argsort(-weight, kind="stable").tolist():
        letters = paulis[t]
        if not letters:
            continue
        for bases, members in groups:
            if all(bases.get(q, c) == c for q, c in letters.items()):
                bases.update(letters)
                members.append(t)
                break
        else:
            groups.append((dict(letters), [t]))
    return tuple(Group(bases, tuple(members)) for bases, members in groups)


def unmeasured(circuit: Circuit) -> Circuit:
    """The circuit, if it measures nothing; refused else.

    A compiler may leave out what a measurement cannot see, so measurements have to go before
    compiling, not after it.
    """
    if circuit.is_dynamic:
        raise refused(
            "expectation values need a circuit without resets, control flow and measurements "
            "before the end"
        )
    if np.any(circuit.op == Op.MEASURE):
        raise refused("for expectation values compile the circuit without its measurements")
    return circuit


def without_final_measurements(circuit: Circuit) -> Circuit:
    """A static circuit without its measurements."""
    return select(circuit, np.flatnonzero(circuit.op != Op.MEASURE))


def measured(circuit: Circuit, qubits: Sequence[int]) -> Circuit:
    """The circuit with a measurement of each qubit, in order, into one register."""
    count = len(qubits)
    rows = np.full((count, 3), -1, np.int32)
    rows[:, 0] = qubits
    return circuit.with_arrays(
        op=np.append(circuit.op, np.full(count, Op.MEASURE, np.uint8)),
        qubits=np.vstack([circuit.qubits, rows]),
        params=np.vstack([circuit.params, np.zeros((count, 4))]),
        aux=np.append(circuit.aux, np.arange(count, dtype=np.int32)),
        num_clbits=count,
        cregs=(Register(REGISTER, count, 0),),
        measured="explicit",
    )


def outcomes(counts: dict[str, int], bits: Sequence[int]) -> tuple[NDArray[np.uint8], Ints]:
    """Distinct outcomes (outcomes, len(bits)) on some bits, 0 the rightmost, and their counts."""
    keys = list(counts)
    width = len(keys[0]) if keys else 0
    raw = np.frombuffer("".join(keys).encode(), np.uint8).reshape(len(keys), width) - ord("0")
    columns = [width - 1 - b for b in bits]
    return np.ascontiguousarray(raw[:, columns]), np.array(list(counts.values()), np.int64)


Ints = NDArray[np.int64]
