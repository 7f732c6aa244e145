"""From a checked circuit to its result: simplify, describe, plan, run, put together."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.cost_model import CERTAIN
from markaz.quantum.simulate.defer import deferred
from markaz.quantum.simulate.engines.base import Engine
from markaz.quantum.simulate.engines.registry import engines as all_engines
from markaz.quantum.simulate.execute import Budget, Log, run_task
from markaz.quantum.simulate.facts import Facts, describe
from markaz.quantum.simulate.plan import (
    INSTANT,
    INSTANT_QUBITS,
    candidates,
    dynamic_candidates,
    instant,
)
from markaz.quantum.simulate.result import Candidate, PartPlan, Plan, Result, strings, tally
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.settle import settle
from markaz.quantum.simulate.simplify import Simplified, simplify
from markaz.quantum.simulate.simplify.outcome import side_by_side
from markaz.quantum.simulate.tasks import DYNAMIC, SAMPLE, Task
from markaz.quantum.simulate.treewidth import treewidth_bound
from markaz.quantum.simulate.versions import versions

if TYPE_CHECKING:
    from markaz.quantum.observables import PauliSum

DIRECT = "markaz:direct"
# Within these, or where a Clifford circuit is done as soon, only engines of certain time are
# looked at.
FEW_QUBITS, SOON_DONE = 13, 1.5e-3
TABLEAU, LEAST_CALLS = "stim:stabilizer", 4  # calls for Clifford components that are worth joining
FEW = 8  # independent qubits whose joint outcomes are drawn at once
DEFERRED = "mid-circuit results moved to the end"
DEFERRED_SECONDS = 3e-3  # of certain work, up to which that is better than following histories


@dataclass(slots=True)
class Job:
    """Everything that one run depends on."""

    circuit: Circuit
    shots: int
    seed: int
    budget: Budget
    engine: str
    without: tuple[str, ...]
    observables: tuple[PauliSum, ...] | None
    memory: bool
    replay: Mapping[str, Any] | None
    started: float
    parse_seconds: float
    wanted: str = "counts"
    log: Log = field(default_factory=Log)
    _engines: dict[str, Engine] | None = None

    def engines(self) -> dict[str, Engine]:
        """The engines that this job may use, of those that suit its kind."""
        if self._engines is None:
            self._engines = self._of_its_kind()
        return self._engines

    def _of_its_kind(self) -> dict[str, Engine]:
        found = all_engines(self.without)
        if self.engine != "auto":
            chosen = {k: e for k, e in found.items() if self.engine in (k, k.partition(":")[0])}
            if not chosen:
                known = ", ".join(sorted(found))
                raise ProgramError("engine", f"no engine {self.engine!r}; there are: {known}")
            found = chosen
        if self.observables is not None:
            return {k: e for k, e in found.items() if e.can_expect}
        if self.wanted != "counts":
            return {k: e for k, e in found.items() if e.can_state}
        return {k: e for k, e in found.items() if e.can_sample}

    def rows(
        self, facts: Facts, index: int, paulis: int = 0, *, compare: bool = False
    ) -> list[Candidate]:
        """Candidates for component ``index``; one only, when an earlier run is replayed or,
        unless ``compare``, when that one is done before others are looked at."""
        engines = self.engines()
        if self.replay is None and not compare:
            row = instant(engines.get(INSTANT), facts, shots=self.shots, paulis=paulis)
            if row is not None:
                return [row]
            if facts.qubits <= FEW_QUBITS or facts.clifford:
                certain = [e for e in engines.values() if e.method in CERTAIN]
                memory = self.budget.memory
                rows = candidates(certain, facts, memory, shots=self.shots, paulis=paulis)
                if rows and rows[0].predicted_seconds <= SOON_DONE:
                    return rows
        if self.replay is not None:
            key = replayed_engine(self.replay, index)
            if key not in engines:
                raise ProgramError("engine", f"{key} of the earlier run is not installed here")
            engines = {key: engines[key]}
        return candidates(
            engines.values(), facts, self.budget.memory, shots=self.shots, paulis=paulis
        )


def replayed_engine(document: Mapping[str, Any], index: int) -> str:
    """Engine of component ``index`` in the JSON of an earlier result."""
    try:
        return str(document["plan"]["parts"][index]["engine"])
    except (KeyError, IndexError, TypeError) as error:
        raise ProgramError(
            "file", f"the result to replay names no engine for part {index}"
        ) from error


def part_seeds(seed: int, parts: int) -> list[int]:
    """Independent 31-bit seeds for the parts, the last one for putting them together."""
    return [int(s) >> 1 for s in np.random.SeedSequence(seed).generate_state(parts + 1)]


@dataclass(slots=True)
class Prepared:
    """A sampling job up to the point of running."""

    simplified: Simplified
    facts: list[Facts]
    plan: Plan
    seed: int  # for putting the parts together


def prepare(
    job: Job,
    circuit: Circuit,
    measured: Sequence[tuple[int, int]] | None = None,
    *,
    compare: bool = False,
) -> Prepared:
    """Simplify, describe and plan a static circuit; with ``compare`` every engine is
    looked at for every part. ``measured``: see ``simplify``."""
    simplified = simplify(circuit, measured)
    steps = list(simplified.steps)
    facts = [describe(p.circuit) for p in simplified.parts]
    together = _together(job, facts)
    if together:
        simplified, facts = _joined(simplified, facts, together)
    seeds = part_seeds(job.seed, len(facts))
    parts = [
        PartPlan(f.qubits, f.gates, f.to_json(), job.rows(f, i, compare=compare), seed=seeds[i])
        for i, f in enumerate(facts)
    ]
    return Prepared(simplified, facts, summarised(parts, steps), seeds[-1])


def _together(job: Job, facts: list[Facts]) -> list[int]:
    """The Clifford components, where one call of a loaded engine for all of them is quicker
    (or was thought to be, in the run that is replayed)."""
    found = [i for i, f in enumerate(facts) if f.clifford]
    calls = sum(2 if facts[i].qubits > INSTANT_QUBITS else 1 for i in found)
    if calls < LEAST_CALLS or len(found) < 2:
        return []
    if job.replay is not None:
        recorded = job.replay.get("plan", {}).get("parts", ())
        return found if len(recorded) == len(facts) - len(found) + 1 else []
    engine = job.engines().get(TABLEAU)
    return found if engine is not None and engine.loaded() else []


def _joined(
    simplified: Simplified, facts: list[Facts], together: list[int]
) -> tuple[Simplified, list[Facts]]:
    """Those components as one, which comes last."""
    others = [i for i in range(len(facts)) if i not in set(together)]
    whole = side_by_side([simplified.parts[i] for i in together])
    parts = (*(simplified.parts[i] for i in others), whole)
    return replace(simplified, parts=parts), [*(facts[i] for i in others), describe(whole.circuit)]


def _prepared(job: Job, circuit: Circuit, *, compare: bool = False) -> Prepared | None:
    """As ``prepare`` for any circuit; None where histories of results must be followed, or
    where that promises more."""
    if not circuit.is_dynamic:
        return prepare(job, circuit, compare=compare)
    if job.engine != "auto" or not _replays_deferred(job.replay):
        return None
    static = deferred(circuit)
    if static is None:
        return None
    measured = list(zip(static.wires.tolist(), static.bits.tolist(), strict=True))
    ready = prepare(job, static.circuit, measured, compare=compare)
    ready.plan.simplifications.insert(0, DEFERRED)
    return ready if job.replay is not None or _is_quick(ready.plan) else None


def _replays_deferred(document: Mapping[str, Any] | None) -> bool:
    """Whether there is no earlier run, or one in which results were moved."""
    return document is None or DEFERRED in document.get("plan", {}).get("simplifications", ())


def _is_quick(plan: Plan) -> bool:
    """Whether all parts together are sure to take little time."""
    sure = (
        min((c.predicted_seconds for c in p.candidates if _is_sure(c)), default=math.inf)
        for p in plan.parts
    )
    return sum(sure) <= DEFERRED_SECONDS


def _is_sure(candidate: Candidate) -> bool:
    return candidate.refused is None and candidate.certain


def summarised(parts: list[PartPlan], steps: list[str]) -> Plan:
    """The plan over all parts, in one sentence too."""
    if not parts:
        why = "nothing is left to simulate after simplification"
        return Plan(DIRECT, why, 0.0, 0, steps)
    first = [next((c for c in p.candidates if c.refused is None), None) for p in parts]
    costs = [(c.predicted_seconds if c else 0.0) for c in first]
    heaviest = int(np.argmax(costs))
    chosen, part = first[heaviest], parts[heaviest]
    key = chosen.engine if chosen else "none"
    where = f"{part.qubits} qubits and {part.gates} gates"
    others = f", the costliest of {len(parts)} independent parts" if len(parts) > 1 else ""
    why = f"{key} is predicted to be the fastest for {where}{others}"
    if chosen is None:
        why = f"no engine fits {where}{others}"
    needed = max((c.predicted_bytes if c else 0) for c in first)
    return Plan(key, why, float(sum(costs)), needed, steps, parts)


@dataclass(slots=True)
class Outcomes:
    """``bits`` (classical bits, rows); a row is one shot, or ``weights`` of them."""

    bits: NDArray[np.uint8]
    weights: NDArray[np.int64] | None = None
    fidelity: float = 1.0


def _part_samples(job: Job, ready: Prepared, i: int) -> Samples:
    """Samples of component ``i``; notes its engine in the plan."""
    part, planned = ready.simplified.parts[i], ready.plan.parts[i]
    asked = tuple(part.asked.tolist())
    task = Task(SAMPLE, job.shots, planned.seed, job.budget.threads, asked)
    answer, planned.engine = run_task(
        job.engines(), planned.candidates, part.circuit, task, ready.facts[i], job.budget, job.log
    )
    assert isinstance(answer, Samples)
    return answer


def _sampled(job: Job, ready: Prepared) -> Outcomes:
    """Outcomes of a static circuit."""
    simplified = ready.simplified
    samples = [_part_samples(job, ready, i) for i in range(len(simplified.parts))]
    fidelity = math.prod(s.fidelity for s in samples)
    if len(samples) == 1 and not len(simplified.single_wires) and not job.memory:
        # One part alone needs no shuffling against others, so equal shots stay together.
        only = samples[0]
        bits = simplified.assemble_one(only.bits, job.circuit.num_clbits)
        return Outcomes(bits, only.weights, fidelity)
    rng = np.random.default_rng(ready.seed)
    if not samples and len(simplified.single_wires) <= FEW and not job.memory:
        few = simplified.assemble_few(job.shots, job.circuit.num_clbits, rng)
        return Outcomes(*few)
    rows = [
        s.expanded(np.random.default_rng([p.seed, i]))
        for i, (s, p) in enumerate(zip(samples, ready.plan.parts, strict=True))
    ]
    bits = simplified.assemble(rows, job.shots, job.circuit.num_clbits, rng)
    return Outcomes(bits, None, fidelity)


def _dynamic_plan(job: Job, circuit: Circuit) -> Plan:
    """Candidates for a circuit with feedback, in the order in which they are tried."""
    engines = {k: e for k, e in job.engines().items() if e.dynamic}
    if job.replay is not None:
        engines = {k: e for k, e in engines.items() if k == replayed_engine(job.replay, 0)}
    if not engines:
        raise ProgramError("unsupported", f"{job.engine} does not run dynamic circuits")
    rows = dynamic_candidates(engines, circuit, job.shots, job.budget.memory)
    seed = part_seeds(job.seed, 1)[0]
    facts = {"qubits": circuit.num_qubits, "gates": len(circuit), "dynamic": True}
    plan = summarised([PartPlan(circuit.num_qubits, len(circuit), facts, rows, seed=seed)], [])
    if rows[0].refused is None:
        plan.why = f"{rows[0].engine} follows the paths of a circuit with mid-circuit results"
    return plan


def _dynamic(job: Job, circuit: Circuit, plan: Plan) -> Outcomes:
    part = plan.parts[0]
    task = Task(DYNAMIC, job.shots, part.seed, job.budget.threads)
    answer, part.engine = run_task(
        job.engines(), part.candidates, circuit, task, None, job.budget, job.log
    )
    assert isinstance(answer, Samples)
    if not job.memory:
        return Outcomes(np.ascontiguousarray(answer.bits.T), answer.weights, answer.fidelity)
    rows = answer.expanded(np.random.default_rng([part.seed, 0]))
    return Outcomes(np.ascontiguousarray(rows.T), None, answer.fidelity)


def plan_job(job: Job, *, treewidth: bool = False) -> Plan:
    """The plan for counts; runs nothing. ``treewidth`` adds its bound to the facts of each
    part, where that is known soon."""
    circuit = settle(job.circuit)
    ready = _prepared(job, circuit, compare=True)
    plan = _dynamic_plan(job, circuit) if ready is None else ready.plan
    circuits = [circuit] if ready is None else [p.circuit for p in ready.simplified.parts]
    for part, piece in zip(plan.parts, circuits if treewidth else (), strict=treewidth):
        bound = treewidth_bound(piece)
        part.facts |= {} if bound is None else {"treewidth": bound}
    return plan


def run_job(job: Job) -> Result:
    """Run a job to its counts."""
    circuit = settle(job.circuit)
    ready = _prepared(job, circuit)
    if ready is None:
        plan = _dynamic_plan(job, circuit)
        planned = time.monotonic()
        outcomes = _dynamic(job, circuit, plan)
    else:
        plan, planned = ready.plan, time.monotonic()
        outcomes = _sampled(job, ready)
    shown = outcomes.bits[visible(job.circuit)]
    result = finished(job, plan, planned)
    counts = tally(shown, outcomes.weights)
    total = time.monotonic() - job.started
    result.seconds |= {"run": time.monotonic() - planned, "total": total}
    return replace(
        result,
        counts=counts,
        memory=strings(shown) if job.memory else None,
        fidelity=outcomes.fidelity,
    )


def visible(circuit: Circuit) -> NDArray[np.int64] | slice:
    """Indices of the classical bits that a result shows."""
    if not any(r.hidden for r in circuit.cregs):
        return slice(None)
    spans = [np.arange(r.offset, r.offset + r.size) for r in circuit.cregs if not r.hidden]
    return np.concatenate(spans) if spans else np.zeros(0, np.int64)


def finished(job: Job, plan: Plan, planned: float) -> Result:
    """A result with everything but its outcomes; the plan names the engines that ran."""
    used = [p.engine for p in plan.parts if p.engine]
    if used:
        heaviest = max(plan.parts, key=lambda p: (p.qubits, p.gates))
        if heaviest.engine != plan.engine:
            plan.why = f"{heaviest.engine} finished what {plan.engine} was tried for first"
            plan.engine = heaviest.engine
    plan.attempts = job.log.lines
    now = time.monotonic()
    circuit = job.circuit
    return Result(
        shots=job.shots,
        seed=job.seed,
        num_qubits=circuit.num_qubits,
        num_clbits=circuit.visible_clbits,
        registers=tuple((r.name, r.size) for r in circuit.cregs if not r.hidden),
        measured=circuit.measured,
        plan=plan,
        seconds={
            "parse": job.parse_seconds,
            "plan": planned - job.started - job.parse_seconds,
            "run": now - planned,
            "total": now - job.started,
        },
        circuit=circuit,
        engines=versions(used),
    )
