"""Gates on the same pair as one matrix."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.reference import amplitudes, apply
from markaz.quantum.simulate.engines import registry
from markaz.quantum.simulate.pairs import Block, paired
from tests.absent import absent
from tests.native_circuits import pauli_values, random_gates, random_paulis

SMALL = tuple(op for op, gate in TABLE.items() if gate.num_qubits in (1, 2))


def crowded(qubits: int, seed: int) -> Circuit:
    """Random gates, of which many meet on the same pair."""
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", qubits)
    for _ in range(3 * qubits):
        pair = [int(q) for q in rng.permutation(qubits)[:2]]
        for _ in range(4):
            op = SMALL[rng.integers(len(SMALL))]
            places = [int(p) for p in rng.permutation(pair)[: TABLE[op].num_qubits]]
            b.gate(op, places, list(rng.uniform(-3, 3, TABLE[op].num_params)))
    return b.build()


def state(blocks: list[Block], qubits: int) -> np.ndarray:
    psi = np.zeros(1 << qubits, complex)
    psi[0] = 1
    for block in blocks:
        psi = apply(psi, block.matrix, list(block.qubits))
    return psi


@pytest.mark.parametrize("seed", range(12))
def test_blocks_are_the_circuit_up_to_its_phase(seed: int) -> None:
    circuit = crowded(5, seed)
    blocks = paired(circuit)
    assert blocks is not None
    assert all(1 <= len(b.qubits) <= 2 for b in blocks)
    assert abs(np.vdot(state(blocks, 5), amplitudes(circuit))) == pytest.approx(1, abs=1e-12)


def test_one_block_for_each_meeting_of_a_pair() -> None:
    b = Builder()
    b.qreg("q", 4)
    for first, second in ((0, 1), (2, 3), (1, 2)):
        b.gate(Op.H, [first])
        b.gate(Op.RXX, [first, second], [0.2])
        b.gate(Op.T, [second])
        b.gate(Op.CX, [second, first])
        b.gate(Op.RZZ, [first, second], [0.3])
    b.gate(Op.X, [3])
    blocks = paired(b.build())
    assert blocks is not None
    assert [block.qubits for block in blocks] == [(0, 1), (2, 3), (1, 2)]


def test_nothing_is_done_where_it_would_not_pay() -> None:
    b = Builder()
    b.qreg("q", 4)
    for q in (0, 1, 2, 0, 1, 2):
        b.gate(Op.CX, [q, q + 1])
    assert paired(b.build()) is None
    b.gate(Op.CCX, [0, 1, 2])
    assert paired(b.build()) is None
    assert paired(random_gates(3, 0, 1)) == []


@pytest.mark.parametrize("key", ["aer:mps", "prism:mps"])
def test_engines_give_exact_values_from_blocks(key: str) -> None:
    engine = registry.engines().get(key)
    if engine is None:
        absent(f"{key} is not installed")
    for seed in range(6):
        circuit, paulis = crowded(5, seed), random_paulis(5, 8, seed)
        found = engine.expectations(circuit, paulis)
        assert np.abs(found.values - pauli_values(circuit, paulis)).max() < 1e-9
        assert found.bound < 1e-4
