"""Values of Pauli terms from the counts of a plan's runs, level by level.

Error bars come from 200 resamples: of the shots of a single circuit, of the copies of a
twirled one (the copies hold the shots), and of the calibration's shots. All levels are
computed on the same resamples, so that their differences have error bars too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.mitigate import cancel
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.extrapolate import to_zero
from markaz.quantum.mitigate.observe import outcomes
from markaz.quantum.mitigate.plan import Batch, MitigationPlan
from markaz.quantum.mitigate.readout import Confusion, confusion, factors, term_values

Floats = NDArray[np.float64]
Counts = Mapping[str, int]

RESAMPLES = 200


@dataclass(slots=True)
class Data:
    """Counts of each batch, and what was learned from calibration and learning runs."""

    plan: MitigationPlan
    counts: list[list[Counts]]
    generator: np.random.Generator
    found: Confusion | None = None
    drift: Floats | None = None  # resampled logarithms of contrasts (RESAMPLES, qubits)
    fidelities: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def batch(self, kind: str, group: int, twin: bool, factor: float | None = None) -> int | None:
        """Number of a batch; without ``factor`` that of the least noise."""
        found = [
            (b.factor, i)
            for i, b in enumerate(self.plan.batches)
            if (b.kind, b.group, b.twin) == (kind, group, twin)
            and (factor is None or b.factor == factor)
        ]
        return min(found)[1] if found else None

    def factors(self, group: int, twin: bool) -> list[float]:
        """Noise factors that were run."""
        return sorted(
            b.factor
            for b in self.plan.batches
            if (b.kind, b.group, b.twin) == ("twirled", group, twin)
        )


def arranged(plan: MitigationPlan, counts: Sequence[Counts]) -> Data:
    """The counts by batches. Raises MitigationError ``option`` where they do not fit."""
    if len(counts) != len(plan.runs):
        raise MitigationError("option", f"{len(counts)} results for {len(plan.runs)} runs")
    for i, (run, found) in enumerate(zip(plan.runs, counts, strict=True)):
        if sum(found.values()) < 1:
            raise MitigationError("option", f"run {i} ({run.role}) has no shots")
    rest = iter(counts)
    split = [[next(rest) for _ in b.circuits] for b in plan.batches]
    seed = np.random.SeedSequence([plan.seed & (1 << 63) - 1, 2])
    return Data(plan, split, np.random.default_rng(seed))


def learn(data: Data) -> None:
    """Find out what calibration and learning runs say. Raises as ``readout.confusion``."""
    for batch, counts in zip(data.plan.batches, data.counts, strict=True):
        if batch.kind == "calibration":
            qubits = tuple(sorted({q for g in data.plan.groups for q in g.qubits}))
            data.found = found = confusion(qubits, counts)
            contrast = 1 - found.up - found.down
            spread = found.up * (1 - found.up) + found.down * (1 - found.down)
            sigma = np.sqrt(spread / found.shots) / contrast
            data.drift = data.generator.normal(size=(RESAMPLES, len(qubits))) * sigma
        elif batch.kind == "learn":
            data.fidelities = cancel.learned(data.plan.circuit, counts)


def samples(data: Data, number: int, terms: Sequence[Sequence[int]], corrected: bool) -> Floats:
    """Values of some terms (lists of qubits) from a batch: (1 + RESAMPLES, terms), the
    estimate first and then its resamples."""
    batch, counts = data.plan.batches[number], data.counts[number]
    qubits = data.plan.groups[batch.group].qubits
    table = factors(data.found if corrected else None, qubits)
    place = {q: k for k, q in enumerate(qubits)}
    bits = _bits_of(data, batch)
    rows, single = [], None
    for k, found in enumerate(counts):
        seen, number_of = outcomes(dict(found), bits)
        values = np.stack([term_values(seen, qubits, t, table) for t in terms], axis=-1)
        if batch.flips is not None:
            values = values * _flip_signs(batch.flips[k], terms, place)
        rows.append(number_of @ values / number_of.sum())
        single = values, number_of
    means = np.array(rows)
    if batch.kind == "cancel":
        assert batch.chosen is not None and batch.chance is not None
        weight = cancel.sample_weights(
            batch.circuits[0], data.fidelities, batch.chosen, batch.chance
        )
        means = means * weight[:, None]
    assert single is not None
    spread = _resampled(data.generator, means, *single)
    if corrected and data.drift is not None and data.found is not None:
        spread = spread * np.exp(_drifts(data.drift, data.found, terms))
    return np.vstack([means.mean(axis=0), spread])


def _bits_of(data: Data, batch: Batch) -> list[int]:
    """Place of each measured qubit's bit among the visible ones."""
    if data.plan.terms is not None or batch.twin:
        return list(range(len(data.plan.groups[batch.group].qubits)))
    return visible_bits(data.plan)


def visible_bits(plan: MitigationPlan) -> list[int]:
    """For counts: where in a bit string, from the right, each measured qubit stands."""
    circuit = plan.circuit
    shown = [b for r in circuit.cregs if not r.hidden for b in range(r.offset, r.offset + r.size)]
    place = {b: k for k, b in enumerate(shown)}
    return [place[b] for _, b in sorted(circuit.measurements())]


def _flip_signs(
    flipped: NDArray[np.bool_], terms: Sequence[Sequence[int]], place: Mapping[int, int]
) -> Floats:
    sign = np.where(flipped, -1.0, 1.0)
    return np.array([np.prod([sign[place[q]] for q in term]) for term in terms])


def _resampled(
    generator: np.random.Generator, means: Floats, values: Floats, number: NDArray[np.int64]
) -> Floats:
    """Resamples (RESAMPLES, terms): of circuits, or of the shots of a single one."""
    if len(means) > 1:
        drawn = generator.integers(len(means), size=(RESAMPLES, len(means)))
        # A resample of n has a variance smaller by (n - 1)/n than that of the mean.
        grown = np.sqrt(len(means) / (len(means) - 1))
        centre = means.mean(axis=0)
        made: Floats = centre + grown * (means[drawn].mean(axis=1) - centre)
        return made
    total = int(number.sum())
    picked = generator.multinomial(total, number / total, size=RESAMPLES)
    result: Floats = picked @ values / total
    return result


def _drifts(drift: Floats, found: Confusion, terms: Sequence[Sequence[int]]) -> Floats:
    place = {q: k for k, q in enumerate(found.qubits)}
    return np.stack([drift[:, [place[q] for q in t]].sum(axis=1) for t in terms], axis=-1)


def levels_of(data: Data) -> list[int]:
    """Levels that the plan has runs for, ascending."""
    wanted = data.plan.mitigation
    found = [0]
    if wanted.readout:
        found.append(1)
    if wanted.level == 2 or (wanted.level > 2 and (wanted.twirl_gates or wanted.cancel)):
        found.append(2)
    if wanted.level > 2:
        found.append(wanted.level)
    return found


def at_level(
    data: Data, level: int, group: int, twin: bool, terms: Sequence[Sequence[int]]
) -> tuple[Floats, Floats]:
    """Values (1 + RESAMPLES, terms) of a level, and the distance between models (terms,)."""
    corrected = level >= 1 and data.plan.mitigation.readout
    none = np.zeros(len(terms))
    if level <= 1:
        number = data.batch("base", group, twin)
        assert number is not None
        return samples(data, number, terms, corrected), none
    if level == 4:
        number = data.batch("cancel", group, twin)
        assert number is not None
        return samples(data, number, terms, corrected), none
    if level == 2:
        number = data.batch("twirled", group, twin)
        assert number is not None
        return samples(data, number, terms, corrected), none
    return _extrapolated(data, group, twin, terms, corrected)


def _extrapolated(
    data: Data, group: int, twin: bool, terms: Sequence[Sequence[int]], corrected: bool
) -> tuple[Floats, Floats]:
    stretches = data.factors(group, twin)
    stack = []
    for factor in stretches:
        number = data.batch("twirled", group, twin, factor)
        assert number is not None
        stack.append(samples(data, number, terms, corrected))
    values = np.stack(stack)  # (factors, 1 + RESAMPLES, terms)
    errors = np.broadcast_to(values[:, 1:].std(axis=1, ddof=1)[:, None], values.shape)
    kind = data.plan.mitigation.extrapolator
    made, gap = to_zero(np.array(stretches), values, errors, kind)
    return made, gap[0]
