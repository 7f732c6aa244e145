from __future__ import annotations

from markaz.centre.devices.shipped import BASIS, SHIPPED, SIMULATOR
from markaz.quantum.programs.gates import BY_NAME
from markaz.quantum.programs.limits import DEFAULT


def test_the_simulators_basis_is_the_gate_table() -> None:
    variadic = {name for name, gate in BY_NAME.items() if name in ("mcx", "mcp")}
    assert set(BASIS) | variadic == set(BY_NAME)


def test_the_simulator_is_the_default_and_says_what_it_cannot() -> None:
    assert [device["id"] for device in SHIPPED if device["is_default"]] == ["simulator"]
    assert SIMULATOR["qubits"] == SIMULATOR["description"]["qubits"] == DEFAULT.qubits
    assert "depends" in SIMULATOR["description"]["limits"]
    assert "feed-forward" in SIMULATOR["description"]["features"]
