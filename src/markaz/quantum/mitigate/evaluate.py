"""From the counts of a plan's runs to values with error bars, by levels, and the canary's word."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.mitigate.errors import MitigationError, refused
from markaz.quantum.mitigate.plan import MitigationPlan
from markaz.quantum.mitigate.readout import Confusion, Quasi, quasi
from markaz.quantum.mitigate.values import (
    RESAMPLES,
    Counts,
    Data,
    arranged,
    at_level,
    learn,
    levels_of,
    visible_bits,
)

Floats = NDArray[np.float64]

WORSE = 2.0  # standard errors by which a canary must be worse to fall back a level


@dataclass(frozen=True, slots=True)
class Canary:
    """Mean distance of the twin's values from its answers, by level, with standard errors;
    ``kept`` is the mean share of the answer that is left. Empty without a canary."""

    distance: dict[int, float] = field(default_factory=dict)
    standard_error: dict[int, float] = field(default_factory=dict)
    kept: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mitigated:
    """What mitigation gives.

    ``asked`` and ``level``: the level wanted, and the one the result has, lower where the
    canary was worse (``notes`` says so). ``values``, ``standard_errors`` and
    ``bias_estimates`` (one an observable) at that level; ``by_level`` has the values of all
    levels. For counts ``counts`` are those of the circuit itself, untouched, and ``quasi``
    the corrected frequencies. ``shot_multiplier``: shots run over shots asked for;
    ``overhead``: shots that the error bar at this level costs, over those at level 0.
    """

    asked: int
    level: int
    applied: tuple[str, ...]
    values: tuple[float, ...] = ()
    standard_errors: tuple[float, ...] = ()
    bias_estimates: tuple[float, ...] = ()
    by_level: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]] = field(
        default_factory=dict
    )
    counts: Mapping[str, int] | None = None
    quasi: Quasi | None = None
    condition: float | None = None
    shot_multiplier: float = 1.0
    overhead: float = 1.0
    canary: Canary = field(default_factory=Canary)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "asked": self.asked,
            "level": self.level,
            "applied": list(self.applied),
            "values": list(self.values),
            "standard_errors": list(self.standard_errors),
            "bias_estimates": list(self.bias_estimates),
            "by_level": {
                str(k): {"values": list(v), "standard_errors": list(e)}
                for k, (v, e) in self.by_level.items()
            },
            "quasi": None if self.quasi is None else self.quasi.nearest,
            "condition": self.condition,
            "shot_multiplier": self.shot_multiplier,
            "overhead": self.overhead,
            "canary": {
                str(k): {"distance": d, "standard_error": self.canary.standard_error[k],
                         "kept": self.canary.kept[k]}
                for k, d in self.canary.distance.items()
            },
            "notes": list(self.notes),
        }  # fmt: skip


def evaluate(plan: MitigationPlan, counts: Sequence[Counts]) -> Mitigated:
    """The result of a plan from the counts of its runs, in order.

    Counts are by bit strings over the visible classical bits, highest index left. Raises
    MitigationError ``option`` for counts that do not fit the plan, ``refused`` where they
    show that a level cannot be done.
    """
    data = arranged(plan, counts)
    learn(data)
    if plan.terms is None:
        return _counts_result(data)
    return _values_result(data)


def _values_result(data: Data) -> Mitigated:
    plan = data.plan
    terms, run = plan.terms, levels_of(data)
    assert terms is not None
    table: dict[int, Floats] = {}
    gaps: dict[int, Floats] = {}
    for level in run:
        every = np.zeros((1 + RESAMPLES, len(terms.paulis)))
        every[:, [t for t, p in enumerate(terms.paulis) if not p]] = 1.0
        gap = np.zeros(len(terms.paulis))
        for g, group in enumerate(terms.groups):
            members = [sorted(terms.paulis[t]) for t in group.terms]
            found, apart = at_level(data, level, g, False, members)
            every[:, list(group.terms)] = found
            gap[list(group.terms)] = apart
        table[level] = every @ terms.weights.T
        gaps[level] = np.abs(terms.weights) @ gap
    canary, fallen = _canary(data, run)
    level, notes = _settled(run, fallen, canary)
    values, errors = table[level][0], table[level][1:].std(axis=0, ddof=1)
    raw = table[0][1:].std(axis=0, ddof=1)
    return Mitigated(
        asked=plan.mitigation.level,
        level=level,
        applied=_applied(plan, level),
        values=tuple(values.tolist()),
        standard_errors=tuple(errors.tolist()),
        bias_estimates=tuple(_bias(values, gaps[level], canary, level).tolist()),
        by_level={
            k: (tuple(v[0].tolist()), tuple(v[1:].std(axis=0, ddof=1).tolist()))
            for k, v in table.items()
        },
        condition=None if data.found is None else data.found.condition,
        shot_multiplier=plan.shot_multiplier,
        overhead=_overhead(errors, raw),
        canary=canary,
        notes=notes,
    )


def _overhead(errors: Floats, raw: Floats) -> float:
    known = raw > 0
    return float(np.mean((errors[known] / raw[known]) ** 2)) if known.any() else 1.0


def _bias(values: Floats, gaps: Floats, canary: Canary, level: int) -> Floats:
    """What the twin still lacks at this level, as a share of the value; at least the distance
    between the models of an extrapolation."""
    kept = canary.kept.get(level)
    share = 0.0 if kept is None else abs(1 - kept) / max(abs(kept), 0.1)
    return np.maximum(np.abs(values) * share, gaps)


def _canary(data: Data, levels: Sequence[int]) -> tuple[Canary, dict[int, tuple[float, float]]]:
    """The canary's distances, and by level (from the second) how much worse than the level
    before it is, with the standard error of that."""
    scores: dict[int, list[Floats]] = {level: [] for level in levels}
    kept: dict[int, list[float]] = {level: [] for level in levels}
    for g, group in enumerate(data.plan.groups):
        answers = data.plan.answers[g]
        if not answers:
            continue
        members = [_term(data.plan, group.terms[t]) for t, _ in answers]
        truth = np.array([value for _, value in answers], np.float64)
        for level in levels:
            found, _ = at_level(data, level, g, True, members)
            scores[level].append(np.abs(found - truth).mean(axis=1))
            kept[level].append(float((found[0] * truth).mean()))
    if not scores[levels[0]]:
        return Canary(), {}
    mean = {level: np.mean(scores[level], axis=0) for level in levels}
    worse = {}
    for before, level in itertools.pairwise(levels):
        change = mean[level] - mean[before]
        worse[level] = float(change[0]), float(change[1:].std(ddof=1))
    return Canary(
        {k: float(v[0]) for k, v in mean.items()},
        {k: float(v[1:].std(ddof=1)) for k, v in mean.items()},
        {k: float(np.mean(v)) for k, v in kept.items()},
    ), worse


def _term(plan: MitigationPlan, number: int) -> list[int]:
    """Qubits of a term."""
    if plan.terms is None:
        return [plan.groups[0].qubits[number]]
    return sorted(plan.terms.paulis[number])


def _settled(
    levels: Sequence[int], worse: Mapping[int, tuple[float, float]], canary: Canary
) -> tuple[int, tuple[str, ...]]:
    """The highest level whose canary is not worse than that of the level before it."""
    notes = []
    left = list(levels)
    while len(left) > 1:
        change, error = worse.get(left[-1], (0.0, 0.0))
        if change <= WORSE * error:
            break
        level, before = left.pop(), left[-1]
        notes.append(
            f"level {level} made the canary worse (distance {canary.distance[level]:.3f} "
            f"instead of {canary.distance[before]:.3f}): the result is that of level {before}"
        )
    return left[-1], tuple(notes)


def _applied(plan: MitigationPlan, level: int) -> tuple[str, ...]:
    """What the result at this level has in it."""
    m = plan.mitigation
    found = []
    if level >= 1 and m.readout:
        found.append("readout correction")
    if level >= 2 and (m.twirl_gates or m.cancel):
        found.append("gate twirling")
    if level >= 2 and m.twirl_measure:
        found.append("measurement twirling")
    if level >= 2 and m.decoupling and level != 4:
        found.append(f"dynamical decoupling {m.decoupling}")
    if level == 3:
        found.append(f"zero-noise extrapolation ({m.extrapolator})")
    if level == 4:
        found.append("probabilistic error cancellation")
    return tuple(found)


def _counts_result(data: Data) -> Mitigated:
    plan, run = data.plan, levels_of(data)
    canary, worse = _canary(data, run)
    level, notes = _settled(run, worse, canary)
    base = dict(data.counts[0][0])
    corrected: Quasi | None = None
    if level >= 1 and plan.mitigation.readout and data.found is not None:
        counts, found = (base, data.found) if level == 1 else _merged(data)
        try:
            corrected = quasi(counts, visible_bits(plan), found, plan.groups[0].qubits)
        except MitigationError as error:
            notes += (f"frequencies are not corrected: {error.message}",)
    elif level == 2:
        merged, _ = _merged(data)
        total = sum(merged.values())
        share = {k: v / total for k, v in merged.items()}
        sigma = {k: (p * (1 - p) / total) ** 0.5 for k, p in share.items()}
        corrected = Quasi(share, share, sigma)
    return Mitigated(
        asked=plan.mitigation.level,
        level=level,
        applied=_applied(plan, level),
        counts=base,
        quasi=corrected,
        condition=None if data.found is None else data.found.condition,
        shot_multiplier=plan.shot_multiplier,
        canary=canary,
        notes=notes,
    )


def _merged(data: Data) -> tuple[dict[str, int], Confusion]:
    """Counts of the twirled copies together, flips undone, and the confusion that is left:
    flips in half of the copies make both errors of a qubit their mean."""
    number = data.batch("twirled", 0, False)
    if number is None or (data.found is None and data.plan.mitigation.readout):
        raise refused("level 2: there are no twirled copies")
    batch = data.plan.batches[number]
    places = visible_bits(data.plan)
    order = [b for b, _ in sorted(enumerate(data.plan.circuit.measurements()), key=lambda p: p[1])]
    total: dict[str, int] = {}
    for k, counts in enumerate(data.counts[number]):
        mask = 0
        if batch.flips is not None:
            mask = sum(1 << places[j] for j, m in enumerate(order) if batch.flips[k, m])
        for text, n in counts.items():
            key = format(int(text, 2) ^ mask, f"0{len(text)}b")
            total[key] = total.get(key, 0) + n
    found = data.found
    if found is None:
        return total, Confusion((), np.zeros(0), np.zeros(0), 1)
    if batch.flips is not None:
        mean = (found.up + found.down) / 2
        found = Confusion(found.qubits, mean, mean, found.shots)
    return total, found
