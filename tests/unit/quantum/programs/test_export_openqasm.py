from __future__ import annotations

import math
import time

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_openqasm import gates_text, to_openqasm2, to_openqasm3
from markaz.quantum.programs.gates import TABLE, Op
from markaz.testing.random_gates import random_gates

HEAD_3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
HEAD_2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def program(qubits, clbits=0):
    builder = Builder()
    builder.qreg("q", qubits)
    if clbits:
        builder.creg("c", clbits)
    return builder


def body(text):
    """The lines after the declarations."""
    lines = text.splitlines()
    last = max(
        i for i, x in enumerate(lines) if x.startswith(("qubit", "bit", "uint", "qreg", "creg"))
    )
    return lines[last + 1 :]


def test_a_bell_program():
    builder = program(2, 2)
    builder.gate(Op.H, (0,))
    builder.gate(Op.CX, (0, 1))
    builder.barrier((0, 1))
    builder.measure(0, 0)
    builder.measure(1, 1)
    circuit = builder.build()
    assert to_openqasm3(circuit) == HEAD_3 + (
        "qubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nbarrier q[0], q[1];\n"
        "c[0] = measure q[0];\nc[1] = measure q[1];\n"
    )
    assert to_openqasm2(circuit) == HEAD_2 + (
        "qreg q[2];\ncreg c[2];\nh q[0];\ncx q[0], q[1];\nbarrier q[0], q[1];\n"
        "measure q[0] -> c[0];\nmeasure q[1] -> c[1];\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.pi, "pi"),
        (-math.pi / 2, "-pi/2"),
        (3 * math.pi / 4, "3*pi/4"),
        (2 * math.pi, "2*pi"),
        (math.pi / 1024, "pi/1024"),
        (math.nextafter(math.pi, 4), "3.1415926535897936"),
        (0.1, "0.1"),
        (-0.0, "0.0"),
        (1e-5, "1.0e-05"),
        (1.5e300, "1.5e+300"),
    ],
)
def test_numbers_are_short_and_exact(value, text):
    builder = program(1)
    builder.gate(Op.RZ, (0,), (value,))
    assert body(to_openqasm3(builder.build())) == [f"rz({text}) q[0];"]


def test_pooled_gates_use_the_control_modifier():
    builder = program(4)
    builder.gate(Op.MCX, (3, 1, 0, 2))
    builder.gate(Op.MCX, (1,))
    builder.gate(Op.MCP, (0, 2), (0.5,))
    assert body(to_openqasm3(builder.build())) == [
        "ctrl(3) @ x q[3], q[1], q[0], q[2];",
        "x q[1];",
        "ctrl(1) @ p(0.5) q[0], q[2];",
    ]


def test_only_gates_in_use_are_defined():
    builder = program(2)
    builder.gate(Op.ISWAP, (0, 1))
    lines = to_openqasm3(builder.build()).splitlines()
    assert [x for x in lines if x.startswith("gate")] == [
        "gate iswap a, b { s a; s b; h a; cx a, b; cx b, a; h b; }"
    ]


def test_version_2_uses_names_that_old_libraries_know():
    builder = program(2)
    builder.gate(Op.U, (0,), (0.1, 0.2, 0.3))
    builder.gate(Op.P, (0,), (0.1,))
    builder.gate(Op.CP, (0, 1), (0.1,))
    assert body(to_openqasm2(builder.build())) == [
        "u3(0.1, 0.2, 0.3) q[0];",
        "u1(0.1) q[0];",
        "cu1(0.1) q[0], q[1];",
    ]


def test_control_flow_is_indented():
    builder = program(1, 2)
    builder.control(Op.WHILE, ("lt", ("bits", 0, 2), ("const", 2)))
    builder.control(Op.IF, ("bits", 1, 1))
    builder.gate(Op.X, (0,))
    builder.control(Op.BREAK)
    builder.control(Op.ELSE)
    builder.reset(0)
    builder.control(Op.CONTINUE)
    builder.control(Op.END)
    builder.control(Op.END)
    assert body(to_openqasm3(builder.build())) == [
        "while (c < 2) {",
        "  if (c[1]) {",
        "    x q[0];",
        "    break;",
        "  } else {",
        "    reset q[0];",
        "    continue;",
        "  }",
        "}",
    ]


def test_parameters_and_global_phase():
    builder = program(1)
    builder.global_phase = 0.25
    builder.parameters += ["theta", "x[0]"]
    builder.gate(Op.U, (0,), (math.nan, 0.5, math.nan))
    builder.symbolic += [
        (0, 0, ("mul", ("const", 2.0), ("param", "theta"))),
        (0, 2, ("neg", ("param", "x[0]"))),
    ]
    assert to_openqasm3(builder.build()) == HEAD_3 + (
        "input float[64] theta;\ninput float[64] x_0_;\nqubit[1] q;\ngphase(0.25);\n"
        "U(2.0 * theta, 0.5, -x_0_) q[0];\n"
    )


def test_names_are_made_legal_and_unique():
    builder = Builder()
    for name in ("x", "input", "a b", "a_b", "π"):
        builder.qreg(name, 1)
    builder.creg("a_b", 1)
    builder.creg("2nd", 1)
    circuit = builder.build()
    declared = [x.split()[1].rstrip(";") for x in to_openqasm3(circuit).splitlines()[2:]]
    assert declared == ["x_", "input_", "a_b", "a_b_", "π", "a_b_1", "r_2nd"]
    declared = [x.split()[1].split("[")[0] for x in to_openqasm2(circuit).splitlines()[2:]]
    assert declared == ["x_", "input_", "a_b", "a_b_", "r_", "a_b_1", "r_2nd"]


@pytest.mark.parametrize("registers", [[], [("a", 2, 1)], [("a", 2, 0), ("b", 2, 1)]])
def test_registers_that_do_not_hold_every_qubit_once_are_replaced(registers):
    from markaz.quantum.programs.circuit import Register

    circuit = Builder(3).build().with_arrays(qregs=tuple(Register(*r) for r in registers))
    assert to_openqasm3(circuit).splitlines()[2:] == ["qubit[3] q;"]


def test_hidden_registers_are_variables_after_the_visible_ones():
    builder = program(1)
    builder.creg("v", 3, hidden=True)
    builder.creg("c", 2)
    builder.measure(0, 1)
    builder.assign(0, 3, ("const", 5))
    circuit = builder.build().with_arrays(num_clbits=6)
    assert to_openqasm3(circuit).splitlines()[3:] == [
        "bit[2] c;",
        "uint[3] v = 0;",
        "uint[1] bits = 0;",
        "v[1] = measure q[0];",
        "v = 5;",
    ]
    with pytest.raises(ProgramError, match="no classical variables"):
        to_openqasm2(circuit)


def test_version_2_conditions():
    builder = program(1, 2)
    builder.control(Op.IF, ("eq", ("bits", 0, 2), ("const", 3)))
    builder.gate(Op.X, (0,))
    builder.barrier((0,))
    builder.measure(0, 1)
    builder.control(Op.END)
    assert body(to_openqasm2(builder.build())) == [
        "if(c==3) x q[0];",
        "barrier q[0];",
        "if(c==3) measure q[0] -> c[1];",
    ]


def test_version_2_refuses_a_condition_that_its_own_body_changes():
    builder = program(1, 1)
    builder.control(Op.IF, ("eq", ("bits", 0, 1), ("const", 0)))
    builder.measure(0, 0)
    builder.gate(Op.X, (0,))
    builder.control(Op.END)
    with pytest.raises(ProgramError, match="OpenQASM 2 has no control flow but"):
        to_openqasm2(builder.build())


@pytest.mark.parametrize(
    "blocks",
    [
        [Op.WHILE, Op.END],
        [Op.IF, Op.ELSE, Op.END],
        [Op.IF, Op.IF, Op.END, Op.END],
        [Op.ASSIGN],
        [Op.WHILE, Op.BREAK, Op.END],
    ],
)
def test_version_2_refuses_other_control_flow(blocks):
    builder = program(1, 2)
    equal = ("eq", ("bits", 0, 2), ("const", 1))
    for op in blocks:
        if op == Op.ASSIGN:
            builder.assign(0, 2, ("const", 1))
        else:
            builder.control(op, equal if op in (Op.IF, Op.WHILE) else None)
    with pytest.raises(ProgramError) as caught:
        to_openqasm2(builder.build())
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("expr", [("bits", 0, 1), ("eq", ("bits", 0, 1), ("const", 1))])
def test_version_2_refuses_other_conditions(expr):
    builder = program(1, 2)
    builder.control(Op.IF, expr)
    builder.gate(Op.X, (0,))
    builder.control(Op.END)
    with pytest.raises(ProgramError, match="register == constant"):
        to_openqasm2(builder.build())


def test_version_2_has_no_parameters():
    builder = program(1)
    builder.parameters.append("theta")
    with pytest.raises(ProgramError, match="give parameter 'theta' a value"):
        to_openqasm2(builder.build())


def test_gates_text_feeds_engines():
    builder = program(3)
    builder.gate(Op.U, (2,), (math.pi, 0.0, 1e-7))
    builder.gate(Op.CCX, (2, 0, 1))
    builder.barrier((0, 1))
    builder.barrier(())
    circuit = builder.build()
    lines = ["ccx q[2], q[0], q[1];", "barrier q[0], q[1];"]
    numbers = "(3.141592653589793, 0.0, 1.0e-07) q[2];"
    assert gates_text(circuit, 2).splitlines() == ["u3" + numbers, *lines]
    assert gates_text(circuit, 3).splitlines() == ["U" + numbers, *lines]
    assert gates_text(circuit, 3, {Op.U: "u"}).splitlines() == ["u" + numbers, *lines]
    assert gates_text(Builder(1).build(), 3) == ""


def test_gates_text_knows_gates_only():
    builder = program(1, 1)
    builder.measure(0, 0)
    with pytest.raises(ValueError, match="only gates"):
        gates_text(builder.build(), 2)


def test_version_2_has_no_text_for_pooled_gates():
    builder = program(3)
    builder.gate(Op.MCX, (0, 1, 2))
    with pytest.raises(ProgramError, match="OpenQASM 2 has no mcx"):
        gates_text(builder.build(), 2)
    assert gates_text(builder.build(), 2, {Op.MCX: "mcx"}) == "mcx q[0], q[1], q[2];\n"


@pytest.mark.parametrize("seed", range(4))
def test_qiskit_reads_the_same_unitary(seed):
    import qiskit.qasm2
    import qiskit.qasm3
    from qiskit.quantum_info import Operator

    from markaz.quantum.programs.reference import unitary

    circuit = random_gates(np.random.default_rng(seed), 4, 60)
    expected = unitary(circuit)
    third = Operator(qiskit.qasm3.loads(to_openqasm3(circuit))).data
    assert np.allclose(third, expected)
    known = qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    second = Operator(qiskit.qasm2.loads(to_openqasm2(circuit), custom_instructions=known)).data
    assert abs(np.vdot(second, expected)) == pytest.approx(16)


def test_cost_of_a_gate():
    """1 us a gate on an idle machine; twenty times that is a broken loop."""
    fixed = {op for op in TABLE if TABLE[op].num_qubits}
    circuit = random_gates(np.random.default_rng(1), 20, 20_000, fixed)
    gates_text(circuit, 2)
    started = time.process_time()
    gates_text(circuit, 2)
    assert time.process_time() - started < 20_000 * 20e-6
