from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.qcis import read_qcis
from markaz.quantum.programs.reference import distribution, unitary

X, Y, Z = (np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]))


def turn(axis, angle):
    return math.cos(angle / 2) * np.eye(2) - 1j * math.sin(angle / 2) * axis


def about(phi):
    """The axis cos(phi) x + sin(phi) y."""
    return math.cos(phi) * X + math.sin(phi) * Y


@pytest.mark.parametrize(
    ("line", "matrix"),
    [
        ("X2P Q0", turn(X, math.pi / 2)),
        ("X2M Q0", turn(X, -math.pi / 2)),
        ("Y2P Q0", turn(Y, math.pi / 2)),
        ("Y2M Q0", turn(Y, -math.pi / 2)),
        ("XY2P Q0 0.7", turn(about(0.7), math.pi / 2)),
        ("XY2M Q0 0.7", turn(about(0.7), -math.pi / 2)),
        ("RXY Q0 0.7 1.9", turn(about(0.7), 1.9)),
        ("RX Q0 1.9", turn(X, 1.9)),
        ("RY Q0 1.9", turn(Y, 1.9)),
        ("RZ Q0 1.9", turn(Z, 1.9)),
        ("H Q0", (X + Z) / math.sqrt(2)),
        ("X Q0", X),
        ("Y Q0", Y),
        ("Z Q0", Z),
        ("S Q0", np.diag([1, 1j])),
        ("SD Q0", np.diag([1, -1j])),
        ("T Q0", np.diag([1, np.exp(0.25j * np.pi)])),
        ("TD Q0", np.diag([1, np.exp(-0.25j * np.pi)])),
        ("I Q0", np.eye(2)),
        ("I Q0 60", np.eye(2)),
        ("CZ Q0 Q1", np.diag([1, 1, 1, -1])),
    ],
)
def test_every_instruction(line, matrix):
    assert np.allclose(unitary(read_qcis(line)), matrix)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-.5", -0.5),
        ("+1.5e-3", 0.0015),
        ("pi", math.pi),
        ("-pi/2", -math.pi / 2),
        ("3*pi/4", 3 * math.pi / 4),
        ("pi*0.5", math.pi / 2),
        ("π", math.pi),
    ],
)
def test_angles(text, value):
    assert read_qcis(f"RZ Q0 {text}").params[0, 0] == value


def test_case_blank_lines_and_comments():
    circuit = read_qcis("# head\n\n  h q0 // tail\r\n//x\ncz\tQ0  q1 # y\n")
    assert circuit.op.tolist() == [Op.H, Op.CZ]


def test_measurements_fill_bits_in_order():
    circuit = read_qcis("X Q2\nM Q2 Q0\nM Q1")
    assert circuit.measurements() == [(2, 0), (0, 1), (1, 2)]
    assert [(r.name, r.size) for r in circuit.cregs] == [("c", 3)]
    assert distribution(circuit) == {"001": 1.0}


def test_qubits_keep_their_numbers():
    circuit = read_qcis("X Q14\nB Q20 Q14\nI Q26 5")
    assert circuit.num_qubits == 27
    assert circuit.operands(1) == [20, 14]


def test_an_empty_program():
    circuit = read_qcis("// nothing\n")
    assert (circuit.num_qubits, len(circuit)) == (0, 0)


@pytest.mark.parametrize(
    ("text", "kind", "where", "message"),
    [
        ("H Q0\nFOO Q0", "parse", (2, 1), "'FOO' is not a QCIS instruction"),
        ("H", "parse", (1, 1), "H takes one qubit and 0 angle"),
        ("H Q0 Q1", "parse", (1, 6), "not 2 operands"),
        ("RZ Q0", "parse", (1, 4), "RZ takes one qubit and 1 angle"),
        ("  RZ Q0 x1y", "unsupported", (1, 9), "'x1y' has no value"),
        ("RZ Q0 1..2", "parse", (1, 7), "'1..2' is not an angle"),
        ("RZ Q0 1e999", "parse", (1, 7), "'1e999' is not finite"),
        ("RZ Q0 pi/0", "parse", (1, 7), "'pi/0' is not finite"),
        ("RZ Q0 inf", "unsupported", (1, 7), "'inf' has no value"),
        ("RZ Q0 ١", "parse", (1, 7), "is not an angle"),
        ("H 0", "parse", (1, 3), "'0' is not a qubit"),
        ("H Q", "parse", (1, 3), "'Q' is not a qubit"),
        ("H Q-1", "parse", (1, 3), "'Q-1' is not a qubit"),
        ("H Q٣", "parse", (1, 3), "is not a qubit"),
        ("B G0", "unsupported", (1, 3), "G0 is a coupler"),
        ("FSIM G0 1 2", "unsupported", (1, 1), "'FSIM' acts on a coupler"),
        ("PLS G3 1", "unsupported", (1, 1), "'PLS' acts on a coupler"),
        ("CZ Q0", "parse", (1, 4), "CZ takes two qubits"),
        ("CZ Q0 Q0", "parse", (1, 1), "CZ names a qubit twice"),
        ("M", "parse", (1, 1), "M names no qubit"),
        ("M Q0 Q0", "parse", (1, 1), "M names a qubit twice"),
        ("I Q0 soon", "parse", (1, 6), "'soon' is not a time"),
        ("I Q0 1 2", "parse", (1, 1), "at most one time"),
        ("H Q100000", "limit-size", (1, 3), "more than 100000 qubits"),
        ("H Q" + "9" * 5000, "limit-size", (1, 3), "more than 100000 qubits"),
        ("x" * 5000, "parse", (1, 1), "is not a QCIS instruction"),
    ],
)
def test_errors_have_line_and_column(text, kind, where, message):
    with pytest.raises(ProgramError, match=r"^line") as caught:
        read_qcis(text)
    error = caught.value
    assert (error.kind, (error.line, error.column)) == (kind, where)
    assert message in error.message and len(error.message) < 120


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(gates=2), "H Q0\n" * 3),
        (Limits(clbits=2), "M Q0 Q1 Q2"),
        (Limits(source_bytes=10), "H Q0\n" * 3),
        (Limits(qubits=2), "H Q2"),
    ],
)
def test_limits(limits, text):
    with pytest.raises(ProgramError) as caught:
        read_qcis(text, limits)
    assert caught.value.kind == "limit-size"
