"""Choose engines for a component, and how long each may try."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.cost_model import (
    CERTAIN,
    in_words,
    load_seconds,
    power,
    predicted_bytes,
    predicted_seconds,
    terms,
    value_terms,
)
from markaz.quantum.simulate.dynamic_needs import needs_of
from markaz.quantum.simulate.engines.base import Engine, Method
from markaz.quantum.simulate.facts import Facts
from markaz.quantum.simulate.jit import numba_is_loaded
from markaz.quantum.simulate.result import Candidate

IN_PROCESS_SECONDS = 0.25  # above this a run goes to a child that can be ended
PROBE_FROM_SECONDS = 0.1  # below this the certain engine is simply run
PROBE_SHARE = 0.1  # of the certain engine's time, for an uncertain one that may be faster
SOON = 0.1
MIN_SLICE = 0.015
SLICE_FACTOR = 6.0  # of its prediction, for an uncertain engine that promises to be faster
FIRST_SLICE, SLICE_GROWTH = 0.03, 1.6  # a slice ends no run: the next one goes on with it
FRONT_SHARE = 0.8  # of the time, for the front alone
MPS_SHARE, OTHER_SHARE = 0.7, 0.3  # of the slice of the first of the front, for those behind it
TRY_SHARE = 0.04  # of the best prediction, or of what has been used up, for a short try
LONGEST_TRY = 0.1
LONGEST_FIRST_TRY = 0.01  # where the best prediction is only a bound
TRY_AGAIN = 1.0  # seconds after which short tries are repeated
SURE_SHARE = 0.3  # of the certain engine's time, that those which promise less may take
MOST_OVERRUN = 5.0  # no slice is this much shorter than the prediction
NEAR_CLIFFORD_LIMIT = 64
BOUNDED_BOND, BOUNDED_NON_CLIFFORD, BOUNDED_QUBITS = 6, 12, 16
FRONT = 2  # engines of one kind that get growing slices
ALIKE = 4.0  # ratio of predictions, up to which two of a kind take turns
STEP_SECONDS = 5e-8  # one step of an engine that limits itself, kernels compiled
SLOW_STEP_SECONDS = 2e-6  # the same interpreted
SELF_LIMITED = ("markaz:sparse", "markaz:pauli")
MIN_STEPS = 5_000
HOPELESS = 1e3  # predicted seconds from which a bound promises nothing
DYNAMIC_STEP = 2.5e-10  # seconds for an amplitude under an operation
BRANCH_SHARE, BRANCH_SECONDS = 0.2, 1e-5  # of another's bound, to follow histories; a step
DYNAMIC_LONGEST = 1e6  # seconds; beyond it all bounds are as good as infinite
INSTANT = "markaz:dense"
INSTANT_QUBITS, INSTANT_GATES, INSTANT_SECONDS = 9, 300, 4e-4
SELF_LIMITED_FROM = 3.5e-3  # seconds of the best prediction, below which no try is worth it


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the engine, the seconds it may take, whether it needs a child, and for an
    engine that limits itself the steps it may take (0: no such limit)."""

    engine: str
    seconds: float
    in_child: bool
    steps: int = 0


def refusal(engine: Engine, facts: Facts, memory: int) -> str | None:
    """Why an engine is no candidate, or None."""
    if facts.qubits > engine.max_qubits:
        return f"at most {engine.max_qubits} qubits"
    if engine.method is Method.STABILIZER and not facts.clifford:
        return f"{facts.non_clifford} gates are not Clifford"
    if engine.method is Method.NEAR_CLIFFORD and facts.non_clifford > NEAR_CLIFFORD_LIMIT:
        return f"{facts.non_clifford} gates are not Clifford, more than {NEAR_CLIFFORD_LIMIT}"
    if engine.clifford_t and facts.rotations:
        return f"{facts.rotations} rotations are not by multiples of pi/4"
    if engine.method in CERTAIN or engine.method is Method.AUTOMATIC:
        needed = predicted_bytes(facts, engine.method)
        if needed > memory:
            return f"needs {in_words(needed)}, the limit is {in_words(memory)}"
    return None


def candidates(
    engines: Iterable[Engine], facts: Facts, memory: int, *, shots: int = 0, paulis: int = 0
) -> list[Candidate]:
    """Every engine with its prediction or the reason against it, best first; for sampling
    ``shots``, or for the values of ``paulis`` Pauli strings."""
    rows = []
    known: dict[Method, dict[str, float]] = {}
    for engine in engines:
        against = refusal(engine, facts, memory)
        method = engine.method
        if against is not None:
            rows.append(Candidate(engine.key, math.inf, 0, against))
            continue
        if method not in known:
            count = (facts, method, paulis or shots)
            known[method] = value_terms(*count) if paulis else terms(*count)
        seconds = predicted_seconds(engine, known[method]) + load_seconds(engine)
        needed = predicted_bytes(facts, method)
        sure, bounded = method in CERTAIN, is_bounded(method, facts)
        rows.append(Candidate(engine.key, seconds, needed, None, sure, bounded))
    return sorted(rows, key=lambda c: (c.refused is not None, c.predicted_seconds))


def is_bounded(method: Method, facts: Facts) -> bool:
    """Whether a run of this method cannot run away from its prediction."""
    if method in (Method.MPS, Method.DECISION_DIAGRAM):
        return facts.bond <= BOUNDED_BOND
    if method is Method.NEAR_CLIFFORD:
        return facts.non_clifford <= BOUNDED_NON_CLIFFORD
    if method is Method.AUTOMATIC:
        return facts.qubits <= BOUNDED_QUBITS
    return True


def dynamic_candidates(
    engines: Mapping[str, Engine], circuit: Circuit, shots: int, memory: int
) -> list[Candidate]:
    """Engines for a circuit with feedback, lowest bound first, then those that cannot run it
    within ``memory`` bytes, with the reason.

    The bounds take every shot for a path of its own over a whole state; engines do better
    where paths or qubits separate, which only a try shows.
    """
    needs = needs_of(circuit)
    clifford = needs.clifford
    dense = power(circuit.num_qubits)
    states = {"markaz:branch": 4 * dense, "prism:auto": dense}
    if clifford:
        wide = float(circuit.num_qubits)
        states = {"markaz:branch": min(dense, 100 * wide), "prism:auto": min(dense, 20 * wide)}
    bounds = {
        key: DYNAMIC_STEP * shots * len(circuit) * states.get(key, 20 * dense) for key in engines
    }
    # Histories of a Clifford circuit may be few, which following them soon shows.
    steps = int(BRANCH_SHARE * bounds.get("prism:auto", 0.0) / BRANCH_SECONDS) if clifford else 0
    rows = []
    for key, bound in bounds.items():
        first = steps if key == "markaz:branch" and steps >= len(circuit) else 0
        seconds, safe = min(bound, DYNAMIC_LONGEST), bound <= IN_PROCESS_SECONDS
        against = needs.refusal(engines[key], memory)
        if against is not None:
            rows.append(Candidate(key, math.inf, 0, against, certain=False))
            continue
        most = needs.most_bytes(engines[key], shots)
        rows.append(Candidate(key, seconds, most, None, certain=False, bounded=safe, steps=first))
    return sorted(rows, key=lambda r: (r.predicted_seconds, r.engine != "prism:auto"))


def instant(
    engine: Engine | None, facts: Facts, *, shots: int = 0, paulis: int = 0
) -> Candidate | None:
    """The engine's row if it is sure to be done sooner than a comparison would take."""
    if engine is None or facts.qubits > INSTANT_QUBITS or facts.gates > INSTANT_GATES:
        return None
    count = (facts, engine.method, paulis or shots)
    seconds = predicted_seconds(engine, value_terms(*count) if paulis else terms(*count))
    if seconds > INSTANT_SECONDS:
        return None
    return Candidate(engine.key, seconds, predicted_bytes(facts, engine.method), None, True)


def schedule(rows: list[Candidate], seconds: float, *, in_order: bool = False) -> Iterator[Attempt]:
    """Attempts in order for candidates sorted best first.

    The engine that limits itself is tried first, in this process, for a share of the best
    prediction: it finds out what no bound shows. An engine whose prediction is certain, or
    a bound that it cannot run away from, runs to its end. Another one gets a slice: a share
    of the time of the best of those, or, where there is none, slices that grow until the
    time is used up. With ``in_order`` growing slices go to the first candidates as they come.
    """
    open_rows = [r for r in rows if r.refused is None]
    if in_order:
        unsure = [r for r in open_rows if not r.certain]
        yield from (Attempt(r.engine, LONGEST_TRY, False, r.steps) for r in unsure if r.steps)
        yield from _growing(unsure[:FRONT], unsure, seconds)
        return
    sure = [r for r in open_rows if r.certain or r.bounded]
    unsure = [r for r in open_rows if not r.certain]
    best = open_rows[0].predicted_seconds if open_rows else 0.0
    longest = LONGEST_TRY if open_rows and open_rows[0].certain else LONGEST_FIRST_TRY
    yield from _tries(open_rows, best, longest)
    if sure and sure[0].predicted_seconds <= seconds:
        yield from _with_sure(sure, unsure, seconds)
        return
    again = _tries(open_rows, TRY_AGAIN, LONGEST_TRY)
    yield from _growing(_front(unsure), unsure, seconds, again)
    yield from (_whole(r, seconds) for r in sure)


def is_short(first: Candidate) -> bool:
    """Whether ``schedule`` would begin with this row, the best, and simply run it here."""
    return first.refused is None and first.certain and first.predicted_seconds < SELF_LIMITED_FROM


def _tries(rows: list[Candidate], best: float, longest: float) -> list[Attempt]:
    """Tries of the engines that limit themselves, unless one is first anyway, for a small
    share of ``best`` seconds and at most ``longest``."""
    first = rows[0].engine if rows else ""
    if not first or best < SELF_LIMITED_FROM or first in SELF_LIMITED:
        return []
    seconds = min(best * TRY_SHARE, longest)
    step = STEP_SECONDS if numba_is_loaded() else SLOW_STEP_SECONDS
    steps = max(int(seconds / step), MIN_STEPS)
    present = {r.engine for r in rows}
    return [Attempt(k, seconds, False, steps) for k in SELF_LIMITED if k in present]


def _whole(row: Candidate, seconds: float) -> Attempt:
    return Attempt(row.engine, seconds, row.predicted_seconds > IN_PROCESS_SECONDS)


def _slice(row: Candidate, seconds: float) -> Attempt:
    here = row.bounded and row.predicted_seconds <= IN_PROCESS_SECONDS
    return Attempt(row.engine, seconds, not here)


def _leaders(unsure: list[Candidate]) -> list[Candidate]:
    """The best engine of each kind, without those that limit themselves."""
    found: dict[str, Candidate] = {}
    for row in unsure:
        if row.engine not in SELF_LIMITED:
            found.setdefault(row.engine.partition(":")[2], row)
    return list(found.values())


def _with_sure(sure: list[Candidate], unsure: list[Candidate], seconds: float) -> Iterator[Attempt]:
    best = sure[0].predicted_seconds
    most = max(SURE_SHARE * best, MIN_SLICE)
    leaders = _leaders([r for r in unsure if not r.bounded])
    tried = [r for r in leaders if r.predicted_seconds < min(best, MOST_OVERRUN * _trial(r, most))]
    before = list(_turns(tried, most))
    if best > PROBE_FROM_SECONDS and not before:
        before = [_slice(r, max(PROBE_SHARE * best, MIN_SLICE)) for r in leaders[:2]]
    yield from before
    yield from (_whole(r, seconds) for r in sure)
    yield from _growing(_front(unsure), unsure, seconds)


def _trial(row: Candidate, most: float) -> float:
    """Seconds that an uncertain engine is given at most, for it promises to be faster."""
    return min(max(SLICE_FACTOR * row.predicted_seconds, MIN_SLICE), most)


def _turns(rows: list[Candidate], most: float) -> Iterator[Attempt]:
    """Growing slices in turn, ``most`` seconds in all, for the first to promise may be wrong;
    matrix product states first, whose bound is the loosest. All at once where one is alone."""
    rows = sorted(rows, key=lambda r: not r.engine.endswith(":mps"))
    left = {r.engine: _trial(r, most) for r in rows}
    piece = FIRST_SLICE if len(rows) > 1 else most
    while any(left.values()) and most > 0:
        for row, share in zip(rows, _shares(rows), strict=True):
            taken = min(piece * share, left[row.engine], most)
            if taken > 0:
                yield _slice(row, taken)
                left[row.engine] -= taken
                most -= taken
        piece *= SLICE_GROWTH


def _shares(rows: list[Candidate]) -> list[float]:
    """Of a slice of the first, for each that takes turns."""
    mps = [r.engine.endswith(":mps") for r in rows]
    return [1.0 if i == 0 else MPS_SHARE if yes else OTHER_SHARE for i, yes in enumerate(mps)]


def _front(unsure: list[Candidate]) -> list[Candidate]:
    """Who promises to be done soon, then matrix product states, whose bound is the loosest,
    as far as they promise alike, and the best of the others."""
    leaders = _leaders(unsure)
    soon = [r for r in leaders if r.bounded and r.predicted_seconds < SOON][:1]
    mps = [r for r in unsure if r.engine.endswith(":mps") and r not in soon][:FRONT]
    mps = [r for r in mps if r.predicted_seconds <= ALIKE * mps[0].predicted_seconds]
    others = [r for r in leaders if r not in soon + mps and r.predicted_seconds < HOPELESS]
    return soon + mps + others[:1]


def _growing(
    front: list[Candidate],
    everyone: list[Candidate],
    seconds: float,
    again: Sequence[Attempt] = (),
) -> Iterator[Attempt]:
    """Growing slices for the front, ``again`` among them when they have become long; what
    is left of the time for everyone."""
    shares = _shares(front)
    piece, used = FIRST_SLICE, 0.0
    while front and used + piece * sum(shares) < FRONT_SHARE * seconds:
        yield from (_slice(r, piece * s) for r, s in zip(front, shares, strict=True))
        before, used = used, used + piece * sum(shares)
        if before < TRY_AGAIN <= used:
            yield from again
        piece *= SLICE_GROWTH
    everyone = front + [r for r in everyone if r not in front]
    yield from (_slice(r, seconds / max(len(everyone), 1)) for r in everyone)
