"""Qiskit Aer: statevector, MPS, stabilizer, and dynamic circuits.

Circuits are built and run in Aer's compiled module: no Qiskit object, no transpilation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.engines.adapter import (
    STATEVECTOR_QUBITS,
    Adapter,
    seed_within,
    truncation_bound,
)
from markaz.quantum.simulate.engines.aer_circuit import (
    CLIFFORD,
    LARGE,
    SMALL,
    append_dynamic,
    append_gates,
    library,
    new_circuit,
)
from markaz.quantum.simulate.engines.base import (
    EngineFault,
    EngineRefusal,
    Expectation,
    Method,
    Pauli,
)
from markaz.quantum.simulate.engines.clifford import clifford_t
from markaz.quantum.simulate.engines.feed import bits_of_integers
from markaz.quantum.simulate.pairs import paired
from markaz.quantum.simulate.samples import Samples

DROPPED_WEIGHT = 1e-16  # at most, at each truncation of the MPS


class _Aer(Adapter):
    """The global phase of amplitudes is set here."""

    package = "qiskit_aer"
    modules = ("qiskit_aer.backends.controller_wrappers",)
    bare = True
    licence = "Apache-2.0"
    established = True
    dynamic = True
    refusals = ("insufficient memory", "Insufficient memory", "not supported", "invalid")

    aer_method: ClassVar[str]

    def _execute(self, target: Any, shots: int, seed: int, threads: int) -> dict[str, Any]:
        aer = library()
        config = aer.AerConfig()
        config.method, config.shots = self.aer_method, shots
        config.seed_simulator, config.max_parallel_threads = seed_within(seed, 62), threads
        config.n_qubits, config.memory_slots = target.num_qubits, target.num_memory
        config.mps_omp_threads = threads
        config.matrix_product_state_truncation_threshold = DROPPED_WEIGHT
        config.max_memory_mb = -1  # its estimate refuses states that it can hold; the child limits
        answer = aer.aer_controller_execute().execute([target], None, config)
        result: dict[str, Any] = answer["results"][0] if answer["results"] else answer
        if not result["success"]:
            text = f"{self.key}: {result['status']}"
            raise (EngineRefusal if self._refuses(text) else EngineFault)(text)
        return result

    def _fidelity(self, circuit: Circuit) -> float:
        return 1.0

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        target = new_circuit(circuit.num_qubits, len(qubits))
        append_gates(circuit, target)
        target.measure(qubits, list(range(len(qubits))), [])
        data = self._execute(target, shots, seed, threads)["data"]
        return _from_counts(data["counts"], len(qubits), self._fidelity(circuit))

    def _sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int) -> Samples:
        target = new_circuit(circuit.num_qubits, circuit.num_clbits)
        append_dynamic(circuit, target)
        data = self._execute(target, shots, seed, threads)["data"]
        return _from_counts(data["counts"], circuit.num_clbits, self._fidelity(circuit))

    def _expectations(self, circuit: Circuit, paulis: Sequence[Pauli], threads: int) -> Expectation:
        values = np.ones(len(paulis))
        target = new_circuit(circuit.num_qubits, 0)
        self._fill(circuit, target)
        asked = [k for k, pauli in enumerate(paulis) if pauli.factors]
        for k in asked:
            qubits = [q for q, _ in paulis[k].factors]
            label = "".join(letter for _, letter in reversed(paulis[k].factors))
            target.save_expval(qubits, "save_expval", [label], [1.0], [0.0], "average", str(k))
        if asked:
            data = self._execute(target, 1, 0, threads)["data"]
            values[asked] = [data[str(k)] for k in asked]
        return Expectation(values, truncation_bound(self._fidelity(circuit)))

    def _fill(self, circuit: Circuit, target: Any) -> None:
        """Append the gates for expectation values."""
        append_gates(circuit, target)


class AerStatevector(_Aer):
    """Double-precision statevector."""

    key = "aer:statevector"
    method = Method.STATEVECTOR
    aer_method = "statevector"
    ops = frozenset(int(op) for op in LARGE)
    can_expect = True
    can_state = True
    max_qubits = STATEVECTOR_QUBITS

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        target = new_circuit(circuit.num_qubits, 0)
        append_gates(circuit, target)
        qubits = list(range(circuit.num_qubits))
        target.save_state(qubits, "save_statevector", "single", "state")
        data = self._execute(target, 1, 0, threads)["data"]
        return np.asarray(data["state"], np.complex128)


class AerMps(_Aer):
    """Matrix product state of any bond dimension. Aer reports no fidelity; it drops at
    most DROPPED_WEIGHT at each truncation, of which a gate on far qubits makes up to one
    per qubit, and the fidelity given is what that leaves."""

    key = "aer:mps"
    method = Method.MPS
    aer_method = "matrix_product_state"
    ops = frozenset(int(op) for op in SMALL)
    exact = False
    can_expect = True

    def _fill(self, circuit: Circuit, target: Any) -> None:
        blocks = paired(circuit)
        if blocks is None:
            append_gates(circuit, target)
        for block in blocks or ():
            target.unitary(list(block.qubits), block.matrix, -1, None, "pair")

    def _fidelity(self, circuit: Circuit) -> float:
        wide = int(np.count_nonzero(circuit.qubits[:, 1] >= 0))
        return max(0.0, 1.0 - 2.0 * wide * circuit.num_qubits * DROPPED_WEIGHT)


class AerStabilizer(_Aer):
    """Stabilizer tableau."""

    key = "aer:stabilizer"
    method = Method.STABILIZER
    aer_method = "stabilizer"
    ops = frozenset(int(op) for op in CLIFFORD)
    can_expect = True

    def _native(self, circuit: Circuit) -> Circuit:
        return clifford_t(circuit, self.ops, self.key)


def _from_counts(counts: dict[str, int], width: int, fidelity: float) -> Samples:
    """From counts with hexadecimal keys."""
    bits = bits_of_integers([int(key, 16) for key in counts], width)
    return Samples(bits, np.fromiter(counts.values(), np.int64, len(counts)), fidelity)
