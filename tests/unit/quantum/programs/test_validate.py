"""Every rule of the flat circuit, broken one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from markaz.quantum.programs import classical, parameters
from markaz.quantum.programs.circuit import Builder, Circuit, Register
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.validate import (
    CLASSICAL,
    PARAMETRIC,
    InvalidCircuitError,
    validate,
)


def base() -> Builder:
    """Three qubits, four bits, one gate of each form."""
    b = Builder()
    b.qreg("q", 3)
    b.creg("c", 4)
    b.gate(Op.CX, [0, 1])
    b.gate(Op.RX, [2], [0.5])
    b.gate(Op.MCX, [0, 1, 2])
    b.barrier([0, 0])
    b.measure(1, 3)
    b.assign(0, 2, ("const", 3))
    return b


def refuse(circuit: Circuit, match: str, limits: Limits = DEFAULT) -> None:
    with pytest.raises(InvalidCircuitError, match=match):
        validate(circuit, limits)


def changed(name: str, index: Any, value: Any) -> Circuit:
    """The base circuit with one element of an array replaced."""
    circuit = base().build()
    array = getattr(circuit, name).copy()
    array[index] = value
    return circuit.with_arrays(**{name: array})


def test_every_operation_is_accepted_where_it_belongs() -> None:
    b = base()
    for gate in TABLE.values():
        b.gate(gate.op, range(gate.num_qubits or 2), [0.1] * gate.num_params)
    b.control(Op.IF, ("bits", 0, 4))
    b.control(Op.ELSE)
    b.control(Op.END)
    b.control(Op.WHILE, ("const", 0))
    b.control(Op.CONTINUE)
    b.control(Op.IF, ("const", 1))
    b.control(Op.BREAK)
    b.control(Op.END)
    b.control(Op.END)
    b.reset(0)
    validate(b.build(), DEFAULT)
    validate(Builder().build(), DEFAULT)


@pytest.mark.parametrize(
    ("name", "index", "value", "match"),
    [
        ("op", 0, 99, "unknown operation"),
        ("op", 0, 47, "unknown operation"),
        ("op", 0, Op.X, "number of qubits"),
        ("op", 0, Op.CCX, "number of qubits"),
        ("op", 0, Op.END, "number of qubits"),
        ("qubits", (0, 0), 3, "qubit out of range"),
        ("qubits", (0, 0), -1, "number of qubits"),
        ("qubits", (0, 2), 2, "number of qubits"),
        ("qubits", (0, 2), -2, "number of qubits"),
        ("qubits", (0, 0), 1, "qubit twice"),
        ("qubits", (2, 0), -1, "outside the pool"),
        ("qubits", (2, 0), 100, "outside the pool"),
        ("qubits", (2, 1), 100, "outside the pool"),
        ("qubits", (2, 1), -1, "outside the pool"),
        ("qubits", (2, 1), 2**31 - 1, "outside the pool"),
        ("qubits", (2, 2), 0, "outside the pool"),
        ("qubits", (2, 1), 0, "without qubits"),
        ("qubits", (2, 1), 4, "qubit twice"),
        ("qubits", (5, 1), 1, "without its bits"),
        ("pool", 0, 3, "qubit out of range"),
        ("pool", 0, -1, "qubit out of range"),
        ("pool", 0, 2, "qubit twice"),
        ("pool", 5, 3, "bits out of range"),
        ("pool", 5, -1, "bits out of range"),
        ("pool", 6, 0, "bits out of range"),
        ("aux", 4, 4, "classical bit out of range"),
        ("aux", 4, -1, "classical bit out of range"),
        ("aux", 5, 1, "expression out of range"),
        ("aux", 5, -1, "expression out of range"),
        ("aux", 0, 0, "stray operand"),
        ("params", (1, 0), np.nan, "not a number"),
        ("params", (1, 3), np.nan, "not a number"),
        ("params", (1, 0), np.inf, "infinite"),
        ("params", (0, 3), -np.inf, "infinite"),
    ],
)
def test_one_wrong_element_is_found(name: str, index: Any, value: Any, match: str) -> None:
    refuse(changed(name, index, value), match)


def test_pool_ranges_may_overlap_but_not_grow_without_bound() -> None:
    shared = np.array([[0, 3, -1]] * 4, np.int32)
    c = base().build()
    circuit = c.with_arrays(
        op=np.full(4, Op.MCX, np.uint8),
        qubits=shared,
        params=np.zeros((4, 4)),
        aux=np.full(4, -1, np.int32),
    )
    validate(circuit, DEFAULT)
    wide = circuit.with_arrays(
        op=np.full(4, Op.BARRIER, np.uint8),
        qubits=np.array([[0, 5, -1]] * 4, np.int32),
    )
    refuse(wide, "too many operands", Limits(gates=4, qubits=3))


@pytest.mark.parametrize(
    ("limits", "match"),
    [
        (Limits(qubits=2), "3 qubits"),
        (Limits(clbits=3), "4 classical bits"),
        (Limits(gates=5), "6 operations"),
    ],
)
def test_sizes_are_limited(limits: Limits, match: str) -> None:
    refuse(base().build(), match, limits)


def _blocks(*ops: Op) -> Circuit:
    b = Builder(num_clbits=1)
    for op in ops:
        b.control(op, ("bits", 0, 1) if op in (Op.IF, Op.WHILE) else None)
    return b.build()


@pytest.mark.parametrize(
    ("ops", "match"),
    [
        ((Op.IF,), "does not end"),
        ((Op.WHILE,), "does not end"),
        ((Op.END,), "END without"),
        ((Op.ELSE,), "ELSE without"),
        ((Op.IF, Op.ELSE, Op.ELSE, Op.END), "ELSE without"),
        ((Op.WHILE, Op.ELSE, Op.END), "ELSE without"),
        ((Op.IF, Op.END, Op.END), "END without"),
        ((Op.BREAK,), "outside a loop"),
        ((Op.IF, Op.BREAK, Op.END), "outside a loop"),
        ((Op.WHILE, Op.END, Op.CONTINUE), "outside a loop"),
        ((Op.IF,) * 201 + (Op.END,) * 201, "200 nested"),
    ],
)
def test_blocks_must_be_closed(ops: tuple[Op, ...], match: str) -> None:
    refuse(_blocks(*ops), match)


def test_deepest_allowed_blocks() -> None:
    validate(_blocks(*[Op.IF] * 200, *[Op.END] * 200), DEFAULT)


@pytest.mark.parametrize(
    "expr",
    [
        (),
        ("const",),
        ("const", 1.5),
        ("const", "1"),
        ("const", 1, 2),
        ("bits", 0),
        ("bits", 0, 5),
        ("bits", 4, 1),
        ("bits", -1, 1),
        ("bits", 0, 0),
        ("bits", 0.0, 1),
        ("param", "x"),
        ("add", ("const", 1)),
        ("add", ("const", 1), ("const", 1), ("const", 1)),
        ("add", 1, 2),
        ("not", ("const", 1), ("const", 1)),
        ("cast", ("const", 1), 0),
        ("cast", ("const", 1), 1 << 30),
        ("cast", ("const", 1), ("const", 1)),
        ("inv", ("const", 1)),
        ("sin", ("const", 1)),
        (1, 2),
        [],
        ["const", 1],
    ],
    ids=str,
)
def test_bad_classical_expressions(expr: Any) -> None:
    b = base()
    b.assign(0, 1, expr)
    refuse(b.build(), "expression|operands|width")


@pytest.mark.parametrize(
    "expr",
    [
        ("param", "y"),
        ("param", 1),
        ("bits", 0, 1),
        ("const", float("inf")),
        ("const", True),
        ("sin", ("param", "x"), ("param", "x")),
        ("eq", ("param", "x"), ("param", "x")),
        ("system", ("param", "x")),
    ],
    ids=str,
)
def test_bad_parameter_expressions(expr: Any) -> None:
    refuse(_unbound(lambda b: b.symbolic.append((1, 0, expr))), "expression|operands")


def _unbound(change: Callable[[Builder], None]) -> Circuit:
    b = base()
    b.parameters.append("x")
    b.ps[4] = float("nan")
    change(b)
    return b.build()


def test_parameters_must_fit_their_places() -> None:
    good = (1, 0, ("param", "x"))
    validate(_unbound(lambda b: b.symbolic.append(good)), DEFAULT)
    refuse(_unbound(lambda b: None), "not a number")
    refuse(_unbound(lambda b: b.symbolic.extend([good, good])), "given twice")
    for place in ((6, 0), (-1, 0), (1, 1), (0, 0), (4, 0)):
        bad = (*place, ("param", "x"))
        refuse(_unbound(lambda b, bad=bad: b.symbolic.append(bad)), "place")


def test_depth_of_expressions_is_limited_without_recursion() -> None:
    expr: Any = ("const", 1)
    for _ in range(100_000):
        expr = ("not", expr)
    b = base()
    b.assign(0, 1, expr)
    refuse(b.build(), "500 levels")


def test_registers_with_wrong_types() -> None:
    c = base().build()
    for bad in (Register(1, 1, 0), Register("r", 1.0, 0), Register("r", 1, 0, 0)):  # type: ignore[arg-type]
        refuse(c.with_arrays(qregs=(bad,)), "type")


def test_arrays_of_different_lengths() -> None:
    c = base().build()
    refuse(c.with_arrays(aux=c.aux[:-1]), "lengths")
    refuse(c.with_arrays(qubits=c.qubits[:, :2]), "lengths")


def test_the_operators_are_those_that_are_evaluated() -> None:
    for name, count in CLASSICAL.items():
        operands = [("const", 1)] if count in (1, -1) else [("const", 1)] * 2
        width = (3,) if count == -1 else ()
        assert isinstance(classical.evaluate((name, *operands, *width), []), int)
    for name, count in PARAMETRIC.items():
        value = parameters.evaluate_parameters((name, *[("const", 0.5)] * count), {})
        assert np.isfinite(value)
