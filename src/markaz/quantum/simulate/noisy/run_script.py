"""Plan and run a noisy script: exactly on few qubits, else by trajectories."""

from __future__ import annotations

import math
import time
from typing import Final

import numpy as np

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy import branches, branches_exact, exact, trajectories
from markaz.quantum.simulate.noisy.detunings import class_count
from markaz.quantum.simulate.noisy.kernels import LANES
from markaz.quantum.simulate.noisy.run import (
    DENSITY,
    METHODS,
    MOST_VECTOR,
    TRAJECTORIES,
    Limits,
    Outcome,
    limited,
    refusal,
)
from markaz.quantum.simulate.noisy.script import Script
from markaz.quantum.simulate.result import Candidate, PartPlan, Plan

# Seconds, fitted on one core: what a place costs a branch besides its arithmetic, and eight
# lanes; an entry of a density matrix, an amplitude of one lane, in one qubit's turn.
_BRANCH, _BUNDLE, _ENTRY, _AMPLITUDE = 3e-4, 8e-4, 4e-9, 4e-10
_WHY: Final = "measurements in the middle: shots part by what they find"


def run_script(
    script: Script, shots: int, seed: int, limits: Limits, method: str = "auto"
) -> Outcome:
    """Sample a script: bits (shots, clbits) as they are read. The same seed gives the same
    bits, whatever the number of threads. Raises ProgramError as ``run.run`` does.
    """
    if script.first is None:
        plan = Plan("markaz:direct", "nothing is measured", 0.0, 0)
        return Outcome(np.zeros((shots, script.clbits), np.uint8), plan, "nothing to run", 1.0)
    plan = _planned(script, shots, limits, method)
    seeds = np.random.SeedSequence([seed, 0])
    if plan.engine == DENSITY:
        bits = branches_exact.sample(script, shots, seeds, limits.deadline)
    else:
        bits = branches.sample(script, shots, seeds, limits.threads, limits.deadline)
    return Outcome(bits, plan, f"{plan.engine}: {METHODS[plan.engine]}", 1.0)


def _planned(script: Script, shots: int, limits: Limits, method: str) -> Plan:
    left = limits.deadline - time.monotonic()
    rows = [limited(c, left, limits.memory) for c in candidates(script, shots, limits.threads)]
    fit = [r for r in rows if r.refused is None and method in ("auto", r.engine)]
    if not fit:
        raise _refusal(script, [r for r in rows if method in ("auto", r.engine)], limits, method)
    best = min(fit, key=lambda r: r.predicted_seconds)
    facts = {
        "errors a shot": round(_errors(script), 4),
        "classes of slow noise": class_count(script.slowest),
        "places on one way": len(script.likely),
    }
    gates = sum(int(s.program.has_turn.sum()) + len(s.program.error) for s in script.likely)
    part = PartPlan(script.qubits, gates, facts, rows, best.engine)
    return Plan(
        best.engine, f"{_WHY}; {METHODS[best.engine]}", best.predicted_seconds,
        best.predicted_bytes, ["only the qubits in use"], [part],
    )  # fmt: skip


def _errors(script: Script) -> float:
    return sum(s.program.expected_errors for s in script.likely)


def candidates(script: Script, shots: int, threads: int) -> list[Candidate]:
    """Predicted cost of both methods on one likely way, or why one cannot run the script."""
    n, classes = script.qubits, class_count(script.slowest)
    many, far = (None if n <= most else f"{n} qubits are more than {most}"
                 for most in (exact.MOST_COMPILED, MOST_VECTOR))  # fmt: skip
    size, entries = 2.0 ** min(n, 60), classes * 4.0 ** min(n, 30)
    density = vector = errors = 0.0
    found = collapses = 0
    for segment in script.likely:
        steps = segment.program.num_steps
        parted = 2.0 ** min(found, 60)
        density += min(shots, parted) * (_BRANCH + steps * (n + 1) * entries * _ENTRY)
        errors += segment.program.expected_errors
        bundles = min(shots, classes * parted + shots * -math.expm1(-errors)) / LANES
        vector += max(classes, bundles) * (_BUNDLE + steps * n * LANES * size * _AMPLITUDE)
        found += sum(c.clbit >= 0 for c in segment.collapses)
        collapses += len(segment.collapses)
    held = trajectories.state_bytes(min(n, 60)) + LANES * (8 + collapses) * 8 * int(size)
    busy = max(1, min(threads, classes))
    return [
        Candidate(DENSITY, density, int(entries * 8 * (4 + found)), many),
        Candidate(TRAJECTORIES, 0.05 + vector / busy, held * threads, far),
    ]


def _refusal(script: Script, rows: list[Candidate], limits: Limits, method: str) -> ProgramError:
    if not rows:
        return ProgramError("engine", f"no noisy method for such circuits is called {method!r}")
    size = f"{script.qubits} qubits with measurements in the middle"
    return refusal(rows, size, limits, "unsupported")
