"""A calibration sheet in the words of the client's properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.sheet import Row, Sheet

# quantity of a sheet -> the client's name and unit for it
_QUBIT: Final = {
    "T1": ("T1", "us"),
    "T2echo": ("T2", "us"),
    "frequency": ("frequency", "GHz"),
    "readout_error": ("readout_error", ""),
    "prob_meas0_prep1": ("prob_meas0_prep1", ""),
    "prob_meas1_prep0": ("prob_meas1_prep0", ""),
    "readout_length": ("readout_length", "ns"),
}
_GATE: Final = {"gate_error": ("gate_error", ""), "gate_length": ("gate_length", "ns")}
_DIRECTED: Final = ("ecr",)


def as_properties(sheet: Sheet, about: Mapping[str, Any]) -> dict[str, Any]:
    """What ``configuration.properties`` takes, of a sheet and a device's description.

    What was not measured is left out. Gates on couplers stand in both directions, as the
    configuration has them; gates that the client has no word for are not told.
    """
    count = int(about["qubits"])
    qubits: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    gates: dict[tuple[str, tuple[int, ...]], list[dict[str, Any]]] = {}
    for row in sheet.rows:
        quantity, _, gate = row.quantity.partition(":")
        if row.value is None or max(row.target) >= count:
            continue
        if quantity in _QUBIT:
            qubits[row.target[0]].append(_value(row, *_QUBIT[quantity]))
        elif quantity in _GATE and (word := NATIVE[gate].qiskit) is not None:
            for places in _places(word, row):
                gates.setdefault((word, places), []).append(_value(row, *_GATE[quantity]))
    for q in range(count):
        gates[("rz", (q,))] = [_nothing("gate_error", ""), _nothing("gate_length", "ns")]
    rows = [{"gate": g, "qubits": list(q), "values": v} for (g, q), v in sorted(gates.items())]
    return {"at": sheet.measured_at, "qubits": qubits, "gates": rows}


def _places(word: str, row: Row) -> list[tuple[int, ...]]:
    here = tuple(row.target)
    return [here] if len(here) == 1 or word in _DIRECTED else [here, here[::-1]]


def _value(row: Row, name: str, unit: str) -> dict[str, Any]:
    return {"name": name, "unit": unit, "value": row.value}


def _nothing(name: str, unit: str) -> dict[str, Any]:
    return {"name": name, "unit": unit, "value": 0.0}
