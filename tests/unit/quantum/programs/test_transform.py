from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.reference import unitary
from markaz.quantum.programs.transform import (
    compose,
    inverse,
    relabel,
    remove_measurements,
    select,
)
from markaz.testing.random_gates import random_gates


def random(seed, gates=60, ops=None):
    return random_gates(np.random.default_rng(seed), 4, gates, ops)


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_inverse_of_every_gate(op):
    circuit = random(int(op), 5, {op})
    assert np.allclose(unitary(inverse(circuit)) @ unitary(circuit), np.eye(16))


def test_inverse_of_a_circuit_with_barriers():
    circuit = random(3)
    builder = Builder(4)
    builder.barrier((0, 2))
    circuit = compose(circuit, builder.build())
    assert np.allclose(unitary(inverse(circuit)) @ unitary(circuit), np.eye(16))


def test_inverse_keeps_parameters():
    builder = Builder(1)
    builder.gate(Op.U, (0,), (math.nan, 0.3, math.nan))
    builder.parameters += ["a", "b"]
    builder.symbolic += [(0, 0, ("param", "a")), (0, 2, ("param", "b"))]
    circuit, values = builder.build(), {"a": 0.7, "b": -1.1}
    product = unitary(bind(inverse(circuit), values)) @ unitary(bind(circuit, values))
    assert np.allclose(product, np.eye(2))


def test_inverse_makes_no_negative_zeros():
    back = inverse(random(4))
    assert not np.any(np.signbit(back.params) & (back.params == 0))


def test_a_measurement_has_no_inverse():
    builder = Builder(1, 1)
    builder.measure(0, 0)
    with pytest.raises(ValueError, match="MEASURE has no inverse"):
        inverse(builder.build())


def test_compose_multiplies():
    first, second = random(5), random(6)
    assert np.allclose(unitary(compose(first, second)), unitary(second) @ unitary(first))


def conditional(parameter):
    builder = Builder()
    builder.qreg("q", 1)
    builder.creg("c", 2)
    builder.control(Op.IF, ("bits", 0, 1))
    builder.gate(Op.RX, (0,), (math.nan,))
    builder.control(Op.END)
    builder.assign(1, 1, ("const", 1))
    builder.parameters.append(parameter)
    builder.symbolic.append((1, 0, ("param", parameter)))
    return builder.build()


def test_compose_shifts_expressions_pool_and_parameters():
    both = compose(conditional("a"), conditional("b"))
    assert both.aux.tolist() == [0, -1, -1, 1, 2, -1, -1, 3]
    assert both.pool[both.qubits[7, 0]] == 1 and both.qubits[7].tolist() == [2, 2, -1]
    assert both.parameters == ("a", "b")
    assert both.symbolic == ((1, 0, ("param", "a")), (5, 0, ("param", "b")))


def test_compose_needs_equal_sizes():
    with pytest.raises(ValueError, match="cannot join"):
        compose(Builder(1).build(), Builder(2).build())


def test_relabel_moves_qubits():
    circuit = random(7)
    mapping = np.array([2, 0, 3, 1])
    moved = unitary(relabel(circuit, mapping, 4))
    index = np.arange(16)
    image = sum(((index >> q) & 1) << int(mapping[q]) for q in range(4))
    assert np.allclose(moved[np.ix_(image, image)], unitary(circuit))


def test_relabel_to_fewer_qubits_leaves_assignments_alone():
    builder = Builder(9, 9)
    builder.gate(Op.MCX, (8, 4, 6))
    builder.assign(6, 3, ("const", 1))
    moved = relabel(builder.build(), np.array([-1, -1, -1, -1, 1, -1, 2, -1, 0]), 3)
    assert moved.pool.tolist() == [0, 1, 2, 6, 3]
    assert (moved.num_qubits, [r.size for r in moved.qregs]) == (3, [3])


@pytest.mark.parametrize("op", [Op.CX, Op.MCX])
def test_relabel_refuses_to_lose_a_qubit(op):
    builder = Builder(2)
    builder.gate(op, (0, 1))
    with pytest.raises(ValueError, match="leaves out a qubit"):
        relabel(builder.build(), np.array([0, -1]), 2)


def test_select_takes_operations_and_their_parameters():
    chosen = select(compose(conditional("a"), conditional("b")), np.array([5, 1]))
    assert chosen.op.tolist() == [Op.RX, Op.RX]
    assert chosen.symbolic == ((1, 0, ("param", "a")), (0, 0, ("param", "b")))


def test_remove_measurements_leaves_gates():
    builder = Builder(2, 1)
    builder.gate(Op.H, (0,))
    builder.barrier((0, 1))
    builder.measure(0, 0)
    assert remove_measurements(builder.build()).op.tolist() == [Op.H]
