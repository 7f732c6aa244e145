"""Markaz's own engines agree with the reference, and with each other, on any circuit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.reference import amplitudes, distribution
from markaz.quantum.simulate.engines.branch import BranchEngine
from markaz.quantum.simulate.engines.dense import DenseEngine
from markaz.quantum.simulate.engines.pauli import PauliEngine
from markaz.quantum.simulate.engines.sparse import SparseEngine, probe
from tests.native_circuits import (
    assert_drawn,
    counts_of,
    pauli_values,
    random_dynamic,
    random_paulis,
)

# Special angles meet the branches for zero and for quarter turns; tiny ones the thresholds.
ANGLES = st.sampled_from([0.0, np.pi / 2, np.pi, -np.pi, 2 * np.pi, 1e-9, -1e-13, 0.7, 4.0])


@st.composite
def circuits(draw: st.DrawFn, most_qubits: int = 5, most_gates: int = 25) -> Circuit:
    b = Builder(global_phase=draw(ANGLES))
    b.qreg("q", draw(st.integers(1, most_qubits)))
    for op in draw(st.lists(st.sampled_from(sorted(TABLE)), max_size=most_gates)):
        gate = TABLE[Op(op)]
        size = gate.num_qubits or draw(st.integers(1, b.num_qubits))
        if size <= b.num_qubits:
            qubits = draw(st.permutations(range(b.num_qubits)))[:size]
            b.gate(gate.op, qubits, [draw(ANGLES) for _ in range(gate.num_params)])
    return b.build()


@given(circuits())
def test_amplitudes_are_exact(circuit: Circuit) -> None:
    exact = amplitudes(circuit)
    assert np.abs(DenseEngine().statevector(circuit) - exact).max() < 1e-12
    assert np.abs(SparseEngine().statevector(circuit) - exact).max() < 1e-12
    assert probe(circuit) >= int((np.abs(exact) > 1e-9).sum())


@given(circuits(4, 15), st.integers(0, 1000))
def test_expectation_values_are_exact(circuit: Circuit, seed: int) -> None:
    paulis = random_paulis(circuit.num_qubits, 4, seed)
    exact = pauli_values(circuit, paulis)
    for engine in (DenseEngine(), SparseEngine(), PauliEngine()):
        assert np.abs(engine.expectations(circuit, paulis).values - exact).max() < 1e-11


@given(st.integers(1, 4), st.integers(0, 25), st.integers(0, 2**20))
def test_dynamic_circuits_follow_their_distribution(qubits: int, blocks: int, seed: int) -> None:
    circuit = random_dynamic(qubits, blocks, seed)
    counts = counts_of(BranchEngine().sample_dynamic(circuit, 2000, seed))
    assert_drawn(counts, distribution(circuit), 2000)
