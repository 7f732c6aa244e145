"""Statements, their operands, and the places that errors name."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import read_openqasm, version_of
from markaz.quantum.programs.openqasm.lexer import Source

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("OPENQASM 2.0;", 2),
        ("OPENQASM 3;", 3),
        ("OPENQASM 3.1 ;", 3),
        ("\ufeffOPENQASM 3.0;", 3),
        ("// OPENQASM 2.0;\n/* OPENQASM 2.0; */ OPENQASM 3.0;", 3),
        ("qreg q[1];\nOPENQASM 3.0;", 3),
        ("qreg q[1];", 2),
        ('include "qelib1.inc";', 2),
        ('include "stdgates.inc";', 3),
        ("qubit q;", 3),
        ("  bit[4] c;", 3),
        ("const int n = 2;", 3),
        ("qreg q[2];\nctrl @ x q[0], q[1];", 3),
        ("", 2),
    ],
)
def test_version_comes_from_the_header_or_the_words(text: str, version: int) -> None:
    assert version_of(Source(text, Limits()))[0] == version


def test_other_versions_are_refused() -> None:
    with pytest.raises(ProgramError, match="version 4") as error:
        read_openqasm("\n OPENQASM 4.0;")
    assert (error.value.kind, error.value.line, error.value.column) == ("unsupported", 2, 11)


def test_registers_are_laid_out_in_order() -> None:
    circuit = read_openqasm(V2 + "qreg a[2];creg c[3];qreg b[1];creg d[2];")
    assert [(r.name, r.size, r.offset) for r in circuit.qregs] == [("a", 2, 0), ("b", 1, 2)]
    assert [(r.name, r.size, r.offset) for r in circuit.cregs] == [("c", 3, 0), ("d", 2, 3)]
    assert (circuit.num_qubits, circuit.num_clbits, len(circuit)) == (3, 5, 0)
    assert circuit.measured == "explicit"


def test_nothing_at_all_is_a_program() -> None:
    for text in ("", "\n \t", "// only words", "OPENQASM 2.0;", ";;;"):
        circuit = read_openqasm(text)
        assert (circuit.num_qubits, len(circuit)) == (0, 0)


def test_gates_run_over_registers() -> None:
    circuit = read_openqasm(
        V2 + "qreg a[3];qreg b[3];\nh a;\ncx a,b;\nccx a[0],b[1],b[2];\ncu1(0.5) a[1],b;"
    )
    rows = [circuit.operands(i) for i in range(len(circuit))]
    assert rows[:3] == [[0], [1], [2]]
    assert rows[3:6] == [[0, 3], [1, 4], [2, 5]]
    assert rows[6:] == [[0, 4, 5], [1, 3], [1, 4], [1, 5]]
    assert circuit.params[7:, 0].tolist() == [0.5, 0.5, 0.5]


def test_defined_and_large_gates_run_over_registers() -> None:
    text = V2 + "gate g a,b { cx b,a; }\nqreg a[2];qreg b[2];\ng a,b;\nmcx a[0],a[1],b;"
    circuit = read_openqasm(text.replace("mcx a[0],a[1],b;", "c3x a[0],a[1],b[0],b[1];"))
    assert [circuit.operands(i) for i in range(3)] == [[2, 0], [3, 1], [0, 1, 2, 3]]
    circuit = read_openqasm(text)
    assert [circuit.operands(i) for i in (2, 3)] == [[0, 1, 2], [0, 1, 3]]


def test_measure_reset_and_barrier_run_over_registers() -> None:
    circuit = read_openqasm(V2 + "qreg q[2];creg c[2];\nreset q;\nbarrier q;\nmeasure q -> c;")
    assert circuit.op.tolist() == [Op.RESET, Op.RESET, Op.BARRIER, Op.MEASURE, Op.MEASURE]
    assert circuit.operands(2) == [0, 1]
    assert circuit.measurements() == [(0, 0), (1, 1)]


def test_a_barrier_without_operands_is_on_all_qubits() -> None:
    circuit = read_openqasm(V3 + "qubit[2] q; qubit r; barrier; barrier q[0], q, q[1];")
    assert [circuit.operands(i) for i in range(2)] == [[0, 1, 2], [0, 1]]


def test_many_gates_may_share_a_line_and_one_gate_many() -> None:
    circuit = read_openqasm(
        V2 + "qreg q[2];h q[0];h q[1];cx q[0]\n,\nq[1]\n;rz\n(\n1\n)\nq [ 0 ] ;"
    )
    assert circuit.op.tolist() == [Op.H, Op.H, Op.CX, Op.RZ]


def test_conditions_of_version_2_compare_whole_registers() -> None:
    circuit = read_openqasm(V2 + "qreg q[2];creg c[2];creg d[2];\nif(d==2) cx q[0],q[1];")
    assert circuit.op.tolist() == [Op.IF, Op.CX, Op.END]
    assert circuit.exprs == (("eq", ("bits", 2, 2), ("const", 2)),)


def test_words_of_version_3_are_names_in_version_2() -> None:
    circuit = read_openqasm(
        V2 + "qreg bit[1];qreg let[1];creg end[1];\ngate box in { h in; }\n"
        "box bit[0];\ncx bit,let;\nmeasure let -> end;"
    )
    assert circuit.op.tolist() == [Op.H, Op.CX, Op.MEASURE]


def test_pragmas_and_annotations_say_nothing() -> None:
    text = V3 + 'pragma any ] thing; {\n#pragma more\nqubit q;\n@mine "x" (\n@yours\nx q;\n'
    assert read_openqasm(text).op.tolist() == [Op.X]


ERRORS = {
    # text after the two header lines: (kind, line, column, part of the message)
    "h q[0];": ("parse", 3, 3, "'q' is not defined"),
    "qreg q[2];\nh q[2];": ("parse", 4, 4, "out of range"),
    "qreg q[2];\nh q[0]": ("parse", 4, 7, "expected ';'"),
    "qreg q[2];\nh q[0] q[1];": ("parse", 4, 8, "expected ';'"),
    "qreg q[2];\nhh q[0];": ("parse", 4, 1, "gate 'hh' is not defined"),
    "qreg q[2];\ncx q[0],q[0];": ("parse", 4, 1, "same qubit twice"),
    "qreg q[2];\ncx q,q;": ("parse", 4, 1, "same qubit twice"),
    "qreg q[2];\ncx q[0];": ("parse", 4, 1, "takes 2 qubits, not 1"),
    "qreg q[2];\nrz q[0];": ("parse", 4, 1, "takes 1 parameters, not 0"),
    "qreg q[2];\nh(1) q[0];": ("parse", 4, 1, "takes 0 parameters, not 1"),
    "qreg q[2];\nmcx q[0];": ("parse", 4, 1, "at least 2"),
    "qreg q[2];qreg r[3];\ncx q,r;": ("parse", 4, 1, "different sizes"),
    "qreg q[2];\nqreg q[2];": ("parse", 4, 1, "declared twice"),
    "qreg q[0];": ("parse", 3, 1, "at least 1"),
    "qreg q[-1];": ("parse", 3, 1, "at least 1"),
    "qreg q;": ("parse", 3, 7, "expected '\\['"),
    "qreg q[2];creg c[2];\nmeasure q[0] -> q[1];": ("parse", 4, 17, "classical bits"),
    "qreg q[2];creg c[2];\nmeasure c -> c;": ("parse", 4, 1, "only qubits"),
    "qreg q[2];creg c[3];\nmeasure q -> c;": ("parse", 4, 1, "2 qubits are measured into 3"),
    "qreg q[2];\nmeasure q;": ("parse", 4, 10, "expected '->'"),
    "creg c[1];\nh c[0];": ("parse", 4, 3, "a qubit"),
    "qreg q[2];\nif(q==1) h q;": ("parse", 4, 5, "does not take|condition"),
    "qreg q[2];\nif(c==1) h q;": ("parse", 4, 4, "'c' is not defined"),
    "qreg q[2];\nh q[0];;;\n}": ("parse", 5, 1, "expected a statement"),
    "/* h q[0];": ("parse", 3, 1, "never closed"),
    'include "qelib1.inc;': ("parse", 3, 9, "never closed"),
    "qreg q[2];\nh \x00q[0];": ("parse", 4, 3, "unexpected character '\\\\x00'"),
    "qreg q[2];\nh q[0];\n\u2028 ¿;": ("parse", 5, 3, "unexpected character '¿'"),
    'include "/etc/passwd";': ("unsupported", 3, 9, "only qelib1.inc and stdgates.inc"),
    "include 'more.inc';": ("unsupported", 3, 9, "only qelib1.inc and stdgates.inc"),
    "qreg q[100001];": ("limit-size", 3, 1, "too large"),
    "qreg q[60000];\nqreg r[60000];": ("limit-size", 4, 1, "more than 100000 qubits"),
    "creg c[60000];\ncreg d[60000];": ("limit-size", 4, 1, "more than 100000 classical bits"),
}


@pytest.mark.parametrize(("text", "expected"), ERRORS.items())
def test_errors_name_their_place(text: str, expected: tuple[str, int, int, str]) -> None:
    kind, line, column, message = expected
    with pytest.raises(ProgramError, match=message) as error:
        read_openqasm(V2 + text)
    assert (error.value.kind, error.value.line, error.value.column) == (kind, line, column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('bit[2] c = "011";', "3 bits are assigned to 2"),
        ("qubit q; q = 1;", "only classical bits"),
        ("qubit q; let a = 3;", "an alias stands for"),
        ("qubit[2] q; let a = q ++ q;", "same qubit or bit twice"),
        ("qubit[2] q; x q[0][0];", "single qubit"),
        ("qubit[2] q; x q[{0, 5}];", "out of range"),
        ("qubit[2] q; x q[0, 1];", "one dimension"),
        ("qubit[2] q; ctrl(0) @ x q[0], q[1];", "at least 1"),
        ("qubit[2] q; ctrl(1.5) @ x q[0], q[1];", "whole number"),
        ("qubit[2] q; pow @ x q[0];", "another number of arguments"),
        ("qubit[2] q; ctrl @ x q[0];", "takes 1 qubits, not 0"),
        ("qubit[2] q; ctrl @ x q[0], q[0];", "same qubit twice"),
        ("int x = 1; int x = 2;", "declared twice"),
        ("const int x;", "has no value"),
        ("qubit q; 3 + 4;", "expected a statement"),
        ("qubit q; x;", "applied to nothing"),
        ("qubit q; if c x q;", "expected '\\('"),
        ("qubit q; $2;", "expected a statement"),
        ("qubit q; x $0;", "cannot be mixed"),
        ("uint[0] x = 1;", "at least 1"),
    ],
)
def test_errors_of_version_3(text: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as error:
        read_openqasm(V3 + text)
    assert error.value.kind in ("parse", "unsupported")
    assert error.value.line == 3


def test_the_first_error_of_a_long_list_is_found() -> None:
    lines = ["h q[0];", "cx q[0],q[1];", "rz(pi/4) q[1];"] * 2000
    for at, bad in ((0, "hh q[0];"), (2999, "h q[9];"), (5999, "rz(pi/0) q[0];")):
        text = V2 + "qreg q[2];\n" + "\n".join([*lines[:at], bad, *lines[at:]])
        with pytest.raises(ProgramError) as error:
            read_openqasm(text)
        assert error.value.line == 4 + at


def test_limits_can_be_given() -> None:
    text = V2 + "qreg q[4];\nh q;\nh q;\n"
    assert len(read_openqasm(text, Limits(gates=8))) == 8
    with pytest.raises(ProgramError, match="more than 7 operations") as error:
        read_openqasm(text, Limits(gates=7))
    assert (error.value.kind, error.value.line) == ("limit-size", 5)
    with pytest.raises(ProgramError, match="more than 10 characters"):
        read_openqasm(text, Limits(source_bytes=10))


def test_arrays_have_the_types_of_the_circuit() -> None:
    circuit = read_openqasm(V2 + "qreg q[3];\nh q[0];\nrz(0.5) q[1];\nmcx q[0],q[1],q[2];")
    dtypes = (circuit.op.dtype, circuit.qubits.dtype, circuit.params.dtype, circuit.aux.dtype)
    assert dtypes == (np.uint8, np.int32, np.float64, np.int32)
