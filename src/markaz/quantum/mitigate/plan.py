"""Plan mitigation: the circuits to run beside a circuit, and how often.

A plan is a function of its arguments: making it again with the same seed gives the same
circuits, so it need not be kept while they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.fabric import Fabric, fabric_of
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.mitigate import cancel
from markaz.quantum.mitigate.canary import twin
from markaz.quantum.mitigate.decouple import decoupled
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.extrapolate import repeats
from markaz.quantum.mitigate.observe import (
    Group,
    Letters,
    Terms,
    measured,
    terms_of,
    unmeasured,
    without_final_measurements,
)
from markaz.quantum.mitigate.options import Mitigation, of_level
from markaz.quantum.mitigate.readout import calibration_circuits
from markaz.quantum.mitigate.sense import check
from markaz.quantum.mitigate.twirl import flips, twirls
from markaz.quantum.mitigate.weave import Pattern, pair_gates, weave
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit

Ints = NDArray[np.int64]

CANARY_SHARE = 0.5  # shots of the twin over those of the circuit
LEAST_SHOTS = 16  # of one circuit
CALIBRATION_SHOTS = 4096  # of each of the two calibration circuits, at most
CANCEL_SAMPLES = 300
MOST_CANCEL_SHOTS = 25  # times the shots asked for


@dataclass(frozen=True, slots=True)
class Batch:
    """Circuits that differ by random draws only, ``shots`` each.

    ``kind``: base, calibration, twirled, learn or cancel; ``group`` of terms; ``twin``: the
    canary's; ``factor`` of the noise; ``flips`` (circuits, measurements) or None; ``chosen``
    and ``chance`` (circuits, gates) of error cancellation.
    """

    kind: str
    circuits: tuple[Circuit, ...]
    shots: int
    group: int = 0
    twin: bool = False
    factor: float = 1.0
    flips: NDArray[np.bool_] | None = None
    chosen: Ints | None = None
    chance: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One circuit to run, ``shots`` times; ``role`` says what for."""

    circuit: Circuit
    shots: int
    role: str


@dataclass(frozen=True, slots=True)
class MitigationPlan:
    """All runs of one circuit (``runs``, in order) and what ``evaluate`` needs to know.

    ``terms`` is None for counts; ``answers[g]`` are the twin's: (term, value).
    """

    mitigation: Mitigation
    shots: int
    seed: int
    circuit: Circuit
    fabric: Fabric
    terms: Terms | None
    groups: tuple[Group, ...]
    answers: tuple[tuple[tuple[int, int], ...], ...]
    batches: tuple[Batch, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def runs(self) -> list[Run]:
        """The circuits to run, in the order in which ``evaluate`` wants their counts."""
        return [Run(c, b.shots, _role(b)) for b in self.batches for c in b.circuits]

    @property
    def total_shots(self) -> int:
        """Shots of all runs together."""
        return sum(b.shots * len(b.circuits) for b in self.batches)

    @property
    def shot_multiplier(self) -> float:
        """Shots of all runs over the shots asked for."""
        return self.total_shots / self.shots


def _role(batch: Batch) -> str:
    of = "canary" if batch.twin else "circuit"
    if batch.kind in ("calibration", "learn"):
        return batch.kind
    return f"{of}, {batch.kind}" + (f", noise x{batch.factor:g}" if batch.factor != 1 else "")


def plan(
    mitigation: Mitigation | int,
    compiled: Compiled,
    observables: Sequence[PauliSum] | None,
    shots: int,
    model: DeviceModel,
    sheet: Sheet | None,
    seed: int,
) -> MitigationPlan:
    """The runs for a compiled circuit without unbound parameters.

    ``mitigation``: parts, or one of our levels; ``observables`` on the program's qubits, or
    None for counts; ``shots`` for each group of terms at each noise factor; ``seed`` for all
    random draws. Raises MitigationError ``refused`` with the reason where a level means
    nothing for the circuit, ``option`` for an impossible argument; ObservableError.
    """
    wanted = of_level(mitigation) if isinstance(mitigation, int) else mitigation
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise MitigationError("option", f"shots must be a whole number from 1, not {shots!r}")
    if compiled.circuit.parameters:
        name = compiled.circuit.parameters[0]
        raise MitigationError("option", f"give parameter {name!r} a value first")
    fabric = fabric_of(model, sheet)
    generator = np.random.default_rng(np.random.SeedSequence([seed & (1 << 63) - 1, 1]))
    check(wanted, compiled.circuit, observables is None, model, fabric)
    maker = _Maker(wanted, shots, fabric, model.dt, generator)
    if observables is None:
        return _counts_plan(maker, compiled, seed)
    bare = unmeasured(compiled.circuit)
    terms = terms_of(observables, compiled)
    return _values_plan(maker, bare, terms, seed)


@dataclass(slots=True)
class _Maker:
    """Makes the batches of one plan."""

    mitigation: Mitigation
    shots: int
    fabric: Fabric
    dt: float
    generator: np.random.Generator

    @property
    def copies(self) -> int:
        """Random copies, fewer where shots are few; even, so that flips balance."""
        most = max(2, self.shots // LEAST_SHOTS)
        wanted = min(self.mitigation.copies, most)
        return wanted + wanted % 2

    def calibration(self, like: Circuit, qubits: Sequence[int]) -> Iterator[Batch]:
        """The two circuits that measure reading errors, if they are wanted."""
        if self.mitigation.readout and qubits:
            made = calibration_circuits(like, qubits, self.fabric)
            shots = min(CALIBRATION_SHOTS, max(2 * self.shots, 512))
            yield Batch("calibration", tuple(made), shots)

    def main(
        self, circuit: Circuit, bases: dict[int, NDArray[np.complex128]], group: int, twin: bool
    ) -> Iterator[Batch]:
        """Batches of one measured circuit, or of its twin."""
        m = self.mitigation
        shots = max(LEAST_SHOTS, round(self.shots * (CANARY_SHARE if twin else 1.0)))
        plain = Pattern(np.ones(len(pair_gates(circuit)), np.int64), bases=bases)
        base = weave(circuit, 1, self.fabric, plain).finish(circuit)
        yield Batch("base", tuple(base), shots, group, twin)
        if m.cancel:
            yield self._cancelled(circuit, bases, group, twin, shots)
        if m.level >= 2:
            yield self._twirled(circuit, bases, group, twin, shots, 1.0)
        for factor in m.factors:
            if factor != 1.0:
                yield self._twirled(circuit, bases, group, twin, shots, factor)

    def _twirled(
        self,
        circuit: Circuit,
        bases: dict[int, NDArray[np.complex128]],
        group: int,
        twin: bool,
        shots: int,
        factor: float,
    ) -> Batch:
        m, count = self.mitigation, self.copies
        gates = len(pair_gates(circuit))
        times = repeats(gates, factor, self.generator) if gates else np.ones(0, np.int64)
        before, after = self._twirls(circuit, times, count)
        turned = flips(circuit, count, self.generator) if m.twirl_measure else None
        pattern = Pattern(times, before, after, turned, bases)
        made = weave(circuit, count, self.fabric, pattern).finish(circuit)
        if m.decoupling:
            made = [decoupled(c, self.fabric, m.decoupling, self.dt) for c in made]
        real = float(times.sum() / gates) if gates else 1.0
        each = max(LEAST_SHOTS, -(-shots // count))
        return Batch("twirled", tuple(made), each, group, twin, real, turned)

    def _twirls(self, circuit: Circuit, times: Ints, count: int) -> tuple[Ints | None, Ints | None]:
        if not (self.mitigation.twirl_gates or self.mitigation.cancel) or not len(times):
            return None, None
        return twirls(circuit, times, count, self.generator)

    def _cancelled(
        self,
        circuit: Circuit,
        bases: dict[int, NDArray[np.complex128]],
        group: int,
        twin: bool,
        shots: int,
    ) -> Batch:
        once = np.ones(len(pair_gates(circuit)), np.int64)
        samples = CANCEL_SAMPLES + CANCEL_SAMPLES % 2
        before, after = twirls(circuit, once, samples, self.generator)
        chosen, chance = cancel.draw(circuit, samples, self.fabric, self.generator)
        errors = np.stack([chosen & 3, chosen >> 2], axis=-1)
        turned = flips(circuit, samples, self.generator)
        pattern = Pattern(once, before, after ^ errors, turned, bases)
        made = weave(circuit, samples, self.fabric, pattern).finish(circuit)
        times = min(MOST_CANCEL_SHOTS, cancel.overhead(circuit, self.fabric))
        each = max(LEAST_SHOTS, round(shots * times / samples))
        return Batch("cancel", tuple(made), each, group, twin, 1.0, turned, chosen, chance)


def _values_plan(maker: _Maker, bare: Circuit, terms: Terms, seed: int) -> MitigationPlan:
    batches: list[Batch] = []
    answers: list[tuple[tuple[int, int], ...]] = []
    everything = sorted({q for g in terms.groups for q in g.qubits})
    if maker.mitigation.level >= 1:
        batches += maker.calibration(bare, everything)
    if maker.mitigation.cancel:
        batches += _learning(maker, bare)
    for g, group in enumerate(terms.groups):
        circuit = measured(bare, group.qubits)
        batches += maker.main(circuit, group.bases, g, twin=False)
        wanted = [terms.paulis[t] for t in group.terms]
        answers.append(_canary(maker, bare, wanted, group, g, batches))
    return MitigationPlan(
        maker.mitigation, maker.shots, seed, bare, maker.fabric, terms, terms.groups,
        tuple(answers), tuple(batches),
    )  # fmt: skip


def _learning(maker: _Maker, bare: Circuit) -> Iterator[Batch]:
    made = cancel.learning_circuits(bare, maker.fabric, maker.generator)
    yield Batch("learn", tuple(made), max(64, maker.shots // (2 * cancel.LEARN_COPIES)))


def _canary(
    maker: _Maker,
    bare: Circuit,
    wanted: Sequence[Letters],
    group: Group,
    g: int,
    batches: list[Batch],
) -> tuple[tuple[int, int], ...]:
    """Add the twin's batches; its answers."""
    if not maker.mitigation.canary or maker.mitigation.level == 0:
        return ()
    circuit, answers = twin(bare, wanted, maker.fabric)
    batches += maker.main(measured(circuit, group.qubits), group.bases, g, twin=True)
    return tuple(answers)


def _counts_plan(maker: _Maker, compiled: Compiled, seed: int) -> MitigationPlan:
    """For counts: the circuit itself, untouched, and its twirled copies."""
    circuit = compiled.circuit
    pairs = circuit.measurements()
    letters = {q: "Z" for q, _ in pairs}
    group = Group(letters, tuple(range(len(pairs))))
    batches = [Batch("base", (circuit,), maker.shots)]
    answers: tuple[tuple[int, int], ...] = ()
    if maker.mitigation.level >= 1:
        batches += maker.calibration(circuit, group.qubits)
    if maker.mitigation.level >= 2:
        once = {b.kind: b for b in maker.main(circuit, {}, 0, twin=False)}
        batches.append(once["twirled"])
    if maker.mitigation.level >= 1 and maker.mitigation.canary and pairs:
        bare = without_final_measurements(circuit)
        wanted: list[Letters] = [{q: "Z"} for q in group.qubits]
        answers = _canary(maker, bare, wanted, group, 0, batches)
    return MitigationPlan(
        maker.mitigation, maker.shots, seed, circuit, maker.fabric, None, (group,),
        (answers,), tuple(batches),
    )  # fmt: skip
