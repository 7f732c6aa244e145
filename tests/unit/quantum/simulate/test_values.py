"""Expectation values: strings together, in groups and apart are the same."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.api import explain, run
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import carried, expect, value_rows
from markaz.quantum.simulate.cones import Cone
from markaz.quantum.simulate.engines.base import Expectation, Pauli
from markaz.quantum.simulate.facts import describe
from tests.native_circuits import pauli_values


def bricks(qubits: int, layers: int, seed: int) -> Circuit:
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", qubits)
    for layer in range(layers):
        for q in range(qubits):
            b.gate(Op.U, [q], list(rng.uniform(-3, 3, 3)))
        for q in range(layer % 2, qubits - 1, 2):
            b.gate(Op.CX, [q, q + 1])
    return b.build()


OBSERVABLES = ["Z0 Z1 - X2", "Y4", "Z9 X8", "0.3*X5 Z6 + Z0"]


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is carried back."""
    monkeypatch.setattr(carried, "FROM_SECONDS", 1e9)
    return monkeypatch


def exact(circuit: Circuit, observables: list[str]) -> list[float]:
    return [
        float(np.dot(o.coefficients, pauli_values(circuit, o.paulis)))
        for o in map(PauliSum.of, observables)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_grouped_by_cones_equals_ungrouped(seed: int, simulated: pytest.MonkeyPatch) -> None:
    circuit = bricks(10, 3, seed)
    joint = run(circuit, observables=OBSERVABLES, seed=seed)
    assert expect.APART not in joint.plan.why
    simulated.setattr(expect, "SPLIT_FROM_SECONDS", 0.0)
    simulated.setattr(expect.Layout, "predicted", lambda self: len(self.factors) ** 2.0)
    for groups in (2, 6):
        simulated.setattr(expect, "cones_within_reason", lambda c, p, g=groups: split(p, g))
        apart = run(circuit, observables=OBSERVABLES, seed=seed)
        assert len(apart.plan.parts) >= groups
        assert expect.APART in apart.plan.why
        assert apart.values == pytest.approx(joint.values, abs=1e-12)
    assert joint.values == pytest.approx(exact(circuit, OBSERVABLES), abs=1e-9)


def split(paulis: list[Pauli], groups: int) -> list[Cone]:
    """Strings dealt out in turn, whatever their cones."""
    return [Cone(tuple(range(k, len(paulis), groups)), 0) for k in range(groups)]


def test_narrow_cones_of_a_wide_circuit_are_simulated_apart(
    simulated: pytest.MonkeyPatch,
) -> None:
    circuit = bricks(60, 4, 1)
    pairs = [f"Z{q} Z{q + 1}" for q in (4, 5, 30, 50)]
    result = run(circuit, observables=pairs, seed=1)
    assert expect.APART in result.plan.why
    assert max(p.qubits for p in result.plan.parts) <= 11
    for pair, value in zip(pairs, result.values or [], strict=True):
        alone = run(circuit, observables=[pair], seed=1)
        assert value == pytest.approx((alone.values or [9])[0], abs=1e-12)
    again = run(circuit, observables=pairs, replay=result.to_json())
    assert [p.engine for p in again.plan.parts] == [p.engine for p in result.plan.parts]
    assert again.values == result.values


def test_at_most_two_matrix_product_states_are_tried(simulated: pytest.MonkeyPatch) -> None:
    plan = explain(bricks(40, 12, 2), observables=["Z20 Z21"])
    tried = [c.engine for c in plan.candidates if c.engine.endswith(":mps") and c.refused is None]
    assert "aer:mps" in tried
    assert len(tried) == 2
    plan = explain(bricks(40, 12, 2), observables=["Z20 Z21"], without=["aer", "prism"])
    tried = [c.engine for c in plan.candidates if c.engine.endswith(":mps") and c.refused is None]
    assert tried == ["panta:mps"]


def test_an_engine_given_up_is_left_out_where_others_finish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carried, "FROM_SECONDS", 0.0)
    monkeypatch.setattr(value_rows, "SOON_QUBITS", 0)
    plan = explain(bricks(14, 14, 3), observables=["Z6 Z7"])
    (row,) = [c for c in plan.candidates if c.engine == "markaz:pauli"]
    assert row.refused == "the strings soon became too many"
    wide = explain(bricks(60, 40, 3), observables=["Z30 Z31"], without=["prism"])
    (row,) = [c for c in wide.candidates if c.engine == "markaz:pauli"]
    assert row.refused is None


def test_values_that_could_be_wrong_are_refused(simulated: pytest.MonkeyPatch) -> None:
    answers = iter([Expectation(np.ones(1), 0.4), Expectation(np.ones(1), 1e-6)])
    used = iter(["prism:mps", "aer:mps"])
    simulated.setattr(expect, "run_task", lambda *_: (next(answers), next(used)))
    result = run(bricks(10, 3, 1), observables=["2*Z0"], seed=1)
    assert result.standard_errors == [2e-6]
    assert result.plan.attempts == ["prism:mps: values could be wrong by 0.4 each"]
    simulated.setattr(expect, "run_task", lambda *_: (Expectation(np.ones(1), 0.4), "prism:mps"))
    result = run(bricks(10, 3, 1), observables=["2*Z0"], seed=1, min_fidelity=0.9)
    assert result.standard_errors == [0.8]


def test_small_components_compare_state_vectors_only(simulated: pytest.MonkeyPatch) -> None:
    circuit = bricks(11, 4, 1)
    plan = explain(circuit, observables=["Z5 Z6"])
    assert describe(circuit).qubits == 11
    assert {c.engine.partition(":")[2] for c in plan.candidates} == {"dense", "statevector"}
    costs = [c.predicted_seconds for c in plan.candidates]
    assert costs == sorted(costs)


def test_a_reset_qubit_has_the_values_of_a_fresh_one() -> None:
    b = Builder()
    b.qreg("q", 1)
    b.gate(Op.H, [0])
    b.reset(0)
    b.gate(Op.H, [0])
    assert run(b.build(), observables=["X0", "Z0"]).values == pytest.approx([1, 0], abs=1e-12)
