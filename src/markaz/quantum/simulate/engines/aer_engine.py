"""Qiskit Aer: statevector, MPS, stabilizer, and dynamic circuits.

Circuits are built and run in Aer's compiled module: no Qiskit object, no transpilation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import POOLED, TABLE, Op
from markaz.quantum.simulate.engines.adapter import (
    STATEVECTOR_QUBITS,
    Adapter,
    EngineFault,
    truncation_bound,
)
from markaz.quantum.simulate.engines.aer_dynamic import append_dynamic
from markaz.quantum.simulate.engines.base import EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.engines.clifford import clifford_only
from markaz.quantum.simulate.engines.feed import bits_of_integers, rows
from markaz.quantum.simulate.engines.native import load_extension
from markaz.quantum.simulate.samples import Samples

DROPPED_WEIGHT = 1e-16  # at most, at each truncation of the MPS

CLIFFORD = frozenset(
    {
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.SX, Op.SXDG),
        *(Op.CX, Op.CY, Op.CZ, Op.SWAP, Op.ECR),
    }
)
SMALL = frozenset(
    {
        *CLIFFORD,
        *(Op.T, Op.TDG, Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CP),
        *(Op.RXX, Op.RYY, Op.RZZ, Op.RZX, Op.CSX, Op.CCX, Op.CCZ, Op.CSWAP),
    }
) - {Op.ECR}
LARGE = frozenset(SMALL | {Op.ECR, Op.CRX, Op.CRY, Op.CRZ, Op.CU, Op.MCX, Op.MCP})


class _Aer(Adapter):
    """The seed is taken modulo 2**63. The global phase of amplitudes is set here."""

    package = "qiskit_aer"
    licence = "Apache-2.0"
    established = True
    dynamic = True
    refusals = ("insufficient memory", "Insufficient memory", "not supported", "invalid")

    aer_method: ClassVar[str]

    def _execute(self, target: Any, shots: int, seed: int, threads: int) -> dict[str, Any]:
        library = load_extension("qiskit_aer.backends.controller_wrappers")
        config = library.AerConfig()
        config.method, config.shots = self.aer_method, shots
        config.seed_simulator, config.max_parallel_threads = seed % 2**63, threads
        config.mps_omp_threads = threads
        config.matrix_product_state_truncation_threshold = DROPPED_WEIGHT
        answer = library.aer_controller_execute().execute([target], None, config)
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

    def _sample_dynamic(
        self, circuit: Circuit, shots: int, seed: int, threads: int
    ) -> Samples:
        target = new_circuit(circuit.num_qubits, circuit.num_clbits)
        append_dynamic(circuit, target, append_gates)
        data = self._execute(target, shots, seed, threads)["data"]
        return _from_counts(data["counts"], circuit.num_clbits, self._fidelity(circuit))

    def _expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int
    ) -> Expectation:
        values = np.ones(len(paulis))
        target = new_circuit(circuit.num_qubits, 0)
        append_gates(circuit, target)
        asked = [k for k, pauli in enumerate(paulis) if pauli.factors]
        for k in asked:
            qubits = [q for q, _ in paulis[k].factors]
            label = "".join(letter for _, letter in reversed(paulis[k].factors))
            target.save_expval(qubits, "save_expval", [label], [1.0], [0.0], "single", str(k))
        if asked:
            data = self._execute(target, 1, 0, threads)["data"]
            values[asked] = [data[str(k)] for k in asked]
        return Expectation(values, truncation_bound(self._fidelity(circuit)))


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
        return clifford_only(circuit, self.ops)


def new_circuit(qubits: int, clbits: int) -> Any:
    """An empty ``AerCircuit``."""
    target = load_extension("qiskit_aer.backends.controller_wrappers").AerCircuit()
    target.num_qubits, target.num_memory, target.global_phase_angle = qubits, clbits, 0.0
    sizes = [["c", clbits]] if clbits else []
    target.set_header(
        {
            **{"name": "circuit", "global_phase": 0.0, "n_qubits": qubits},
            **{"qreg_sizes": [["q", qubits]], "creg_sizes": sizes, "memory_slots": clbits},
        }
    )
    return target


def append_gates(circuit: Circuit, target: Any) -> None:
    """All operations of a circuit of gates."""
    pool, gate = circuit.pool, target.gate
    for op, qubits, params in rows(circuit):
        name, count = _NAMES[op]
        if op in POOLED:
            operands = pool[qubits[0] : qubits[0] + qubits[1]].tolist()
        else:
            operands = [x for x in qubits if x >= 0]
        gate(name, operands, params[:count], [], -1, None, name)


_NAMES = {int(op): (TABLE[op].name, TABLE[op].num_params) for op in LARGE}


def _from_counts(counts: dict[str, int], width: int, fidelity: float) -> Samples:
    """From counts with hexadecimal keys."""
    parse: Callable[[str], int] = lambda key: int(key, 16)  # noqa: E731
    bits = bits_of_integers([parse(key) for key in counts], width)
    return Samples(bits, np.fromiter(counts.values(), np.int64, len(counts)), fidelity)
