"""Plan and run a noisy program: each independent part by the method that suits it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.noisy import clifford, exact, mps, trajectories
from markaz.quantum.simulate.noisy.detunings import class_count, offsets, shares
from markaz.quantum.simulate.noisy.program import NoisyProgram, parts
from markaz.quantum.simulate.result import Candidate, PartPlan, Plan

DENSITY, TRAJECTORIES, TWIRLED, MPS = (
    "noisy:density", "noisy:trajectories", "noisy:twirled", "noisy:mps",
)  # fmt: skip
METHODS: Final[dict[str, str]] = {
    DENSITY: "exact distribution of the model",
    TRAJECTORIES: "exact samples of the model, in single precision",
    TWIRLED: "samples with every error replaced by its Pauli twirl",
    MPS: "samples of a truncated state; relaxation as resets, crosstalk and slow noise as flips",
}
MOST_DENSITY, MOST_VECTOR = 10, 26  # qubits
# Seconds, fitted on one core: an entry of a density matrix in one step of one qubit, and what
# comes with every such step; an amplitude of one lane in one qubit's turn; a two-site
# operation; a line of a tableau; loading the kernels, and Stim.
_ENTRY, _CALL, _AMPLITUDE, _SITE, _LINE = 1.2e-8, 6e-5, 4.0e-10, 2.0e-4, 4.0e-6
_FAST_ENTRY, _FAST_CALL = 3e-9, 5e-7  # the first two, in the kernel for a few qubits
_KERNELS, _STIM = 0.05, 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use: ``deadline`` (time.monotonic seconds), ``seconds`` as they were
    asked for, ``memory`` bytes, ``threads``."""

    deadline: float
    seconds: float
    memory: int
    threads: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """``bits`` uint8 (shots, M) as they are read; the plan; the methods' accuracy in words;
    the weight that truncations kept, 1.0 where nothing was truncated."""

    bits: NDArray[np.uint8]
    plan: Plan
    accuracy: str
    fidelity: float


def run(
    program: NoisyProgram, shots: int, seed: int, limits: Limits, method: str = "auto"
) -> Outcome:
    """Sample a program; the same seed gives the same bits, whatever the number of threads.

    Raises ProgramError ``limit-time`` or ``limit-memory`` when no method fits, ``engine``
    when the named one cannot run it.
    """
    bits = np.zeros((shots, len(program.measured)), np.uint8)
    plans, fidelity = [], 1.0
    for index, (part, columns) in enumerate(parts(program)):
        plan = plan_part(part, shots, limits, method)
        seeds = np.random.SeedSequence([seed, index])
        plans.append(plan)
        plan.seed = int(seeds.generate_state(1, np.uint64)[0])
        bits[:, columns], kept = _RUNNERS[plan.engine](part, shots, seeds, limits)
        fidelity *= kept
    used = sorted({p.engine for p in plans}, key=list(METHODS).index)
    accuracy = "; ".join(f"{name}: {METHODS[name]}" for name in used)
    return Outcome(bits, _whole_plan(plans), accuracy or "nothing to run", fidelity)


def plan_part(program: NoisyProgram, shots: int, limits: Limits, method: str) -> PartPlan:
    """The method for one part: the quickest exact one that fits the limits, else stabilisers
    where the circuit allows them, else matrix product states. Raises as ``run``."""
    left = limits.deadline - time.monotonic()
    rows = [limited(c, left, limits.memory) for c in candidates(program, shots, limits.threads)]
    fit = [r for r in rows if r.refused is None and method in ("auto", r.engine)]
    if not fit:
        raise _refusal(program, rows, limits, method)
    chosen = min(fit, key=_preference)
    facts = {
        "errors a shot": round(program.expected_errors, 4),
        "classes of slow noise": class_count(program),
        "steps": program.num_steps,
    }
    gates = int(program.has_turn.sum()) + len(program.error)
    return PartPlan(program.num_qubits, gates, facts, sorted(rows, key=_preference), chosen.engine)


def _preference(row: Candidate) -> tuple[bool, int, float]:
    rank = {DENSITY: 0, TRAJECTORIES: 0, TWIRLED: 1, MPS: 2}[row.engine]
    return row.refused is not None, rank, row.predicted_seconds


def candidates(program: NoisyProgram, shots: int, threads: int) -> list[Candidate]:
    """Predicted cost of every method, or why it cannot run the program."""
    n, steps, classes = program.num_qubits, program.num_steps, class_count(program)
    leaving = shots * -math.expm1(-program.expected_errors)
    entries = classes * 4.0 ** min(n, 20)
    passes = steps * (0.6 * leaving / 8 + min(classes, shots))
    amplitudes = passes * n * 8.0 * 2.0 ** min(n, 60) / max(1, min(threads, classes))
    vector = trajectories.state_bytes(min(n, 60)) * threads
    hops = float((2 * np.abs(np.diff(program.pairs, axis=1)) - 1).sum()) + steps * n / 8
    lines = float(program.has_turn.sum() + 4 * len(program.pairs)) + steps * n
    plain = clifford.is_clifford(program)
    far = None if n <= MOST_VECTOR else f"{n} joined qubits are more than {MOST_VECTOR}"
    return [
        Candidate(
            DENSITY, _density_seconds(n, steps * (n + 1), entries), int(entries * 24),
            None if n <= MOST_DENSITY else f"{n} joined qubits are more than {MOST_DENSITY}",
        ),
        Candidate(TRAJECTORIES, _KERNELS + amplitudes * _AMPLITUDE, vector, far),
        Candidate(
            TWIRLED, _STIM + lines * _LINE, 1 << 26, None if plain else "not a Clifford circuit"
        ),
        Candidate(MPS, (1 + leaving) * hops * _SITE, 1 << 28, None, certain=False),
    ]  # fmt: skip


def _density_seconds(n: int, passes: int, entries: float) -> float:
    """For ``passes`` over so many numbers."""
    if n <= exact.MOST_COMPILED:
        return passes * (_FAST_CALL + entries * _FAST_ENTRY)
    return passes * (_CALL + entries * _ENTRY)


def limited(row: Candidate, seconds: float, memory: int) -> Candidate:
    """The row, refused if it needs more than there is."""
    if row.refused is not None:
        return row
    if row.predicted_bytes > memory:
        why = f"needs {row.predicted_bytes / 2**30:.1f} GiB of {memory / 2**30:.1f} GiB"
    elif row.predicted_seconds > seconds:
        why = f"would take {row.predicted_seconds:.3g} s of {max(seconds, 0):.3g} s"
    else:
        return row
    return Candidate(row.engine, row.predicted_seconds, row.predicted_bytes, why, row.certain)


def _refusal(
    program: NoisyProgram, rows: list[Candidate], limits: Limits, method: str
) -> ProgramError:
    asked = [r for r in rows if method in ("auto", r.engine)]
    if not asked:
        return ProgramError("engine", f"no noisy method is called {method!r}")
    size = f"{program.num_qubits} joined qubits in {program.num_steps} steps"
    return refusal(asked, size, limits, "engine")


def refusal(rows: list[Candidate], size: str, limits: Limits, kind: str) -> ProgramError:
    """Why none of ``rows`` runs ``size``: time, memory, or else ``kind``."""
    reasons = "; ".join(f"{r.engine}: {r.refused}" for r in rows)
    if any("would take" in str(r.refused) for r in rows):
        text = f"no noisy method finishes {size} within {limits.seconds:g} s ({reasons})"
        return ProgramError("limit-time", text)
    kind = "limit-memory" if any("needs" in str(r.refused) for r in rows) else kind
    return ProgramError(kind, f"no noisy method can run {size} ({reasons})")


def _whole_plan(plans: list[PartPlan]) -> Plan:
    if not plans:
        return Plan("markaz:direct", "nothing is measured", 0.0, 0)
    costs = [next(c for c in p.candidates if c.engine == p.engine) for p in plans]
    slowest = max(range(len(plans)), key=lambda i: costs[i].predicted_seconds)
    largest = plans[slowest]
    return Plan(
        largest.engine,
        f"{len(plans)} independent parts; {METHODS[largest.engine]} for the costliest, "
        f"with {largest.qubits} qubits",
        sum(c.predicted_seconds for c in costs),
        max(c.predicted_bytes for c in costs),
        ["only the qubits in use", "independent parts run apart"],
        plans,
    )


def _density(
    program: NoisyProgram, shots: int, seeds: np.random.SeedSequence, limits: Limits
) -> tuple[NDArray[np.uint8], float]:
    first, second = seeds.spawn(2)
    shifts = offsets(program, np.random.Generator(np.random.Philox(first)))
    rng = np.random.Generator(np.random.Philox(second))
    chances = exact.distribution(program, shifts)
    drawn = [
        np.repeat(np.arange(chances.shape[1]), rng.multinomial(share, row))
        for share, row in zip(shares(shots, len(shifts)), chances, strict=True)
    ]
    values = rng.permutation(np.concatenate(drawn))
    bits = (values[:, None] >> np.arange(len(program.measured))) & 1
    return bits.astype(np.uint8), 1.0


def _trajectories(
    program: NoisyProgram, shots: int, seeds: np.random.SeedSequence, limits: Limits
) -> tuple[NDArray[np.uint8], float]:
    run_seeds, read_seeds = seeds.spawn(2)
    bits = trajectories.sample(program, shots, run_seeds, limits.threads, limits.deadline)
    return _read(program, bits, read_seeds), 1.0


def _twirled(
    program: NoisyProgram, shots: int, seeds: np.random.SeedSequence, limits: Limits
) -> tuple[NDArray[np.uint8], float]:
    run_seeds, read_seeds = seeds.spawn(2)
    bits = clifford.sample(program, shots, int(run_seeds.generate_state(1, np.uint64)[0] >> 1))
    return _read(program, bits, read_seeds), 1.0


def _mps(
    program: NoisyProgram, shots: int, seeds: np.random.SeedSequence, limits: Limits
) -> tuple[NDArray[np.uint8], float]:
    run_seeds, read_seeds = seeds.spawn(2)
    bits, kept = mps.sample(program, shots, run_seeds, limits.deadline)
    return _read(program, bits, read_seeds), kept


def _read(
    program: NoisyProgram, bits: NDArray[np.uint8], seeds: np.random.SeedSequence
) -> NDArray[np.uint8]:
    """The measured qubits, with errors of the readout."""
    rng = np.random.Generator(np.random.Philox(seeds))
    shown = bits[:, program.measured]
    chance = np.where(shown == 1, program.read0, program.read1)
    return np.asarray(shown ^ (rng.random(shown.shape) < chance), np.uint8)


_Runner = Callable[
    [NoisyProgram, int, np.random.SeedSequence, Limits], tuple[NDArray[np.uint8], float]
]
_RUNNERS: Final[dict[str, _Runner]] = {
    DENSITY: _density,
    TRAJECTORIES: _trajectories,
    TWIRLED: _twirled,
    MPS: _mps,
}
