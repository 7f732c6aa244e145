from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries, verbs
from tests.centre_rows import person
from tests.jobs_tools import Opened, Place


@pytest.fixture
def three(place: Place, ada: Principal) -> list[str]:
    """Three waiting jobs, in their order."""
    lab = place.project("lab", ada)
    return [place.submit(ada, lab)["job"] for _ in range(3)]


def order(place: Place) -> list[str]:
    return [one["job"] for one in place.claim(9)]


def test_a_held_job_waits_until_it_is_released_and_keeps_its_place(
    place: Place, ada: Principal, three: list[str]
) -> None:
    act, say = place.centre.perform, {"reason": "the cryostat warms up"}
    assert act(verbs.hold, place.operator, job=three[0], **say)["state"] == "held"
    shown = place.centre.ask(queries.document, ada, job=three[0])
    assert shown["note"] == "the cryostat warms up"
    assert shown["why"]["words"] == ["an operator holds it"]
    assert [one["job"] for one in place.claim()] == [three[1]]
    act(verbs.release, place.operator, job=three[0], reason="it is cold again")
    assert order(place) == [three[0], three[2]]


def test_an_override_puts_a_job_before_all_and_those_delayed_read_why(
    place: Place, ada: Principal, three: list[str]
) -> None:
    reason = "deadline of the ministry's demonstration"
    place.centre.perform(verbs.override, place.operator, job=three[2], boost=3, reason=reason)
    why = place.centre.ask(queries.explanation, ada, job=three[0])
    assert [(one["what"], one["reason"], one["own"]) for one in why["interventions"]] == [
        ("override", reason, False)
    ]
    assert three[2] not in str(why)
    assert why["position"] == 2
    assert order(place) == [three[2], three[0], three[1]]


def test_an_override_can_put_a_job_behind_and_be_undone(place: Place, three: list[str]) -> None:
    act, say = place.centre.perform, {"reason": "it can wait"}
    act(verbs.override, place.operator, job=three[0], boost=-1, **say)
    act(verbs.override, place.operator, job=three[1], boost=-2, **say)
    act(verbs.override, place.operator, job=three[1], boost=0, **say)
    assert order(place) == [three[1], three[2], three[0]]


def test_requeue_takes_a_job_from_its_worker(place: Place, three: list[str]) -> None:
    (work,) = place.claim()
    reason = "the worker's fan is loud"
    done = place.centre.perform(verbs.requeue, place.operator, job=work["job"], reason=reason)
    assert done["state"] == "queued"
    assert ("cancel", work["job"], 1) in place.heard.said
    with pytest.raises(CentreError, match="is over"):
        place.finish(work)
    assert order(place) == three


def test_move_changes_the_device_and_not_the_price(place: Place, ada: Principal) -> None:
    place.rate(5)
    lab = place.project("lab", ada)
    place.device("qpu", kind="qpu", qubits=3)
    job = place.submit(ada, lab)["job"]
    move: dict[str, Any] = {"device": "qpu", "reason": "the simulator is full"}
    place.centre.perform(verbs.move, place.operator, job=job, **move)
    assert place.claim() == []
    (work,) = place.claim(1, "qpu")
    assert work["job"] == job
    assert '"per_second": 5' in place.row(job).price
    large = place.submit(ada, lab, opened=Opened(qubits=4))["job"]
    with pytest.raises(CentreError, match="qpu has 3 qubits, the job 4"):
        place.centre.perform(verbs.move, place.operator, job=large, **move)


def test_what_a_state_does_not_allow_is_a_conflict(place: Place, three: list[str]) -> None:
    (work,) = place.claim()
    say = {"job": work["job"], "reason": "because"}
    for verb, more in (
        (verbs.hold, {}),
        (verbs.release, {}),
        (verbs.override, {"boost": 1}),
        (verbs.move, {"device": "simulator"}),
    ):
        with pytest.raises(CentreError) as caught:
            place.centre.perform(verb, place.operator, **say, **more)
        assert caught.value.kind == "conflict"
    place.finish(work)
    with pytest.raises(CentreError, match="is completed"):
        place.centre.perform(verbs.requeue, place.operator, **say)


def test_only_operators_operate_and_always_with_a_reason(
    place: Place, ada: Principal, three: list[str]
) -> None:
    for verb in (verbs.hold, verbs.release, verbs.requeue, verbs.move, verbs.override):
        more = {"boost": 1, "device": "simulator"}
        with pytest.raises(CentreError) as caught:
            place.centre.perform(verb, ada, job=three[0], reason="me first", **more)
        assert caught.value.kind == "forbidden"
    with pytest.raises(CentreError, match="reason"):
        place.centre.perform(verbs.hold, place.operator, job=three[0], reason="  ")
    assert order(place) == three


def test_jobs_held_for_credits_are_not_released_by_hand(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=0)
    job = place.submit(ada, poor)["job"]
    with pytest.raises(CentreError, match="waits for credits"):
        place.centre.perform(verbs.release, place.operator, job=job, reason="go on")


def test_the_operators_view_lists_the_queue_with_every_factor(
    place: Place, ada: Principal, three: list[str]
) -> None:
    bob = person(place.centre, "bob")
    place.project("other", bob)
    theirs = place.submit(bob)["job"]
    place.centre.perform(
        verbs.override, place.operator, job=theirs, boost=1, reason="he asked nicely"
    )
    first = place.centre.ask(queries.operator_queue, place.operator, limit=1)
    assert [one["job"] for one in first["items"]] == [theirs]
    names = [factor["name"] for factor in first["items"][0]["factors"]]
    assert names == ["override", "qos", "fair share", "age", "size"]
    rest = place.centre.ask(queries.operator_queue, place.operator, after=first["next"])
    assert [one["job"] for one in rest["items"]] == three
    assert rest["next"] is None
    (depth,) = place.centre.ask(queries.depths, place.operator)
    assert depth == {"device": "simulator", "waiting": 4, "seconds": 2.0, "running": 0}
    with pytest.raises(CentreError, match="needs the role"):
        place.centre.ask(queries.operator_queue, ada)
