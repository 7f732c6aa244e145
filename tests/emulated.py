"""Circuits on emulated devices, and truths without some kinds of noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from markaz.quantum.devices.emulator.truth import Truth, truth_at
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import NANOSECONDS, Op

AT = 1_763_800_000_000_000
HOUR = 3_600_000_000
HALF = math.pi / 2


def built(model: DeviceModel, clbits: int, fill: Callable[[Builder], None]) -> Circuit:
    """A circuit on all qubits of a device."""
    builder = Builder()
    builder.qreg("q", model.num_qubits)
    builder.creg("c", clbits)
    fill(builder)
    return builder.build()


def pulses(builder: Builder, qubit: int, *angles: float) -> None:
    """Quarter turns about x."""
    for angle in angles:
        builder.gate(Op.RX, [qubit], [angle])


def wait(builder: Builder, qubit: int, us: float) -> None:
    """A delay in µs."""
    builder.delay(qubit, us * 1e3, NANOSECONDS)


def silent(model: DeviceModel, **kept: float) -> Truth:
    """A truth without noise, but for the named quantities: the same for all."""
    truth = truth_at(model, 1, AT, AT)
    endless = {"t1": 1e15, "t_phi": 1e15}
    made = {
        f.name: np.full_like(getattr(truth, f.name), kept.get(f.name, endless.get(f.name, 0.0)))
        for f in fields(Truth)
    }
    return replace(truth, **made)


def layers(model: DeviceModel, qubits: list[int], cycles: int, seed: int) -> Circuit:
    """Random quarter turns on all ``qubits``, then CZ on couplers that do not touch."""
    rng = np.random.default_rng(seed)
    live = [p for p in model.live_couplers if set(p) <= set(qubits)]

    def fill(builder: Builder) -> None:
        for _ in range(cycles):
            for qubit in qubits:
                builder.gate([Op.RX, Op.RY][rng.integers(2)], [qubit], [HALF])
            used: set[int] = set()
            for k in rng.permutation(len(live)):
                if not used & set(live[k]):
                    used |= set(live[k])
                    builder.gate(Op.CZ, live[k])
        for bit, qubit in enumerate(qubits):
            builder.measure(qubit, bit)

    return built(model, len(qubits), fill)
