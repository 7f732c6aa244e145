"""A timed circuit and a hidden truth become a noisy program.

Pulses act in the middle of their time. Between two pulses of a qubit lies an interval in
which its frequency offset, ZZ crosstalk, relaxation and dephasing act; what the interval
did is booked right before the pulse that ends it. A qubit that no pulse has touched yet is in
its ground state: nothing acts on it, and crosstalk with it is none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.emulator.schedule import Timed
from markaz.quantum.devices.emulator.truth import Truth
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.noisy.program import NoisyProgram

_HALF = math.pi / 2
_KHZ_NS = 2 * math.pi * 1e-6  # kHz times ns as an angle
# Angle about z of operations that are one, where it is not a parameter.
_PHASES = {
    int(Op.Z): math.pi, int(Op.S): _HALF, int(Op.SDG): -_HALF,
    int(Op.T): _HALF / 2, int(Op.TDG): -_HALF / 2,
}  # fmt: skip
_BY_STEP = (
    *("z", "wait", "decay", "dephase", "axis", "turn", "flip", "ideal_z", "ideal_turn"),
    "has_turn",
)


def lower(
    rows: Sequence[Timed], model: DeviceModel, truth: Truth
) -> tuple[NoisyProgram, list[int]]:
    """The noisy program on the qubits in use, and the classical bits of its ``measured``."""
    used = sorted({q for row in rows for q in row.qubits})
    lowering = Lowering(model, truth, used)
    order = sorted(range(len(rows)), key=lambda i: (moment_of(rows[i]), i))
    for i in order:
        lowering.add(rows[i])
    return lowering.program(), lowering.clbits


def moment_of(row: Timed) -> float:
    """When an operation acts: a pulse in its middle, a two-qubit gate at its end."""
    if row.gate == "measure":
        return row.start
    return row.start + (row.duration if len(row.qubits) == 2 else row.duration / 2)


def turn_of(row: Timed) -> tuple[float, float]:
    """Axis and angle of a pulse: a turn about cos(axis) x + sin(axis) y."""
    op, theta = row.op, row.params[0]
    if op == Op.RX:
        return 0.0, theta
    if op == Op.RY:
        return _HALF, theta
    if op == Op.U:  # XY2P and XY2M; see programs.qcis
        return row.params[1] + _HALF, theta
    return 0.0, {int(Op.X): math.pi, int(Op.SX): _HALF, int(Op.SXDG): -_HALF}[op]


@dataclass(slots=True)
class Lowering:
    """What was lowered so far, on the qubits ``used``, operation by operation in time."""

    model: DeviceModel
    truth: Truth
    used: list[int]
    steps: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)
    pair_angles: dict[tuple[int, int, int], list[float]] = field(default_factory=dict)
    errors: list[tuple[int, int, int, float]] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    clbits: list[int] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    coupler: dict[tuple[int, int], int] = field(default_factory=dict)
    level: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    pulses: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    since: dict[int, float] = field(default_factory=dict)  # last pulse of a touched qubit
    crossed: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = {q: k for k, q in enumerate(self.used)}
        for k, (a, b) in enumerate(self.model.couplers):
            self.coupler[(a, b)] = self.coupler[(b, a)] = k
        self.pulses = np.zeros(len(self.used), np.int64)
        self.crossed = defaultdict(float)
        self._begin()

    def _begin(self) -> None:
        """No steps, from here on."""
        self.steps, self.pair_angles, self.errors = [], {}, []
        self.level = np.zeros(len(self.used), np.int64)
        self._step(0)

    def copy(self) -> Lowering:
        """The same so far, to go on in another way."""
        made = Lowering(self.model, self.truth, self.used)
        made.steps = [{name: row.copy() for name, row in step.items()} for step in self.steps]
        made.pair_angles = {key: list(angles) for key, angles in self.pair_angles.items()}
        made.errors = list(self.errors)
        made.level, made.pulses = self.level.copy(), self.pulses.copy()
        made.since, made.crossed = dict(self.since), self.crossed.copy()
        return made

    def _step(self, index: int) -> dict[str, NDArray[np.float64]]:
        while len(self.steps) <= index:
            self.steps.append({name: np.zeros(len(self.used)) for name in _BY_STEP})
        return self.steps[index]

    def add(self, row: Timed) -> None:
        """The next operation in time."""
        if row.gate == "measure":
            self.rest(row.qubits[0], row.start)
            self.measured.append(self.place[row.qubits[0]])
            self.clbits.append(row.clbit)
        elif row.gate == "rz":
            angle = _PHASES.get(row.op, row.params[0])
            self._phase(self.place[row.qubits[0]], angle, angle)
        elif len(row.qubits) == 2:
            self._pair_gate(row)
        elif row.gate not in ("id", "delay"):
            self._pulse(row)

    def _phase(self, k: int, angle: float, ideal: float) -> None:
        step = self._step(int(self.level[k]))
        step["z"][k] += angle
        step["ideal_z"][k] += ideal

    def _pulse(self, row: Timed) -> None:
        qubit, k = row.qubits[0], self.place[row.qubits[0]]
        moment = moment_of(row)
        self.rest(qubit, moment)
        self.touch(qubit, moment)
        step, truth = self._step(int(self.level[k])), self.truth
        axis, angle = turn_of(row)
        step["has_turn"][k] = 1.0
        step["axis"][k], step["ideal_turn"][k] = axis, angle
        step["turn"][k] = angle * (1 + truth.rotation[qubit])
        # A Pauli error, or leakage that leaves the qubit in any state.
        kept = (1 - 4 / 3 * truth.pulse_error[qubit]) * (1 - truth.leakage[qubit])
        step["flip"][k] = 0.75 * (1 - kept)
        self.level[k] += 1
        self.pulses[k] += 1

    def touch(self, qubit: int, moment: float) -> None:
        """From now on crosstalk counts."""
        if qubit not in self.since:
            for other in self.model.neighbours[qubit]:
                self.crossed[_key(qubit, other)] = moment
        self.since[qubit] = moment

    def rest(self, qubit: int, moment: float) -> None:
        """Book what the time since the last pulse did to a qubit, up to now."""
        if qubit not in self.since:
            return
        k, truth = self.place[qubit], self.truth
        for other in self.model.neighbours[qubit]:
            if other in self.since:
                self._crosstalk(qubit, other, moment)
        time = moment - self.since[qubit]
        step = self._step(int(self.level[k]))
        step["z"][k] += _KHZ_NS * truth.detuning[qubit] * time
        step["wait"][k] += time * 1e-3
        step["decay"][k] = 1 - (1 - step["decay"][k]) * math.exp(-time * 1e-3 / truth.t1[qubit])
        kept = (1 - 2 * step["dephase"][k]) * math.exp(-time * 1e-3 / truth.t_phi[qubit])
        step["dephase"][k] = (1 - kept) / 2

    def _crosstalk(self, qubit: int, other: int, moment: float) -> None:
        """exp(-i phi n n) with n = (1 - Z) / 2 is a turn about ZZ and two about z."""
        pair = _key(qubit, other)
        phi = _KHZ_NS * self.truth.zz[self.coupler[pair]] * (moment - self.crossed[pair])
        self.crossed[pair] = moment
        if phi:
            self._pair_angle(pair, phi / 2, 0.0)
            for q in pair:
                self._phase(self.place[q], -phi / 2, 0.0)

    def _pair_angle(self, pair: tuple[int, int], angle: float, ideal: float) -> int:
        """Add a turn about ZZ behind all that was there; its step."""
        a, b = (self.place[q] for q in pair)
        level = int(max(self.level[a], self.level[b]))
        self.level[[a, b]] = level
        entry = self.pair_angles.setdefault((level, min(a, b), max(a, b)), [0.0, 0.0])
        entry[0] += angle
        entry[1] += ideal
        self._step(level)
        return level

    def _pair_gate(self, row: Timed) -> None:
        """CZ is a turn by -pi/2 about ZZ and by pi/2 about both z, up to a phase."""
        pair = (row.qubits[0], row.qubits[1])
        moment, coupler = moment_of(row), self.coupler[pair]
        for qubit in pair:
            self.rest(qubit, moment)
            self.touch(qubit, moment)
        excess = self.truth.cz_phase[coupler]
        if row.op == Op.ECR:
            level = self._ecr(pair, excess)
        elif row.op == Op.CZ:
            level = self._pair_angle(pair, -_HALF - excess / 2, -_HALF)
            for qubit in pair:
                self._phase(self.place[qubit], _HALF + excess / 2, _HALF)
        else:
            level = self._pair_angle(pair, row.params[0] - excess / 2, row.params[0])
            for qubit in pair:
                self._phase(self.place[qubit], excess / 2, 0.0)
        a, b = (self.place[q] for q in pair)
        self.errors.append((level, a, b, float(self.truth.cz_error[coupler])))

    def _ecr(self, pair: tuple[int, int], excess: float) -> int:
        """X of the control behind RZX by half of pi, which is ZZ seen by a target that is
        turned about y; these turns are part of the gate, whose errors stand for theirs."""
        control, target = (self.place[q] for q in pair)
        self._part(target, _HALF, -_HALF)
        level = self._pair_angle(pair, _HALF - excess / 2, _HALF)
        for k in (control, target):
            self._phase(k, excess / 2, 0.0)
        self._part(control, 0.0, math.pi)
        self._part(target, _HALF, _HALF)
        return level

    def _part(self, k: int, axis: float, angle: float) -> None:
        """A turn without time or errors of its own."""
        step = self._step(int(self.level[k]))
        step["has_turn"][k] = 1.0
        step["axis"][k], step["ideal_turn"][k], step["turn"][k] = axis, angle, angle
        self.level[k] += 1

    def program(self) -> NoisyProgram:
        """Everything that was added, up to the measurements; the last step has no turn."""
        measured = np.array(self.measured, np.int64)
        return self._made(int(self.level.max(initial=0)), measured)

    def cut(self) -> NoisyProgram:
        """Everything that was added since the last cut, and two steps in which nothing
        happens, as a ``Segment`` needs them; nothing is measured."""
        made = self._made(int(self.level.max(initial=0)) + 2, np.zeros(0, np.int64))
        self._begin()
        return made

    def _made(self, last: int, measured: NDArray[np.int64]) -> NoisyProgram:
        self._step(last)
        arrays = {name: np.array([step[name] for step in self.steps]) for name in _BY_STEP}
        turns = arrays.pop("has_turn") > 0
        pairs = sorted(self.pair_angles)
        qubits = np.array(self.used, np.int64)
        read1, read0 = self.reading(measured)
        return NoisyProgram(
            **arrays,
            has_turn=turns,
            pair_step=np.array([p[0] for p in pairs], np.int64),
            pairs=np.array([p[1:] for p in pairs], np.int64).reshape(-1, 2),
            pair_angle=np.array([self.pair_angles[p][0] for p in pairs], np.float64),
            ideal_angle=np.array([self.pair_angles[p][1] for p in pairs], np.float64),
            error_step=np.array([e[0] for e in self.errors], np.int64),
            error_pairs=np.array([e[1:3] for e in self.errors], np.int64).reshape(-1, 2),
            error=np.array([e[3] for e in self.errors], np.float64),
            slow=2 * math.pi * 1e-3 * self.truth.slow[qubits],
            measured=measured,
            read1=read1,
            read0=read0,
        )

    def reading(self, places: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Chances to read 1 for 0 and 0 for 1 now; a qubit that leaked is read as 1."""
        qubits = np.array(self.used, np.int64)[places]
        leaked = 1 - (1 - self.truth.leakage[qubits]) ** self.pulses[places]
        read1 = self.truth.read1[qubits]
        return read1 + (1 - read1) * leaked, self.truth.read0[qubits] * (1 - leaked)


def _key(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
