"""What a calibration consists of, and the rows of the sheet that each part gives.

A part can run alone, in any order and beside others: a centre runs each as a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.calibrate import circuits, cliffords, fits
from markaz.quantum.calibrate.circuits import Pair, Shuffled, Timed
from markaz.quantum.calibrate.fits import Fitted
from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Row, Sheet
from markaz.quantum.programs.circuit import Circuit

Bits = NDArray[np.uint8]
Array = NDArray[np.float64]

SHOTS: Final = 1000  # of circuits in which a time is varied
READOUT_SHOTS: Final = 4000
RANDOM_SHOTS: Final = 300  # of random sequences
SEQUENCES: Final = 8
LENGTHS: Final = (2, 30, 90, 200, 400)
PAIR_LENGTHS: Final = (1, 6, 15, 30, 60)
USUAL_T1: Final = 60.0  # µs, where nothing better is known
TOLERATED: Final = 4.0  # a healthy T1 over the worst allowed one
FRINGES: Final = 6  # oscillations in the time that a Ramsey experiment covers
PREPARED: Final = 1e-3  # what preparing 1 costs: not told apart from readout errors
_UNMEASURED: Final = "not measured"
_FILE: Final = "device file"
# Gates that are quarter turns of one pulse shape, whatever their axis.
_QUARTER: Final = ("x2p", "x2m", "y2p", "y2m", "xy2p", "xy2m", "sx", "sxdg")


class Execute(Protocol):
    """How circuits get to the device."""

    def __call__(self, circuits: Sequence[Circuit], shots: int, seed: int) -> list[Bits]:
        """Bits of each circuit, (shots, classical bits)."""


@dataclass(frozen=True)
class Bench:
    """Where a part runs: the device, the way to it, the clock (µs UTC), and the last sheet,
    which tells about how long to wait."""

    model: DeviceModel
    execute: Execute
    now: Callable[[], int]
    last: Sheet | None = None

    @property
    def usual_t1(self) -> float:
        """About what T1 to expect, µs: the median of the last sheet, else from the file."""
        rows = self.last.rows if self.last is not None else ()
        known = [r.value for r in rows if r.quantity == "T1" and r.value is not None]
        if known:
            return float(np.median(known))
        worst = self.model.tolerances.get("T1")
        return USUAL_T1 if worst is None else TOLERATED * worst


def plan(model: DeviceModel) -> tuple[str, ...]:
    """Names of the parts of a full calibration."""
    groups = range(len(circuits.qubit_groups(model)))
    pairs = range(len(circuits.pair_groups(model))) if "cz" in model.gates else range(0)
    return (
        "readout",
        *(f"coherence:{k}" for k in groups),
        *(f"pulses:{k}" for k in groups),
        *(f"pairs:{k}" for k in pairs),
    )


def run(part: str, bench: Bench, seed: int) -> list[Row]:
    """Run one part; its rows. Raises KeyError for a name that ``plan`` does not give."""
    if part not in plan(bench.model):
        raise KeyError(part)
    kind, _, number = part.partition(":")
    rng = np.random.default_rng([seed, *part.encode()])
    if kind == "readout":
        return _readout(bench, rng)
    if kind == "pairs":
        return _pairs(bench, circuits.pair_groups(bench.model)[int(number)], rng)
    qubits = circuits.qubit_groups(bench.model)[int(number)]
    return (_coherence if kind == "coherence" else _pulses)(bench, qubits, rng)


def sheet(model: DeviceModel, rows: Iterable[Row], measured_at: int) -> Sheet:
    """The sheet of all parts' ``rows``, with what the device file states, and dashes for
    what was not measured."""
    found = {(row.quantity, frozenset(row.target)): row for row in rows}
    for row in _expected(model):
        found.setdefault((row.quantity, frozenset(row.target)), row)
    ordered = sorted(found.values(), key=lambda r: (len(r.target), r.target, r.quantity))
    return Sheet(model.name, measured_at, tuple(ordered))


def _expected(model: DeviceModel) -> list[Row]:
    """Durations from the device file, and dashes."""
    rows = []
    for gate, length in model.gates.items():
        if NATIVE[gate].virtual or gate == "measure":
            continue
        places = [(q,) for q in range(model.num_qubits)]
        for place in model.live_couplers if NATIVE[gate].qubits == 2 else places:
            rows.append(Row.of(f"gate_length:{gate}", place, length, method=_FILE))
            if gate not in ("id", "reset"):
                rows.append(Row.of(f"gate_error:{gate}", place, None, method=_UNMEASURED))
    for q in range(model.num_qubits):
        rows.append(Row.of("readout_length", (q,), model.gates["measure"], method=_FILE))
        for quantity in ("T1", "T2star", "T2echo", "frequency", "readout_error", "leakage"):
            rows.append(Row.of(quantity, (q,), None, method=_UNMEASURED))
    rows += [Row.of("zz", pair, None, method=_UNMEASURED) for pair in model.live_couplers]
    return rows


@dataclass(frozen=True, slots=True)
class _Stamp:
    """When something was measured: the middle of the time it took."""

    at: int

    def row(self, quantity: str, target: Sequence[int], found: Fitted, method: str) -> Row:
        return Row.of(quantity, target, found.value, uncertainty=found.error,
                      measured_at=self.at, method=method)  # fmt: skip


def _measured(
    bench: Bench, todo: Sequence[Circuit], shots: int, rng: np.random.Generator
) -> tuple[list[Bits], _Stamp]:
    started = bench.now()
    bits = bench.execute(todo, shots, int(rng.integers(1 << 62)))
    return bits, _Stamp((started + bench.now()) // 2)


def _ones(bits: list[Bits], column: int) -> Array:
    return np.array([float(each[:, column].sum()) for each in bits])


def _readout(bench: Bench, rng: np.random.Generator) -> list[Row]:
    qubits = range(bench.model.num_qubits)
    (low, high), stamp = _measured(bench, circuits.readout(bench.model, qubits), READOUT_SHOTS, rng)
    rows = []
    for q in qubits:
        wrong0 = fits.share(float(low[:, q].sum()), READOUT_SHOTS)
        wrong1 = fits.share(float(READOUT_SHOTS - high[:, q].sum()), READOUT_SHOTS, PREPARED)
        rows += [
            stamp.row("prob_meas1_prep0", (q,), wrong0, "ground state read"),
            stamp.row("prob_meas0_prep1", (q,), wrong1, "excited state read"),
            stamp.row("readout_error", (q,), _mean(wrong0, wrong1), "mean of both"),
        ]
    return rows


def _mean(a: Fitted, b: Fitted) -> Fitted:
    assert a.value is not None and b.value is not None
    error = float(np.hypot(a.error or 0.0, b.error or 0.0)) / 2
    return Fitted((a.value + b.value) / 2, error)


def _coherence(bench: Bench, qubits: Sequence[int], rng: np.random.Generator) -> list[Row]:
    model, t1 = bench.model, bench.usual_t1
    waits = [0.0, *np.round(np.geomspace(t1 / 30, 4 * t1, 15), 2).tolist()]
    late = np.round(np.linspace(0, 0.9 * t1, 31), 2).tolist()
    added = 1e3 * FRINGES / late[-1]
    series = (
        circuits.relaxation(model, qubits, waits),
        circuits.echo(model, qubits, waits),
        circuits.ramsey(model, qubits, late, added),
    )
    bits, stamp = _measured(bench, [one.circuit for each in series for one in each], SHOTS, rng)
    first, second = len(waits), 2 * len(waits)
    rows = []
    for k, q in enumerate(qubits):
        ones = _ones(bits, k)
        relaxed = fits.decay_time(_times(series[0]), ones[:first], SHOTS)
        both = fits.coherence(
            (_times(series[1]), ones[first:second]), (_times(series[2]), ones[second:]),
            SHOTS, added,
        )  # fmt: skip
        rows += [
            stamp.row("T1", (q,), relaxed, "relaxation"),
            stamp.row("T2echo", (q,), both.echo, "Hahn echo"),
            stamp.row("T2star", (q,), both.star, "Ramsey"),
            stamp.row("frequency_offset", (q,), both.detuning, "Ramsey"),
        ]
    return rows


def _times(series: Sequence[Timed]) -> Array:
    return np.array([one.time for one in series])


def _pulses(bench: Bench, qubits: Sequence[int], rng: np.random.Generator) -> list[Row]:
    model = bench.model
    kinds = (False, True) if "x" in model.gates else (False,)
    todo = [
        circuits.benchmarking(model, qubits, length, rng, interleaved=kind)
        for kind in kinds
        for length in LENGTHS
        for _ in range(SEQUENCES)
    ]
    bits, stamp = _measured(bench, [one.circuit for one in todo], RANDOM_SHOTS, rng)
    rows = []
    for k, q in enumerate(qubits):
        lived = _survived(todo, bits, (k,))
        decays = [_decay(todo, lived, kind, LENGTHS, 0.5) for kind in kinds]
        error = fits.pulse_error(decays[0], cliffords.pulses_per_element())
        rows += [stamp.row(f"gate_error:{gate}", (q,), error, "randomised benchmarking")
                 for gate in _QUARTER if gate in model.gates]  # fmt: skip
        if len(kinds) == 2:
            flipped = fits.interleaved_error(*decays, dimension=2)
            rows.append(stamp.row("gate_error:x", (q,), flipped, "interleaved benchmarking"))
    return rows


def _decay(
    todo: Sequence[Shuffled],
    lived: Array,
    interleaved: bool,
    lengths: Sequence[int],
    floor: float,
) -> Fitted:
    means = [
        np.array([
            y for one, y in zip(todo, lived.tolist(), strict=True)
            if one.length == length and one.interleaved == interleaved
        ])
        for length in lengths
    ]  # fmt: skip
    return fits.survival(lengths, means, RANDOM_SHOTS, floor)


def _pairs(bench: Bench, pairs: Sequence[Pair], rng: np.random.Generator) -> list[Row]:
    todo = [
        circuits.pair_benchmarking(bench.model, pairs, length, rng, interleaved=kind)
        for kind in (False, True)
        for length in PAIR_LENGTHS
        for _ in range(SEQUENCES)
    ]
    bits, stamp = _measured(bench, [one.circuit for one in todo], RANDOM_SHOTS, rng)
    rows = []
    for k, pair in enumerate(pairs):
        lived = _survived(todo, bits, (2 * k, 2 * k + 1))
        reference, interleaved = (
            _decay(todo, lived, kind, PAIR_LENGTHS, 0.25) for kind in (False, True)
        )
        error = fits.interleaved_error(reference, interleaved, dimension=4)
        rows.append(stamp.row("gate_error:cz", pair, error, "interleaved benchmarking"))
    return rows


def _survived(todo: Sequence[Shuffled], bits: list[Bits], columns: tuple[int, ...]) -> Array:
    """For each sequence the share of shots that end as they should."""
    which = list(columns)
    return np.array([
        float((each[:, which] == np.array(one.ends)[which]).all(axis=1).mean())
        for one, each in zip(todo, bits, strict=True)
    ])  # fmt: skip
