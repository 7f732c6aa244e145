from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.parameters import (
    bind,
    bind_many,
    evaluate_parameters,
    parameters_of,
)

A, B = ("param", "a"), ("param", "b")
VALUES = {"a": 0.5, "b": -0.25}


def ansatz():
    """rx(a) and u(a*b, 0.125, b) on one qubit."""
    builder = Builder()
    builder.qreg("q", 1)
    builder.gate(Op.RX, (0,), (math.nan,))
    builder.gate(Op.U, (0,), (math.nan, 0.125, math.nan))
    builder.parameters += ["a", "b"]
    builder.symbolic += [(0, 0, A), (1, 0, ("mul", A, B)), (1, 2, B)]
    return builder.build()


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (("const", 2.0), 2.0),
        (A, 0.5),
        (("neg", A), -0.5),
        (("add", A, B), 0.25),
        (("sub", A, B), 0.75),
        (("mul", A, B), -0.125),
        (("div", A, B), -2.0),
        (("pow", A, ("const", 2.0)), 0.25),
        (("mod", ("const", -3.5), ("const", 2.0)), -1.5),
        (("sin", A), math.sin(0.5)),
        (("cos", A), math.cos(0.5)),
        (("tan", A), math.tan(0.5)),
        (("asin", A), math.asin(0.5)),
        (("acos", A), math.acos(0.5)),
        (("atan", A), math.atan(0.5)),
        (("exp", A), math.exp(0.5)),
        (("log", A), math.log(0.5)),
        (("sqrt", A), math.sqrt(0.5)),
        (("abs", B), 0.25),
    ],
)
def test_every_function(expr, value):
    assert evaluate_parameters(expr, VALUES) == pytest.approx(value, abs=1e-15)


def test_arrays_are_broadcast():
    values = {"a": np.array([[1.0], [2.0]]), "b": np.array([3.0, 4.0])}
    result = evaluate_parameters(("mul", A, B), values)
    assert result.tolist() == [[3.0, 4.0], [6.0, 8.0]]


def test_bind_replaces_every_parameter():
    bound = bind(ansatz(), VALUES)
    assert bound.params[:, :3].tolist() == [[0.5, 0, 0], [-0.125, 0.125, -0.25]]
    assert bound.parameters == () and bound.symbolic == ()


def test_bind_leaves_the_original_alone():
    circuit = ansatz()
    bind(circuit, VALUES)
    assert np.isnan(circuit.params).sum() == 3


def test_bind_without_parameters_is_the_same_circuit():
    bound = bind(ansatz(), VALUES)
    assert bind(bound, {}) is bound


def test_bind_many_evaluates_a_whole_sweep():
    values = np.array([[0.5, -0.25], [2.0, 3.0]])
    angles = bind_many(ansatz(), ["a", "b"], values)
    assert angles.tolist() == [[0.5, -0.125, -0.25], [2.0, 6.0, 3.0]]


def test_bind_many_takes_names_in_any_order():
    values = np.array([[0.5, -0.25]])
    swapped = bind_many(ansatz(), ["b", "a"], values[:, ::-1])
    assert swapped.tolist() == bind_many(ansatz(), ["a", "b"], values).tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1.0}, "no value for parameter 'b'"),
        ({}, "no value for parameters 'a', 'b'"),
        ({**VALUES, "c": 1.0}, "the program has no parameter 'c'"),
        ({**VALUES, "a": math.inf}, "the value of parameter 'a' is not finite"),
        ({"a": 1e200, "b": 1e200}, "an angle computed from parameters 'a', 'b' is not finite"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ProgramError, match=f"^{message}$") as caught:
        bind(ansatz(), values)
    assert caught.value.kind == "unsupported"


def test_a_bad_point_of_a_sweep_is_named():
    with pytest.raises(ProgramError, match="at point 1"):
        bind_many(ansatz(), ["a", "b"], np.array([[1.0, 1.0], [1e200, 1e200]]))


def test_a_very_deep_expression_is_refused():
    expr = A
    for _ in range(5000):
        expr = ("neg", expr)
    with pytest.raises(ProgramError) as caught:
        evaluate_parameters(expr, VALUES)
    assert caught.value.kind == "limit-size"


def test_parameters_of_names_them_all():
    assert parameters_of(("add", ("sin", A), ("mul", B, ("const", 2.0)))) == {"a", "b"}
