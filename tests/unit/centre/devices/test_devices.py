from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import ANONYMOUS, SYSTEM, VERBS, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices
from markaz.centre.devices import queries, verbs
from markaz.centre.errors import CentreError
from markaz.centre.jobs.rules import find_device
from tests.centre_rows import look, person, rows

# Nothing here depends on the database; the calendar runs on both.
pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def operator(centre: Centre) -> Principal:
    return person(centre, "op", CentreRole.OPERATOR)


@pytest.fixture
def shipped(centre: Centre) -> None:
    centre.perform(verbs.install_shipped, SYSTEM)


def add(centre: Centre, operator: Principal, device: str = "chenab", **values: Any) -> Any:
    given = {"title": "Chenab", "kind": "qpu", "driver": "qcis", "qubits": 20, "description": {}}
    return centre.perform(verbs.add, operator, device=device, **given | values)


def test_shipped_devices_are_installed_once_and_the_simulator_is_the_default(
    centre: Centre,
) -> None:
    names = ["simulator", "hunza", "indus", "karakoram"]
    assert centre.perform(verbs.install_shipped, SYSTEM) == {"devices": names}
    before = rows(centre, devices.devices)
    assert centre.perform(verbs.install_shipped, SYSTEM) == {"devices": []}
    assert rows(centre, devices.devices) == before

    found = look(centre, lambda w: find_device(w, None))
    assert (found.id, found.driver, found.status, found.accepting) == (
        "simulator", "simulate", "idle", True,
    )  # fmt: skip


def test_what_an_operator_changed_stays(centre: Centre, shipped: None, operator: Any) -> None:
    centre.perform(verbs.change, operator, device="simulator", title="Ours", accepting=False)
    centre.perform(verbs.install_shipped, SYSTEM)
    told = centre.ask(queries.get_device, operator, device="simulator")
    assert (told["title"], told["accepting"]) == ("Ours", False)


def test_an_added_device_waits_to_be_opened(centre: Centre, operator: Principal) -> None:
    made = add(centre, operator, description={"basis": ["cz", "sx", "rz"]})
    assert (made["status"], made["accepting"], made["default"]) == ("offline", False, False)
    with pytest.raises(CentreError, match="chenab already"):
        add(centre, operator)

    opened = centre.perform(verbs.change, operator, device="chenab", status="idle", accepting=True)
    assert (opened["status"], opened["accepting"]) == ("idle", True)
    assert centre.perform(verbs.change, operator, device="chenab", status="idle") == opened


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "Chenab"), ("device", "x"), ("device", "-ab"), ("device", "a" * 41),
        ("device", "ab\n"), ("kind", "toy"), ("qubits", 0), ("qubits", True), ("slots", -1),
        ("title", ""), ("title", "a\u202eb"), ("description", []),
        ("description", {"x": "y" * (1 << 20)}), ("driver", 5),
    ],
)  # fmt: skip
def test_a_wrong_device_names_its_field(
    centre: Centre, operator: Principal, field: str, value: Any
) -> None:
    with pytest.raises(CentreError) as refused:
        add(centre, operator, **{field: value})
    assert (refused.value.kind, refused.value.field) == ("invalid", field)
    assert rows(centre, devices.devices) == []


@pytest.mark.parametrize("status", verbs.STATUSES)
def test_every_status_of_qdmi_can_be_set(
    centre: Centre, shipped: None, operator: Principal, status: str
) -> None:
    told = centre.perform(verbs.change, operator, device="simulator", status=status)
    assert told["status"] == {"busy": "idle"}.get(status, status)  # nothing runs on it
    with pytest.raises(CentreError, match="must be one of offline, idle"):
        centre.perform(verbs.change, operator, device="simulator", status=status.upper())


def test_there_is_one_default_device(centre: Centre, shipped: None, operator: Principal) -> None:
    add(centre, operator)
    centre.perform(verbs.make_default, operator, device="chenab")
    assert look(centre, lambda w: find_device(w, None)).id == "chenab"
    listed = centre.ask(queries.list_devices, operator)["items"]
    assert listed[0]["device"] == "chenab"
    assert [d["device"] for d in listed if d["default"]] == ["chenab"]


def test_a_retired_device_keeps_its_history(
    centre: Centre, shipped: None, operator: Principal
) -> None:
    add(centre, operator)
    retired = centre.perform(verbs.retire, operator, device="chenab")
    assert (retired["status"], retired["accepting"]) == ("offline", False)
    listed = centre.ask(queries.list_devices, operator)["items"]
    every = centre.ask(queries.list_devices, operator, retired=True)["items"]
    assert [d["device"] for d in every if d not in listed] == ["chenab"]
    for act, arguments in (
        (verbs.retire, {}), (verbs.change, {"status": "idle"}), (verbs.make_default, {}),
    ):  # fmt: skip
        with pytest.raises(CentreError, match="retired"):
            centre.perform(act, operator, device="chenab", **arguments)
    with pytest.raises(CentreError, match="no such device"):
        look(centre, lambda w: find_device(w, "chenab"))
    with pytest.raises(CentreError, match="the default device"):
        centre.perform(verbs.retire, operator, device="simulator")


def test_only_operators_change_devices(centre: Centre, shipped: None) -> None:
    given = {
        "device": "simulator", "title": "x", "kind": "qpu", "driver": "x", "qubits": 5,
        "description": {}, "status": "idle", "impact": "full", "starts_at": 0, "ends_at": 9,
        "project": "p", "reservation": "x",
    }  # fmt: skip
    people = [
        person(centre, "user"),
        person(centre, "dir", CentreRole.DIRECTOR),
        person(centre, "alloc", CentreRole.ALLOCATOR),
        Principal(
            person(centre, "keyed").id, "user", frozenset({CentreRole.OPERATOR}), frozenset()
        ),
    ]
    before = rows(centre, devices.devices)
    for name in sorted(n for n in VERBS if n.startswith("devices.")):
        by_project = name in ("devices.book", "devices.cancel_reservation")
        for actor in people:
            with pytest.raises(CentreError) as refused:
                centre.perform(VERBS[name], actor, **given)
            keyed = actor.scopes is not None and VERBS[name].scope is not None
            wanted = "not-found" if by_project and not keyed else "forbidden"
            assert (name, refused.value.kind) == (name, wanted)
        with pytest.raises(CentreError):
            centre.perform(VERBS[name], ANONYMOUS, **given)
    assert rows(centre, devices.devices) == before
    for act, arguments in (
        (queries.list_devices, {}), (queries.get_device, {"device": "simulator"}),
        (queries.calendar, {"device": "simulator", "since": 0, "until": 1}),
    ):  # fmt: skip
        with pytest.raises(CentreError) as refused:
            centre.ask(act, ANONYMOUS, **arguments)
        assert refused.value.kind == "unauthenticated"
