"""A submission that comes twice becomes one job, in every order of events and after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from markaz.centre.access import Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs as tables
from markaz.centre.db.tables import idempotency
from markaz.centre.errors import CentreError
from markaz.centre.jobs.again import PREFIX, submit_again
from markaz.centre.settings import Settings
from tests.centre_rows import do, person
from tests.jobs_tools import Opened, Place

BODY, OTHER = "a" * 64, "b" * 64


def send(place: Place, who: Principal, project: str, **more: Any) -> dict[str, Any]:
    given = {"fingerprint": BODY, "anew": False, "opened": Opened(), "data": b"body"} | more
    found: dict[str, Any] = place.centre.perform(submit_again, who, project=project, **given)
    return found


def stored(place: Place) -> int:
    with place.centre.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.jobs)).scalar_one())


def test_the_same_again_is_the_same_job(place: Place, ada: Principal, lab: str) -> None:
    first = send(place, ada, lab)
    again = send(place, ada, lab)
    assert again == first | {"again": True}
    assert (first["again"], first["device"], first["session"]) == (False, "simulator", None)
    assert (first["project"], stored(place)) == (lab, 1)


def test_another_body_another_person_and_a_known_arrival_are_other_jobs(
    place: Place, ada: Principal, lab: str
) -> None:
    bob = person(place.centre, "bob")
    second = place.project("second", bob)
    found = [
        send(place, ada, lab), send(place, ada, lab, fingerprint=OTHER),
        send(place, bob, second), send(place, ada, lab, anew=True),
    ]  # fmt: skip
    assert len({one["job"] for one in found}) == 4
    assert send(place, ada, lab)["job"] == found[3]["job"]  # the latest is what may be repeated


def test_what_came_later_is_not_what_it_repeats(place: Place, ada: Principal, lab: str) -> None:
    first = send(place, ada, lab)
    with place.centre.engine.connect() as connection:
        at = int(connection.execute(select(idempotency.c.at)).scalar_one())
    assert send(place, ada, lab, before=at + 1)["job"] == first["job"]
    assert send(place, ada, lab, before=at)["again"] is False


def test_after_its_time_it_is_another_job(place: Place, ada: Principal, lab: str) -> None:
    first = send(place, ada, lab)
    of_this = idempotency.c.key == PREFIX + BODY

    def age(seconds: float) -> None:
        at = idempotency.c.at - int(seconds * 1e6)
        do(place.centre, lambda work: work.run(update(idempotency).where(of_this).values(at=at)))

    age(290)
    assert send(place, ada, lab)["job"] == first["job"]
    age(20)
    assert send(place, ada, lab)["job"] != first["job"]


def test_what_was_refused_may_come_again(place: Place, ada: Principal, lab: str) -> None:
    large = Opened(qubits=10**6)
    place.device("small", kind="qpu")
    with pytest.raises(CentreError, match="has 32 qubits"):
        send(place, ada, lab, opened=large, device="small")
    assert send(place, ada, lab)["again"] is False


def test_a_job_without_credits_is_refused_and_leaves_nothing(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=0)
    for _ in range(2):
        with pytest.raises(CentreError) as caught:
            send(place, ada, poor)
        assert caught.value.kind == "allocation"
    assert stored(place) == 0
    place.grant(poor, 10)
    assert send(place, ada, poor)["again"] is False


def test_in_a_session_the_answer_names_it(place: Place, ada: Principal, lab: str) -> None:
    from markaz.centre.jobs import verbs

    session = place.centre.perform(verbs.open_session, ada, project=lab)["session"]
    first = send(place, ada, lab, session=session)
    assert (first["session"], send(place, ada, lab, session=session)["job"]) == (
        session, first["job"],
    )  # fmt: skip


def test_without_a_window_nothing_is_the_same(
    settings_for: Callable[..., Settings],
) -> None:
    with Centre.open(settings_for(resubmit_seconds=0)) as centre:
        place = Place(centre)
        ada = person(centre, "ada")
        lab = place.project("lab", ada)
        assert send(place, ada, lab)["job"] != send(place, ada, lab)["job"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_after_a_restart_it_is_still_the_same(settings_for: Callable[..., Settings]) -> None:
    settings = settings_for()
    with Centre.open(settings) as centre:
        place = Place(centre)
        ada = person(centre, "ada")
        lab = place.project("lab", ada)
        first = send(place, ada, lab)
    with Centre.open(settings) as centre:
        found = centre.perform(
            submit_again, ada, fingerprint=BODY, anew=False, project=lab, opened=Opened(),
            data=b"body",
        )  # fmt: skip
        assert found == first | {"again": True}
