"""Devices as clients read them: simulators, couplings, sheets, status, use of credits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.devices.shipped import SIMULATOR
from markaz.centre.devices.tables import devices
from markaz.centre.ledger.tables import allocations
from markaz.centre.projects.tables import project_devices, projects
from markaz.interfaces.runtime_api.configuration import configuration, properties, qubits
from tests.runtime_world import BASE, RuntimeWorld

SETTINGS = {"runtime_qubits": 1000, "max_shots": 10**7}
AT = 1_795_000_000_000_000


def document(kind: str = "simulator", **description: Any) -> dict[str, Any]:
    return {
        "device": "d1", "title": "A device", "kind": kind, "qubits": 3, "created_at": AT,
        "description": description,
    }  # fmt: skip


def test_the_shipped_simulator_joins_all_and_takes_dynamic_circuits() -> None:
    shipped = SIMULATOR | {"device": "simulator", "created_at": AT}
    found = configuration(shipped, SETTINGS)
    assert (found["simulator"], found["coupling_map"]) == (True, None)
    assert found["n_qubits"] == 1000
    assert found["basis_gates"] == SIMULATOR["description"]["basis"]
    assert [gate["name"] for gate in found["gates"]] == found["basis_gates"]
    assert {"measure", "reset", "if_else", "switch_case", "while_loop", "for_loop"} <= set(
        found["supported_instructions"]
    )
    assert found["conditional"] is True
    assert datetime.fromisoformat(found["online_date"]).year == 2026
    assert found["max_shots"] == 10**7
    assert all("coupling_map" not in gate for gate in found["gates"])


def test_every_gate_has_its_parameters_as_qiskit_knows_them() -> None:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    known = get_standard_gate_name_mapping()
    shipped = SIMULATOR | {"device": "simulator", "created_at": AT}
    for gate in configuration(shipped, SETTINGS)["gates"]:
        assert gate["name"] in known, gate
        assert len(gate["parameters"]) == len(known[gate["name"]].params), gate


def test_of_a_small_simulator_all_qubits_are_shown() -> None:
    assert qubits(document(), 1000) == 3
    assert qubits(document() | {"qubits": 5000}, 1000) == 1000
    assert qubits(document("emulated") | {"qubits": 5000}, 1000) == 5000


def test_a_coupled_device_names_its_pairs() -> None:
    about = document("emulated", basis=["rz", "sx", "cz"], coupling=[[0, 1], [2, 1]],
                     features=["feed-forward"], configuration={"dt": 0.5})  # fmt: skip
    found = configuration(about, SETTINGS)
    assert (found["simulator"], found["n_qubits"]) == (False, 3)
    assert found["coupling_map"] == [[0, 1], [2, 1]]
    by_name = {gate["name"]: gate["coupling_map"] for gate in found["gates"]}
    assert by_name == {"rz": [[0], [1], [2]], "sx": [[0], [1], [2]], "cz": [[0, 1], [2, 1]]}
    assert found["supported_instructions"] == [
        "rz", "sx", "cz", "measure", "reset", "delay", "barrier", "if_else", "switch_case",
    ]  # fmt: skip
    assert found["dt"] == 0.5


def test_a_device_that_says_little_is_configured_too() -> None:
    found = configuration(document("qpu"), SETTINGS)
    assert (found["basis_gates"], found["coupling_map"], found["conditional"]) == ([], None, False)
    assert found["description"] == "A device"


def test_a_sheet_becomes_properties() -> None:
    sheet = {
        "at": AT,
        "qubits": [[{"name": "T1", "unit": "us", "value": 131.5}], []],
        "gates": [{"gate": "cz", "qubits": [0, 1],
                   "values": [{"name": "gate_error", "unit": "", "value": 0.01}]}],
    }  # fmt: skip
    found = properties(document("emulated"), sheet, SETTINGS)
    date = found["last_update_date"]
    assert datetime.fromisoformat(date).year == 2026
    assert found["qubits"] == [[{"date": date, "name": "T1", "unit": "us", "value": 131.5}], []]
    assert found["gates"] == [
        {"gate": "cz", "name": "cz0_1", "qubits": [0, 1],
         "parameters": [{"date": date, "name": "gate_error", "unit": "", "value": 0.01}]}
    ]  # fmt: skip


def test_without_a_sheet_only_that_the_qubits_work_is_said() -> None:
    found = properties(document(), None, SETTINGS)
    date = found["last_update_date"]
    works = {"date": date, "name": "operational", "unit": "", "value": 1}
    assert found["qubits"] == [[works]] * 3
    assert (found["gates"], found["general"]) == ([], [])


# Over the wire.


@pytest.fixture
def simulator(world: RuntimeWorld) -> Any:
    """Changes the simulator's row, and puts it back."""

    def change(**values: Any) -> None:
        world.world.do(
            lambda work: work.run(update(devices).where(devices.c.id == "simulator").values(values))
        )

    yield change
    change(status="idle", accepting=True)


def test_the_list_has_the_least_that_strict_clients_take(world: RuntimeWorld) -> None:
    listed = world.client("member").get(f"{BASE}/backends?include_mocks=True").json()["devices"]
    by_name = {one["name"]: one for one in listed}
    assert set(by_name) == {"simulator", "hunza", "indus", "karakoram", "spare", "bench"}
    assert set(by_name["simulator"]) == {
        "name", "status", "queue_length", "qubits", "is_simulator",
    }  # fmt: skip
    assert by_name["simulator"]["status"] == {"name": "online", "reason": ""}
    assert by_name["spare"]["status"] == {"name": "paused", "reason": "offline"}
    assert isinstance(by_name["simulator"]["queue_length"], int)


@pytest.mark.parametrize(
    ("row", "state", "words"),
    [
        ({"status": "busy"}, True, ""),
        ({"status": "maintenance"}, False, "maintenance"),
        ({"accepting": False}, False, "it accepts no jobs now"),
    ],
)
def test_status_says_whether_jobs_run(
    world: RuntimeWorld, simulator: Any, row: dict[str, Any], state: bool, words: str
) -> None:
    simulator(**row)
    found = world.client("member").get(f"{BASE}/backends/simulator/status").json()
    assert (found["state"], found["message"]) == (state, words)
    assert found["status"] == ("active" if state else words)
    assert found["length_queue"] >= 1


def test_a_project_sees_the_devices_that_it_may_use(world: RuntimeWorld) -> None:
    project = world.world.own["project"]

    def limit(work: Any) -> None:
        work.run(update(projects).where(projects.c.id == project).values(any_device=False))
        work.run(project_devices.insert().values(project_id=project, device_id="spare"))

    def free(work: Any) -> None:
        work.run(update(projects).where(projects.c.id == project).values(any_device=True))
        work.run(project_devices.delete())

    world.world.do(limit)
    try:
        listed = world.client("member").get(f"{BASE}/backends").json()["devices"]
        assert [one["name"] for one in listed] == ["spare"]
        refused = world.client("member").submit()
        assert refused.status_code == 403
    finally:
        world.world.do(free)


def test_a_project_that_does_not_run_has_no_devices(world: RuntimeWorld) -> None:
    stopped = world.client("member", world.world.own["stopped"])
    assert stopped.get(f"{BASE}/backends").json() == {"devices": []}


def test_unknown_devices_are_not_there(world: RuntimeWorld) -> None:
    client = world.client("member")
    for name in ("nothing", "A", "%2e%2e", "x" * 99):
        for part in ("configuration", "properties", "status"):
            assert client.get(f"{BASE}/backends/{name}/{part}").status_code == 404
    assert len(client.get(f"{BASE}/backends/simulator/properties").json()["qubits"]) == 1000
    found = client.get(f"{BASE}/backends/simulator/configuration").json()
    assert found["n_qubits"] == 1000


def test_credits_stand_where_clients_look_for_seconds(world: RuntimeWorld) -> None:
    client = world.client("member")
    found = client.get(f"{BASE}/instances/usage").json()
    assert found["instance_id"] == client.headers["service-crn"]
    assert (found["usage_limit_seconds"], found["usage_consumed_seconds"]) == (2_000_000, 1)
    assert found["usage_limit_reached"] is False
    assert found["usage_period"]["start_time"] < found["usage_period"]["end_time"]


def test_without_credits_nothing_is_taken_in(world: RuntimeWorld) -> None:
    mine = allocations.c.project_id == world.world.own["project"]
    change = update(allocations).where(mine)
    world.world.do(lambda work: work.run(change.values(state="expired")))
    try:
        client = world.client("member")
        before = client.get(f"{BASE}/jobs?pending=true").json()["count"]
        assert client.get(f"{BASE}/instances/usage").json()["usage_limit_reached"] is True
        answer = client.submit()
        assert answer.status_code == 403
        said = answer.json()["errors"][0]
        assert "has no credits left" in said["message"]
        assert "markaz credits" in said["solution"]
        assert client.get(f"{BASE}/jobs?pending=true").json()["count"] == before
    finally:
        world.world.do(lambda work: work.run(change.values(state="active")))
    assert world.client("member").submit().status_code == 200
