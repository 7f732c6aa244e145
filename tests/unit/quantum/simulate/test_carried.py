"""Strings carried back before any plan is made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from markaz.quantum.api import explain, run
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import carried, jit
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.pauli_rules import steps_of
from markaz.quantum.simulate.states_pauli import Allowance, carry_back
from tests.absent import library
from tests.native_circuits import CLIFFORD, pauli_values, random_gates, random_paulis

MUCH = Allowance(1 << 40, 1 << 40)


@pytest.fixture(params=["interpreted", "compiled"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    compiled = request.param == "compiled"
    monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_: compiled)
    return str(request.param)


def ring(qubits: int) -> Circuit:
    """One layer of QAOA on a ring: strings of at most 16 terms."""
    b = Builder()
    b.qreg("q", qubits)
    for q in range(qubits):
        b.gate(Op.H, [q])
    for q in range(qubits):
        b.gate(Op.RZZ, [q, (q + 1) % qubits], [0.6])
    for q in range(qubits):
        b.gate(Op.RX, [q], [0.8])
    return b.build()


def deep_corner(qubits: int) -> Circuit:
    """A ring, and five of its qubits scrambled."""
    circuit, rng = ring(qubits), np.random.default_rng(3)
    b = Builder()
    b.qreg("q", qubits)
    for i in range(len(circuit)):
        b.gate(Op(int(circuit.op[i])), circuit.operands(i), circuit.params[i, :1].tolist())
    for _ in range(12):
        for q in range(5):
            b.gate(Op.U, [q], list(rng.uniform(-3, 3, 3)))
        for q in range(4):
            b.gate(Op.CX, [q, q + 1])
    return b.build()


def neighbours(qubits: int) -> list[str]:
    return [f"Z{q} Z{q + 1}" for q in range(qubits - 1)]


def test_values_are_exact(form: str) -> None:
    for seed in range(8):
        circuit, paulis = random_gates(5, 25, seed), random_paulis(5, 6, seed)
        steps = steps_of(circuit, engine="test")
        values, lost, taken = carry_back(paulis, 5, steps, MUCH)
        assert np.abs(values - pauli_values(circuit, paulis)).max() < 1e-12
        assert lost < 1e-11
        assert taken >= len(steps) * len(paulis)


def test_both_forms_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, paulis = deep_corner(12), [Pauli(((q, "Z"),)) for q in (9, 2, 7, 1, 8)]
    steps = steps_of(circuit, engine="test")
    found = []
    for compiled in (False, True):
        monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_, c=compiled: c)
        found.append(carry_back(paulis, 12, steps, Allowance(3_000, 50_000)))
    (values, _, taken), (again, _, also) = found
    for each in (values, again):
        assert np.isnan(each).tolist() == [False, True, False, True, False]
    assert taken == also
    assert again[::2] == pytest.approx(values[::2], abs=1e-14)


def test_no_more_than_allowed_is_taken(form: str) -> None:
    circuit, paulis = deep_corner(12), [Pauli(((q, "Z"),)) for q in range(12)]
    steps = steps_of(circuit, engine="test")
    for waste, total in ((500, 100_000), (100_000, 700)):
        values, _, taken = carry_back(paulis, 12, steps, Allowance(waste, total))
        most = min(waste, total)
        assert np.isnan(values[:3]).all()
        assert taken <= most + (1 << 8)  # the step that went too far counts too


def test_strings_of_wide_circuits_need_no_state() -> None:
    result = run(ring(60), observables=[" + ".join(neighbours(60))], seed=1)
    small = pauli_values(ring(8), [Pauli(((3, "Z"), (4, "Z")))])[0]
    assert result.plan.engine == "markaz:pauli"
    assert result.values == pytest.approx([59 * small], abs=1e-10)
    assert result.standard_errors == [0.0]
    assert result.plan.simplifications == ["59 Pauli strings carried back through the circuit"]


def test_those_that_become_many_are_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "otherwise", lambda *_: 1.0)
    monkeypatch.setattr(carried, "WASTE_SECONDS", 0.05)
    monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_: False)
    observables = neighbours(12)[::-1]
    result = run(deep_corner(12), observables=observables, seed=1)
    paulis = [PauliSum.of(o).paulis[0] for o in observables]
    assert result.values == pytest.approx(pauli_values(deep_corner(12), paulis), abs=1e-9)
    first, *others = result.plan.parts
    assert first.engine == "markaz:pauli"
    assert 0 < first.facts["strings"] < 11
    assert others
    again = run(
        deep_corner(12), observables=observables, replay=json.loads(json.dumps(result.to_json()))
    )
    assert [p.engine for p in again.plan.parts] == [p.engine for p in result.plan.parts]
    assert again.values == result.values


def test_a_replay_without_it_does_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = [" + ".join(neighbours(14))]
    monkeypatch.setattr(carried, "FROM_SECONDS", 1e9)
    plain = run(ring(14), observables=text, seed=1)
    assert "waste" not in plain.plan.parts[0].facts
    monkeypatch.setattr(carried, "FROM_SECONDS", 0.0)
    again = run(ring(14), observables=text, replay=plain.to_json())
    assert [p.engine for p in again.plan.parts] == [p.engine for p in plain.plan.parts]
    assert again.values == plain.values


@pytest.mark.parametrize("options", [{"without": ["markaz"]}, {"engine": "panta"}])
def test_an_engine_that_may_not_run_is_not_tried(options: dict[str, object]) -> None:
    library("panta_sim")
    plan = explain(ring(16), observables=["Z0 Z1", "Z5"], **options)  # type: ignore[arg-type]
    assert not any("carried" in step for step in plan.simplifications)
    assert {p.candidates[0].engine.partition(":")[0] for p in plan.parts} != {"markaz"}


def test_clifford_circuits_of_any_width() -> None:
    circuit = random_gates(200, 3000, 5, ops=CLIFFORD)
    result = run(circuit, observables=["Z0", "X17 Y20", "Z3 Z199"], seed=2)
    assert result.plan.engine == "markaz:pauli"
    assert all(v in (-1.0, 0.0, 1.0) for v in result.values or [])
