"""Programs that test a device as a whole, and what their counts say.

GHZ fidelity as in T. Monz et al., Phys. Rev. Lett. 106, 130506 (2011): populations and the
coherence seen in turned bases. Mirror circuits as in T. Proctor et al., Nature Physics 18,
75 (2022). Quantum volume as in A. W. Cross et al., Phys. Rev. A 100, 032328 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from markaz.quantum.accept.contract import HEAVY, Criterion
from markaz.quantum.accept.verdict import Measured
from markaz.quantum.calibrate import cliffords
from markaz.quantum.calibrate.cliffords import Element
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.qiskit_bridge import from_qiskit

SHOTS: Final = 2000
MIRRORS: Final = 20
MIRROR_SHOTS: Final = 500
VOLUMES: Final = 100
VOLUME_SHOTS: Final = 200
SPEED_RUNS: Final = 5
SPEED_SHOTS: Final = 1000
_HALF: Final = math.pi / 2

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trial:
    """One program to run: ``shots`` times, fitted to the device if ``compiled`` is False
    (else its qubits are the device's own and its gates native). ``facts`` are for ``judge``."""

    circuit: Circuit
    shots: int
    compiled: bool
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a trial: its counts, and the seconds that the device was at it."""

    counts: Counts
    seconds: float


def connected(model: DeviceModel, size: int) -> list[int]:
    """``size`` qubits that working couplers join, each after one that it is joined to.

    They grow from the middle of the largest connected part. Raises ValueError where no
    part is so large.
    """
    best = max((_grown(model, q) for q in range(model.num_qubits)), key=len)
    if len(best) < size:
        raise ValueError(f"{model.name} has no {size} connected qubits, only {len(best)}")
    middle = np.mean([model.sites[q] for q in best], axis=0)
    centre = min(best, key=lambda q: float(np.hypot(*(np.array(model.sites[q]) - middle))))
    return _grown(model, centre)[:size]


def _grown(model: DeviceModel, first: int) -> list[int]:
    found = [first]
    for q in found:
        found += [n for n in model.neighbours[q] if n not in found]
    return found


def trials(criterion: Criterion, model: DeviceModel, seed: int) -> list[Trial]:
    """The programs of a benchmark. Raises ValueError where the device is too small."""
    rng = np.random.default_rng([seed, *criterion.words.encode()])
    if criterion.measure == "ghz_fidelity":
        return _ghz(model, connected(model, criterion.qubits))
    if criterion.measure == "mirror_polarisation":
        qubits = connected(model, criterion.qubits)
        return [_mirror(model, qubits, criterion.depth, rng) for _ in range(MIRRORS)]
    if criterion.measure == "quantum_volume":
        return [_volume(criterion.qubits, rng) for _ in range(VOLUMES)]
    qubits = connected(model, model.num_qubits // 2)
    layers = [_mirror(model, qubits, criterion.depth, rng) for _ in range(SPEED_RUNS)]
    return [Trial(t.circuit, SPEED_SHOTS, t.compiled, {"layers": criterion.depth}) for t in layers]


def judge(criterion: Criterion, ran: Sequence[tuple[Trial, Ran]]) -> Measured:
    """What the runs of a benchmark's programs say."""
    if criterion.measure == "ghz_fidelity":
        return _ghz_fidelity(ran)
    if criterion.measure == "mirror_polarisation":
        return _average([_polarisation(t, r) for t, r in ran])
    if criterion.measure == "quantum_volume":
        shares = [_heavy_share(t, r) for t, r in ran]
        return _average(shares, f"a quantum volume of {1 << criterion.qubits} takes {HEAVY:.3f}")
    return _average([t.facts["layers"] * t.shots / max(r.seconds, 1e-9) for t, r in ran])


def _average(values: Sequence[float], note: str = "") -> Measured:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Measured(float(np.mean(values)), error, note)


# -- GHZ ------------------------------------------------------------------------------


def _ghz(model: DeviceModel, qubits: Sequence[int]) -> list[Trial]:
    size = len(qubits)
    turned = [Trial(_ghz_circuit(model, qubits, k), SHOTS, True, {"turn": k}) for k in range(size)]
    return [Trial(_ghz_circuit(model, qubits, None), SHOTS, True, {"turn": None}), *turned]


def _ghz_circuit(model: DeviceModel, qubits: Sequence[int], turn: int | None) -> Circuit:
    """Prepare on a tree of couplers, then measure along z, or along the axis at the angle
    pi turn / n in the plane of x and y."""
    builder = _start(model)
    _hadamard(builder, qubits[0])
    for k, q in enumerate(qubits[1:], 1):
        parent = next(p for p in qubits[:k] if q in model.neighbours[p])
        _hadamard(builder, q)
        builder.gate(Op.CZ, [parent, q])
        _hadamard(builder, q)
    if turn is not None:
        for q in qubits:
            builder.gate(Op.RZ, [q], [-math.pi * turn / len(qubits)])
            _hadamard(builder, q)
    return _measured(builder, qubits)


def _ghz_fidelity(ran: Sequence[tuple[Trial, Ran]]) -> Measured:
    """(populations + coherence) / 2, the coherence from mean parities with changing sign."""
    populations, signs, parities = (0.0, 0.0), [], []
    for trial, done in ran:
        total = sum(done.counts.values())
        if trial.facts["turn"] is None:
            same = sum(n for bits, n in done.counts.items() if len(set(bits)) == 1)
            share = same / total
            populations = share, (share * (1 - share) + 1 / total) / total
            continue
        odd = sum(n for bits, n in done.counts.items() if bits.count("1") % 2)
        signs.append((-1) ** trial.facts["turn"])
        parities.append(1 - 2 * odd / total)
    coherence = float(np.mean(np.array(signs) * np.array(parities)))
    shots = ran[0][0].shots
    variance = sum(max(1 - p * p, 1 / shots) / shots for p in parities) / len(parities) ** 2
    error = math.sqrt(populations[1] + variance) / 2
    return Measured((populations[0] + coherence) / 2, error)


# -- mirror circuits ------------------------------------------------------------------


def _mirror(
    model: DeviceModel, qubits: Sequence[int], layers: int, rng: np.random.Generator
) -> Trial:
    """Half of the layers at random, a random Pauli, and the first half undone.

    A layer is a random one-qubit element on each qubit and CZ on every other coupler.
    """
    couplers = [p for p in model.live_couplers if set(p) <= set(qubits)]
    builder = _start(model)
    halves = [_layer(qubits, couplers, rng) for _ in range(max(1, layers // 2))]
    for turns, pairs in halves:
        _put(builder, qubits, turns)
        for pair in pairs:
            builder.gate(Op.CZ, list(pair))
    flips = rng.integers(0, 2, len(qubits)).tolist()
    for q, flip in zip(qubits, flips, strict=True):
        for _ in range(2 * flip):
            builder.gate(Op.SX, [q])
    for turns, pairs in halves[::-1]:
        for pair in pairs:
            builder.gate(Op.CZ, list(pair))
        _put(builder, qubits, [cliffords.inverse_one(e.unitary) for e in turns])
    circuit = _measured(builder, qubits)
    return Trial(circuit, MIRROR_SHOTS, True, {"ends": _end_of(circuit)})


def _layer(
    qubits: Sequence[int], couplers: Sequence[tuple[int, int]], rng: np.random.Generator
) -> tuple[list[Element], list[tuple[int, int]]]:
    pairs: list[tuple[int, int]] = []
    busy: set[int] = set()
    for k in rng.permutation(len(couplers)).tolist():
        if busy.isdisjoint(couplers[k]) and rng.random() < 0.5:
            pairs.append(couplers[k])
            busy.update(couplers[k])
    group = cliffords.one_qubit()
    return [group[k] for k in rng.integers(0, len(group), len(qubits)).tolist()], pairs


def _put(builder: Builder, qubits: Sequence[int], elements: Sequence[Element]) -> None:
    for q, element in zip(qubits, elements, strict=True):
        for op, _, angle in element.steps:
            builder.gate(op, [q], [angle] if op == Op.RZ else ())


def _end_of(circuit: Circuit) -> str:
    """The one outcome of a circuit of Clifford gates that has only one."""
    from markaz.quantum import api  # noqa: PLC0415 - loads the simulation floor

    (bits,) = api.run(circuit, shots=1, seed=0).counts or {}
    return bits


def _polarisation(trial: Trial, done: Ran) -> float:
    """1 without errors, 0 for random bits: 4^n/(4^n-1) sum_k (-1/2)^k h_k - 1/(4^n-1), with
    h_k the share of outcomes that differ in k bits (Proctor et al., equation 3)."""
    ends = trial.facts["ends"]
    total = sum(done.counts.values())
    far = [(sum(a != b for a, b in zip(bits, ends, strict=True)), n)
           for bits, n in done.counts.items()]  # fmt: skip
    weighted = sum((-0.5) ** k * n for k, n in far) / total
    size = 4.0 ** len(ends)
    return float(size / (size - 1) * weighted - 1 / (size - 1))


# -- quantum volume -------------------------------------------------------------------


def _volume(size: int, rng: np.random.Generator) -> Trial:
    # Qiskit takes long to load.
    from qiskit.circuit.library import quantum_volume
    from qiskit.quantum_info import Statevector

    made = quantum_volume(size, size, seed=int(rng.integers(1 << 31)))
    ideal = Statevector(made).probabilities()
    heavy = [format(i, f"0{size}b") for i in np.flatnonzero(ideal > np.median(ideal)).tolist()]
    made.measure_all()
    return Trial(from_qiskit(made), VOLUME_SHOTS, False, {"heavy": heavy})


def _heavy_share(trial: Trial, done: Ran) -> float:
    heavy = set(trial.facts["heavy"])
    total = sum(done.counts.values())
    return sum(n for bits, n in done.counts.items() if bits in heavy) / total


# -- parts ----------------------------------------------------------------------------


def _start(model: DeviceModel) -> Builder:
    builder = Builder()
    builder.qreg("q", model.num_qubits)
    return builder


def _hadamard(builder: Builder, qubit: int) -> None:
    """H, up to a phase, in native gates."""
    builder.gate(Op.RZ, [qubit], [_HALF])
    builder.gate(Op.SX, [qubit])
    builder.gate(Op.RZ, [qubit], [_HALF])


def _measured(builder: Builder, qubits: Sequence[int]) -> Circuit:
    register = builder.creg("c", len(qubits))
    for k, q in enumerate(qubits):
        builder.measure(q, register.offset + k)
    return builder.build()
