"""Plans: which engines are candidates, in what order, and for how long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import plan
from markaz.quantum.simulate.cost_model import (
    HUGE,
    TERMS,
    in_words,
    predicted_bytes,
    predicted_seconds,
    table,
    terms,
    value_terms,
)
from markaz.quantum.simulate.engines.base import Method
from markaz.quantum.simulate.engines.registry import engines
from markaz.quantum.simulate.facts import Facts
from markaz.quantum.simulate.plan import (
    Attempt,
    candidates,
    dynamic_candidates,
    refusal,
    schedule,
)
from markaz.quantum.simulate.result import Candidate

GIB = 1 << 30


def facts(**changes: int | float) -> Facts:
    values: dict[str, int | float] = {
        "qubits": 10, "gates": 100, "entangling": 40, "non_clifford": 20, "branching": 30,
        "diagonal": 10, "widest": 2, "bond": 5, "bond_work": 1e6,
    }  # fmt: skip
    return Facts(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", Method)
def test_every_method_has_all_terms(method: Method) -> None:
    steps = terms(facts(), method, 1024)

    assert set(steps) == set(TERMS)
    assert all(0 <= amount <= HUGE for amount in steps.values())


@pytest.mark.parametrize("method", Method)
def test_hopeless_sizes_stay_finite(method: Method) -> None:
    wide = facts(qubits=100_000, non_clifford=90_000, branching=90_000, bond=50_000)

    assert max(terms(wide, method, 10**8).values()) <= HUGE
    assert max(value_terms(wide, method, 1000).values()) <= HUGE
    assert predicted_bytes(wide, method) > 0


def test_more_work_never_costs_less() -> None:
    for engine in engines().values():
        small, large = facts(), facts(qubits=14, gates=400, bond=7, bond_work=1e8)
        assert predicted_seconds(engine, terms(small, engine.method, 64)) <= predicted_seconds(
            engine, terms(large, engine.method, 1024)
        ), engine.key


def test_the_table_names_only_engines_that_exist() -> None:
    assert set(table()) <= set(engines())
    assert all(s >= 0 for row in table().values() for s in row.seconds)


def test_refusals_name_the_reason() -> None:
    found = engines()

    assert refusal(found["stim:stabilizer"], facts(), GIB) == "20 gates are not Clifford"
    assert refusal(found["stim:stabilizer"], facts(non_clifford=0), GIB) is None
    turned = refusal(found["prism:stabilizer-rank"], facts(rotations=7), GIB)
    assert turned == "7 rotations are not by multiples of pi/4"
    assert refusal(found["qevedo:near-clifford"], facts(rotations=7), GIB) is None
    wide = refusal(found["prism:statevector"], facts(qubits=30), GIB)
    assert wide == "needs 32 GiB, the limit is 1 GiB"


def test_candidates_come_best_first_and_refused_last() -> None:
    rows = candidates(engines().values(), facts(qubits=29), GIB, shots=1024)

    open_rows = [r.predicted_seconds for r in rows if r.refused is None]
    assert open_rows == sorted(open_rows)
    assert [r.refused is not None for r in rows] == sorted(r.refused is not None for r in rows)
    assert len(rows) == len(engines())


def row(key: str, seconds: float, *, certain: bool, refused: str | None = None) -> Candidate:
    return Candidate(key, seconds, 0, refused, certain, bounded=certain)


def planned(rows: list[Candidate], seconds: float) -> list[Attempt]:
    return list(schedule(rows, seconds))


def test_a_certain_engine_runs_to_its_end_in_this_process_when_short() -> None:
    assert planned([row("a", 0.01, certain=True)], 60.0) == [Attempt("a", 60.0, False)]


def test_a_long_run_goes_to_a_child() -> None:
    assert planned([row("a", 5.0, certain=True)], 60.0) == [Attempt("a", 60.0, True)]


def test_a_promising_uncertain_engine_goes_first_within_a_slice() -> None:
    rows = [row("a:mps", 0.1, certain=False), row("sv", 5.0, certain=True)]

    first, second, *rest = planned(rows, 60.0)

    assert first == Attempt("a:mps", pytest.approx(0.6), True)
    assert second == Attempt("sv", 60.0, True)
    assert {a.engine for a in rest} == {"a:mps"}


def test_engines_that_promise_more_take_turns() -> None:
    rows = [
        row("a:dd", 0.2, certain=False),
        row("b:mps", 0.5, certain=False),
        row("sv", 2.0, certain=True),
    ]

    before = list(itertools.takewhile(lambda a: a.engine != "sv", planned(rows, 60.0)))

    assert [a.engine for a in before[:4]] == ["b:mps", "a:dd"] * 2
    assert [a.seconds for a in before[:4]] == pytest.approx([0.03, 0.009, 0.048, 0.0144])
    assert sum(a.seconds for a in before) == pytest.approx(plan.SURE_SHARE * 2.0)


def test_a_bounded_engine_that_promises_more_runs_before_a_certain_one() -> None:
    bounded = Candidate("a:mps", 0.004, 0, None, certain=False, bounded=True)
    rows = [row("b:rank", 0.002, certain=False), bounded, row("sv", 0.02, certain=True)]

    first, second, third, *_ = planned(rows, 60.0)

    assert first == Attempt("b:rank", pytest.approx(0.015), True)
    assert second == Attempt("a:mps", 60.0, False)
    assert third == Attempt("sv", 60.0, False)


@pytest.mark.parametrize(
    ("second", "front"), [(75.0, {"c:mps", "d:mps", "a:dd"}), (300.0, {"c:mps", "a:dd"})]
)
def test_matrix_product_states_take_turns_where_they_promise_alike(
    second: float, front: set[str]
) -> None:
    keys = {"a:dd": 70.0, "b:rank": 71.0, "c:mps": 72.0, "d:mps": second, "e:mps": second + 1}
    rows = [row(key, seconds, certain=False) for key, seconds in keys.items()]

    attempts = planned(rows, 10.0)

    assert {a.engine for a in attempts[: -len(keys)]} == front
    assert {a.engine for a in attempts[-len(keys) :]} == set(keys)


def test_an_unpromising_one_gets_a_share_of_the_certain_time() -> None:
    rows = [row("sv", 5.0, certain=True), row("a:mps", 90.0, certain=False)]

    first, second = planned(rows, 60.0)[:2]

    assert first == Attempt("a:mps", 0.5, True)
    assert second.engine == "sv"


def test_without_certainty_slices_grow_until_the_time_is_used() -> None:
    rows = [row("a:mps", 90.0, certain=False), row("b:dd", 95.0, certain=False)]

    attempts = planned(rows, 10.0)

    slices = plan.FIRST_SLICE * plan.SLICE_GROWTH ** np.arange(len(attempts) // 2 - 1)
    assert [a.engine for a in attempts] == ["a:mps", "b:dd"] * (len(slices) + 1)
    assert [a.seconds for a in attempts[:-2:2]] == pytest.approx(slices)
    assert [a.seconds for a in attempts[1:-2:2]] == pytest.approx(plan.OTHER_SHARE * slices)
    assert [a.seconds for a in attempts[-2:]] == [5.0, 5.0]
    assert 4.0 < sum(a.seconds for a in attempts[:-2]) <= 8.0


def test_short_tries_are_repeated_when_much_time_has_been_used() -> None:
    rows = [row("a:mps", 90.0, certain=False), row("markaz:sparse", 95.0, certain=False)]

    attempts = planned(rows, 60.0)

    tries = [i for i, a in enumerate(attempts) if a.steps]
    assert tries[0] == 0
    assert len(tries) == 2
    assert attempts[tries[1]].steps > attempts[0].steps
    assert sum(a.seconds for a in attempts[1 : tries[1]]) >= plan.TRY_AGAIN


def test_refused_candidates_are_never_tried() -> None:
    assert planned([row("a", 0.0, certain=True, refused="too wide")], 9.0) == []


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1.02e+03 B"), (1536, "1.5 KiB"), (16 * GIB, "16 GiB")],
)
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_words(count) == words


def test_the_self_limiting_engine_is_tried_first_for_a_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "numba_is_loaded", lambda: True)
    rows = [row("sv", 0.2, certain=True), row("markaz:sparse", 1e9, certain=False)]

    first, second = planned(rows, 60.0)[:2]

    assert first == Attempt("markaz:sparse", pytest.approx(0.008), False, 160_000)
    assert second == Attempt("sv", 60.0, False)


def test_it_is_not_tried_where_another_is_done_at_once() -> None:
    rows = [row("sv", 0.0005, certain=True), row("markaz:sparse", 1e9, certain=False)]

    assert planned(rows, 60.0)[0] == Attempt("sv", 60.0, False)


def syndrome(op: Op) -> Circuit:
    b = Builder()
    b.qreg("q", 12)
    b.creg("c", 6)
    for k in range(6):
        b.gate(Op.H, [k])
        b.gate(op, [k, k + 6], [0.3])
        b.measure(k, k)
        b.gate(Op.H, [k])
    return b.build()


def test_histories_of_a_clifford_circuit_are_tried_first() -> None:
    found = {k: e for k, e in engines().items() if e.dynamic}
    rows = dynamic_candidates(found, syndrome(Op.CZ), 4096, GIB)

    first, second, *_ = schedule(rows, 10.0, in_order=True)

    assert (first.engine, first.in_child) == ("markaz:branch", False)
    assert 0 < first.steps < 2000
    assert second.engine == "prism:auto"


def test_histories_of_other_circuits_are_not() -> None:
    found = {k: e for k, e in engines().items() if e.dynamic}
    rows = dynamic_candidates(found, syndrome(Op.CRX), 4096, GIB)

    assert [a.steps for a in schedule(rows, 10.0, in_order=True) if a.steps] == []
