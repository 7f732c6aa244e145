"""Samples with twirling and dynamical decoupling: shots dealt to random copies of a circuit.

Nothing is corrected afterwards: flips before measurements are undone, shot by shot, and what
twirling and echoes change is what the device does. All copies mean the same circuit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.fabric import Fabric, fabric_of
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.mitigate.decouple import decoupled, windows
from markaz.quantum.mitigate.errors import refused
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.twirl import flips, twirls
from markaz.quantum.mitigate.weave import Pattern, pair_gates, weave
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

NOTHING_TO_TWIRL = "gate twirling: there is no two-qubit gate"
NOTHING_WAITS = "dynamical decoupling: no wait is long enough for an echo"


@dataclass(frozen=True, slots=True)
class Copy:
    """A circuit to run ``shots`` times; ``flipped`` are the classical bits to turn about in what
    is read."""

    circuit: Circuit
    shots: int
    flipped: NDArray[np.int64]

    def undone(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Outcomes (shots, clbits) as they would have been without the flips."""
        made = bits.copy()
        made[:, self.flipped] ^= 1
        return made


@dataclass(frozen=True, slots=True)
class Sampling:
    """What to run, and in words what is done and what came to nothing."""

    copies: tuple[Copy, ...]
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a result's metadata."""
        return {
            "applied": list(self.applied),
            "not_applied": list(self.not_applied),
            "randomizations": len(self.copies),
            "shots_per_randomization": [c.shots for c in self.copies],
        }


def whole(circuit: Circuit, shots: int) -> Sampling:
    """The circuit as it is."""
    return Sampling((Copy(circuit, shots, np.zeros(0, np.int64)),), (), ())


def sampling(
    wanted: Mitigation,
    circuit: Circuit,
    shots: int,
    model: DeviceModel,
    sheet: Sheet | None,
    seed: int,
) -> Sampling:
    """Copies of a compiled circuit without unbound parameters, ``shots`` together.

    Raises MitigationError ``refused`` for circuits with control flow, resets or measurements
    before the end, and for echoes on a device without waits.
    """
    if circuit.is_dynamic:
        raise refused(
            "twirling and dynamical decoupling: the circuit has resets, control flow or "
            "measurements before the end, and nothing is put between those"
        )
    fabric = fabric_of(model, sheet)
    generator = np.random.default_rng(np.random.SeedSequence([seed & (1 << 63) - 1, 2]))
    made, flipped = _twirled(wanted, circuit, shots, fabric, generator)
    applied, missing = _words(wanted, circuit, len(made))
    if wanted.decoupling:
        if "delay" not in model.features:
            raise refused(f"dynamical decoupling: {model.name} has no waits of a stated length")
        echoes = len(windows(made[0], fabric, wanted.decoupling))
        word = f"dynamical decoupling {wanted.decoupling} in {echoes} waits"
        (applied if echoes else missing).append(word if echoes else NOTHING_WAITS)
        made = [decoupled(c, fabric, wanted.decoupling, model.dt) for c in made]
    each, over = divmod(shots, len(made))
    bits = circuit.aux[circuit.op == Op.MEASURE].astype(np.int64)
    rows = zip(made, flipped, strict=True)
    copies = [Copy(c, each + (k < over), bits[row]) for k, (c, row) in enumerate(rows)]
    return Sampling(tuple(copies), tuple(applied), tuple(missing))


def _twirled(
    wanted: Mitigation, circuit: Circuit, shots: int, fabric: Fabric, rng: np.random.Generator
) -> tuple[Sequence[Circuit], NDArray[np.bool_]]:
    """Random copies, and which measurements of each are flipped (copies, measurements)."""
    gates, reads = len(pair_gates(circuit)), int(np.sum(circuit.op == Op.MEASURE))
    twirl = wanted.twirl_gates and gates > 0
    if not (twirl or wanted.twirl_measure):
        return [circuit], np.zeros((1, reads), np.bool_)
    count = min(wanted.copies + wanted.copies % 2, max(1, shots))
    once = np.ones(gates, np.int64)
    before, after = twirls(circuit, once, count, rng) if twirl else (None, None)
    turned = flips(circuit, count, rng) if wanted.twirl_measure else None
    made = weave(circuit, count, fabric, Pattern(once, before, after, turned)).finish(circuit)
    return made, np.zeros((count, reads), np.bool_) if turned is None else turned


def _words(wanted: Mitigation, circuit: Circuit, copies: int) -> tuple[list[str], list[str]]:
    applied: list[str] = []
    missing: list[str] = []
    if wanted.twirl_gates:
        pairs = len(pair_gates(circuit))
        word = f"Pauli twirling of {pairs} two-qubit gates in {copies} copies"
        (applied if pairs else missing).append(word if pairs else NOTHING_TO_TWIRL)
    if wanted.twirl_measure:
        applied.append(f"flips before measurements in {copies} copies, undone in the samples")
    return applied, missing
