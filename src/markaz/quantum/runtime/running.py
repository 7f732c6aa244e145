"""Bundles of the programs sampler and estimator, run and put into the client's words."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.operate import single, stored
from markaz.quantum.operate.points import HOW, DevicePoints, mitigation_of
from markaz.quantum.operate.station import Station
from markaz.quantum.points import Options, Points, noisy, numbers, packed
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import encoding, tensors
from markaz.quantum.runtime.bundle import Bundle, Program, Pub
from markaz.quantum.runtime.tensors import SCHEMAS

SHOWN_PLANS: Final = 100
SEED_BITS: Final = 63


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job gives: ``document`` says how it was run, ``payload`` is the text that the
    client decodes."""

    document: dict[str, Any]
    payload: bytes = field(repr=False)


@dataclass(slots=True)
class Run:
    """A bundle while it runs: its random numbers, its time, and what has run how."""

    bundle: Bundle
    options: Options
    seed: int
    seeded: bool
    rng: np.random.Generator
    started: float
    station: Station | None = None
    clock: Callable[[], float] | None = None
    spans: list[encoding.Span] = field(default_factory=list)
    compiled: list[Compiled] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    engines: dict[str, str] = field(default_factory=dict)

    def points(self, pub: Pub) -> Points | DevicePoints:
        """The pub, ready to run in the time that is left."""
        if self.station is not None:
            return self._on_device(pub, self.station)
        left = self.options.time_limit - (time.monotonic() - self.started)
        if left <= 0:
            done = f"{len(self.plans)} of {len(self.bundle.pubs)} pubs"
            text = f"{done} ran in {self.options.time_limit:g} s"
            raise ProgramError("limit-time", text)
        circuit = self.bundle.programs[pub.program].circuit
        options = replace(self.options, time_limit=left)
        repeatable = self.seeded or self.bundle.kind == "sampler"
        return Points(circuit, pub.values, options, repeatable=repeatable)

    def _on_device(self, pub: Pub, station: Station) -> DevicePoints:
        circuit = self.bundle.programs[pub.program].circuit
        wanted = mitigation_of(self.bundle.notes)
        measures = self.bundle.kind == "estimator"
        points = DevicePoints(station, circuit, pub.values, wanted, measures=measures)
        if points.compiled.key not in {one.key for one in self.compiled}:
            self.compiled.append(points.compiled)
        return points

    @contextmanager
    def timed(self, pub: Pub) -> Iterator[None]:
        """The block gains the outcomes of ``pub``; notes when, where there is a clock."""
        if self.clock is None:
            yield
            return
        start = self.clock()
        yield
        stop = max(start, self.clock())  # clocks are set back now and then
        self.spans.append(encoding.Span((*pub.shape, pub.shots), start, stop))

    def note(self, points: Points | DevicePoints) -> str:
        """Put on record how ``points`` ran; the engine's name."""
        self.plans.append(points.plan)
        self.engines |= points.engines
        return str(points.plan.get("engine", "none"))

    def document(self) -> dict[str, Any]:
        """How the job was run."""
        heaviest = max(self.plans, key=lambda p: p.get("predicted_seconds", 0.0), default={})
        about: dict[str, Any] = {}
        if self.station is not None:
            shown = single.compile_facts(self.station, self.compiled[0]) if self.compiled else {}
            about["device"] = self.station.facts() | {"compile": shown}
            about["compiled"] = stored.kept(self.compiled)
        return about | {
            "ok": True,
            "kind": self.bundle.kind,
            "pubs": len(self.bundle.pubs),
            "shots": self.bundle.shots,
            "seed": self.seed,
            "plan": heaviest or None,
            "plans": [p.get("engine") for p in self.plans[:SHOWN_PLANS]],
            "engines": self.engines,
            "fidelity": 1.0,
            "measured": "explicit",
            "notes": self.bundle.notes,
            "seconds": {"total": round(time.monotonic() - self.started, 6)},
            "error": None,
        }


def run(
    bundle: Bundle,
    options: Options,
    seed: int | None = None,
    station: Station | None = None,
    clock: Callable[[], float] | None = None,
) -> Answer:
    """Run all pubs, one after the other; ``options.time_limit`` is for all together.

    On the device ``station``, or None: simulated without noise. ``clock`` gives seconds since
    1970, UTC: then the result says when outcomes were gained; all else is of seed and bundle.

    The bundle's own seed comes before ``seed``; without any one is drawn and reported.
    Raises ProgramError.
    """
    wanted = seed if bundle.seed is None else bundle.seed
    drawn = secrets.randbits(SEED_BITS) if wanted is None else wanted
    running = Run(
        bundle=bundle,
        options=options,
        seed=drawn,
        seeded=wanted is not None,
        rng=np.random.default_rng(drawn),
        started=time.monotonic(),
        station=station,
        clock=clock,
    )
    answered = PROGRAMS[bundle.kind](running)
    return Answer(running.document(), encoding.line(answered))


def _pubs(running: Run, one: Callable[[Run, Pub, Program], dict[str, Any]]) -> dict[str, Any]:
    bundle = running.bundle
    results = [one(running, pub, bundle.programs[pub.program]) for pub in bundle.pubs]
    metadata: dict[str, Any] = {"version": 2, "seed": running.seed}
    if running.spans:
        metadata["execution"] = {"execution_spans": encoding.execution_spans(running.spans)}
    return encoding.primitive_result(results, {**metadata, **bundle.notes})


def _sampler_pub(running: Run, pub: Pub, program: Program) -> dict[str, Any]:
    points = running.points(pub)
    shape = (points.count, pub.shots)
    rows = {name: np.zeros((*shape, -(-len(c) // 8)), np.uint8) for name, c in program.registers}
    with running.timed(pub):
        for number, bits in enumerate(points.samples(pub.shots, running.rng)):
            for name, columns in program.registers:
                rows[name][number] = packed(bits, columns)
    fields = {
        name: encoding.bit_array(rows[name].reshape(*pub.shape, *rows[name].shape[1:]), len(bits))
        for name, bits in program.registers
    }
    about: dict[str, Any] = {"circuit_metadata": program.metadata, "shots": pub.shots}
    about["engine"] = running.note(points)
    if isinstance(points, DevicePoints) and points.notes:
        about["mitigation"] = points.notes[:SHOWN_PLANS]
    return encoding.pub_result("SamplerPubResult", encoding.data_bin(pub.shape, fields), about)


def _estimator_pub(running: Run, pub: Pub, program: Program) -> dict[str, Any]:
    points = running.points(pub)
    shape = pub.result_shape
    which_point, which_sum = (numbers(s, shape) for s in (pub.shape, pub.observables_shape))
    asked = (pub.observables, which_point, which_sum, running.rng)
    if isinstance(points, DevicePoints):
        found = points.estimate(*asked, pub.precision)
    else:
        found = noisy(*points.estimate(*asked), pub.precision, running.rng)
    evs, stds = (values.reshape(shape) for values in found)
    encoded = encoding.ndarray(stds)
    fields = {"evs": encoding.ndarray(evs), "stds": encoded, "ensemble_standard_error": encoded}
    how = "exact value with Gaussian noise of the target precision" if pub.precision else "exact"
    about = {"target_precision": pub.precision, "circuit_metadata": program.metadata}
    about |= {"how": how, "engine": running.note(points)}
    if isinstance(points, DevicePoints):
        about["how"] = HOW
        about |= {"mitigation": points.notes[:SHOWN_PLANS]} if points.notes else {}
    return encoding.pub_result("PubResult", encoding.data_bin(shape, fields), about)


def _executor(running: Run) -> dict[str, Any]:
    bundle = running.bundle
    compressed = SCHEMAS[bundle.echo["schema_version"]]
    data = [_item(running, pub, bundle.programs[pub.program], compressed) for pub in bundle.pubs]
    timing = encoding.chunk_timing(running.spans)
    metadata = {"chunk_timing": timing, "seed": running.seed, **bundle.notes}
    return {**bundle.echo, "data": data, "metadata": metadata}


def _item(running: Run, pub: Pub, program: Program, compressed: bool) -> dict[str, Any]:
    """One item's results: outcomes (shape, shots, bits) of each register, lowest bit first."""
    points = running.points(pub)
    sizes = {name: (points.count, pub.shots, len(bits)) for name, bits in program.registers}
    rows = {name: np.zeros(size, np.bool_) for name, size in sizes.items()}
    with running.timed(pub):
        for number, bits in enumerate(points.samples(pub.shots, running.rng)):
            for name, columns in program.registers:
                rows[name][number] = bits[:, columns]
    running.note(points)
    results = {
        name: tensors.encoded(row.reshape(*pub.shape, *row.shape[1:]), compressed=compressed)
        for name, row in rows.items()
    }
    nothing = {"scheduler_timing": None, "stretch_values": None}
    return {"results": {**pub.extra, **results}, "metadata": nothing}


PROGRAMS: Final[Mapping[str, Callable[[Run], dict[str, Any]]]] = {
    "sampler": lambda running: _pubs(running, _sampler_pub),
    "estimator": lambda running: _pubs(running, _estimator_pub),
    "executor": _executor,
}
