"""Devices as Qiskit targets."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit, transpile

from markaz.quantum.devices.model import load_shipped
from markaz.quantum.devices.sheet import Row, Sheet
from markaz.quantum.devices.status import RUNS, Status
from markaz.quantum.devices.target import target
from markaz.quantum.programs.qiskit_bridge import from_qiskit

SHEET = Sheet(
    "indus",
    0,
    (
        Row.of("T1", [3], 50.0),
        Row.of("T2echo", [3], 40.0),
        Row.of("frequency", [3], 5.0),
        Row.of("readout_error", [3], 0.02),
        Row.of("readout_length", [3], 900.0),
        Row.of("gate_error:cz", [1, 0], 0.01),
        Row.of("gate_length:cz", [0, 1], 44.0),
        Row.of("gate_error:x2p", [3], 0.001),
    ),
)


def test_properties_come_from_the_sheet() -> None:
    made = target(load_shipped("indus"), SHEET)
    cz, other = made["cz"][0, 1], made["cz"][2, 1]
    assert (cz.error, cz.duration) == (0.01, pytest.approx(44e-9))
    assert (other.error, other.duration) == (None, pytest.approx(40e-9))
    assert made["sx"][3,].error == 0.001
    assert (made["rz"][3,].error, made["rz"][3,].duration) == (0.0, 0.0)
    assert (made["measure"][3,].error, made["measure"][3,].duration) == (
        0.02, pytest.approx(900e-9),
    )  # fmt: skip
    qubit = made.qubit_properties[3]
    assert (qubit.t1, qubit.t2, qubit.frequency) == pytest.approx((50e-6, 40e-6, 5e9))
    assert made.qubit_properties[4].t1 is None


def test_dead_couplers_are_absent() -> None:
    device = load_shipped("indus")
    pairs = set(target(device)["cz"])
    assert not {(3, 8), (8, 3), (11, 16), (16, 11), (13, 14), (14, 13)} & pairs
    assert len(pairs) == 2 * len(device.live_couplers)


@pytest.mark.parametrize("name", ["indus", "karakoram", "hunza"])
def test_transpiled_circuit_is_native(name: str) -> None:
    device = load_shipped(name)
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(0.3, 2)
    circuit.cx(0, 2)
    circuit.delay(100, 1, unit="ns")
    circuit.measure(range(3), range(3))
    native = from_qiskit(transpile(circuit, target=target(device), seed_transpiler=1))
    words = {
        device.native(int(op), tuple(params))
        for op, params in zip(native.op, native.params.tolist(), strict=True)
        if op < 50
    }
    assert words <= set(device.gates)
    assert "cz" in words


def test_status_words_are_those_of_qdmi() -> None:
    assert [s.value for s in Status] == [
        "offline", "idle", "busy", "error", "maintenance", "calibration", "needs-calibration",
    ]  # fmt: skip
    assert RUNS == {Status.IDLE, Status.BUSY}
