"""Whatever is tried, a project follows the table of its life, and keeps a PI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import select

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.db import dialect, migrate
from markaz.centre.errors import CentreError
from markaz.centre.projects import verbs
from markaz.centre.projects.lifecycle import STEPS, State
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.settings import Settings
from tests.people_tools import People, cheap_hashes, set_up

VERBS = {
    "approve": verbs.approve,
    "refuse": verbs.refuse,
    "suspend": verbs.suspend,
    "resume": verbs.resume,
    "renew": verbs.renew,
    "close": verbs.close,
}
MORE: dict[str, dict[str, Any]] = {
    "refuse": {"reason": "x"},
    "suspend": {"reason": "x"},
    "renew": {"ends_at": 2**52},
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("life")
    settings = Settings({"data": str(path)})
    engine = dialect.open_engine(settings.database_url)
    migrate.upgrade(engine)
    engine.dispose()
    with pytest.MonkeyPatch.context() as patch, Centre.open(settings) as centre:
        cheap_hashes(patch)
        yield set_up(centre)


def state(people: People, project: str) -> State:
    with people.centre.engine.connect() as connection:
        return State(connection.scalar(select(projects.c.state).where(projects.c.id == project)))


_slugs = (f"p{number}" for number in range(10**9))


@given(some.lists(some.sampled_from(sorted(VERBS)), max_size=8))
def test_steps_outside_the_table_are_refused_and_change_nothing(
    people: People, taken: list[str]
) -> None:
    operator = people.operator
    project = people.do(verbs.request, operator, slug=next(_slugs), title="x")["id"]
    expected = State.REQUESTED
    for end, step in enumerate(taken):
        before, after = STEPS[step]
        more = MORE.get(step, {}) | ({"ends_at": 2**52 + end} if step == "renew" else {})
        try:
            people.do(VERBS[step], operator, project=project, **more)
        except CentreError as error:
            assert (error.kind, expected in before) == ("conflict", False)
        else:
            assert expected in before
            expected = after
        assert state(people, project) == expected


MOVES = some.tuples(
    some.sampled_from(["leave", "remove", "demote", "promote", "add"]),
    some.integers(0, 2),
    some.integers(0, 2),
)


@given(some.lists(MOVES, max_size=12))
def test_project_never_loses_its_last_pi(people: People, moves: list[tuple[str, int, int]]) -> None:
    team = _team(people)
    project = people.do(verbs.create, people.operator, slug=next(_slugs), title="x", pi=team[0].id)
    for what, actor, other in moves:
        user = team[other].id
        try:
            if what == "leave":
                people.do(verbs.leave, team[actor], project=project["id"])
            elif what == "remove":
                people.do(verbs.remove, team[actor], project=project["id"], user=user)
            elif what == "add":
                people.do(verbs.add, people.operator, project=project["id"], user=user)
            else:
                role = "pi" if what == "promote" else "member"
                people.do(
                    verbs.change_role, team[actor], project=project["id"], user=user, role=role
                )
        except CentreError as error:
            assert error.kind in ("conflict", "forbidden", "not-found")
        with people.centre.engine.connect() as connection:
            leaders = select(memberships).where(
                memberships.c.project_id == project["id"], memberships.c.role == "pi"
            )
            assert connection.execute(leaders).first() is not None
    assert people.do(verbs.expire_due, SYSTEM) == {"expired": []}


_teams: dict[int, list[Any]] = {}


def _team(people: People) -> list[Any]:
    if id(people) not in _teams:
        _teams[id(people)] = [people.join(name) for name in ("ali", "bina", "chand")]
    return _teams[id(people)]
