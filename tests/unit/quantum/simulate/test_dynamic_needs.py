"""Circuits with feedback: who cannot run them, what they hold, what the error says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.api import explain, run
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.dynamic_needs import Needs, needs_of
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.registry import engines, get
from markaz.quantum.simulate.plan import dynamic_candidates

GIB = 1 << 30
DYNAMIC = {k: e for k, e in engines().items() if e.dynamic}


def feedback(n: int, *, layers: int = 2, op: Op = Op.RY, loop: bool = False) -> Circuit:
    """Layers of one-qubit gates and CX on a line, each followed by a measurement that
    decides on a gate; with ``loop`` by a loop until it is 0."""
    b = Builder()
    b.qreg("q", n)
    b.creg("c", n)
    for k in range(layers):
        for q in range(n):
            b.gate(op, [q], [0.1 + q + k] * TABLE[op].num_params)
        for q in range(k % 2, n - 1, 2):
            b.gate(Op.CX, [q, q + 1])
        b.measure(k, k)
        b.control(Op.WHILE if loop else Op.IF, ("bits", k, 1))
        b.gate(Op.X, [k])
        if loop:
            b.measure(k, k)
        b.control(Op.END)
        b.gate(Op.H, [k])
    return b.build()


def refusals(circuit: Circuit, memory: int) -> dict[str, str]:
    rows = dynamic_candidates(DYNAMIC, circuit, 1024, memory)
    return {r.engine: r.refused for r in rows if r.refused is not None}


def test_engines_that_hold_all_amplitudes_are_refused_by_what_they_need() -> None:
    assert refusals(feedback(34), 16 * GIB) == {
        "aer:statevector": "needs 256 GiB, the limit is 16 GiB",
        "aer:stabilizer": "68 gates are not Clifford",
    }


def test_a_state_that_just_fits_is_not_refused() -> None:
    assert refusals(feedback(20), 1 << 24) == {"aer:stabilizer": "40 gates are not Clifford"}
    assert "aer:statevector" in refusals(feedback(20), (1 << 24) - 1)


def test_qubits_beyond_the_engine_are_refused_whatever_the_memory() -> None:
    assert refusals(feedback(34, op=Op.H), 1 << 60) == {"aer:statevector": "at most 32 qubits"}


def test_idle_qubits_need_no_memory() -> None:
    b = Builder()
    b.qreg("q", 31)
    b.creg("c", 1)
    b.gate(Op.H, [30])
    b.gate(Op.MCX, [3, 4, 5, 6])
    b.measure(30, 0)
    b.control(Op.IF, ("bits", 0, 1))
    b.gate(Op.X, [2])
    b.control(Op.END)

    assert needs_of(b.build()).used == 6
    assert "aer:statevector" not in refusals(b.build(), 1 << 10)


def test_refused_engines_come_last_and_know_no_cost() -> None:
    rows = dynamic_candidates(DYNAMIC, feedback(34), 1024, GIB)

    assert [r.engine for r in rows][-2:] == ["aer:statevector", "aer:stabilizer"]
    assert [r.predicted_seconds for r in rows[-2:]] == [math.inf, math.inf]


@pytest.mark.parametrize("op", [op for op in TABLE if op < Op.MCX])
@pytest.mark.parametrize("angle", [math.pi / 2, math.pi / 4, 0.3])
def test_who_is_refused_for_its_gates_would_refuse_them(op: Op, angle: float) -> None:
    b = Builder()
    b.qreg("q", 3)
    b.creg("c", 1)
    b.gate(op, range(TABLE[op].num_qubits), [angle] * TABLE[op].num_params)
    b.measure(0, 0)
    circuit = b.build()

    if "aer:stabilizer" in refusals(circuit, GIB):
        with pytest.raises(EngineRefusal, match="is not a Clifford gate"):
            get("aer:stabilizer").sample_dynamic(circuit, 1, 0)
    elif TABLE[op].num_params == 0 or op in (Op.RX, Op.RY, Op.RZ, Op.P):
        assert get("aer:stabilizer").sample_dynamic(circuit, 1, 0).shots == 1


def test_clifford_circuits_keep_their_tableaux() -> None:
    needs = needs_of(feedback(60, op=Op.S))

    assert (needs.clifford, needs.outside) == (True, 0)
    assert needs.most_bytes(get("markaz:branch"), 1024) == 14 * (4 * 60**2 + 1_000_000)
    assert needs.most_bytes(get("prism:auto"), 1024) == 4 * 60**2 + 1_000_000


def test_loops_may_repeat_a_gate_on_every_qubit() -> None:
    straight, looped = (needs_of(feedback(12, op=Op.T, loop=loop)) for loop in (False, True))

    assert straight == Needs(12, 12, branching=2, bond=1, clifford=False, outside=24)
    assert looped == Needs(12, 12, branching=12, bond=6, clifford=False, outside=24)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("aer:statevector", 16 << 12),
        ("aer:stabilizer", 4 * 144 + 1_000_000),
        ("prism:auto", 3 * 16 << 12),
        ("markaz:branch", 14 * 16 << 12),
        ("aer:mps", 8 * 16 * 12 * 4),
        ("ddsim:decision-diagram", 64 * 12 * 2**2),
    ],
)
def test_bytes_are_bounded_for_every_engine(key: str, expected: int) -> None:
    assert needs_of(feedback(12, op=Op.T)).most_bytes(get(key), 1024) == expected


def test_sparse_branches_are_bounded_by_the_states_that_they_may_hold() -> None:
    needs = needs_of(feedback(70))

    assert needs.most_bytes(get("markaz:branch"), 1) == 4 * 4 * (16 + 16) * (1 << 18)


def test_hopeless_sizes_are_numbers() -> None:
    needs = Needs(100_000, 100_000, 100_000, 50_000, clifford=False, outside=1)

    assert {needs.refusal(e, GIB) for e in DYNAMIC.values()} == {
        None,
        "needs 1.36e+10 ZiB, the limit is 1 GiB",
        "1 gates are not Clifford",
    }
    assert min(needs.most_bytes(e, 10**8) for e in DYNAMIC.values()) > 0


@pytest.mark.parametrize(
    ("engine", "kind", "words"),
    [
        ("aer:statevector", "limit-memory", "aer:statevector needs 256 GiB, the limit is 64 MiB"),
        ("aer:stabilizer", "engine", "68 gates are not Clifford"),
    ],
)
def test_nothing_is_started_when_no_engine_is_left(engine: str, kind: str, words: str) -> None:
    with pytest.raises(ProgramError) as caught:
        run(feedback(34), engine=engine, memory_limit=1 << 26)

    assert caught.value.kind == kind
    assert caught.value.message.endswith(f"({words})")


def test_an_explanation_says_that_no_engine_fits() -> None:
    plan = explain(feedback(34), engine="aer:statevector", memory_limit=1 << 26)

    assert (plan.engine, plan.predicted_bytes) == ("none", 0)
    assert plan.why == f"no engine fits 34 qubits and {len(feedback(34))} gates"


def test_few_states_run_within_less_than_all_amplitudes_need() -> None:
    """Forty qubits in basis states, and one in a superposition, within 64 MiB."""
    b = Builder()
    b.qreg("q", 40)
    b.creg("c", 2)
    b.gate(Op.RY, [0], [1.0])
    for q in range(39):
        b.gate(Op.CX, [q, q + 1])
    b.measure(0, 0)
    b.control(Op.WHILE, ("bits", 0, 1))
    b.gate(Op.RY, [0], [1.0])
    b.measure(0, 0)
    b.control(Op.END)
    b.measure(39, 1)

    result = run(b.build(), shots=4000, seed=3, memory_limit=1 << 26)

    one = math.sin(0.5) ** 2
    assert set(result.counts or {}) == {"00", "10"}
    share = (result.counts or {})["10"] / 4000
    assert abs(share - one) < 6 * np.sqrt(one * (1 - one) / 4000)
