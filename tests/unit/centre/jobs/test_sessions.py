from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs as tables
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries, verbs
from tests.centre_rows import do, person
from tests.jobs_tools import SECOND, Place


@pytest.fixture
def place(centre: Centre) -> Place:
    found = Place(centre)
    found.device("qpu", kind="qpu", slots=1)
    return found


@pytest.fixture
def bob(place: Place) -> Principal:
    return person(place.centre, "bob")


@pytest.fixture
def session(place: Place, ada: Principal, bob: Principal) -> str:
    lab = place.project("lab", ada)
    place.project("other", bob)
    return opened(place, ada, project=lab)["session"]


def opened(place: Place, who: Principal, **more: Any) -> dict[str, Any]:
    wanted = {"device": "qpu"} | more
    found: dict[str, Any] = place.centre.perform(verbs.open_session, who, **wanted)
    return found


def state(place: Place, who: Principal, session: str) -> str:
    return str(place.centre.ask(queries.session_document, who, session=session)["state"])


def expire(place: Place, session: str, **ago: float) -> dict[str, str]:
    """Look at sessions as if ``session`` were older: column=seconds."""
    now = place.centre.services.clock.now()
    values = {name: now - int(seconds * SECOND) for name, seconds in ago.items()}
    change = update(tables.sessions).where(tables.sessions.c.id == session).values(values)
    if values:
        do(place.centre, lambda work: work.run(change))
    found: dict[str, str] = place.centre.perform(verbs.expire_sessions, SYSTEM)
    return found


def test_a_dedicated_session_holds_its_device_from_its_first_job(
    place: Place, ada: Principal, bob: Principal, session: str
) -> None:
    theirs = [place.submit(bob, device="qpu")["job"] for _ in range(2)]
    (work,) = place.claim(1, "qpu")
    assert work["job"] == theirs[0]  # nothing is held before the session's first job
    mine = place.submit(ada, session=session)
    assert (mine["device"], place.row(mine["job"]).qos) == ("qpu", "session")
    place.finish(work)
    (work,) = place.claim(1, "qpu")
    assert work["job"] == mine["job"]  # its class is before normal work
    assert state(place, ada, session) == "open"
    place.finish(work)
    assert place.claim(1, "qpu") == []  # held for the session, though it is idle
    waits = place.centre.ask(queries.explanation, bob, job=theirs[1])
    assert "a session holds device qpu for its own jobs" in waits["words"]
    assert expire(place, session, last_job_at=61) == {session: "pending"}
    assert [one["job"] for one in place.claim(1, "qpu")] == [theirs[1]]


def test_a_session_on_a_simulator_holds_nothing(
    place: Place, ada: Principal, bob: Principal, session: str
) -> None:
    simulated = opened(place, ada, device="simulator")["session"]
    place.submit(ada, session=simulated)
    theirs = place.submit(bob)["job"]
    assert len(place.claim()) == 1
    assert [one["job"] for one in place.claim()] == [theirs]


def test_a_closed_session_drains(place: Place, ada: Principal, session: str) -> None:
    place.submit(ada, session=session)
    assert place.centre.perform(verbs.close_session, ada, session=session)["state"] == "draining"
    with pytest.raises(CentreError, match="takes no more jobs"):
        place.submit(ada, session=session)
    assert expire(place, session) == {}
    place.finish(place.claim(1, "qpu")[0])
    assert expire(place, session) == {session: "closed"}
    assert place.centre.perform(verbs.close_session, ada, session=session)["state"] == "closed"


def test_cancelling_a_session_cancels_its_jobs(place: Place, ada: Principal, session: str) -> None:
    jobs = [place.submit(ada, session=session)["job"] for _ in range(3)]
    place.claim(1, "qpu")
    place.centre.perform(verbs.cancel_session, ada, session=session)
    assert [place.row(job).state for job in jobs] == ["running", "cancelled", "cancelled"]
    assert ("cancel", jobs[0], 1) in place.heard.said
    shown = place.centre.ask(queries.session_document, ada, session=session)
    assert (shown["state"], shown["jobs"]) == ("closed", {"running": 1, "cancelled": 2})


def test_when_the_time_is_over_what_waits_is_cancelled_and_what_runs_goes_on(
    place: Place, ada: Principal, session: str
) -> None:
    jobs = [place.submit(ada, session=session)["job"] for _ in range(2)]
    (work,) = place.claim(1, "qpu")
    assert expire(place, session, opened_at=8 * 3600 + 1) == {session: "closed"}
    assert [place.row(job).state for job in jobs] == ["running", "cancelled"]
    assert place.finish(work)["state"] == "completed"


def test_a_batch_is_normal_work(place: Place, ada: Principal, session: str) -> None:
    batch = opened(place, ada, mode="batch")["session"]
    assert place.row(place.submit(ada, session=batch)["job"]).qos == "normal"


def test_sessions_belong_to_their_owner(
    place: Place, ada: Principal, bob: Principal, session: str
) -> None:
    for act in (
        lambda: place.submit(bob, session=session),
        lambda: place.centre.perform(verbs.close_session, bob, session=session),
        lambda: place.centre.ask(queries.session_document, bob, session=session),
    ):
        with pytest.raises(CentreError) as caught:
            act()
        assert (caught.value.kind, caught.value.message) == (
            "not-found", "there is no such session",
        )  # fmt: skip
    assert [one["session"] for one in place.centre.ask(queries.list_sessions, ada)["items"]] == [
        session
    ]
    assert place.centre.ask(queries.list_sessions, bob)["items"] == []


def test_wrong_sessions_are_refused(place: Place, ada: Principal, session: str) -> None:
    for wrong in ({"mode": "fast"}, {"max_seconds": 0}, {"idle_seconds": 1e9}):
        with pytest.raises(CentreError, match=next(iter(wrong))):
            opened(place, ada, **wrong)
    with pytest.raises(CentreError, match="is on device qpu"):
        place.submit(ada, session=session, device="simulator")
