from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, devices, ledger, projects
from markaz.centre.db.schema import jobs as tables
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries, verbs
from tests.centre_rows import do, person, rows
from tests.jobs_tools import Opened, Place


def refused(place: Place, who: Principal, *wanted: str, **more: Any) -> CentreError:
    with pytest.raises(CentreError) as caught:
        place.submit(who, **more)
    assert caught.value.kind in wanted, caught.value
    assert rows(place.centre, tables.jobs) == []
    return caught.value


def test_the_only_project_and_the_default_device_need_no_names(
    place: Place, ada: Principal, lab: str
) -> None:
    told = place.submit(ada)
    assert (told["project"], told["device"]) == (lab, "simulator")


def test_a_project_may_be_named_by_its_slug(place: Place, ada: Principal, lab: str) -> None:
    assert place.submit(ada, "lab")["project"] == lab


def test_outsiders_and_unknown_projects_meet_the_same_refusal(place: Place, lab: str) -> None:
    bob = person(place.centre, "bob")
    place.project("other", bob)
    theirs = refused(place, bob, "not-found", project_id=lab)
    nobodys = refused(place, bob, "not-found", project_id="0" * 20)
    assert theirs.message == nobodys.message


def test_a_project_that_may_not_run_is_refused(place: Place, ada: Principal, lab: str) -> None:
    good = {"state": "active", "starts_at": None, "ends_at": None, "any_device": True}
    for change, kind in (
        ({"state": "suspended"}, "conflict"),
        ({"starts_at": 2**52}, "conflict"),
        ({"ends_at": 1}, "conflict"),
        ({"any_device": False}, "forbidden"),
        ({"quota_gib": 0.0}, "quota"),
    ):
        values = good | {"quota_gib": None} | change
        do(place.centre, lambda work, v=values: work.run(update(projects.projects).values(v)))
        refused(place, ada, kind, project_id=lab)


def test_a_listed_device_is_allowed(place: Place, ada: Principal, lab: str) -> None:
    table = projects.projects
    do(place.centre, lambda work: work.run(update(table).values(any_device=False)))
    do(
        place.centre,
        lambda work: work.run(
            projects.project_devices.insert().values(project_id=lab, device_id="simulator")
        ),
    )
    assert place.submit(ada, lab)["state"] == "queued"


def test_a_device_that_takes_no_jobs_is_refused(place: Place, ada: Principal, lab: str) -> None:
    for change, kind in (({"accepting": False}, "conflict"), ({"retired_at": 5}, "not-found")):
        do(place.centre, lambda work, v=change: work.run(update(devices.devices).values(v)))
        refused(place, ada, kind, project_id=lab)


WRONG: list[tuple[str, Any]] = [
    ("name", "x" * 201),
    ("name", "two\nlines"),
    ("name", "\u202eevil"),
    ("name", 3),
    ("tags", "one"),
    ("tags", ["a"] * 17),
    ("tags", [5]),
    ("private", "yes"),
    ("limit_seconds", 0),
    ("limit_seconds", float("nan")),
    ("limit_seconds", 1e9),
    ("qos", "vip"),
    ("qos", "session"),
]


def test_wrong_values_name_their_field(place: Place, ada: Principal, lab: str) -> None:
    for field, value in WRONG:
        error = refused(place, ada, "invalid", project_id=lab, **{field: value})
        assert (error.field or "").split("/")[0] == field, (field, value)


def test_the_programs_time_limit_counts_unless_another_is_given(
    place: Place, ada: Principal, lab: str
) -> None:
    limited = Opened(options={"shots": 1, "time_limit": 7.0})
    asked = [
        place.submit(ada, lab, opened=limited),
        place.submit(ada, lab, opened=limited, limit_seconds=3),
        place.submit(ada, lab),
    ]
    assert [place.row(told["job"]).limit_seconds for told in asked] == [7.0, 3.0, 60.0]


def test_a_program_larger_than_the_device_is_refused(
    place: Place, ada: Principal, lab: str
) -> None:
    place.device("qpu", kind="qpu", qubits=5)
    error = refused(place, ada, "program", project_id=lab, device="qpu", opened=Opened(qubits=6))
    assert error.message == "device qpu has 5 qubits, the program 6"


def test_without_credits_a_job_is_held_and_nothing_reserved(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=1)
    place.rate(1_000_000)
    told = place.submit(ada, poor)  # wants 2 credits
    assert (told["state"], told["reason"], told["reserved"]) == ("held", "allocation", 0)
    assert place.entries(told["job"]) == []
    assert place.claim() == []
    shown = place.centre.ask(queries.document, ada, job=told["job"])
    assert shown["why"]["words"] == ["the project has no credits left for it"]


def test_held_jobs_go_on_in_order_when_credits_return(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=0)
    place.rate(1_000_000)
    held = [place.submit(ada, poor)["job"] for _ in range(3)]
    place.grant(poor, 4)  # enough for two
    done = place.centre.perform(verbs.release_held, SYSTEM, project=poor)
    assert done == {"released": held[:2]}
    assert [place.row(job).state for job in held] == ["queued", "queued", "held"]
    assert [one["job"] for one in place.claim(5)] == held[:2]
    place.finish({"job": held[0], "attempt": 1}, seconds=0.0)
    # what the first one did not need is enough for the third
    assert [one["job"] for one in place.claim(5)] == [held[2]]


def test_held_jobs_of_one_person_are_few(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=0)
    cap = place.centre.services.settings["max_held_per_user"]
    told = place.centre.perform(
        verbs.submit_many, ada, project=poor,
        items=[{"opened": Opened(), "data": b"x"}] * cap,
    )  # fmt: skip
    assert {one["state"] for one in told["items"]} == {"held"}
    with pytest.raises(CentreError, match="no credits left") as caught:
        place.submit(ada, poor)
    assert caught.value.kind == "allocation"


def test_scavengers_are_free_and_short(place: Place, ada: Principal) -> None:
    poor = place.project("poor", ada, credits=0)
    place.rate(1_000_000, per_job=5)
    told = place.submit(ada, poor, qos="scavenger")
    assert (told["state"], told["reserved"]) == ("queued", 0)
    with pytest.raises(CentreError, match="limit_seconds must be from"):
        place.submit(ada, poor, qos="scavenger", limit_seconds=61)
    (work,) = place.claim()
    assert place.finish(work)["charge"] == 0
    assert place.entries(told["job"]) == []


def test_qos_classes_are_for_those_who_may(place: Place, ada: Principal, lab: str) -> None:
    for qos in ("calibration", "booking", "teaching"):
        refused(place, ada, "forbidden", project_id=lab, qos=qos)
    school = place.project("school", ada, programme="teaching")
    assert place.submit(ada, school, qos="teaching")["state"] == "queued"
    tender = person(place.centre, "tender", CentreRole.OPERATOR)
    care = place.project("care", tender)
    assert place.submit(tender, care, qos="calibration")["state"] == "queued"


def test_many_at_once_and_a_bad_one_refuses_only_itself(
    place: Place, ada: Principal, lab: str
) -> None:
    bad = CentreError("program", "no such gate", program_kind="parse", line=3)
    items = [
        {"opened": Opened(), "data": b"1", "name": "first"},
        {"refused": bad},
        {"opened": Opened(), "data": b"2", "name": "n" * 300},
        {"opened": Opened(), "data": b"3", "name": "last"},
    ]
    told = place.centre.perform(verbs.submit_many, ada, project=lab, items=items)["items"]
    assert [("job" in one) for one in told] == [True, False, False, True]
    assert told[1]["error"] == {
        "kind": "program", "message": "no such gate", "field": None,
        "program_kind": "parse", "line": 3,
    }  # fmt: skip
    assert told[2]["error"]["field"] == "name"
    claimed = place.claim(5)
    assert [one["job"] for one in claimed] == [told[0]["job"], told[3]["job"]]
    assert len({place.row(one["job"]).input_hash for one in claimed}) == 2


def test_a_request_takes_a_hundred(place: Place, ada: Principal, lab: str) -> None:
    one = {"opened": Opened(), "data": b"x"}
    for count in (0, 101):
        with pytest.raises(CentreError, match="from 1 to 100"):
            place.centre.perform(verbs.submit_many, ada, project=lab, items=[one] * count)
    told = place.centre.perform(verbs.submit_many, ada, project=lab, items=[one] * 100)
    assert len({item["job"] for item in told["items"]}) == 100


def test_when_all_are_refused_nothing_is_audited(place: Place, ada: Principal, lab: str) -> None:
    before = len(rows(place.centre, audit.audit_entries))
    bad = {"refused": CentreError("program", "no")}
    place.centre.perform(verbs.submit_many, ada, project=lab, items=[bad])
    assert len(rows(place.centre, audit.audit_entries)) == before


def test_waiting_jobs_of_one_person_are_bounded(settings_for: Any) -> None:
    with Centre.open(settings_for(max_waiting_per_user=3)) as centre:
        place = Place(centre)
        ada = person(centre, "ada")
        lab = place.project("lab", ada)
        item = {"opened": Opened(), "data": b"x"}
        told = centre.perform(verbs.submit_many, ada, project=lab, items=[item] * 5)["items"]
        assert ["error" in one for one in told] == [False, False, False, True, True]
        assert told[4]["error"]["kind"] == "quota"
        # nothing was set aside for those that were refused
        assert len(rows(centre, ledger.ledger_entries)) == 3


def test_every_job_leaves_one_audit_entry(place: Place, ada: Principal, lab: str) -> None:
    item = {"opened": Opened(), "data": b"x"}
    told = place.centre.perform(verbs.submit_many, ada, project=lab, items=[item] * 3)["items"]
    found = [e["subject"] for e in rows(place.centre, audit.audit_entries)
             if e["verb"] == "jobs.submit_many"]  # fmt: skip
    assert found == [one["job"] for one in told]


def test_a_key_of_another_project_cannot_submit(place: Place, ada: Principal, lab: str) -> None:
    other = place.project("other", ada)
    bound = Principal(ada.id, "user", project=other)
    refused(place, bound, "not-found", project_id=lab)
    assert place.submit(bound)["project"] == other


def test_members_who_left_and_strangers_cannot_submit(
    place: Place, ada: Principal, lab: str
) -> None:
    bob = person(place.centre, "bob")
    error = refused(place, bob, "invalid", project_id=None)
    assert error.field == "project"
