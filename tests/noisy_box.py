"""A small device with a noise that the test knows: exact density matrices, many circuits of
one shape at once. For tests of mitigation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.compile.schedule import schedule
from markaz.quantum.mitigate.plan import MitigationPlan
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op, matrix


@dataclass
class Box:
    """Noise: ``mix`` and ``pulse_mix`` depolarise each qubit of a CZ and of a pulse;
    ``phase`` is a coherent turn about ZZ in every CZ, ``over`` one about x in every pulse
    (radians); ``detuning`` turns about z in every ns of waiting; ``up`` and ``down`` are the
    errors of reading 0 and 1."""

    fabric: Fabric
    mix: float = 0.004
    pulse_mix: float = 0.0003
    phase: float = 0.06
    over: float = 0.005
    detuning: float = 0.0004
    up: float = 0.02
    down: float = 0.05

    def run(self, plan: MitigationPlan, seed: int) -> list[dict[str, int]]:
        """Counts of all runs of a plan, in order."""
        g = np.random.default_rng(seed)
        found: list[dict[str, int]] = []
        for batch in plan.batches:
            shapes: dict[bytes, list[int]] = {}
            for k, c in enumerate(batch.circuits):
                shapes.setdefault(c.op.tobytes() + c.qubits.tobytes(), []).append(k)
            made: dict[int, dict[str, int]] = {}
            for members in shapes.values():
                chance = self.probabilities([batch.circuits[k] for k in members])
                for row, k in enumerate(members):
                    made[k] = _counts(chance[row], batch.shots, batch.circuits[k], g)
            found += [made[k] for k in range(len(batch.circuits))]
        return found

    def probabilities(self, circuits: Sequence[Circuit]) -> np.ndarray:
        """(circuits, outcomes of the measurements, the first one the lowest bit)."""
        first = circuits[0]
        used = sorted({q for i in range(len(first)) if first.op[i] != Op.BARRIER
                       for q in first.operands(i)})  # fmt: skip
        place = {q: k for k, q in enumerate(used)}
        n = len(used)
        rho = np.zeros((len(circuits), 1 << n, 1 << n), complex)
        rho[:, 0, 0] = 1
        plan = schedule(first, self.fabric)
        ended: dict[int, float] = {}
        for i, op in enumerate(first.op.tolist()):
            if op == Op.BARRIER:
                continue
            on = [place[q] for q in first.operands(i)]
            for k in on:
                wait = plan.start[i] - ended.get(k, plan.start[i])
                wait += plan.length[i] if op in (Op.ID, Op.DELAY) else 0.0
                if plan.length[i] > 0:
                    if wait > 0:
                        rho = _turned_z(rho, k, np.full(len(rho), self.detuning * wait), n)
                    ended[k] = plan.start[i] + plan.length[i]
            if op <= LAST_GATE and op != Op.ID:
                angles = np.array([c.params[i, 0] for c in circuits])
                rho = self._gate(rho, op, on, angles, n)
        return self._read(rho, [place[q] for q, _ in first.measurements()], n)

    def _gate(
        self, rho: np.ndarray, op: int, on: list[int], angles: np.ndarray, n: int
    ) -> np.ndarray:
        if op == Op.RZ:
            return _turned_z(rho, on[0], angles, n)
        if op == Op.CZ:
            zz = np.diag(np.exp(-0.5j * self.phase * np.array([1, -1, -1, 1])))
            rho = _applied(rho, zz @ np.diag([1, 1, 1, -1]), on, n)
            for k in on:
                rho = _mixed(rho, k, self.mix, n)
            return rho
        theta = {int(Op.SX): math.pi / 2, int(Op.X): math.pi}.get(op, float(angles[0]))
        turn = np.array(matrix(Op.RX, (theta + self.over * theta / math.pi * 2,)))
        return _mixed(_applied(rho, turn, on, n), on[0], self.pulse_mix, n)

    def _read(self, rho: np.ndarray, on: list[int], n: int) -> np.ndarray:
        chance = np.einsum("kii->ki", rho).real.reshape(len(rho), *[2] * n)
        chance = np.transpose(chance, [0, *[n - k for k in reversed(on)],
                                       *[n - k for k in range(n) if k not in on]])  # fmt: skip
        chance = chance.reshape(len(rho), 1 << len(on), -1).sum(axis=2)
        one = np.array([[1 - self.up, self.down], [self.up, 1 - self.down]])
        full = np.eye(1)
        for _ in on:
            full = np.kron(full, one)
        return np.clip(chance @ full.T, 0, None)


def _counts(
    chance: np.ndarray, shots: int, circuit: Circuit, g: np.random.Generator
) -> dict[str, int]:
    drawn = g.multinomial(shots, chance / chance.sum())
    bits = [c for _, c in circuit.measurements()]
    found = {}
    for outcome in np.flatnonzero(drawn).tolist():
        value = sum((outcome >> k & 1) << c for k, c in enumerate(bits))
        found[format(value, f"0{circuit.visible_clbits}b")] = int(drawn[outcome])
    return found


def _turned_z(rho: np.ndarray, k: int, angles: np.ndarray, n: int) -> np.ndarray:
    sign = 1 - 2.0 * (np.arange(1 << n) >> k & 1)
    phase = np.exp(-0.5j * angles[:, None] * sign)
    return rho * phase[:, :, None] * phase.conj()[:, None, :]


def _applied(rho: np.ndarray, gate: np.ndarray, on: list[int], n: int) -> np.ndarray:
    full = np.zeros((1 << n, 1 << n), complex)
    index = np.arange(1 << n)
    rest = index & ~sum(1 << k for k in on)
    local = sum((index >> k & 1) << j for j, k in enumerate(on))
    for row in range(1 << len(on)):
        to = rest | sum((row >> j & 1) << k for j, k in enumerate(on))
        full[to, index] = gate[row, local]
    return full @ rho @ full.conj().T


def _mixed(rho: np.ndarray, k: int, share: float, n: int) -> np.ndarray:
    shape = (len(rho), 1 << (n - k - 1), 2, 1 << k)
    split = rho.reshape(*shape, *shape[1:])
    mean = np.einsum("zaibcid->zabcd", split) / 2
    blank = np.zeros_like(split)
    blank[:, :, 0, :, :, 0, :] = blank[:, :, 1, :, :, 1, :] = mean
    return ((1 - share) * split + share * blank).reshape(rho.shape)
