"""Measurements moved to the end: the joint distribution of all classical bits stays."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum import run
from markaz.quantum.programs.circuit import Builder, Circuit, Expr
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import distribution
from markaz.quantum.simulate import defer
from markaz.quantum.simulate.defer import deferred
from markaz.quantum.simulate.pipeline import DEFERRED
from markaz.testing.feedback import (
    BITS,
    CONDITIONS,
    UNDER,
    difference,
    outcomes,
    random_gate,
    small_feedback,
)

TOLERANCE = 1e-9


@pytest.mark.parametrize("compiled", [False, True])
def test_feedback_keeps_its_distribution(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([31, compiled])
    monkeypatch.setattr(defer.defer_gates, "worth_it", lambda work: compiled)

    worst = max(difference(small_feedback(rng)) for _ in range(100))

    assert worst < TOLERANCE


@pytest.mark.parametrize("op", UNDER)
def test_every_gate_under_a_condition(op: Op) -> None:
    rng = np.random.default_rng([37, int(op)])
    worst = 0.0
    for _ in range(6):
        b = Builder()
        b.qreg("q", 3)
        b.creg("c", BITS)
        for q in range(3):
            b.gate(Op.U, [q], rng.uniform(-3, 3, 3).tolist())
        b.measure(2, 0)
        b.control(Op.IF, CONDITIONS[0])
        random_gate(b, op, rng)
        b.control(Op.END)
        for q in range(3):
            b.gate(Op.U, [q], rng.uniform(-3, 3, 3).tolist())
            b.measure(q, q)
        worst = max(worst, difference(b.build()))

    assert worst < TOLERANCE


def reset_by_hand() -> Circuit:
    """Measure and flip what was 1, twice."""
    b = Builder()
    b.qreg("q", 1)
    b.creg("c", 3)
    for bit in (0, 1):
        b.gate(Op.H, [0])
        b.measure(0, bit)
        b.control(Op.IF, ("bits", bit, 1))
        b.gate(Op.X, [0])
        b.control(Op.END)
    b.measure(0, 2)
    return b.build()


def test_a_flip_of_what_was_measured_as_1_is_a_reset() -> None:
    static = deferred(reset_by_hand())

    assert static is not None
    assert static.circuit.op.tolist() == [Op.H, Op.H]
    assert static.circuit.num_qubits == 3
    fair = {"000": 0.25, "001": 0.25, "010": 0.25, "011": 0.25}
    assert outcomes(static, 3) == pytest.approx(
        fair | dict.fromkeys(("100", "101", "110", "111"), 0)
    )


def conditional(expr: Expr, op: Op | None = Op.H) -> Builder:
    b = Builder()
    b.qreg("q", 2)
    b.creg("c", 3)
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.control(Op.IF, expr)
    if op is not None:
        b.gate(op, [1])
    return b


@pytest.mark.parametrize(
    "expr",
    [
        ("bits", 0, 2),
        ("lt", ("bits", 0, 2), ("const", 2)),
        ("eq", ("bits", 0, 1), ("bits", 1, 1)),
        ("eq", ("bits", 0, 1), ("const", 2)),
        ("lor", ("bits", 0, 1), ("bits", 1, 1)),
        ("xor", ("bits", 0, 2), ("bits", 2, 1)),
        ("land", ("bits", 0, 1), ("not", ("bits", 0, 1))),
    ],
)
def test_other_conditions_are_left_to_those_who_follow_histories(expr: Expr) -> None:
    b = conditional(expr)
    b.control(Op.END)

    assert deferred(b.build()) is None


def test_other_blocks_are_left_to_those_who_follow_histories() -> None:
    loop = Builder()
    loop.qreg("q", 1)
    loop.creg("c", 1)
    loop.control(Op.WHILE, ("bits", 0, 1))
    loop.control(Op.END)
    nested = conditional(("bits", 0, 1), None)
    nested.control(Op.IF, ("bits", 1, 1))
    nested.control(Op.END)
    nested.control(Op.END)
    measured = conditional(("bits", 0, 1), None)
    measured.measure(1, 1)
    measured.control(Op.END)
    unusual = conditional(("bits", 0, 1), None)
    unusual.gate(Op.ISWAP, [0, 1])
    unusual.control(Op.END)

    found = [deferred(b.build()) for b in (loop, nested, measured, unusual)]

    assert found == [None] * 4


@pytest.mark.parametrize(("value", "runs"), [(0, True), (1, False), (2, False), (3, True)])
def test_a_condition_on_two_bits_of_one_outcome(value: int, runs: bool) -> None:
    b = conditional(("bits", 0, 1), None)
    b.control(Op.END)
    b.measure(0, 1)
    b.control(Op.IF, ("eq", ("bits", 0, 2), ("const", value)))
    b.gate(Op.X, [1])
    b.control(Op.END)
    b.measure(1, 2)
    circuit = b.build()

    assert difference(circuit) < TOLERANCE
    assert any(key[0] == "1" for key in distribution(circuit)) == runs


def test_a_run_says_so_and_a_replay_does_it_again() -> None:
    first = run(reset_by_hand(), shots=4000, seed=3)
    again = run(reset_by_hand(), shots=4000, seed=3, replay=first.to_json())

    assert first.plan.simplifications[0] == DEFERRED
    assert sorted(first.counts or {}) == ["000", "001", "010", "011"]
    assert again.counts == first.counts


def test_a_run_before_results_were_moved_is_replayed_as_it_was() -> None:
    first = run(reset_by_hand(), shots=100, seed=3, engine="markaz:branch")
    again = run(reset_by_hand(), shots=100, seed=3, replay=first.to_json())

    assert again.plan.engine == "markaz:branch"
    assert again.counts == first.counts
