"""What an owner does with jobs afterwards, and how the runtime client looks at them."""

from __future__ import annotations

from typing import Any

from markaz.centre.access import Principal, ProjectRole
from markaz.centre.db.schema import projects
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries
from markaz.centre.jobs.glance import NAMES, glance, glances, own_sessions
from markaz.centre.jobs.upkeep import delete, forget_private, retag
from tests.centre_rows import person, put
from tests.jobs_tools import Opened, Place


def join(place: Place, project: str, name: str, role: ProjectRole) -> Principal:
    who = person(place.centre, name)
    row = {"project_id": project, "user_id": who.id, "role": role, "joined_at": 0}
    put(place.centre, projects.memberships, **row)
    place.changed()
    return who


def ended(place: Place, who: Principal, lab: str, **more: Any) -> str:
    job = str(place.submit(who, lab, **more)["job"])
    place.finish(place.claim()[0])
    return job


def kind_of(place: Place, act: Any, who: Principal, **arguments: Any) -> str:
    try:
        if act.changes:
            place.centre.perform(act, who, **arguments)
        else:
            place.centre.ask(act, who, **arguments)
    except CentreError as error:
        return error.kind
    return "ok"


def test_tags_are_replaced_and_checked(place: Place, ada: Principal, lab: str) -> None:
    job = place.submit(ada, lab, tags=["old"])["job"]
    assert place.centre.perform(retag, ada, job=job, tags=["b", "é"])["tags"] == ["b", "é"]
    assert place.centre.ask(queries.document, ada, job=job)["tags"] == ["b", "é"]
    for tags in (["x" * 87], "a", [1], ["t"] * 17, None):
        assert kind_of(place, retag, ada, job=job, tags=tags) == "invalid"


def test_who_may_change_a_job(place: Place, ada: Principal, lab: str) -> None:
    lead = join(place, lab, "lead", ProjectRole.CO_PI)
    trainer = join(place, lab, "tra", ProjectRole.TRAINER)
    member = join(place, lab, "mem", ProjectRole.MEMBER)
    stranger = person(place.centre, "str")
    job = ended(place, ada, lab)
    asked = {"job": job, "tags": []}
    outcomes = [
        kind_of(place, retag, who, **asked)
        for who in (ada, lead, place.operator, trainer, member, stranger)
    ]
    assert outcomes == ["ok", "ok", "ok", "forbidden", "not-found", "not-found"]
    outcomes = [kind_of(place, delete, who, job=job) for who in (trainer, member, stranger, lead)]
    assert outcomes == ["forbidden", "not-found", "not-found", "ok"]


def test_a_deleted_job_has_no_contents_and_keeps_its_charge(
    place: Place, ada: Principal, lab: str
) -> None:
    waiting = place.submit(ada, lab)["job"]
    assert kind_of(place, delete, ada, job=waiting) == "conflict"
    place.finish(place.claim()[0])
    entries = place.entries(waiting)
    place.centre.perform(delete, ada, job=waiting)
    assert kind_of(place, delete, ada, job=waiting) == "not-found"
    assert kind_of(place, glance, ada, job=waiting) == "not-found"
    assert kind_of(place, queries.contents, ada, job=waiting) == "not-found"
    assert place.centre.ask(glances, ada, project=lab)["items"] == []
    assert place.entries(waiting) == entries != []
    assert place.centre.ask(queries.document, ada, job=waiting)["contents"] == "swept"


def test_contents_of_a_private_job_are_forgotten_once(
    place: Place, ada: Principal, lab: str
) -> None:
    lead = join(place, lab, "lead", ProjectRole.PI)
    job = place.submit(ada, lab, private=True)["job"]
    assert kind_of(place, forget_private, ada, job=job) == "not-found"  # it has not ended
    place.finish(place.claim()[0])
    assert kind_of(place, forget_private, lead, job=job) == "forbidden"
    assert kind_of(place, forget_private, ada, job=job) == "ok"
    assert kind_of(place, forget_private, ada, job=job) == "not-found"
    assert kind_of(place, queries.contents, ada, job=job) == "not-found"
    public = ended(place, ada, lab)
    assert kind_of(place, forget_private, ada, job=public) == "forbidden"


def test_a_glance_is_one_statement_and_the_row(place: Place, ada: Principal, lab: str) -> None:
    job = place.submit(ada, lab, tags=["a"])["job"]
    found = place.centre.ask(glance, ada, job=job)
    assert set(found) == set(NAMES)
    assert (found["id"], found["state"], found["tags"]) == (job, "queued", '["a"]')
    assert kind_of(place, glance, ada, job="nothing") == "not-found"
    assert kind_of(place, glance, person(place.centre, "x"), job=job) == "not-found"


def test_glances_are_ones_own_in_the_project(place: Place, ada: Principal, lab: str) -> None:
    bob = join(place, lab, "bob", ProjectRole.MEMBER)
    other = place.project("other", ada)
    jobs = [place.submit(ada, lab, tags=[f"t{n}"])["job"] for n in range(5)]
    elsewhere = place.submit(ada, other, opened=Opened(kind="estimator"))["job"]
    place.submit(bob, lab)

    def ids(**filters: Any) -> list[str]:
        found = place.centre.ask(glances, ada, **filters)
        return [row["id"] for row in found["items"]]

    assert ids(project=lab) == jobs[::-1]
    assert ids(project="lab", oldest_first=True, limit=2) == jobs[:2]
    assert ids() == [elsewhere, *jobs[::-1]]
    assert ids(kind="estimator") == [elsewhere]
    assert ids(project=lab, tags=["t2"]) == [jobs[2]]
    assert ids(project=lab, before=jobs[2]) == [jobs[1], jobs[0]]
    assert ids(project=lab, offset=3) == [jobs[1], jobs[0]]
    page = place.centre.ask(glances, ada, project=lab, limit=2, before=jobs[4])
    assert (len(page["items"]), page["count"]) == (2, 5)
    assert kind_of(place, glances, person(place.centre, "x"), project=lab) == "not-found"
    for bad in ({"limit": 0}, {"limit": 201}, {"tags": [""]}, {"before": "zz"}, {"offset": -1}):
        assert kind_of(place, glances, ada, **bad) in ("invalid", "not-found")


def test_a_key_of_one_project_sees_that_one(place: Place, ada: Principal, lab: str) -> None:
    other = place.project("other", ada)
    mine, theirs = place.submit(ada, lab)["job"], place.submit(ada, other)["job"]
    bound = Principal(ada.id, "user", project=lab)
    found = place.centre.ask(glances, bound)
    assert [row["id"] for row in found["items"]] == [mine]
    assert kind_of(place, glances, bound, project=other) == "not-found"
    assert kind_of(place, glance, bound, job=theirs) == "not-found"


def test_own_sessions_are_in_pages(place: Place, ada: Principal, lab: str) -> None:
    from markaz.centre.jobs import verbs

    made = []
    for mode in ("dedicated", "batch", "batch"):
        place.centre.services.clock._origin += 10_000  # ids of one millisecond have no order
        opened = place.centre.perform(verbs.open_session, ada, project=lab, mode=mode)
        made.append(opened["session"])
    found = place.centre.ask(own_sessions, ada, project=lab, limit=2)
    assert ([row["id"] for row in found["items"]], found["count"]) == (made[:0:-1], 3)
    rest = place.centre.ask(own_sessions, ada, project=lab, before=made[1])
    assert [row["id"] for row in rest["items"]] == made[:1]
    only = place.centre.ask(own_sessions, ada, mode="batch")
    assert (len(only["items"]), only["count"]) == (2, 2)
