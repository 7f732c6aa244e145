"""Values of expressions: against Python, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.openqasm.literals import simple_number
from markaz.quantum.programs.parameters import evaluate_parameters

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\n'
PI = math.pi

REAL = {
    "pi/2": PI / 2,
    "-pi/2": -PI / 2,
    "3*pi/8": 3 * PI / 8,
    "pi*0.3": PI * 0.3,
    "-0.1*pi*7/3": -0.1 * PI * 7 / 3,
    "1e-3": 1e-3,
    ".5": 0.5,
    "2.": 2.0,
    "+1": 1.0,
    "--1": 1.0,
    "1/2": 0.5,
    "7/2*3": 10.5,
    "1-2-3": -4.0,
    "2^3^2": 512.0,
    "2**3": 8.0,
    "-2^2": -4.0,
    "2^-1": 0.5,
    "(1+2)*(3+4)": 21.0,
    "sin(pi/6)": math.sin(PI / 6),
    "cos(tan(0.3))": math.cos(math.tan(0.3)),
    "exp(ln(2))": math.exp(math.log(2)),
    "sqrt(2)": math.sqrt(2),
    "asin(0.5)+acos(0.5)+atan(0.5)": math.asin(0.5) + math.acos(0.5) + math.atan(0.5),
    "((((((1))))))": 1.0,
    "12345678901234567890": 12345678901234567890.0,
}
INTEGER = {
    "1/2": 0.0,
    "-7/2": -3.0,
    "7%3": 1.0,
    "-7%3": -1.0,
    "7.5%2": 1.5,
    "2**3**2": 512.0,
    "-2**2": -4.0,
    "1 << 4 | 3": 19.0,
    "6 & 3 ^ 1": 3.0,
    "~0": -1.0,
    "5 >> 1": 2.0,
    "0x1F + 0b101 + 0o17 + 1_000": 1051.0,
    "1 + 2 == 3 && !false": 1.0,
    "1 < 2 || 1/0 > 0": None,
    "tau/2 - pi": 0.0,
    "euler": math.e,
    "arcsin(0.5)": math.asin(0.5),
    "pow(2, 0.5)": 2**0.5,
    "mod(7, 4)": 3.0,
    "abs(-2)": 2.0,
    "ceiling(1.2) + floor(1.8)": 3.0,
    'popcount("1011")': 3.0,
    "int[4](9)": -7.0,
    "uint[4](17)": 1.0,
    "float(3)/2": 1.5,
    "int(2.9)": 2.0,
    "bool(2) + bool(0)": 1.0,
    "sizeof(r) * 2": 6.0,
}


def angle(text: str) -> float:
    return float(read_openqasm(text).params[0, 0])


@pytest.mark.parametrize(("text", "value"), REAL.items())
def test_version_2_computes_with_real_numbers(text: str, value: float) -> None:
    assert angle(f"{V2}rz({text}) q[0];") == value


@pytest.mark.parametrize(("text", "value"), REAL.items())
def test_a_gate_body_computes_the_same(text: str, value: float) -> None:
    assert angle(f"{V2}gate g a {{ rz({text}) a; }} g q[0];") == value


@pytest.mark.parametrize("text", [t for t in REAL if simple_number(t) is not None])
def test_short_cut_for_multiples_of_pi_is_exact(text: str) -> None:
    assert simple_number(text) == REAL[text]


@pytest.mark.parametrize(("text", "value"), [(t, v) for t, v in INTEGER.items() if v is not None])
def test_version_3_computes_with_whole_numbers(text: str, value: float) -> None:
    assert angle(f"{V3}qubit[3] r;rz({text}) q;") == value


@pytest.mark.parametrize(
    ("text", "kind", "column"),
    [
        ("1/0", "parse", 5),
        ("1%0", "parse", 5),
        ("(1", "parse", 8),
        ("1+", "parse", 6),
        ("1 2", "parse", 6),
        ("()", "parse", 5),
        ("sin()", "parse", 7),
        ("sin(1,2)", "parse", 7),
        ("sqrt(-1)", "parse", 8),
        ("ln(0)", "parse", 6),
        ("asin(2)", "parse", 8),
        ("(-8)**0.5", "parse", 8),
        ("0**-1", "parse", 5),
        ("nothing", "parse", 4),
        ("nan", "parse", 4),
        ("1.5 & 1", "parse", 8),
        ("1 << -1", "parse", 6),
        ("q", "parse", 4),
        ('"012"', "parse", 4),
        ("0x", "parse", 5),
        ("1e999", "limit-size", 4),
        ("exp(1000)", "limit-size", 7),
        ("10.0**400", "limit-size", 8),
        ("1e300*1e300", "limit-size", 9),
        ("2**2**2**30", "limit-size", 8),
        ("1<<1000000000", "limit-size", 5),
        ("9" * 2000, "limit-size", 4),
        ("(" * 300, "limit-size", 204),
        ("-" * 300, "limit-size", 204),
        ("c", "unsupported", 4),
        ("c + 1", "unsupported", 4),
    ],
)
def test_what_has_no_value_is_refused_at_its_place(text: str, kind: str, column: int) -> None:
    with pytest.raises(ProgramError) as error:
        read_openqasm(f"{V3}bit c;\nrz({text}) q;")
    assert (error.value.kind, error.value.line, error.value.column) == (kind, 5, column)


def test_sums_of_any_length_are_computed() -> None:
    terms = 30_000
    assert angle(f"{V2}rz({'+'.join(['1'] * terms)}) q[0];") == terms
    assert angle(f"{V3}rz({'-'.join(['1'] * terms)}) q;") == 2 - terms


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "2*a",
        "-a/3",
        "a + b*2 - 1",
        "sin(a)*cos(b)",
        "a**2",
        "arcsin(a)",
        "ln(b)",
        "a % 0.2",
        "sqrt(b)",
    ],
)
def test_inputs_stay_symbolic(text: str) -> None:
    values = {"a": 0.7, "b": 1.9}
    circuit = read_openqasm(f"{V3}input float a; input angle[32] b; rz({text}) q;")
    assert circuit.parameters == ("a", "b")
    assert math.isnan(circuit.params[0, 0])
    ((row, slot, expr),) = circuit.symbolic
    names = {"sin": math.sin, "cos": math.cos, "sqrt": math.sqrt, "ln": math.log}
    expected = eval(text, {"arcsin": math.asin, **names, **values})
    assert (row, slot) == (0, 0)
    np.testing.assert_allclose(evaluate_parameters(expr, values), expected)


def test_inputs_pass_through_definitions_and_modifiers() -> None:
    circuit = read_openqasm(
        f"{V3}input float a; qubit[3] r; gate g(t) x, y {{ rx(t/2) x; crz(-t) x, y; }}\n"
        "g(a*2) r[0], r[1]; inv @ u2(a, 1) r[0]; ctrl @ g(a) r[0], r[1], r[2];"
    )
    found = [
        (row, slot, float(evaluate_parameters(expr, {"a": 0.5})))
        for row, slot, expr in circuit.symbolic
    ]
    assert found[:3] == [(0, 0, 0.5), (1, 0, -1.0), (2, 2, -0.5)]
    assert found[3:] == [(3, 0, 0.25), (4, 0, -0.5), (5, 0, 0.25)]


@pytest.mark.parametrize("statement", ["if (a > 1) x q;", "int k = a;", "pow(a) @ x q;"])
def test_an_unbound_input_decides_nothing(statement: str) -> None:
    with pytest.raises(ProgramError) as error:
        read_openqasm(f"{V3}input float a; {statement}")
    assert error.value.kind in ("parse", "unsupported")
