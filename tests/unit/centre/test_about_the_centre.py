"""What a centre says of itself: health, names, and all projects with their credits."""

from __future__ import annotations

from typing import Any

from markaz.centre import about
from markaz.centre.access import CentreRole, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.housekeeping import Chore, Housekeeper
from markaz.centre.ids import new_id
from markaz.centre.ledger.overview import overview
from tests.centre_rows import DAY, person, project, put


def test_a_chore_that_fails_is_told_until_it_is_well_again(centre: Centre) -> None:
    operator = person(centre, "oona", CentreRole.OPERATOR)
    broken = [RuntimeError("no"), RuntimeError("not yet"), None]

    def work(_: Any) -> None:
        error = broken.pop(0)
        if error is not None:
            raise error

    now = [0.0]
    keeper = Housekeeper(centre, (Chore("one", 60, work),), lambda: now[0])
    told = []
    for _ in range(4):
        found = centre.ask(about.health, operator)["chores"]
        told.append([(c["chore"], c["error"], c["failures"], c["last_at"] is None) for c in found])
        now[0] += 60
        keeper.turn() if broken else None
    assert told == [
        [("one", None, 0, True)], [("one", "no", 1, False)], [("one", "not yet", 2, False)],
        [("one", None, 0, False)],
    ]  # fmt: skip


def test_the_database_has_a_size_and_the_disk_room(centre: Centre) -> None:
    operator = person(centre, "oona", CentreRole.OPERATOR)
    found = centre.ask(about.health, operator)
    assert found["database"]["kind"] == centre.engine.dialect.name
    assert found["database"]["bytes"] > 100_000
    assert 0 < found["disk"]["free"] <= found["disk"]["total"]


def test_names_are_of_people_and_projects(centre: Centre) -> None:
    operator = person(centre, "oona", CentreRole.OPERATOR)
    own = project(centre, "physics", {operator: ProjectRole.PI})
    wanted = ",".join([operator.id, own, new_id(5), "system", "'; --"])
    assert centre.ask(about.names, operator, ids=wanted) == {
        "people": {operator.id: {"login": "oona", "name": "Oona"}},
        "projects": {own: {"slug": "physics", "title": "Physics"}},
    }


def test_all_projects_are_told_with_their_credits_in_force(centre: Centre) -> None:
    director = person(centre, "dara", CentreRole.DIRECTOR)
    lead = person(centre, "lea")
    own = project(centre, "physics", {lead: ProjectRole.PI}, programme="awards")
    project(centre, "maths", state="requested")
    now = centre.services.clock.now()
    for starts, ends, granted in ((-DAY, DAY, 100), (-DAY, DAY, 50), (-2 * DAY, -DAY, 7)):
        put(
            centre, ledger.allocations, id=new_id(now), project_id=own, starts_at=now + starts,
            ends_at=now + ends, state="active", granted=granted, reserved=5, charged=1,
            created_at=now,
        )  # fmt: skip
    items = centre.ask(overview, director)["items"]
    numbers = [
        (p["slug"], p["leads"], p["granted"], p["reserved"], p["charged"], p["free"]) for p in items
    ]
    assert numbers == [("physics", ["Lea"], 150, 10, 2, 138), ("maths", [], 0, 0, 0, 0)]
    assert [p["slug"] for p in centre.ask(overview, director, state="requested")["items"]] == [
        "maths"
    ]
    assert [p["slug"] for p in centre.ask(overview, director, search="AWARD")["items"]] == [
        "physics"
    ]
    first = centre.ask(overview, director, limit=1)
    second = centre.ask(overview, director, limit=1, after=first["next"])
    assert [p["slug"] for p in first["items"] + second["items"]] == ["physics", "maths"]
