"""panta-sim (Rust): statevector, MPS, sparse. Uses every core unless the process was
started with RAYON_NUM_THREADS; ``threads`` has no effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.draws import columns, draw
from markaz.quantum.simulate.engines.adapter import (
    STATEVECTOR_QUBITS,
    Adapter,
    seed_within,
    truncation_bound,
)
from markaz.quantum.simulate.engines.base import Expectation, Method, Pauli
from markaz.quantum.simulate.engines.feed import drive
from markaz.quantum.simulate.engines.native import load_extension
from markaz.quantum.simulate.samples import Samples

MAX_BOND = 1024
DROPPED_WEIGHT = 1e-12  # relative to the sum of squares, at each truncation
SPARSE_ENTRIES = 1 << 24
DRAWN_QUBITS = 14  # up to which amplitudes are drawn from sooner than counts are carried over

NAMES = {
    op: op.name.lower()
    for op in (
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG),
        *(Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CY, Op.CZ, Op.CH),
        *(Op.CP, Op.CRX, Op.CRY, Op.CRZ, Op.SWAP, Op.ISWAP, Op.ECR, Op.DCX),
        *(Op.RXX, Op.RYY, Op.RZZ, Op.RZX, Op.CCX, Op.CSWAP),
    )
}
_CODES = {"X": 1, "Y": 2, "Z": 3}


class _Panta(Adapter):
    """Circuits go in through the compiled builder; The
    global phase of amplitudes is kept by the library."""

    package = "panta_sim"
    modules = ("panta_sim.qsim_python",)
    bare = True
    licence = "MIT"
    established = False
    ops = frozenset(int(op) for op in (*NAMES, Op.CU, Op.MCX, Op.MCP))

    backend: ClassVar[str]

    def _run(self, target: Any, shots: int, seed: int) -> Any:
        run = load_extension("panta_sim.qsim_python").run
        limits = (MAX_BOND, DROPPED_WEIGHT, SPARSE_ENTRIES, 0.0)
        return run(target, shots, seed_within(seed, 64), "f64", self.backend, *limits)

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        target = build(circuit)
        for j, qubit in enumerate(qubits):
            target.measure(qubit, j)
        result = self._run(target, shots, seed)
        # They come in the order of a hash table, another in each process.
        return Samples.from_strings(result.counts(), _fidelity(result)).in_order()


class _PantaState(_Panta):
    can_expect = True

    def _expectations(self, circuit: Circuit, paulis: Sequence[Pauli], threads: int) -> Expectation:
        if not paulis:
            return Expectation(np.zeros(0))
        result = self._run(build(circuit), 0, 0)
        codes = pauli_codes(paulis, circuit.num_qubits)
        values = np.asarray(result.expectation_values(codes), np.float64)
        return Expectation(values, truncation_bound(_fidelity(result)))


class PantaStatevector(_PantaState):
    """Double-precision statevector."""

    key = "panta:statevector"
    method = Method.STATEVECTOR
    backend = "statevector"
    can_state = True
    max_qubits = STATEVECTOR_QUBITS

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        if circuit.num_qubits > DRAWN_QUBITS:
            return super()._sample(circuit, qubits, shots, seed, threads)
        psi = self._statevector(circuit, threads)
        states, weights = draw(psi.real**2 + psi.imag**2, shots, np.random.default_rng(seed))
        return Samples(columns(states, qubits), weights)

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        state: NDArray[np.complex128] = self._run(build(circuit), 0, 0).statevector()
        return state


class PantaMps(_PantaState):
    """Matrix product state. The fidelity is the squared norm left after truncation: an
    estimate, not a bound."""

    key = "panta:mps"
    method = Method.MPS
    backend = "mps"
    exact = False


class PantaSparse(_Panta):
    """Hash map of up to SPARSE_ENTRIES non-zero amplitudes."""

    key = "panta:sparse"
    method = Method.SPARSE
    backend = "sparse"
    refusals = ("sparse", "max_entries")


def build(circuit: Circuit) -> Any:
    """A compiled ``Circuit`` of the gates, without measurements."""
    target = load_extension("panta_sim.qsim_python").Circuit(circuit.num_qubits)
    special = {
        Op.CU: lambda q, p: target.cu(*p, *q),
        Op.MCX: lambda q, _: target.mcx(q[:-1], q[-1]),
        Op.MCP: lambda q, p: target.mcp(p[0], q[:-1], q[-1]),
    }
    drive(circuit, target, NAMES, special)
    return target


def pauli_codes(paulis: Sequence[Pauli], qubits: int) -> list[list[int]]:
    """Pauli strings as the library takes them."""
    codes = [[0] * qubits for _ in paulis]
    for row, pauli in zip(codes, paulis, strict=True):
        for qubit, letter in pauli.factors:
            row[qubit] = _CODES[letter]
    return codes


def run_vectors(targets: Sequence[Any]) -> list[Any]:
    """Results of circuits that ``build`` made, as statevectors, in one call."""
    library = load_extension("panta_sim.qsim_python")
    found: list[Any] = library.run_batch(list(targets), 0, 0, "f64", "statevector")
    return found


def _fidelity(result: Any) -> float:
    norm = result.mps_final_norm_sq
    return 1.0 if norm is None else min(1.0, float(norm))
