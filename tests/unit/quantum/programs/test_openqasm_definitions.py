"""Gate definitions: what a file says about a gate holds, and only when it is used."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.reference import unitary

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def ops(text: str) -> list[Op]:
    return [Op(int(x)) for x in read_openqasm(text).op]


def test_a_definition_in_the_file_comes_before_the_library() -> None:
    text = V2 + "gate h a { x a; }\ngate g a { h a; }\nqreg q[1];\nh q[0];\ng q[0];\nh q;"
    assert ops(text) == [Op.X, Op.X, Op.X]


def test_a_body_means_the_gates_defined_before_it() -> None:
    text = V2 + "gate g a { h a; }\ngate h a { x a; }\nqreg q[1];\ng q[0];\nh q[0];"
    assert ops(text) == [Op.H, Op.X]


def test_a_definition_after_use_holds_from_there_on() -> None:
    text = V2 + "qreg q[1];\nh q[0];\ngate h a { x a; }\nh q[0];"
    assert ops(text) == [Op.H, Op.X]


def test_usual_body_with_a_redefined_gate_inside_is_expanded() -> None:
    text = (
        V2 + "gate cx a,b { cz a,b; }\ngate dcx a,b { cx a,b; cx b,a; }\nqreg q[2];\ndcx q[0],q[1];"
    )
    assert ops(text) == [Op.CZ, Op.CZ]


def test_parameters_reach_inner_gates() -> None:
    text = V2 + (
        "gate inner(a,b) x { u2(a-b,a*b) x; }\n"
        "gate outer(a) x,y { inner(a/2,-a) y; inner(sin(a),a^2) x; rz(-(a+1)) x; }\n"
        "qreg q[2];\nouter(0.5) q[0],q[1];"
    )
    circuit = read_openqasm(text)
    assert circuit.qubits[:, 0].tolist() == [1, 0, 0]
    half = math.pi / 2
    expected = [
        [half, 0.75, -0.125, 0],
        [half, math.sin(0.5) - 0.25, math.sin(0.5) * 0.25, 0],
        [-1.5, 0, 0, 0],
    ]
    np.testing.assert_array_equal(circuit.params, expected)


def test_barriers_in_bodies_stay() -> None:
    circuit = read_openqasm(V2 + "gate g a,b { h a; barrier b,a; x b; }\nqreg q[2];\ng q[1],q[0];")
    assert circuit.op.tolist() == [Op.H, Op.BARRIER, Op.X]
    assert circuit.operands(1) == [0, 1]


def test_empty_and_unused_bodies() -> None:
    text = V2 + "gate none a {}\ngate two(p) a,b { }\nopaque dark(t) a,b;\nqreg q[2];\nnone q;"
    assert ops(text + "two(1) q[0],q[1];") == []


def test_an_opaque_gate_is_refused_only_when_applied() -> None:
    with pytest.raises(ProgramError, match="opaque") as error:
        read_openqasm(V2 + "opaque dark a;\nqreg q[1];\nh q[0];\n  dark q[0];")
    assert (error.value.kind, error.value.line, error.value.column) == ("unsupported", 6, 3)


def test_opaque_declaration_of_a_known_gate_changes_nothing() -> None:
    assert ops(V2 + "opaque h a;\nqreg q[1];\nh q[0];") == [Op.H]


def test_a_definition_may_follow_an_opaque_declaration() -> None:
    assert ops(V2 + "opaque g a;\ngate g a { x a; }\nqreg q[1];\ng q[0];") == [Op.X]


def test_large_and_small_gates_expand_alike() -> None:
    lines = "h a; rz(t) b; cx a,b; cp(t/2) b,a; swap a,b; "
    small = f"gate g(t) a,b {{ {lines * 3} }}\n"
    big = "gate g1(t) a,b { " + "g(t) a,b; g(-t) b,a; " * 300 + "}\n"
    tail = "qreg q[2];\n"
    whole = read_openqasm(V2 + small + big + tail + "g1(0.3) q[1],q[0];")
    pieces = read_openqasm(V2 + small + tail + "g(0.3) q[1],q[0];\ng(-0.3) q[0],q[1];\n" * 300)
    assert len(whole) == 9000 == len(pieces)
    for name in ("op", "qubits", "params", "aux"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_global_phase_of_a_body_counts_only_where_every_run_passes() -> None:
    text = V3 + "gate g a { gphase(0.5); x a; }\nqubit q; bit c;\ng q; c = measure q;\n"
    assert read_openqasm(text).global_phase == 0.5
    assert read_openqasm(text + "if (c) g q;").global_phase == 0.5
    assert unitary(read_openqasm(V3 + "qubit q; gphase(pi);"))[0, 0] == pytest.approx(-1)


@pytest.mark.parametrize(
    ("definition", "kind", "message"),
    [
        ("gate g a { y2 a; }", "parse", "'y2' is not defined"),
        ("gate g a { g a; }", "parse", "'g' is not defined"),
        ("gate g a { h b; }", "parse", "own qubits"),
        ("gate g a { h a[0]; }", "parse", "own qubits"),
        ("gate g a,b { cx a,a; }", "parse", "same qubit twice"),
        ("gate g a { cx a; }", "parse", "takes 2 qubits, not 1"),
        ("gate g a { rz a; }", "parse", "takes 1 parameters, not 0"),
        ("gate g a,a { h a; }", "parse", "two arguments of one name"),
        ("gate g a { measure a -> c; }", "parse", "only gates"),
        ("gate g a { reset a; }", "parse", "only gates"),
        ("gate g a { h a; } gate g a { x a; }", "parse", "defined twice"),
        ("gate g a { h a;", "parse", "never closed"),
        ("gate g a { rz(t) a; } qreg q[1]; g q[0];", "parse", "'t' is not defined"),
        ("gate g(t) a { rz(1/t) a; } qreg q[1]; g(0) q[0];", "parse", "division by zero"),
        ("gate g(t) a { rz(exp(t)) a; } qreg q[1]; g(1e4) q[0];", "limit-size", "too large"),
        ("gate g(s,t) a { x a; } qreg q[1]; g(1) q[0];", "parse", "2 parameters, not 1"),
        ("gate 7 a { }", "parse", "a gate name"),
    ],
)
def test_definitions_that_mean_nothing(definition: str, kind: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as error:
        read_openqasm(V2 + definition)
    assert error.value.kind == kind
    assert error.value.line == 3


def doubling(levels: int, prefix: str = "") -> str:
    text = "gate g0 a { h a; }\n"
    for i in range(1, levels + 1):
        text += f"gate g{i} a {{ {prefix}g{i - 1} a; {prefix}g{i - 1} a; }}\n"
    return text


def test_sizes_multiply_without_expansion() -> None:
    limits = Limits(gates=1024)
    text = V2 + doubling(10) + "qreg q[1];\n"
    assert len(read_openqasm(text + "g10 q[0];", limits)) == 1024
    with pytest.raises(ProgramError, match="more than 1024 operations") as error:
        read_openqasm(text + "h q[0];\ng10 q[0];", limits)
    assert (error.value.kind, error.value.line) == ("limit-size", 16)
    with pytest.raises(ProgramError, match="more than"):
        read_openqasm(V2 + doubling(190) + "qreg q[1];\ng190 q[0];")


def test_wrappers_around_wrappers_cost_no_more_than_they_add() -> None:
    chain = "".join(f"gate g{i} a {{ inv @ g{i - 1} a; }}\n" for i in range(13, 190))
    with pytest.raises(ProgramError, match="too long to expand") as error:
        read_openqasm(V3 + doubling(12) + chain + "qubit q; g189 q;")
    assert error.value.kind == "limit-size"


def test_definitions_nest_as_deep_as_the_limit_says() -> None:
    def chain(depth: int) -> str:
        inner = "".join(f"gate g{i} a {{ g{i - 1} a; }}\n" for i in range(1, depth))
        return V2 + "gate g0 a { h a; }\n" + inner + f"qreg q[1];\ng{depth - 1} q[0];"

    assert ops(chain(200)) == [Op.H]
    with pytest.raises(ProgramError, match="nested more than 200"):
        read_openqasm(chain(203))
