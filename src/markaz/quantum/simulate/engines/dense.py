"""Markaz's own statevector: small circuits, without importing a simulation library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE
from markaz.quantum.simulate.draws import columns, draw
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.kernels_dense import run_dense
from markaz.quantum.simulate.micro import Micro, lowered
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.views_dense import run_views

ALL_GATES: Final = frozenset(int(op) for op in TABLE)


class DenseEngine(Engine):
    """All 2**n amplitudes in double precision; exact up to floating point."""

    key = "markaz:dense"
    package = ""
    method = Method.STATEVECTOR
    licence = "Apache-2.0"
    established = True
    ops = ALL_GATES
    can_expect = True
    can_state = True
    max_qubits = 20

    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Sample ``qubits`` after the circuit; one row for each outcome that occurred.

        Raises EngineRefusal beyond ``max_qubits`` qubits or for other than gates.
        """
        psi = self._final(circuit)
        probabilities = psi.real**2 + psi.imag**2
        states, weights = draw(probabilities, shots, np.random.default_rng(seed))
        return Samples(columns(states, qubits), weights)

    def expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int = 1
    ) -> Expectation:
        """Expectation values of Pauli strings after the circuit."""
        psi = self._final(circuit)
        values = np.array([pauli_value(psi, pauli) for pauli in paulis], np.float64)
        return Expectation(values)

    def statevector(self, circuit: Circuit, threads: int = 1) -> NDArray[np.complex128]:
        """Amplitudes, shape (2**n,), global phase included."""
        return self._final(circuit)

    def _final(self, circuit: Circuit) -> NDArray[np.complex128]:
        if circuit.num_qubits > self.max_qubits:
            raise EngineRefusal(
                f"{self.key} holds {self.max_qubits} qubits, not {circuit.num_qubits}"
            )
        psi = np.zeros(1 << circuit.num_qubits, np.complex128)
        psi[0] = 1
        evolve(psi, lowered(circuit, engine=self.key, fast=prefers_compiled(circuit)))
        return psi


def prefers_compiled(circuit: Circuit) -> bool:
    """Whether the compiled loop finishes a circuit first, loading included."""
    # NumPy needs some 3 us and 5 ns an amplitude for a gate; in steps of 0.3 us:
    steps = len(circuit.op) * (10 + (1 << circuit.num_qubits) // 60)
    return run_dense.worth_it(steps)


def evolve(psi: NDArray[np.complex128], micro: Micro) -> None:
    """Apply micro-operations to amplitudes (2**n,) in place: compiled if they are arrays."""
    if isinstance(micro.rows, list):
        run_views(psi, micro)
    else:
        run_dense.fast(psi, micro.count, micro.rows, micro.coefs, micro.controls)
    if micro.scalar != 1:
        psi *= micro.scalar


def pauli_value(psi: NDArray[np.complex128], pauli: Pauli) -> float:
    """<psi|P|psi> for a normalised state."""
    flip = sum(1 << q for q, letter in pauli.factors if letter in "XY")
    signs = sum(1 << q for q, letter in pauli.factors if letter in "YZ")
    phase = 1j ** sum(letter == "Y" for _, letter in pauli.factors)
    index = np.arange(len(psi))
    odd = np.bitwise_count(index & signs) & 1
    terms = np.conj(psi[index ^ flip]) * psi
    return float((phase * (terms.sum() - 2 * terms[odd == 1].sum())).real)
