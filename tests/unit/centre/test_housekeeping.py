"""What the centre does by itself: every chore finds its work, and none stops the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from markaz.centre import housekeeping
from markaz.centre.access import SYSTEM, VERBS
from markaz.centre.centre import Centre, Once
from markaz.centre.db.tables import idempotency
from markaz.centre.housekeeping import CHORES, HOUR, Chore, Housekeeper
from markaz.centre.projects.tables import projects
from tests.centre_rows import do, project, rows


class Time:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


def test_every_chore_may_be_done_at_any_time(centre: Centre, clock: Time) -> None:
    keeper = Housekeeper(centre, CHORES, clock)
    assert keeper.turn() == []
    clock.now += 3600
    names = [chore.name for chore in CHORES]
    with structlog.testing.capture_logs() as logs:
        assert keeper.turn() == names
        clock.now += 3600
        assert keeper.turn() == names
    assert logs == []


def test_each_comes_in_its_time(centre: Centre, clock: Time) -> None:
    done: list[str] = []
    chores = (
        Chore("often", 1, lambda _: done.append("often")),
        Chore("seldom", 3, lambda _: done.append("seldom")),
    )
    keeper = Housekeeper(centre, chores, clock)
    for _ in range(7):
        clock.now += 0.5
        keeper.turn()
    assert done == ["often", "often", "often", "seldom"]


def test_one_that_fails_is_logged_and_comes_again(centre: Centre, clock: Time) -> None:
    def broken(_: Centre) -> Any:
        raise RuntimeError("no")

    done: list[str] = []
    chores = (Chore("broken", 1, broken), Chore("sound", 1, lambda _: done.append("sound")))
    keeper = Housekeeper(centre, chores, clock)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            clock.now += 1
            assert keeper.turn() == ["broken", "sound"]
    assert (done, [entry["chore"] for entry in logs]) == (["sound"] * 2, ["broken"] * 2)


def test_the_thread_ends_when_it_is_closed(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "LOOK_SECONDS", 0.001)
    done: list[str] = []
    keeper = Housekeeper(centre, (Chore("once", 0, lambda _: done.append("turn")),))
    keeper.start()
    while not done:
        pass
    keeper.close()
    seen = len(done)
    assert len(done) == seen >= 1
    keeper.close()  # again is harmless


def test_answers_are_forgotten_when_their_time_is_over(centre: Centre) -> None:
    hours = int(centre.services.settings["idempotency_hours"])
    for key in ("old", "new"):
        centre.perform(VERBS["centre.forget_answers"], SYSTEM, once=Once(key, "hash"))
    aged = centre.services.clock.now() - hours * HOUR - 1
    old = idempotency.update().where(idempotency.c.key == "old").values(at=aged)
    do(centre, lambda work: work.run(old))

    centre.perform(VERBS["centre.forget_answers"], SYSTEM)

    kept = rows(centre, idempotency)
    assert [(row["key"], json.loads(row["answer"])) for row in kept] == [("new", None)]


def test_a_project_ends_by_itself(centre: Centre, clock: Time) -> None:
    found = project(centre)
    due = projects.update().where(projects.c.id == found).values(ends_at=1)
    do(centre, lambda work: work.run(due))
    keeper = Housekeeper(centre, CHORES, clock)
    clock.now += 10
    keeper.turn()
    assert [row["state"] for row in rows(centre, projects)] == ["expired"]
