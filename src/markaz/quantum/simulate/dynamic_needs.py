"""What engines must hold for a circuit with feedback, and which of them cannot run it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Op
from markaz.quantum.programs.transform import select
from markaz.quantum.simulate.cost_model import AMPLITUDE, in_words, power
from markaz.quantum.simulate.engines.base import Engine, Method
from markaz.quantum.simulate.engines.clifford import ROTATIONS, TOLERANCE
from markaz.quantum.simulate.kernel_facts import BOND, BRANCHING
from markaz.quantum.simulate.states_branch import DENSE_QUBITS, MANY_STATES
from markaz.quantum.simulate.survey import IS_CLIFFORD, survey

BASE = 1_000_000  # bytes beside a tableau
SPARSE_COPIES = 4  # arrays as large as a sparse state, while a gate is applied
SPLIT_COPIES = 3  # states of a library's own, while it splits one (2.5 seen at 22 qubits)
WORKING_COPIES = 4  # of the branch that goes on
NODE = 64  # bytes of a node of a decision diagram

_FIXED = np.zeros(256, np.bool_)  # gates without parameters that are no Clifford gates
_FIXED[[int(o) for o, g in TABLE.items() if o < Op.MCX and not g.num_params]] = True
_FIXED &= ~IS_CLIFFORD
_TURNED = np.zeros(256, np.bool_)
_TURNED[list(ROTATIONS)] = True


@dataclass(frozen=True, slots=True)
class Needs:
    """What bounds the memory of a circuit with feedback.

    ``declared`` and ``used`` count qubits; ``branching`` and ``bond`` are those of
    ``Facts`` for all gates, those of both sides of a condition, or what the qubits allow
    where loops repeat gates; ``clifford`` says whether all gates are Clifford gates for
    every parameter, ``outside`` how many are sure not to be.
    """

    declared: int
    used: int
    branching: int
    bond: int
    clifford: bool
    outside: int

    def refusal(self, engine: Engine, memory: int) -> str | None:
        """Why an engine cannot run the circuit within ``memory`` bytes, or None.

        Only what is known before a run counts: an engine whose states may turn out to be
        small is no candidate only for its own limits.
        """
        held = AMPLITUDE * power(self.used)
        if engine.method is Method.STATEVECTOR and held > memory:
            return f"needs {in_words(held)}, the limit is {in_words(memory)}"
        if self.declared > engine.max_qubits:
            return f"at most {engine.max_qubits} qubits"
        if engine.method is Method.STABILIZER and self.outside:
            return f"{self.outside} gates are not Clifford"
        return None

    def most_bytes(self, engine: Engine, shots: int) -> int:
        """Upper bound on what an engine holds for ``shots`` shots."""
        whole = AMPLITUDE * power(self.used)
        tableau = 4 * self.used**2 + BASE
        states = power(min(self.branching, self.used))
        match engine.method:
            case Method.STATEVECTOR:
                return int(whole)
            case Method.STABILIZER:
                return tableau
            case Method.MPS:
                return int(8 * AMPLITUDE * self.used * power(2 * self.bond))
            case Method.DECISION_DIAGRAM:
                return int(NODE * min(power(self.used), self.used * states))
        if engine.key == "markaz:branch":
            waiting = math.log2(max(shots, 1)) + WORKING_COPIES
            return int(waiting * (tableau if self.clifford else self._branch_state(states)))
        return tableau if self.clifford else int(SPLIT_COPIES * whole)

    def _branch_state(self, states: float) -> float:
        if self.declared <= DENSE_QUBITS:
            return AMPLITUDE * power(self.declared)
        row = AMPLITUDE + 8 * (self.declared // 64 + 1)
        return SPARSE_COPIES * row * min(states, MANY_STATES)


def needs_of(circuit: Circuit) -> Needs:
    """What bounds the memory of a circuit with feedback."""
    gates = select(circuit, np.flatnonzero(circuit.op <= LAST_GATE))
    used = _used(circuit)
    counts, _ = survey(gates, np.arange(circuit.num_qubits, dtype=np.int32))
    loops = bool((circuit.op == Op.WHILE).any())
    return Needs(
        declared=circuit.num_qubits,
        used=used,
        branching=used if loops else counts[BRANCHING],
        bond=used // 2 if loops else min(counts[BOND], used // 2),
        clifford=bool(IS_CLIFFORD[gates.op].all()),
        outside=_outside(gates),
    )


def _used(circuit: Circuit) -> int:
    """Qubits that a gate, a measurement or a reset touches."""
    touched, op = np.zeros(circuit.num_qubits, np.bool_), circuit.op
    plain = circuit.qubits[(op < Op.MCX) | (op == Op.MEASURE) | (op == Op.RESET)]
    touched[plain[plain >= 0]] = True
    for start, size, _ in circuit.qubits[(op >= Op.MCX) & (op <= LAST_GATE)].tolist():
        touched[circuit.pool[start : start + size]] = True
    return int(touched.sum())


def _outside(gates: Circuit) -> int:
    """Gates that no rewriting makes Clifford: fixed ones outside the group, and plain
    rotations by other angles than multiples of pi/2."""
    return int(_FIXED[gates.op].sum() + _off(gates.params[_TURNED[gates.op], 0]).sum())


def _off(angles: NDArray[np.float64]) -> NDArray[np.bool_]:
    quarter = np.pi / 2
    off: NDArray[np.bool_] = np.abs(angles - np.rint(angles / quarter) * quarter) > TOLERANCE
    return off
