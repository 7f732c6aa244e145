"""A device is busy while a job runs on it, and no longer; nobody writes that down."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from markaz.centre.access import ANONYMOUS
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices
from markaz.centre.devices import queries
from markaz.centre.devices.occupied import _RUNNING
from markaz.centre.devices.verbs import change
from tests.centre_rows import person
from tests.jobs_tools import Place


def statuses(place: Place) -> set[tuple[str, ...]]:
    """What list, board and document say, each as statuses of simulator and spare."""
    listed = place.centre.ask(queries.list_devices, place.operator)["items"]
    board = place.centre.ask(queries.board, ANONYMOUS)["items"]
    one = [place.centre.ask(queries.get_device, place.operator, device=d["device"]) for d in listed]
    return {tuple(d["status"] for d in found) for found in (listed, board, one)}


def stored(place: Place) -> list[str]:
    with place.centre.engine.connect() as connection:
        found: Any = connection.execute(select(devices.devices.c.status)).scalars()
        return list(found)


def test_a_device_is_busy_while_a_job_runs_on_it(centre: Centre) -> None:
    place = Place(centre)
    place.device("spare")
    ada = person(centre, "ada")
    place.project("lab", ada)
    place.submit(ada)
    assert statuses(place) == {("idle", "idle")}
    (work,) = place.claim()
    assert statuses(place) == {("busy", "idle")}
    assert stored(place) == ["idle", "idle"]
    told = centre.perform(change, place.operator, device="simulator", status="busy")
    assert told["status"] == "busy"
    centre.perform(change, place.operator, device="simulator", status="maintenance")
    assert statuses(place) == {("maintenance", "idle")}  # it says more
    centre.perform(change, place.operator, device="simulator", status="idle")
    place.finish(work)
    assert statuses(place) == {("idle", "idle")}


def test_what_runs_is_read_from_the_index_of_active_jobs(centre: Centre) -> None:
    with centre.engine.connect() as connection:
        sql = _RUNNING._for(connection).sql
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plan = str(list(connection.exec_driver_sql(f"{explain} {sql}")))
    if centre.engine.dialect.name == "sqlite":  # PostgreSQL reads a table this small as a whole
        assert "ix_jobs_active" in plan
