"""Circuits that claim to be compiled already: checked against the device, left as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from markaz.quantum.compile.errors import CompileError
from markaz.quantum.devices.features import missing_feature
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Op

SHOWN = 20  # violations that are named


def check_native(circuit: Circuit, model: DeviceModel) -> None:
    """Raise CompileError ``not-native`` that names every operation (up to SHOWN) which the
    device cannot run as it stands; qubit ``k`` is the device's qubit ``$k``."""
    found: list[str] = []
    for message in violations(circuit, model):
        found.append(message)
        if len(found) > SHOWN:
            break
    if found:
        shown = "; ".join(found[:SHOWN]) + ("; …" if len(found) > SHOWN else "")
        raise CompileError(
            "not-native", f"not compiled for {model.name}: {shown}", tuple(found[:SHOWN])
        )


def violations(circuit: Circuit, model: DeviceModel) -> Iterator[str]:
    """What stands in the way of running the circuit on the device as it is."""
    n = model.num_qubits
    linked = {frozenset(pair) for pair in model.live_couplers}
    ways = set(model.live_couplers)
    dead = {frozenset(pair) for pair in model.dead_couplers}
    unbound = {(i, slot) for i, slot, _ in circuit.symbolic}
    yield from _features(circuit, model)
    for i, op in enumerate(circuit.op.tolist()):
        if op > LAST_GATE:
            if op == Op.MEASURE and circuit.qubits[i, 0] >= n:
                yield f"operation {i}: the device has no qubit ${circuit.qubits[i, 0]}"
            continue
        on = circuit.operands(i)
        label = f"operation {i}, {TABLE[Op(op)].name} {', '.join(f'${q}' for q in on)}"
        if max(on) >= n:
            yield f"{label}: the device has no qubit ${max(on)}"
            continue
        free = any((i, slot) in unbound for slot in range(4))
        params = [np.e if free else p for p in circuit.params[i].tolist()]  # any angle at all
        gate = model.native(op, params)
        if gate is None:
            yield f"{label}: no native gate"
        elif len(on) == 2 and frozenset(on) not in linked:
            why = "a dead coupler" if frozenset(on) in dead else "no coupler"
            yield f"{label}: {why}"
        elif gate == "ecr" and (on[0], on[1]) not in ways:
            yield f"{label}: the gate exists in the other direction only"


def _features(circuit: Circuit, model: DeviceModel) -> Iterator[str]:
    missing = missing_feature(circuit, model)
    if missing is not None:
        yield missing
