"""Expectation values: each Pauli string on the gates that it can see."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.engines.base import Expectation, Pauli
from markaz.quantum.simulate.execute import run_task
from markaz.quantum.simulate.facts import Facts, describe
from markaz.quantum.simulate.pipeline import Job, finished, part_seeds, summarised
from markaz.quantum.simulate.result import PartPlan, Plan, Result
from markaz.quantum.simulate.settle import settle
from markaz.quantum.simulate.simplify.driver import simplify_values
from markaz.quantum.simulate.simplify.outcome import Part
from markaz.quantum.simulate.tasks import EXPECT, Task

SPLIT_FROM_SECONDS = 0.005  # a cheaper joint run is not worth looking at cone by cone
SPLIT_UP_TO = 2000  # strings


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


def _planned(job: Job, layout: Layout, offset: int = 0) -> Layout:
    for i, piece in enumerate(layout.pieces):
        rows = job.rows(piece.facts, offset + i, paulis=max(len(piece.paulis), 1))
        facts = piece.facts
        piece.plan = PartPlan(facts.qubits, facts.gates, facts.to_json(), rows)
    return layout


def _joined(layouts: list[Layout]) -> Layout:
    """One layout of many."""
    pieces: list[Piece] = []
    factors: list[list[tuple[int, int]] | None] = []
    for layout in layouts:
        base = len(pieces)
        pieces += layout.pieces
        factors += [None if f is None else [(base + i, j) for i, j in f] for f in layout.factors]
    return Layout(pieces, factors)


def choose_layout(job: Job, circuit: Circuit, paulis: list[Pauli]) -> Layout:
    """All strings together, or each on its own light cone, whichever is predicted cheaper."""
    joint = _planned(job, lay_out(circuit, paulis))
    wanted = joint.predicted()
    if job.replay is not None and "cones" not in job.replay.get("plan", {}).get("why", ""):
        return joint
    if wanted < SPLIT_FROM_SECONDS or not 1 < len(paulis) <= SPLIT_UP_TO:
        return joint
    alone: list[Layout] = []
    total = 0.0
    for pauli in paulis:
        layout = _planned(job, lay_out(circuit, [pauli]), sum(len(x.pieces) for x in alone))
        total += layout.predicted() + 2e-6 * len(circuit)
        if total >= wanted and job.replay is None:
            return joint
        alone.append(layout)
    return _joined(alone)


def _prepared(job: Job) -> tuple[Layout, list[Pauli], Plan]:
    assert job.observables is not None
    circuit = settle(job.circuit)
    if circuit.is_dynamic:
        raise ProgramError(
            "unsupported",
            "expectation values need a program without mid-circuit measurement, reset or "
            "control flow",
        )
    paulis = list(dict.fromkeys(p for o in job.observables for p in o.paulis if p.factors))
    layout = choose_layout(job, circuit, paulis)
    plan = summarised([p.plan for p in layout.pieces if p.plan is not None], [])
    if len(layout.pieces) > 1:
        plan.why += "; light cones are simulated apart"
    left = sum(len(p.part.circuit) for p in layout.pieces)
    plan.simplifications.append(f"{len(circuit)} operations became {left}")
    return layout, paulis, plan


def plan_values(job: Job) -> Plan:
    """The plan for expectation values; runs nothing."""
    return _prepared(job)[2]


def _evaluate(job: Job, layout: Layout) -> float:
    """Fill in the pieces' values; returns the largest error bound."""
    bound = 0.0
    seeds = part_seeds(job.seed, len(layout.pieces))
    engines = job.engines()
    for piece, seed in zip(layout.pieces, seeds, strict=False):
        if not piece.paulis or piece.plan is None:
            piece.values = np.ones(0)
            continue
        task = Task(EXPECT, 0, seed, job.budget.threads, (), tuple(piece.paulis))
        answer, piece.plan.engine = run_task(
            engines,
            piece.plan.candidates,
            piece.part.circuit,
            task,
            piece.facts,
            job.budget,
            job.log,
        )
        assert isinstance(answer, Expectation)
        piece.values, bound = answer.values, max(bound, answer.bound)
    return bound


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
    layout, paulis, plan = _prepared(job)
    planned = time.monotonic()
    bound = _evaluate(job, layout)
    by_pauli = {p: _value(layout, f) for p, f in zip(paulis, layout.factors, strict=True)}
    assert job.observables is not None
    values = [_total(o, by_pauli) for o in job.observables]
    errors = [bound * sum(abs(c) for c in o.coefficients) for o in job.observables]
    return replace(finished(job, plan, planned), values=values, standard_errors=errors)
