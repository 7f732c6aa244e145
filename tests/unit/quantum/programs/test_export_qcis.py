from __future__ import annotations

import math
import re

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.qcis import read_qcis
from markaz.quantum.programs.reference import unitary
from markaz.testing.random_gates import random_gates

NATIVE = re.compile(r"(X2[PM]|Y2[PM]) Q\d+|(XY2[PM]|RZ) Q\d+ \S+|CZ Q\d+ Q\d+|[BM]( Q\d+)+")
QUARTER = math.pi / 2


def one(op, *angles):
    builder = Builder(1)
    builder.gate(op, (0,), angles)
    return to_qcis(builder.build()).splitlines()


@pytest.mark.parametrize(
    ("op", "angles", "lines"),
    [
        (Op.RX, (QUARTER,), ["X2P Q0"]),
        (Op.RX, (-QUARTER,), ["X2M Q0"]),
        (Op.RX, (0.0,), []),
        (Op.RX, (0.3,), ["Y2M Q0", "RZ Q0 0.3", "Y2P Q0"]),
        (Op.RY, (QUARTER,), ["Y2P Q0"]),
        (Op.RY, (-QUARTER,), ["Y2M Q0"]),
        (Op.RY, (0.3,), ["X2P Q0", "RZ Q0 0.3", "X2M Q0"]),
        (Op.RZ, (-0.0,), []),
        (Op.U, (QUARTER, 0.25 - QUARTER, QUARTER - 0.25), ["XY2P Q0 0.25"]),
        (Op.U, (-QUARTER, 0.25 - QUARTER, QUARTER - 0.25), ["XY2M Q0 0.25"]),
        (Op.U, (0.3, 0.1, 0.2), ["RZ Q0 0.2", "X2P Q0", "RZ Q0 0.3", "X2M Q0", "RZ Q0 0.1"]),
        (Op.H, (), ["RZ Q0 3.141592653589793", "Y2P Q0"]),
        (Op.X, (), ["X2P Q0", "X2P Q0"]),
        (Op.S, (), ["RZ Q0 1.5707963267948966"]),
        (Op.ID, (), []),
    ],
)
def test_single_gates(op, angles, lines):
    assert one(op, *angles) == lines


@pytest.mark.parametrize("seed", range(3))
def test_native_instructions_and_the_same_unitary(seed):
    circuit = random_gates(np.random.default_rng(seed), 4, 80)
    text = to_qcis(circuit)
    assert all(NATIVE.fullmatch(line) for line in text.splitlines())
    overlap = np.vdot(unitary(read_qcis(text)), unitary(circuit))
    assert abs(overlap) == pytest.approx(16)


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_every_gate(op):
    ops = {op, Op.CZ}
    circuit = random_gates(np.random.default_rng(int(op)), 3, 6, ops)
    builder = Builder(3)
    builder.barrier((0, 1, 2))  # names every qubit, so that the sizes agree
    padded = read_qcis(to_qcis(builder.build()) + to_qcis(circuit))
    assert abs(np.vdot(unitary(padded), unitary(circuit))) == pytest.approx(8)


def test_measurements_come_last_in_the_order_of_their_bits():
    builder = Builder()
    builder.qreg("q", 3)
    builder.creg("c", 4)
    builder.measure(0, 3)
    builder.gate(Op.X, (1,))
    builder.measure(2, 0)
    builder.barrier((2, 1))
    lines = to_qcis(builder.build()).splitlines()
    assert lines == ["X2P Q1", "X2P Q1", "B Q2 Q1", "M Q2 Q0"]


def test_an_empty_circuit():
    assert to_qcis(Builder(2).build()) == ""


def test_dynamic_circuits_are_refused():
    builder = Builder(1, 1)
    builder.measure(0, 0)
    builder.gate(Op.X, (0,))
    with pytest.raises(ProgramError, match="measurements before the end"):
        to_qcis(builder.build())


def test_unbound_parameters_are_refused():
    builder = Builder(1)
    builder.parameters.append("theta")
    with pytest.raises(ProgramError, match="give 'theta' a value"):
        to_qcis(builder.build())
