"""Markaz's own sparse states: circuits that visit few basis states, on many qubits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.draws import draw
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.engines.dense import ALL_GATES
from markaz.quantum.simulate.micro import lowered
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.states_sparse import SparseState, bits_of, expectation

MAX_STATES: Final = 1 << 16
MAX_WORK: Final = 1 << 40
MAX_VECTOR: Final = 24  # qubits up to which a statevector is returned


class SparseEngine(Engine):
    """The nonzero amplitudes only, in double precision.

    Exact up to floating point: amplitudes below 1e-14 of the state's norm, which rounding
    leaves where exact ones cancel, are dropped. Refuses, at the same gate on every
    machine, a circuit that needs more than ``max_states`` basis states at once or more
    than ``max_work`` basis states times operations (about 0.1 us each).
    """

    key = "markaz:sparse"
    package = ""
    method = Method.SPARSE
    licence = "Apache-2.0"
    established = True
    ops = ALL_GATES
    can_expect = True
    can_state = True
    self_limiting = True

    def __init__(self, max_states: int = MAX_STATES, max_work: int = MAX_WORK) -> None:
        self.max_states, self.max_work = max_states, max_work

    def limited(self, steps: int) -> SparseEngine:
        """This engine with ``steps`` as its ``max_work``."""
        return SparseEngine(self.max_states, steps)

    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Sample ``qubits`` after the circuit; one row for each basis state that occurred.

        Raises EngineRefusal beyond the engine's limits or for other than gates.
        """
        keys, amps = self._final(circuit).sorted_arrays()
        probabilities = amps.real**2 + amps.imag**2
        chosen, weights = draw(probabilities, shots, np.random.default_rng(seed))
        return Samples(bits_of(keys[chosen], qubits), weights)

    def expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int = 1
    ) -> Expectation:
        """Expectation values of Pauli strings after the circuit."""
        keys, amps = self._final(circuit).sorted_arrays()
        return Expectation(np.array([expectation(keys, amps, p) for p in paulis], np.float64))

    def statevector(self, circuit: Circuit, threads: int = 1) -> NDArray[np.complex128]:
        """Amplitudes, shape (2**n,), for at most MAX_VECTOR qubits."""
        if circuit.num_qubits > MAX_VECTOR:
            raise EngineRefusal(f"{self.key} returns amplitudes of up to {MAX_VECTOR} qubits")
        keys, amps = self._final(circuit).arrays()
        psi = np.zeros(1 << circuit.num_qubits, np.complex128)
        psi[keys[:, 0]] = amps
        return psi

    def _final(self, circuit: Circuit) -> SparseState:
        state = SparseState(circuit.num_qubits, self.max_states, self.max_work)
        state.apply(lowered(circuit, engine=self.key))
        return state


def probe(circuit: Circuit, max_states: int = MAX_STATES, max_work: int = MAX_WORK) -> int:
    """The largest number of basis states that a circuit visits at once.

    Raises EngineRefusal, after a time that the limits bound, if they are exceeded.
    """
    state = SparseState(circuit.num_qubits, max_states, max_work)
    state.apply(lowered(circuit, engine=SparseEngine.key))
    return state.peak
