from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_expressions import (
    ClassicalWriter,
    Variable,
    parameter_text,
)
from markaz.quantum.programs.export_openqasm import to_openqasm3
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.reference import distribution

WRITER = ClassicalWriter(
    [Variable("c", 0, 3, True), Variable("v", 3, 2, False), Variable("b", 5, 1, True)]
)
C, V = ("bits", 0, 3), ("bits", 3, 2)


def const(value):
    return ("const", value)


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (("bits", 1, 1), "c[1]"),
        (("bits", 5, 1), "b[0]"),
        (C, "uint[3](c) != 0"),
        (V, "v != 0"),
        (("bits", 1, 2), "uint[2](c[1:2]) != 0"),
        (("eq", C, const(5)), "c == 5"),
        (("lt", C, V), "uint[3](c) < v"),
        (("lt", C, ("neg", V)), "int[5](uint[3](c)) < int[5]((-int[4](v)))"),
        (("not", ("bits", 0, 1)), "!c[0]"),
        (("not", C), "!(uint[3](c) != 0)"),
        (("land", ("bits", 0, 1), ("eq", V, const(2))), "c[0] && (v == 2)"),
        (("lor", C, V), "(uint[3](c) != 0) || (v != 0)"),
        (("gt", ("add", C, const(1)), const(3)), "(uint[4](uint[3](c)) + 1) > 3"),
        (("cast", ("add", V, const(1)), 2), "(v + 1) != 0"),
        (("and", C, const(6)), "(uint[3](c) & 6) != 0"),
        (("inv", V, 2), "~v != 0"),
        (("gt", C, ("neg", const(1))), "c > -1"),
        (("inv", const(0), 2), "3 != 0"),
        (("add", const(2), ("bits", 0, 0)), "2 != 0"),
        (("bits", 2, 2), "(uint[2](c[2]) | (uint[2](v[0]) << 1)) != 0"),
    ],
)
def test_conditions(expr, text):
    assert WRITER.condition(expr) == text


@pytest.mark.parametrize(
    ("offset", "size", "expr", "text"),
    [
        (0, 1, const(1), "c[0] = 1;"),
        (0, 1, ("eq", V, const(1)), "c[0] = v == 1;"),
        (0, 1, V, "c[0] = bool(uint[1](v));"),
        (0, 3, const(5), "c = bit[3](5);"),
        (1, 2, V, "c[1:2] = bit[2](v);"),
        (3, 2, const(2), "v = 2;"),
        (3, 2, const(-1), "v = 3;"),
        (3, 2, C, "v = uint[2](uint[3](c));"),
        (3, 2, ("cast", ("add", V, const(1)), 2), "v = v + 1;"),
        (3, 2, ("neg", V), "v = uint[2]((-int[4](v)));"),
    ],
)
def test_assignments(offset, size, expr, text):
    assert WRITER.assignment(offset, size, expr) == text


def test_what_has_no_text_is_refused():
    with pytest.raises(ProgramError, match="across classical registers"):
        WRITER.assignment(2, 2, const(1))
    with pytest.raises(ProgramError, match="bits"):
        WRITER.condition(("shl", C, ("pow", const(7), const(9))))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (("const", np.pi / 2), "pi/2"),
        (("param", "a"), "x"),
        (("neg", ("param", "a")), "-x"),
        (("abs", ("param", "a")), "sqrt(x*x)"),
        (("asin", ("param", "a")), "arcsin(x)"),
        (("mod", ("param", "a"), ("const", 2.0)), "mod(x, 2.0)"),
        (("pow", ("add", ("param", "a"), ("const", 1.0)), ("const", 2.0)), "(x + 1.0) ** 2.0"),
    ],
)
def test_parameter_expressions(expr, text):
    assert parameter_text(expr, {"a": "x"}) == text


LEAVES = st.one_of(
    st.integers(0, 6).map(lambda v: ("const", v)),
    st.sampled_from([C, V, ("bits", 0, 1), ("bits", 1, 2), ("bits", 2, 2), ("bits", 5, 1)]),
)


def deeper(inner):
    two = ["and", "or", "xor", "add", "sub", "mul", "eq", "ne", "lt", "le", "gt", "ge"]
    return st.one_of(
        st.tuples(st.sampled_from([*two, "land", "lor"]), inner, inner),
        st.tuples(st.sampled_from(["not", "neg"]), inner),
        st.tuples(st.sampled_from(["inv", "cast"]), inner, st.integers(1, 5)),
        st.tuples(st.sampled_from(["shl", "shr"]), inner, st.integers(0, 3).map(const)),
        st.tuples(st.sampled_from(["div", "mod"]), inner, st.integers(1, 5).map(const)),
    )


@given(st.recursive(LEAVES, deeper, max_leaves=6), st.integers(0, 63))
def test_the_reader_computes_what_the_circuit_does(expr, value):
    """The value is assigned to a visible register, for one setting of all bits."""
    builder = Builder()
    builder.qreg("q", 1)
    builder.creg("c", 3)
    builder.creg("v", 2, hidden=True)
    builder.creg("b", 1)
    builder.creg("out", 8)
    builder.gate(Op.X, (0,))
    for bit in range(6):
        if value >> bit & 1:
            builder.measure(0, bit)
    builder.assign(6, 8, expr)
    builder.control(Op.IF, expr)
    builder.assign(0, 3, const(0))
    builder.control(Op.END)
    circuit = builder.build()
    assert distribution(read_openqasm(to_openqasm3(circuit))) == distribution(circuit)
