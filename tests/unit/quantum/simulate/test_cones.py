"""Light cones of many strings at once."""

from __future__ import annotations

import numpy as np

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import sweep
from markaz.quantum.simulate.cones import Cone, cones
from markaz.quantum.simulate.engines.base import Pauli
from tests.native_circuits import random_gates, random_paulis


def z(*qubits: int) -> Pauli:
    return Pauli(tuple((q, "Z") for q in qubits))


def chain(qubits: int) -> Circuit:
    b = Builder()
    b.qreg("q", qubits)
    for q in range(0, qubits - 1, 2):
        b.gate(Op.CX, [q, q + 1])
    b.gate(Op.H, [0])
    return b.build()


def test_each_string_sees_what_the_gates_reach() -> None:
    found = cones(chain(6), [z(0), z(3), z(5)])
    assert found == [Cone((0,), 0b11), Cone((1,), 0b1100), Cone((2,), 0b110000)]
    assert [c.width for c in found] == [2, 2, 2]


def test_coinciding_and_inner_cones_are_joined() -> None:
    found = cones(chain(6), [z(1), z(0, 2), z(3), z(0), z(4)])
    assert found == [Cone((0, 1, 2, 3), 0b1111), Cone((4,), 0b110000)]


def test_a_wide_gate_joins_all_its_qubits() -> None:
    b = Builder()
    b.qreg("q", 7)
    b.gate(Op.CX, [6, 2])
    b.gate(Op.MCX, [1, 2, 4, 5])
    b.gate(Op.CCX, [0, 1, 3])
    circuit = b.build()
    assert cones(circuit, [z(5)]) == [Cone((0,), 0b1110110)]
    assert cones(circuit, [z(0)]) == [Cone((0,), 0b1111111)]


def test_they_are_those_found_one_by_one() -> None:
    for seed in range(20):
        circuit, paulis = random_gates(8, 6, seed), random_paulis(8, 6, seed)
        masks = {}
        for k, pauli in enumerate(paulis):
            _, numbers = sweep.light_cone(circuit, [q for q, _ in pauli.factors])
            masks[k] = sum(1 << int(q) for q in np.flatnonzero(numbers >= 0))
        found = cones(circuit, paulis)
        assert sorted(k for c in found for k in c.strings) == list(range(len(paulis)))
        for cone in found:
            assert cone.qubits in {masks[k] for k in cone.strings}
            assert all(masks[k] | cone.qubits == cone.qubits for k in cone.strings)
            assert not any(c.qubits | cone.qubits == c.qubits for c in found if c is not cone)
