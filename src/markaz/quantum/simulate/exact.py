"""State vectors and exact probabilities of outcomes, up to a size."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE
from markaz.quantum.programs.transform import select
from markaz.quantum.simulate.defer import deferred
from markaz.quantum.simulate.execute import run_task
from markaz.quantum.simulate.facts import Facts, describe
from markaz.quantum.simulate.pipeline import (
    DEFERRED,
    Job,
    Prepared,
    finished,
    part_seeds,
    prepare,
    summarised,
    visible,
)
from markaz.quantum.simulate.result import PartPlan, Result, tally
from markaz.quantum.simulate.settle import settle
from markaz.quantum.simulate.tasks import STATE, Task

COUNTS, PROBABILITIES, STATEVECTOR = WANTED = ("counts", "probabilities", "statevector")
MAX_QUBITS: Final = 20  # held at once; 2**20 amplitudes, 16 MiB
MAX_OUTCOMES: Final = 1 << 20
NEGLIGIBLE: Final = 1e-15  # probability below which an outcome is left out


def run_exact(job: Job) -> Result:
    """The state vector or the probabilities, whichever the job wants."""
    circuit = settle(job.circuit)
    return _run_state(job, circuit) if job.wanted == STATEVECTOR else _run_odds(job, circuit)


def _run_state(job: Job, circuit: Circuit) -> Result:
    if circuit.is_dynamic:
        raise ProgramError(
            "unsupported",
            "a program with measurements or resets before its end has no one state vector; "
            "its probabilities can be had",
        )
    _check(circuit.num_qubits, "a state vector")
    gates = select(circuit, np.flatnonzero(circuit.op <= LAST_GATE))
    facts = describe(gates)
    rows, seed = job.rows(facts, 0), part_seeds(job.seed, 1)[0]
    part = PartPlan(circuit.num_qubits, len(gates), facts.to_json(), rows, seed=seed)
    plan = summarised([part], [])
    planned = time.monotonic()
    state = _state(job, part, gates, facts)
    return replace(finished(job, plan, planned), statevector=state)


def _check(qubits: int, what: str) -> None:
    if qubits > MAX_QUBITS:
        raise ProgramError(
            "limit-size", f"{what} of {qubits} entangled qubits; at most {MAX_QUBITS} are given"
        )


def _state(job: Job, part: PartPlan, circuit: Circuit, facts: Facts) -> NDArray[np.complex128]:
    if circuit.num_qubits == 0:
        return np.exp(1j * np.array([circuit.global_phase]))
    task = Task(STATE, 0, part.seed, job.budget.threads)
    answer, part.engine = run_task(
        job.engines(), part.candidates, circuit, task, facts, job.budget, job.log
    )
    assert isinstance(answer, np.ndarray)
    return answer


def _run_odds(job: Job, circuit: Circuit) -> Result:
    ready = _simplified(job, circuit)
    planned = time.monotonic()
    rows, odds = _outcomes(job, ready)
    bits = ready.simplified.outcomes(rows, job.circuit.num_clbits)
    probabilities = tally(bits[visible(job.circuit)], odds)
    return replace(finished(job, ready.plan, planned), probabilities=probabilities)


def _simplified(job: Job, circuit: Circuit) -> Prepared:
    if not circuit.is_dynamic:
        return prepare(job, circuit)
    static = deferred(circuit)
    if static is None:
        raise ProgramError(
            "unsupported",
            "probabilities of a program whose measurements steer loops, assignments, nested "
            "blocks or comparisons of more than bits with constants",
        )
    measured = list(zip(static.wires.tolist(), static.bits.tolist(), strict=True))
    ready = prepare(job, static.circuit, measured)
    ready.plan.simplifications.insert(0, DEFERRED)
    return ready


def _outcomes(job: Job, ready: Prepared) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Joint outcomes (wires, outcomes) of parts and single qubits, and their probabilities."""
    simplified = ready.simplified
    rows = np.zeros((simplified.num_wires, 1), np.uint8)
    odds = np.ones(1)
    for i, part in enumerate(simplified.parts):
        _check(part.circuit.num_qubits, "probabilities")
        state = _state(job, ready.plan.parts[i], part.circuit, ready.facts[i])
        values, chances = _marginal(np.abs(state) ** 2, part.asked)
        rows, odds = _times(rows, odds, part.wires[part.asked], values, chances)
    singles = zip(simplified.single_wires, simplified.single_probabilities.tolist(), strict=True)
    for wire, one in singles:
        chances = np.array([1 - one, one])
        rows, odds = _times(rows, odds, np.array([wire]), np.arange(2), chances)
    return rows, odds


def _marginal(
    weights: NDArray[np.float64], asked: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Values that the asked qubits may have, bit ``j`` of a value the ``j``-th, and the
    probability of each."""
    index = np.flatnonzero(weights > NEGLIGIBLE)
    values = np.zeros(len(index), np.int64)
    for j, qubit in enumerate(asked.tolist()):
        values |= ((index >> qubit) & 1) << j
    found, where = np.unique(values, return_inverse=True)
    return found, np.bincount(where, weights[index], len(found)).astype(np.float64)


def _times(
    rows: NDArray[np.uint8],
    odds: NDArray[np.float64],
    wires: NDArray[np.int32],
    values: NDArray[np.int64],
    chances: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The joint outcomes with those of independent wires."""
    possible = chances > NEGLIGIBLE
    values, chances = values[possible], chances[possible]
    before, count = len(odds), len(values)
    if before * count > MAX_OUTCOMES:
        raise ProgramError(
            "limit-size", f"more than {MAX_OUTCOMES} possible outcomes; sample them instead"
        )
    joint = np.repeat(rows, count, axis=1)
    for j, wire in enumerate(wires.tolist()):
        joint[wire] = np.tile((values >> j) & 1, before)
    return joint, np.repeat(odds, count) * np.tile(chances, before)
