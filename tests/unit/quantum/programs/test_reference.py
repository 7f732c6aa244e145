from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes, distribution, unitary
from markaz.testing.random_gates import random_gates


def program(qubits, clbits=0):
    builder = Builder()
    builder.qreg("q", qubits)
    if clbits:
        builder.creg("c", clbits)
    return builder


def test_qubit_zero_is_the_least_significant_bit():
    builder = program(3)
    builder.gate(Op.X, (1,))
    assert np.flatnonzero(amplitudes(builder.build())).tolist() == [2]


def test_the_first_operand_is_the_control():
    builder = program(3)
    builder.gate(Op.X, (2,))
    builder.gate(Op.CX, (2, 0))
    assert np.flatnonzero(amplitudes(builder.build())).tolist() == [5]


def test_mcx_flips_its_last_operand():
    builder = program(4)
    for q in (0, 1, 3):
        builder.gate(Op.X, (q,))
    builder.gate(Op.MCX, (3, 0, 1, 2))
    assert np.flatnonzero(amplitudes(builder.build())).tolist() == [15]


def test_mcp_turns_the_all_ones_state_of_its_qubits():
    builder = program(3)
    builder.gate(Op.MCP, (2, 0), (0.7,))
    expected = np.diag([1, 1, 1, 1, 1, e := cmath.exp(0.7j), 1, e])
    assert np.allclose(unitary(builder.build()), expected)


def test_global_phase_is_included():
    builder = program(1)
    builder.global_phase = 0.5
    assert amplitudes(builder.build())[0] == pytest.approx(cmath.exp(0.5j))


def test_agrees_with_an_independent_simulator():
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Operator

    rng = np.random.default_rng(5)
    theirs = QuantumCircuit(4, global_phase=0.3)
    ours = program(4)
    ours.global_phase = 0.3
    for _ in range(40):
        a, b, c = rng.permutation(4)[:3].tolist()
        t = rng.uniform(-3, 3, 4).tolist()
        theirs.cu(*t, a, b)
        ours.gate(Op.CU, (a, b), t)
        theirs.ccx(a, b, c)
        ours.gate(Op.CCX, (a, b, c))
        theirs.u(*t[:3], c)
        ours.gate(Op.U, (c,), t[:3])
    assert np.allclose(Operator(theirs).data, unitary(ours.build()))


def test_amplitudes_are_the_first_column_of_the_unitary():
    circuit = random_gates(np.random.default_rng(1), 4, 60)
    assert np.allclose(amplitudes(circuit), unitary(circuit)[:, 0])


def test_only_gates_have_amplitudes():
    builder = program(1, 1)
    builder.measure(0, 0)
    with pytest.raises(ValueError, match="MEASURE is not a gate"):
        amplitudes(builder.build())


@pytest.mark.parametrize("function", [amplitudes, distribution])
def test_unbound_parameters_are_refused(function):
    builder = program(1)
    builder.gate(Op.RX, (0,), (math.nan,))
    builder.parameters.append("a")
    builder.symbolic.append((0, 0, ("param", "a")))
    with pytest.raises(ValueError, match="unbound"):
        function(builder.build())


def test_distribution_of_a_bell_pair():
    builder = program(2, 2)
    builder.gate(Op.H, (0,))
    builder.gate(Op.CX, (0, 1))
    builder.measure(0, 0)
    builder.measure(1, 1)
    assert distribution(builder.build()) == pytest.approx({"00": 0.5, "11": 0.5})


def test_keys_have_the_highest_bit_on_the_left_and_no_hidden_bits():
    builder = program(1)
    builder.creg("a", 1)
    builder.creg("v", 1, hidden=True)
    builder.creg("b", 2)
    builder.gate(Op.X, (0,))
    builder.measure(0, 1)
    builder.measure(0, 3)
    assert distribution(builder.build()) == {"100": 1.0}


def test_teleportation_with_conditions():
    builder = program(3, 3)
    builder.gate(Op.RY, (0,), (1.1,))
    builder.gate(Op.H, (1,))
    builder.gate(Op.CX, (1, 2))
    builder.gate(Op.CX, (0, 1))
    builder.gate(Op.H, (0,))
    builder.measure(0, 0)
    builder.measure(1, 1)
    for bit, op in ((1, Op.X), (0, Op.Z)):
        builder.control(Op.IF, ("bits", bit, 1))
        builder.gate(op, (2,))
        builder.control(Op.END)
    builder.gate(Op.RY, (2,), (-1.1,))
    builder.measure(2, 2)
    assert distribution(builder.build()) == pytest.approx(
        {"000": 0.25, "001": 0.25, "010": 0.25, "011": 0.25}
    )


def test_else_is_taken_where_the_condition_fails():
    builder = program(1, 2)
    builder.control(Op.IF, ("bits", 0, 1))
    builder.assign(0, 2, ("const", 1))
    builder.control(Op.ELSE)
    builder.assign(0, 2, ("const", 2))
    builder.control(Op.END)
    assert distribution(builder.build()) == {"10": 1.0}


def test_repeat_until_success_converges():
    builder = program(1, 1)
    builder.control(Op.WHILE, ("not", ("bits", 0, 1)))
    builder.reset(0)
    builder.gate(Op.H, (0,))
    builder.measure(0, 0)
    builder.control(Op.END)
    assert distribution(builder.build()) == pytest.approx({"1": 1.0})


def test_break_and_continue():
    """Counts c to 3; the assignment after continue is never reached."""
    builder = program(1, 3)
    builder.control(Op.WHILE, ("const", 1))
    builder.assign(0, 2, ("add", ("bits", 0, 2), ("const", 1)))
    builder.control(Op.IF, ("lt", ("bits", 0, 2), ("const", 3)))
    builder.control(Op.CONTINUE)
    builder.assign(2, 1, ("const", 1))
    builder.control(Op.END)
    builder.control(Op.BREAK)
    builder.control(Op.END)
    assert distribution(builder.build()) == {"011": 1.0}


def test_reset_of_half_an_entangled_pair():
    builder = program(2, 2)
    builder.gate(Op.H, (0,))
    builder.gate(Op.CX, (0, 1))
    builder.reset(0)
    builder.measure(0, 0)
    builder.measure(1, 1)
    assert distribution(builder.build()) == pytest.approx({"00": 0.5, "10": 0.5})


def test_an_endless_loop_is_stopped():
    builder = program(1, 1)
    builder.control(Op.WHILE, ("const", 1))
    builder.control(Op.END)
    with pytest.raises(ProgramError) as caught:
        distribution(builder.build())
    assert caught.value.kind == "limit-size"
