"""Write a random circuit in every format, read it back, compare exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.export_openqasm import to_openqasm2, to_openqasm3
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.qcis import read_qcis
from markaz.quantum.programs.reference import distribution, unitary
from markaz.quantum.programs.transform import compose, inverse, relabel
from markaz.testing.random_gates import random_gates

SEEDS = st.integers(0, 2**32 - 1)
# MCX and MCP of few qubits come back as X, P, CX, CP or CCX, and the reader takes the
# definitions of ECR (with its phase), RYY and RCCX gate by gate.
SAME = {int(op) for op in TABLE} - {Op.MCX, Op.MCP, Op.ECR, Op.RYY, Op.RCCX}


def circuit_of(seed, gates=25, ops=None):
    rng = np.random.default_rng(seed)
    return random_gates(rng, int(rng.integers(2, 6)), gates, ops)


def same_up_to_phase(a, b):
    assert abs(np.vdot(unitary(a), unitary(b))) == pytest.approx(1 << a.num_qubits, rel=1e-9)


@given(SEEDS)
def test_openqasm_3(seed):
    circuit = circuit_of(seed)
    again = read_openqasm(to_openqasm3(circuit))
    assert np.allclose(unitary(again), unitary(circuit), atol=1e-12)


@given(SEEDS)
def test_openqasm_3_gives_the_same_program(seed):
    circuit = circuit_of(seed, ops=SAME)
    again = read_openqasm(to_openqasm3(circuit))
    assert program_hash(again) == program_hash(circuit)
    assert to_openqasm3(again) == to_openqasm3(circuit)


@given(SEEDS)
def test_openqasm_2(seed):
    circuit = circuit_of(seed)
    same_up_to_phase(read_openqasm(to_openqasm2(circuit)), circuit)


@given(SEEDS)
def test_qcis(seed):
    circuit = circuit_of(seed)
    named = Builder(circuit.num_qubits)
    named.barrier(range(circuit.num_qubits))
    same_up_to_phase(read_qcis(to_qcis(compose(circuit, named.build()))), circuit)


@given(
    SEEDS, st.sampled_from([(Op.U, Op.CX), (Op.RX, Op.RY, Op.RZ, Op.CZ), (Op.RZ, Op.SX, Op.ECR)])
)
def test_decompositions_are_exact(seed, ops):
    circuit = circuit_of(seed)
    written = to_ops(circuit, frozenset(ops))
    assert np.allclose(unitary(written), unitary(circuit), atol=1e-11)


@given(SEEDS)
def test_inverse_and_relabel(seed):
    circuit = circuit_of(seed)
    n = circuit.num_qubits
    mapping = np.random.default_rng(seed).permutation(n)
    there = relabel(compose(circuit, inverse(circuit)), mapping, n)
    back = relabel(there, np.argsort(mapping), n)
    assert np.allclose(unitary(back), np.eye(1 << n), atol=1e-11)


def measured(builder, rng):
    """A few gates, then a measurement."""
    for _ in range(3):
        op = (Op.H, Op.X, Op.T, Op.SX)[rng.integers(4)]
        builder.gate(op, (int(rng.integers(2)),))
    builder.gate(Op.CX, (0, 1))
    builder.measure(int(rng.integers(2)), int(rng.integers(builder.num_clbits)))


def dynamic_circuit(seed):
    """Two qubits, three visible and two hidden bits, nested control flow."""
    rng = np.random.default_rng(seed)
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("c", 2)
    builder.creg("v", 2, hidden=True)
    builder.creg("d", 1)
    conditions = [
        ("bits", 0, 1),
        ("eq", ("bits", 0, 2), ("const", 2)),
        ("not", ("bits", 4, 1)),
        ("gt", ("add", ("bits", 0, 2), ("bits", 2, 2)), ("const", 3)),
        ("land", ("bits", 1, 1), ("ne", ("bits", 2, 2), ("const", 0))),
    ]
    for _ in range(2):
        measured(builder, rng)
        builder.assign(2, 2, ("cast", ("add", ("bits", 2, 2), ("bits", 0, 1)), 2))
        builder.control(Op.IF, conditions[rng.integers(5)])
        measured(builder, rng)
        if rng.integers(2):
            builder.control(Op.ELSE)
            builder.control(Op.IF, conditions[rng.integers(5)])
            builder.reset(0)
            builder.control(Op.END)
        builder.control(Op.END)
    builder.control(Op.WHILE, ("lt", ("bits", 2, 2), ("const", 3)))
    builder.assign(2, 2, ("cast", ("add", ("bits", 2, 2), ("const", 1)), 2))
    builder.control(Op.IF, conditions[rng.integers(5)])
    builder.control(Op.BREAK)
    builder.control(Op.END)
    builder.gate(Op.SX, (0,))
    builder.measure(0, 4)
    builder.control(Op.END)
    return builder.build()


@settings(max_examples=12)
@given(SEEDS)
def test_dynamic_circuits(seed):
    circuit = dynamic_circuit(seed)
    expected = distribution(circuit)
    assert sum(expected.values()) == pytest.approx(1)
    again = read_openqasm(to_openqasm3(circuit))
    assert distribution(again) == pytest.approx(expected)
    assert distribution(to_ops(circuit, frozenset({Op.U, Op.CX}))) == pytest.approx(expected)
