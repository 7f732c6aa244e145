from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.gates import TABLE, Flag, Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.clifford import clifford_t
from markaz.quantum.simulate.engines.prism_circuit import CLIFFORD_T
from markaz.testing.engine_contract import _circuit

WITH_T = frozenset(int(op) for op in CLIFFORD_T)
WITHOUT_T = WITH_T - {int(Op.T), int(Op.TDG)}
PREPARE = [(Op.U, [0], [0.3, 1.1, -0.7]), (Op.U, [1], [1.3, 0.2, 0.9]), (Op.CX, [0, 1])]


def overlap(a, b):
    return abs(np.vdot(amplitudes(a), amplitudes(b)))


def rewritten(gates, native):
    """The gates rewritten, and as they are, behind the same preparation."""
    prepared = _circuit(2, PREPARE)
    tail = clifford_t(_circuit(2, gates), native, "test")
    whole = prepared.with_arrays(
        op=np.concatenate([prepared.op, tail.op]),
        qubits=np.concatenate([prepared.qubits, tail.qubits]),
        params=np.concatenate([prepared.params, tail.params]),
        aux=np.concatenate([prepared.aux, tail.aux]),
    )
    return tail, whole, _circuit(2, [*PREPARE, *gates])


@pytest.mark.parametrize("turns", range(-9, 10))
@pytest.mark.parametrize("op", [Op.P, Op.RX, Op.RY, Op.RZ])
def test_rotations_become_clifford_and_t(op, turns):
    tail, got, right = rewritten([(op, [1], [turns * math.pi / 4])], WITH_T)
    assert set(tail.op.tolist()) <= WITH_T
    assert not tail.params.any()
    assert overlap(got, right) == pytest.approx(1.0, abs=1e-12)
    if turns % 2 == 0:
        plain, _, _ = rewritten([(op, [1], [turns * math.pi / 4])], WITHOUT_T)
        assert np.array_equal(plain.op, tail.op)


@pytest.mark.parametrize(
    "gate",
    [
        (Op.CP, [0, 1], [math.pi]),
        (Op.RZZ, [0, 1], [math.pi / 2]),
        (Op.RXX, [1, 0], [-math.pi / 2]),
        (Op.CRZ, [0, 1], [math.pi]),
        (Op.U, [0], [math.pi / 2, math.pi, -math.pi / 2]),
        (Op.ECR, [1, 0]),
    ],
)
def test_other_gates_at_clifford_angles(gate):
    tail, got, right = rewritten([gate], WITHOUT_T)
    assert set(tail.op.tolist()) <= WITHOUT_T
    assert overlap(got, right) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("gate", "native", "text"),
    [
        ((Op.RZ, [0], [0.3]), WITH_T, r"test: rz\(0.3\) is not a Clifford or T gate"),
        ((Op.RX, [0], [math.pi / 4]), WITHOUT_T, r"rx\(0.785398\) is not a Clifford gate"),
        ((Op.CP, [0, 1], [math.pi / 2]), WITHOUT_T, "is not a Clifford gate"),
        ((Op.T, [0]), WITHOUT_T, "is not a Clifford gate"),
    ],
)
def test_other_angles_are_refused(gate, native, text):
    with pytest.raises(EngineRefusal, match=text):
        clifford_t(_circuit(2, [gate]), native, "test")


def test_angles_within_rounding_are_taken():
    near = math.pi / 2 + 5e-10
    assert clifford_t(_circuit(1, [(Op.RZ, [0], [near])]), WITHOUT_T, "t").op.tolist() == [Op.S]
    with pytest.raises(EngineRefusal):
        clifford_t(_circuit(1, [(Op.RZ, [0], [near + 1e-6])]), WITHOUT_T, "t")


def test_native_set_is_clifford():
    flags = [TABLE[Op(op)].flags for op in WITHOUT_T]
    assert all(Flag.CLIFFORD in f for f in flags)
