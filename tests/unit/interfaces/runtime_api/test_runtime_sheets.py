"""A calibration sheet as the client's properties, and the configuration that goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.devices.files import description
from markaz.interfaces.runtime_api.configuration import configuration, properties
from markaz.interfaces.runtime_api.sheets import as_properties
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.operate.shipped import shipped_sheet
from tests.runtime_world import BASE, RuntimeWorld

SETTINGS = {"runtime_qubits": 1000, "max_shots": 10**7}


def document(name: str) -> dict[str, Any]:
    model = load_shipped(name)
    return {
        "device": name, "title": model.title, "kind": "emulated", "qubits": model.num_qubits,
        "created_at": 1_795_000_000_000_000, "description": description(model),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["indus", "hunza", "karakoram"])
def test_the_configuration_is_the_devices_file(name: str) -> None:
    model, found = load_shipped(name), configuration(document(name), SETTINGS)
    assert (found["simulator"], found["n_qubits"]) == (False, model.num_qubits)
    assert (found["dt"], found["max_shots"]) == (model.dt, model.max_shots)
    pairs = {tuple(pair) for pair in found["coupling_map"]}
    assert pairs == {p for a, b in model.live_couplers for p in ((a, b), (b, a))}
    by_name = {gate["name"]: gate["coupling_map"] for gate in found["gates"]}
    assert by_name["sx"] == [[q] for q in range(model.num_qubits)]
    assert len(by_name["cz"]) == 2 * len(model.live_couplers)
    assert "reset" not in found["basis_gates"]
    resets = ["reset"] if "reset" in model.features else []
    beside = ["measure", *resets, "delay", "barrier"]
    branches = ["if_else", "switch_case"] if "feed-forward" in model.features else []
    loops = ["for_loop", "while_loop", "break_loop", "continue_loop"]
    control = [*branches, *(loops if "loops" in model.features else [])]
    assert found["supported_instructions"] == [*found["basis_gates"], *beside, *control]
    assert found["conditional"] is bool(control)


def test_a_sheet_is_told_as_it_was_measured() -> None:
    sheet = shipped_sheet(load_shipped("indus"))
    assert sheet is not None
    about = document("indus")
    found = properties(about, as_properties(sheet, about["description"]), SETTINGS)
    qubit = {one["name"]: (one["value"], one["unit"]) for one in found["qubits"][3]}
    assert qubit["T1"] == (sheet.value("T1", 3), "us")
    assert qubit["T2"] == (sheet.value("T2echo", 3), "us")
    assert qubit["readout_error"] == (sheet.value("readout_error", 3), "")
    assert "frequency" not in qubit  # a dash on this sheet
    gates = {(g["gate"], tuple(g["qubits"])): g["parameters"] for g in found["gates"]}
    there, back = (gates["cz", pair] for pair in ((0, 1), (1, 0)))
    assert there == back
    values = {one["name"]: one["value"] for one in there}
    assert values == {"gate_error": sheet.value("gate_error:cz", 0, 1), "gate_length": 40.0}
    assert {one["value"] for one in gates["rz", (5,)]} == {0.0}
    assert ("cz", (3, 8)) not in gates  # a dead coupler


def test_clients_read_the_sheet_in_force(world: RuntimeWorld) -> None:
    client = world.client("member")
    found = client.get(f"{BASE}/backends/indus/properties").json()
    assert len(found["qubits"]) == 20
    assert {one["name"] for one in found["qubits"][0]} >= {"T1", "T2", "readout_error"}
    configured = client.get(f"{BASE}/backends/indus/configuration").json()
    assert (configured["backend_name"], configured["simulator"]) == ("indus", False)
