"""Expectation values: each Pauli string on the gates that it can see.

Strings that stay few on their way back through the circuit are carried back at once
(``carried``). The others are simulated, all on one state or in groups on the light cones
that they share.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.carried import Carried, carry, cones_within_reason
from markaz.quantum.simulate.cones import Cone
from markaz.quantum.simulate.engines.adapter import truncation_bound
from markaz.quantum.simulate.engines.base import Expectation, Pauli
from markaz.quantum.simulate.execute import run_task
from markaz.quantum.simulate.facts import Facts, describe
from markaz.quantum.simulate.pipeline import DEFERRED, Job, finished, part_seeds, summarised
from markaz.quantum.simulate.result import PartPlan, Plan, Result
from markaz.quantum.simulate.simplify.driver import simplify_values
from markaz.quantum.simulate.simplify.outcome import Part
from markaz.quantum.simulate.tasks import EXPECT, Task
from markaz.quantum.simulate.value_gates import seen_by_values
from markaz.quantum.simulate.value_rows import value_rows

SPLIT_FROM_SECONDS: Final = 0.005  # a cheaper joint run is not worth looking at apart
MOST_ERROR: Final = 1e-3  # bound on a string's value up to which no approximation was made
APART: Final = "light cones are simulated apart"


@dataclass(slots=True)
class Piece:
    """One component and the local strings asked of it."""

    part: Part
    facts: Facts
    paulis: list[Pauli] = field(default_factory=list)
    index: dict[Pauli, int] = field(default_factory=dict)
    plan: PartPlan | None = None
    values: NDArray[np.float64] | None = None

    def ask(self, pauli: Pauli) -> int:
        """Index of a local string among those asked."""
        if pauli not in self.index:
            self.index[pauli] = len(self.paulis)
            self.paulis.append(pauli)
        return self.index[pauli]


@dataclass(slots=True)
class Layout:
    """Pieces, and for each string its factors: (piece, local index); None: the value is 0."""

    pieces: list[Piece]
    factors: list[list[tuple[int, int]] | None]

    def predicted(self) -> float:
        """Predicted seconds of all pieces."""
        return sum(_best(p.plan) for p in self.pieces if p.plan is not None)


def _best(plan: PartPlan) -> float:
    return min((c.predicted_seconds for c in plan.candidates if c.refused is None), default=np.inf)


def lay_out(circuit: Circuit, paulis: list[Pauli]) -> Layout:
    """Simplify for all strings at once and split the strings over the components."""
    parts, wire = simplify_values(circuit, paulis)
    pieces = [Piece(p, describe(p.circuit)) for p in parts]
    home = {int(w): (i, j) for i, p in enumerate(parts) for j, w in enumerate(p.wires)}
    return Layout(pieces, [_place(pieces, home, wire, p) for p in paulis])


def _place(
    pieces: list[Piece], home: dict[int, tuple[int, int]], wire: NDArray[np.int32], pauli: Pauli
) -> list[tuple[int, int]] | None:
    local: dict[int, list[tuple[int, str]]] = {}
    for qubit, factor in pauli.factors:
        at = home.get(int(wire[qubit]))
        if at is not None:
            local.setdefault(at[0], []).append((at[1], factor))
        elif factor != "Z":
            return None  # the wire is in state 0, where X and Y average to zero
    return [(i, pieces[i].ask(Pauli(tuple(sorted(f))))) for i, f in local.items()]


def _planned(job: Job, layout: Layout, carried: Carried, offset: int = 0) -> Layout:
    at = len(carried.parts()) + offset
    for i, piece in enumerate(layout.pieces):
        paulis = max(len(piece.paulis), 1)
        rows = value_rows(job, piece.facts, at + i, paulis, carried.engine)
        facts = piece.facts
        piece.plan = PartPlan(facts.qubits, facts.gates, facts.to_json(), rows)
    return layout


def _joined(layouts: list[Layout], order: list[int]) -> Layout:
    """One layout of many, whose strings together have the numbers ``order``."""
    pieces: list[Piece] = []
    factors: list[list[tuple[int, int]] | None] = [None] * len(order)
    numbers = iter(order)
    for layout in layouts:
        base = len(pieces)
        pieces += layout.pieces
        for found in layout.factors:
            moved = None if found is None else [(base + i, j) for i, j in found]
            factors[next(numbers)] = moved
    return Layout(pieces, factors)


def choose_layout(
    job: Job, circuit: Circuit, paulis: list[Pauli], groups: list[Cone], carried: Carried
) -> Layout:
    """All strings together, or each group on its own light cone, whichever is predicted
    cheaper; for ``paulis`` that were not ``carried`` back."""
    joint = _planned(job, lay_out(circuit, paulis), carried)
    wanted = joint.predicted()
    if job.replay is not None and APART not in job.replay.get("plan", {}).get("why", ""):
        return joint
    if len(groups) == 1 or (wanted < SPLIT_FROM_SECONDS and job.replay is None):
        return joint
    apart: list[Layout] = []
    total = 0.0
    for group in groups:
        layout = lay_out(circuit, [paulis[k] for k in group.strings])
        before = sum(len(x.pieces) for x in apart)
        total += _planned(job, layout, carried, before).predicted() + 2e-6 * len(circuit)
        if total >= wanted and job.replay is None:
            return joint
        apart.append(layout)
    return _joined(apart, [k for group in groups for k in group.strings])


@dataclass(slots=True)
class Prepared:
    """Values known already, the bound on their error, and what is left to simulate, of the
    strings that the observables' strings are ``moved`` to."""

    plan: Plan
    moved: dict[Pauli, Pauli]
    known: dict[Pauli, float]
    bound: float
    left: list[Pauli]
    layout: Layout


def _prepared(job: Job) -> Prepared:
    assert job.observables is not None
    seen = seen_by_values(job.circuit)
    circuit = seen.circuit
    asked = dict.fromkeys(p for o in job.observables for p in o.paulis if p.factors)
    moved = {p: seen.moved(p) for p in asked}
    paulis = list(dict.fromkeys(moved.values()))
    groups = cones_within_reason(circuit, paulis)
    carried = carry(job, circuit, paulis, groups)
    left = [p for p in paulis if p not in carried.values]
    if carried.values and left:
        groups = cones_within_reason(circuit, left)
    layout = Layout([], [])
    if left or not paulis:
        layout = choose_layout(job, circuit, left, groups, carried)
    parts = carried.parts() + [p.plan for p in layout.pieces if p.plan is not None]
    plan = summarised(parts, carried.in_words())
    if seen.wires is not None:
        plan.simplifications.insert(0, DEFERRED)
    if len(layout.pieces) > 1:
        plan.why += f"; {APART}"
    if layout.pieces:
        after = sum(len(p.part.circuit) for p in layout.pieces)
        plan.simplifications.append(f"{len(circuit)} gates became {after}")
    return Prepared(plan, moved, carried.values, carried.bound, left, layout)


def plan_values(job: Job) -> Plan:
    """The plan for expectation values; runs no engine on what is left to simulate."""
    return _prepared(job).plan


def _evaluate(job: Job, layout: Layout) -> float:
    """Fill in the pieces' values; returns the largest error bound."""
    bound = 0.0
    seeds = part_seeds(job.seed, len(layout.pieces))
    for piece, seed in zip(layout.pieces, seeds, strict=False):
        if not piece.paulis or piece.plan is None:
            piece.values = np.ones(0)
            continue
        answer = _answer(job, piece, piece.plan, seed)
        piece.values, bound = answer.values, max(bound, answer.bound)
    return bound


def _answer(job: Job, piece: Piece, plan: PartPlan, seed: int) -> Expectation:
    """Values by the first engine whose own error bound is small enough."""
    budget = job.budget
    allowed = max(MOST_ERROR, truncation_bound(budget.min_fidelity))
    task = Task(EXPECT, 0, seed, budget.threads, (), tuple(piece.paulis))
    while True:
        answer, plan.engine = run_task(
            job.engines(), plan.candidates, piece.part.circuit, task, piece.facts, budget, job.log
        )
        assert isinstance(answer, Expectation)
        if answer.bound <= allowed:
            return answer
        why = f"values could be wrong by {answer.bound:.1g} each"
        job.log.lines.append(f"{plan.engine}: {why}")
        plan.candidates = [
            replace(c, refused=why) if c.engine == plan.engine else c for c in plan.candidates
        ]


def _value(layout: Layout, factors: list[tuple[int, int]] | None) -> float:
    if factors is None:
        return 0.0
    product = 1.0
    for i, j in factors:
        values = layout.pieces[i].values
        assert values is not None
        product *= float(values[j])
    return product


def _total(observable: PauliSum, values: dict[Pauli, float]) -> float:
    return float(sum(c * (values[p] if p.factors else 1.0) for c, p in observable.terms))


def run_values(job: Job) -> Result:
    """Exact expectation values of the job's observables."""
    ready = _prepared(job)
    planned = time.monotonic()
    bound = max(ready.bound, _evaluate(job, ready.layout))
    layout = ready.layout
    by_pauli = ready.known | {
        p: _value(layout, f) for p, f in zip(ready.left, layout.factors, strict=True)
    }
    assert job.observables is not None
    by_string = {p: by_pauli[found] for p, found in ready.moved.items()}
    values = [_total(o, by_string) for o in job.observables]
    errors = [bound * sum(abs(c) for c in o.coefficients) for o in job.observables]
    return replace(finished(job, ready.plan, planned), values=values, standard_errors=errors)
