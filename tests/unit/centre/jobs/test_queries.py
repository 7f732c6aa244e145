from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, Act, CentreRole, Principal, ProjectRole
from markaz.centre.db.schema import jobs as tables
from markaz.centre.db.schema import projects
from markaz.centre.errors import CentreError
from markaz.centre.jobs import listing, queries, verbs
from markaz.centre.jobs.example import fair_share
from tests.centre_rows import do, person, put
from tests.jobs_tools import SECOND, Opened, Place


def join(place: Place, project: str, who: Principal, role: ProjectRole) -> None:
    row = {"project_id": project, "user_id": who.id, "role": role, "joined_at": 0}
    put(place.centre, projects.memberships, **row)
    place.changed()


def listed(place: Place, who: Principal, **filters: Any) -> list[str]:
    found = place.centre.ask(queries.list_jobs, who, **filters)
    return [one["job"] for one in found["items"]]


READS = [queries.document, queries.poll, queries.explanation, queries.contents]


def outcome(place: Place, act: Act, who: Principal, job: str) -> str:
    try:
        place.centre.ask(act, who, job=job)
    except CentreError as error:
        return error.kind
    return "ok"


def test_who_sees_what_of_a_job(place: Place, ada: Principal, lab: str) -> None:
    centre = place.centre
    member, trainer, lead = (person(centre, name) for name in ("mem", "tra", "lea"))
    director = person(centre, "dir", CentreRole.DIRECTOR)
    stranger = person(centre, "str")
    for who, role in (
        (member, ProjectRole.MEMBER),
        (trainer, ProjectRole.TRAINER),
        (lead, ProjectRole.CO_PI),
    ):
        join(place, lab, who, role)
    jobs = [place.submit(ada, lab, private=private)["job"] for private in (False, True)]
    for one in place.claim(2):
        place.finish(one)
    ok, no = ["ok"] * 4, ["not-found"] * 4
    private = ["ok", "ok", "ok", "forbidden"]
    expected = {
        ada.id: (ok, ok),
        member.id: (no, no),
        trainer.id: (ok, private),
        lead.id: (ok, private),
        place.operator.id: (ok, private),
        director.id: (ok, private),
        stranger.id: (no, no),
    }
    everybody = (ada, member, trainer, lead, place.operator, director, stranger)
    found = {
        who.id: tuple([outcome(place, act, who, job) for act in READS] for job in jobs)
        for who in everybody
    }
    assert found == expected
    shown = centre.ask(queries.document, lead, job=jobs[1])
    assert "counts" not in shown
    assert shown["provenance"]["seed"] is None
    change = update(projects.projects).values(job_visibility="all")
    do(centre, lambda work: work.run(change))
    assert [outcome(place, act, member, jobs[1]) for act in READS] == private


def test_who_may_cancel(place: Place, ada: Principal, lab: str) -> None:
    centre = place.centre
    trainer, lead = person(centre, "tra"), person(centre, "lea")
    director = person(centre, "dir", CentreRole.DIRECTOR)
    join(place, lab, trainer, ProjectRole.TRAINER)
    join(place, lab, lead, ProjectRole.CO_PI)
    for who, kind in ((trainer, "forbidden"), (director, "forbidden"), (lead, "")):
        job = place.submit(ada, lab)["job"]
        if kind:
            with pytest.raises(CentreError) as caught:
                centre.perform(verbs.cancel, who, job=job)
            assert caught.value.kind == kind
        else:
            assert centre.perform(verbs.cancel, who, job=job)["state"] == "cancelled"


def test_an_unknown_job_and_anothers_answer_alike(place: Place, ada: Principal, lab: str) -> None:
    job = place.submit(ada, lab)["job"]
    bob = person(place.centre, "bob")
    said = set()
    for wanted in (job, "0" * 20, "../etc", "", "x" * 500):
        with pytest.raises(CentreError) as caught:
            place.centre.ask(queries.document, bob, job=wanted)
        said.add((caught.value.kind, caught.value.message))
    assert said == {("not-found", "there is no such job")}


def test_a_key_of_another_project_sees_nothing(place: Place, ada: Principal, lab: str) -> None:
    job = place.submit(ada, lab)["job"]
    other = place.project("other", ada)
    bound = Principal(ada.id, "user", project=other)
    assert outcome(place, queries.poll, bound, job) == "not-found"
    assert listed(place, bound) == []


def test_lists_are_the_newest_first_in_pages(place: Place, ada: Principal, lab: str) -> None:
    jobs = [place.submit(ada, lab)["job"] for _ in range(5)]
    first = place.centre.ask(queries.list_jobs, ada, limit=2)
    second = place.centre.ask(queries.list_jobs, ada, limit=2, after=first["next"])
    third = place.centre.ask(queries.list_jobs, ada, limit=2, after=second["next"])
    pages = [[one["job"] for one in page["items"]] for page in (first, second, third)]
    assert pages == [jobs[4:2:-1], jobs[2:0:-1], jobs[:1]]
    assert third["next"] is None


def test_filters(place: Place, ada: Principal, lab: str) -> None:
    place.device("qpu", kind="qpu")
    bell = place.submit(ada, lab, name="Bell pair", tags=["a%b", "x"])["job"]
    ghz = place.submit(ada, lab, name="GHZ", device="qpu", tags=["acb"])["job"]
    moment = place.row(ghz).created_at + 5_000_000
    place.finish(place.claim()[0])
    place.centre.services.clock._origin += 10_000_000  # ten seconds pass
    late = place.submit(ada, lab)["job"]
    found = {
        "state": listed(place, ada, state="completed"),
        "waiting": listed(place, ada, state="waiting"),
        "queued": listed(place, ada, state="queued"),
        "final": listed(place, ada, state="final", name="bell"),
        "device": listed(place, ada, device="qpu"),
        "tag": listed(place, ada, tag="a%b"),
        "name": listed(place, ada, name="gh"),
        "both": listed(place, ada, name="gh", tag="x"),
        "until": listed(place, ada, until=moment),
        "since": listed(place, ada, since=2**52),
        "none": listed(place, ada, session="0" * 20),
    }
    assert found == {
        "state": [bell],
        "waiting": [late, ghz],
        "queued": [late, ghz],
        "final": [bell],
        "device": [ghz],
        "tag": [bell],
        "name": [ghz],
        "both": [],
        "until": [ghz, bell],
        "since": [],
        "none": [],
    }


def test_a_filter_that_finds_little_goes_on_where_it_stopped(
    place: Place, ada: Principal, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 3)
    rare = place.submit(ada, lab, name="rare")["job"]
    for _ in range(7):
        place.submit(ada, lab)
    after, found, pages = None, [], 0
    while pages == 0 or after is not None:
        page = place.centre.ask(queries.list_jobs, ada, name="rare", after=after)
        found += [one["job"] for one in page["items"]]
        after, pages = page["next"], pages + 1
    assert (found, pages) == ([rare], 3)


def test_wrong_filters_name_their_field(place: Place, ada: Principal) -> None:
    for field, value in (
        ("state", "lost"),
        ("limit", 0),
        ("limit", 10**9),
        ("after", "-1"),
        ("after", "9" * 30),
        ("since", -1),
        ("since", 1.5),
        ("tag", "\x00"),
        ("everyone", "yes"),
    ):
        with pytest.raises(CentreError) as caught:
            place.centre.ask(queries.list_jobs, ada, **{field: value})
        assert caught.value.field == field, (field, value)


def test_lists_of_a_project_follow_its_setting(place: Place, ada: Principal, lab: str) -> None:
    bob = person(place.centre, "bob")
    join(place, lab, bob, ProjectRole.MEMBER)
    mine, theirs = place.submit(ada, lab)["job"], place.submit(bob, lab)["job"]
    assert listed(place, bob, project=lab) == [theirs]
    assert listed(place, bob) == [theirs]
    assert listed(place, ada, project=lab) == [theirs, mine]
    assert listed(place, ada, project=lab, user=bob.id) == [theirs]
    assert listed(place, bob, project=lab, user=ada.id) == [theirs]
    assert listed(place, bob, everyone=True) == [theirs]
    assert listed(place, place.operator, everyone=True) == [theirs, mine]
    stranger = person(place.centre, "stranger")
    with pytest.raises(CentreError, match="no such project"):
        listed(place, stranger, project=lab)


def test_positions_are_the_order_in_which_jobs_start(place: Place) -> None:
    people = [person(place.centre, f"user{i}") for i in range(3)]
    for i, who in enumerate(people):
        place.project(f"project{i}", who)
    jobs: dict[str, Principal] = {}
    for i in range(12):
        who = people[i * i % 3]
        limit = (5, 60, 600)[i % 3]
        jobs[place.submit(who, limit_seconds=limit)["job"]] = who
    place.centre.perform(
        verbs.override, place.operator, job=list(jobs)[7], boost=1, reason="an example"
    )
    told = {}
    for job, who in jobs.items():
        why = place.centre.ask(queries.explanation, who, job=job)
        assert why["position_exact"]
        told[job] = why["position"]
    place.queue.shares.refresh = lambda: False  # type: ignore[method-assign]
    order = [one["job"] for one in place.claim(20)]
    assert [told[job] for job in order] == list(range(1, 13))


def test_a_long_queue_gives_an_estimate_and_says_so(
    place: Place, ada: Principal, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markaz.centre.jobs.why.EXACT", 5)
    jobs = [place.submit(ada, lab)["job"] for _ in range(20)]
    why = place.centre.ask(queries.explanation, ada, job=jobs[15])
    assert not why["position_exact"]
    assert 8 <= why["position"] <= 20
    assert why["words"][0].startswith("about ")


def test_the_explanation_adds_up_and_names_the_shares(
    place: Place, ada: Principal, lab: str
) -> None:
    bob = person(place.centre, "bob")
    other = place.project("other", bob, shares=3)
    put(place.centre, tables.usage, project_id=other, user_id=bob.id, amount=30.0,
        as_of=place.centre.services.clock.now())  # fmt: skip
    put(place.centre, tables.usage, project_id=lab, user_id=ada.id, amount=10.0,
        as_of=place.centre.services.clock.now())  # fmt: skip
    place.open()
    place.submit(bob)
    job = place.submit(ada)["job"]
    why = place.centre.ask(queries.explanation, ada, job=job)
    levels = {one["level"]: one for one in why["fair_share"]}
    assert levels["institution"]["share"] == 0.5
    assert levels["institution"]["used"] == pytest.approx(0.25, rel=1e-3)
    assert levels["institution"]["level_fair_share"] == pytest.approx(2.0, rel=1e-3)
    assert levels["person"]["words"] == (
        "has 100.0% of the shares and used 100.0% of what was used lately"
    )
    assert why["priority"] == pytest.approx(sum(f["points"] for f in why["factors"]))
    assert why["position"] == 1
    assert why["wait"]["p50"] <= why["wait"]["p90"]
    assert len(fair_share()) == 10


def test_forecasts_are_scored(place: Place, ada: Principal, lab: str) -> None:
    for _ in range(4):
        place.submit(ada, lab, opened=Opened(predicted_seconds=100.0))
        place.finish(place.claim()[0])
    (found,) = place.centre.ask(queries.forecast_accuracy, ada)
    assert found["device"] == "simulator"
    assert found["jobs"] == 4
    parts = found["before_p50"], found["p50_to_p90"], found["after_p90"]
    assert sum(parts) == pytest.approx(1.0)
    assert found["median_error_seconds"] < 5


def test_waits_are_longer_behind_more_work(place: Place, ada: Principal, lab: str) -> None:
    long = Opened(predicted_seconds=30.0)
    waits = [place.submit(ada, lab, opened=long)["wait"]["p50"] for _ in range(3)]
    place.queue.landscapes._known.clear()
    waits.append(place.submit(ada, lab, opened=long)["wait"]["p50"])
    assert all(one <= other for one, other in pairwise(waits))
    assert waits[-1] == pytest.approx(90.0, abs=1.0)
    (work,) = place.claim()
    row = place.row(work["job"])
    assert row.started_at - row.eligible_at < 60 * SECOND


def test_without_the_queue_in_this_process_the_rest_still_works(
    place: Place, ada: Principal, lab: str
) -> None:
    place.centre.services.queue = None
    told = place.submit(ada, lab)
    assert told["wait"] is None
    shown = place.centre.ask(queries.document, ada, job=told["job"])
    assert "position" not in shown["why"]
    with pytest.raises(CentreError, match="does not hand out jobs"):
        place.centre.perform(verbs.claim, SYSTEM, worker="w", devices=["simulator"])
