"""The circuits of a calibration, on physical qubits and in native gates.

Every circuit measures its qubits into the classical register ``c``, bit k from the k-th
qubit that is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from markaz.quantum.calibrate import cliffords
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import NANOSECONDS, Op

Pair = tuple[int, int]
Item = TypeVar("Item", bound=Hashable)
NS: Final = 1000.0  # a microsecond, in nanoseconds


@dataclass(frozen=True, slots=True)
class Timed:
    """A circuit with the time that is varied in it, µs."""

    circuit: Circuit
    time: float


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A random sequence of ``length`` group elements; ``interleaved``: with the gate that is
    measured after each.

    It ends in a random basis state, ``ends`` (a bit for each measured qubit), and not always
    in the ground state: so readout errors cannot shift where the survival settles.
    """

    circuit: Circuit
    length: int
    ends: tuple[int, ...]
    interleaved: bool = False


def start(model: DeviceModel) -> Builder:
    """An empty circuit on all qubits of the device."""
    builder = Builder()
    builder.qreg("q", model.num_qubits)
    return builder


def finish(builder: Builder, qubits: Sequence[int]) -> Circuit:
    """Measure ``qubits``, all at once, and build."""
    register = builder.creg("c", len(qubits))
    builder.barrier(range(builder.num_qubits))
    for k, qubit in enumerate(qubits):
        builder.measure(qubit, register.offset + k)
    return builder.build()


def pulse(builder: Builder, qubit: int, quarters: int = 1) -> None:
    """Quarter turns about x."""
    for _ in range(quarters):
        builder.gate(Op.SX, [qubit])


def relaxation(model: DeviceModel, qubits: Sequence[int], times: Iterable[float]) -> list[Timed]:
    """Excite, wait, measure: P(1) decays with T1."""
    made = []
    for time in times:
        builder = start(model)
        for qubit in qubits:
            pulse(builder, qubit, 2)
            builder.delay(qubit, time * NS, NANOSECONDS)
        made.append(Timed(finish(builder, qubits), time))
    return made


def ramsey(
    model: DeviceModel, qubits: Sequence[int], times: Iterable[float], detuning_khz: float
) -> list[Timed]:
    """Two quarter turns with a wait between: P(1) is a fringe at the qubit's detuning and
    ``detuning_khz``, which is added in software so that the sign can be told."""
    made = []
    for time in times:
        builder = start(model)
        for qubit in qubits:
            pulse(builder, qubit)
            builder.delay(qubit, time * NS, NANOSECONDS)
            builder.gate(Op.RZ, [qubit], [2 * math.pi * detuning_khz * 1e-3 * time])
            pulse(builder, qubit)
        made.append(Timed(finish(builder, qubits), time))
    return made


def echo(model: DeviceModel, qubits: Sequence[int], times: Iterable[float]) -> list[Timed]:
    """As Ramsey's, with a half turn in the middle: P(1) grows from 0 as contrast is lost."""
    made = []
    for time in times:
        builder = start(model)
        for qubit in qubits:
            pulse(builder, qubit)
            builder.delay(qubit, time * NS / 2, NANOSECONDS)
            pulse(builder, qubit, 2)
            builder.delay(qubit, time * NS / 2, NANOSECONDS)
            pulse(builder, qubit)
        made.append(Timed(finish(builder, qubits), time))
    return made


def readout(model: DeviceModel, qubits: Sequence[int]) -> tuple[Circuit, Circuit]:
    """All in the ground state, and all excited."""
    builder = start(model)
    for qubit in qubits:
        pulse(builder, qubit, 2)
    return finish(start(model), qubits), finish(builder, qubits)


def benchmarking(
    model: DeviceModel,
    qubits: Sequence[int],
    length: int,
    rng: np.random.Generator,
    *,
    interleaved: bool = False,
) -> Shuffled:
    """``length`` random one-qubit elements on each qubit, each followed by an X pulse if
    ``interleaved``, and what undoes them all."""
    gate = cliffords.flip()
    builder = start(model)
    ends = tuple(rng.integers(0, 2, len(qubits)).tolist())
    for qubit, end in zip(qubits, ends, strict=True):
        total = np.eye(2, dtype=np.complex128)
        for k in rng.integers(0, 24, length).tolist():
            for element in (cliffords.one_qubit()[k], *([gate] if interleaved else [])):
                total = element.unitary @ total
                _put(builder, element, (qubit,))
        _put(builder, cliffords.inverse_one(total @ cliffords.flips(end)), (qubit,))
    return Shuffled(finish(builder, qubits), length, ends, interleaved)


def pair_benchmarking(
    model: DeviceModel,
    pairs: Sequence[Pair],
    length: int,
    rng: np.random.Generator,
    *,
    interleaved: bool,
) -> Shuffled:
    """``length`` random two-qubit elements on each pair, each followed by a CZ if
    ``interleaved``, and what undoes them all."""
    builder = start(model)
    gate = cliffords.coupling()
    ends = tuple(rng.integers(0, 2, 2 * len(pairs)).tolist())
    for k, pair in enumerate(pairs):
        total = np.eye(4, dtype=np.complex128)
        for _ in range(length):
            parts = [cliffords.random_pair(rng), *([gate] if interleaved else [])]
            for element in parts:
                total = element.unitary @ total
                _put(builder, element, pair)
        end = cliffords.flips(*ends[2 * k : 2 * k + 2])
        _put(builder, cliffords.inverse_pair(total @ end), pair)
    measured = [qubit for pair in pairs for qubit in pair]
    return Shuffled(finish(builder, measured), length, ends, interleaved)


def _put(builder: Builder, element: cliffords.Element, qubits: Sequence[int]) -> None:
    for op, on, angle in element.steps:
        builder.gate(op, [qubits[k] for k in on], [angle] if op == Op.RZ else ())


def qubit_groups(model: DeviceModel) -> list[list[int]]:
    """Qubits in groups without neighbours, so that crosstalk does not count."""
    return _coloured(list(range(model.num_qubits)), lambda q: set(model.neighbours[q]))


def pair_groups(model: DeviceModel) -> list[list[Pair]]:
    """Working couplers in groups in which no two pairs touch or are neighbours."""
    pairs = list(model.live_couplers)
    places = {pair: set(pair) | {n for q in pair for n in model.neighbours[q]} for pair in pairs}
    return _coloured(pairs, lambda p: {o for o in pairs if o != p and places[p] & set(o)})


def _coloured(items: list[Item], near: Callable[[Item], set[Item]]) -> list[list[Item]]:
    """Greedily: each item into the first group that holds none of those near to it."""
    groups: list[list[Item]] = []
    for item in items:
        conflicts = near(item)
        free = next((g for g in groups if conflicts.isdisjoint(g)), None)
        if free is None:
            groups.append([item])
        else:
            free.append(item)
    return groups
