from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit
from markaz.centre.db.schema import jobs as tables
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries, verbs
from markaz.centre.work import Work
from tests.centre_rows import do, person, rows
from tests.jobs_tools import Opened, Place


@pytest.fixture
def lab(place: Place, ada: Principal) -> str:
    place.rate(3_000_000, per_shot=10)
    return place.project("lab", ada)


def stale(place: Place, assignment: dict[str, object], **outcome: object) -> None:
    with pytest.raises(CentreError) as caught:
        place.finish(assignment, **outcome)  # type: ignore[arg-type]
    assert caught.value.kind == "stale"


def test_a_job_from_submission_to_result(place: Place, ada: Principal, lab: str) -> None:
    told = place.submit(ada, lab, name="bell", tags=["first"])
    job = told["job"]
    # 4 × 0.5 s at 3 credits, and 100 shots at 10 micro-credits
    assert (told["state"], told["reserved"]) == ("queued", 6_001_000)
    assert place.entries(job) == [("reserve", -6_001_000)]
    assert told["wait"] == {"p50": 0.0, "p90": pytest.approx(0.075)}
    (work,) = place.claim()
    assert (work["job"], work["attempt"], work["options"]["shots"]) == (job, 1, 100)
    assert place.claim() == []
    done = place.finish(work, seconds=0.000_001)
    assert done == {"job": job, "state": "completed", "charge": 1_003}
    assert place.entries(job)[1:] == [("release", 6_001_000), ("charge", -1_003)]
    shown = place.centre.ask(queries.document, ada, job=job)
    assert shown["counts"] == {"00": 52, "11": 48}
    assert (shown["name"], shown["tags"]) == ("bell", ["first"])
    assert shown["provenance"]["seed"] == 7
    assert shown["provenance"]["attempt"] == 1
    assert shown["provenance"]["emulated"] is None
    assert shown["why"] is None
    assert place.centre.ask(queries.poll, ada, job=job)["state"] == "completed"
    assert place.centre.ask(queries.contents, ada, job=job, which="input") == b"OPENQASM 3.0;"
    group = place.row(job).group_id
    assert place.heard.said == [("queued", group), ("ended", job)]


def test_a_worker_charges_no_more_than_the_server_saw(
    place: Place, ada: Principal, lab: str
) -> None:
    place.submit(ada, lab)
    (work,) = place.claim()
    place.finish(work, seconds=1e6)
    row = place.row(work["job"])
    assert row.run_seconds == (row.ended_at - row.started_at) / 1e6
    assert row.charged < row.reserved


@pytest.mark.parametrize(
    ("state", "kind", "free"),
    [
        ("failed", "limit-time", False),
        ("failed", "limit-memory", False),
        ("failed", "internal", True),
        ("failed", "engine", True),
    ],
)
def test_what_a_failure_costs(
    place: Place, ada: Principal, lab: str, state: str, kind: str, free: bool
) -> None:
    place.submit(ada, lab)
    (work,) = place.claim()
    done = place.finish(work, state, result=None, error={"kind": kind, "message": "it did"})
    row = place.row(work["job"])
    time_used = -(-3_000_000 * round(row.run_seconds * 1e6) // 1_000_000)
    assert done["charge"] == (0 if free else time_used)
    shown = place.centre.ask(queries.document, ada, job=work["job"])
    assert shown["error"] == {"kind": kind, "message": "it did"}


def test_a_second_report_is_refused_and_changes_nothing(
    place: Place, ada: Principal, lab: str
) -> None:
    place.submit(ada, lab)
    (work,) = place.claim()
    place.finish(work)
    before = place.row(work["job"]), place.entries(work["job"])
    stale(place, work, state="failed", error={"kind": "internal", "message": "no"})
    assert (place.row(work["job"]), place.entries(work["job"])) == before
    with pytest.raises(CentreError, match="attempt 1 of job"):
        place.finish(work | {"job": "0" * 20})


def test_jobs_of_a_lost_worker_keep_their_place_and_its_zombie_is_refused(
    place: Place, ada: Principal, lab: str
) -> None:
    first = place.submit(ada, lab)["job"]
    place.submit(ada, lab)
    (work,) = place.claim(worker="dead")
    assert place.centre.perform(verbs.recover, SYSTEM, worker="dead") == {
        "requeued": [first], "failed": [], "cancelled": [],
    }  # fmt: skip
    stale(place, work)
    (again,) = place.claim(worker="alive")
    assert (again["job"], again["attempt"]) == (first, 2)
    stale(place, work)
    assert place.finish(again)["state"] == "completed"


def test_a_job_that_takes_workers_down_fails_free_of_charge(
    place: Place, ada: Principal, lab: str
) -> None:
    job = place.submit(ada, lab)["job"]
    ends = []
    for _ in range(5):
        place.claim(worker="dies")
        done = place.centre.perform(verbs.recover, SYSTEM, worker="dies")
        ends.append([name for name, ids in done.items() if ids])
    assert ends == [["requeued"]] * 4 + [["failed"]]
    row = place.row(job)
    assert (row.state, row.charged, row.error_kind) == ("failed", 0, "internal")
    assert row.error_message == "its worker was lost 5 times"
    assert place.entries(job)[1:] == [("release", row.reserved)]


def test_draining_is_no_fault_of_the_job(place: Place, ada: Principal, lab: str) -> None:
    place.submit(ada, lab)
    for attempt in range(1, 8):
        (work,) = place.claim()
        assert work["attempt"] == attempt
        given = [{"job": work["job"], "attempt": attempt}]
        done = place.centre.perform(verbs.give_back, SYSTEM, worker="w1", jobs=given)
        assert done["requeued"] == [work["job"]]
    again = place.centre.perform(verbs.give_back, SYSTEM, worker="w1", jobs=given)
    assert again == {"requeued": [], "cancelled": []}


def test_orphans_are_those_whose_worker_is_not_known(
    place: Place, ada: Principal, lab: str
) -> None:
    jobs = [place.submit(ada, lab)["job"] for _ in range(2)]
    place.claim(worker="old")
    place.claim(worker="here")
    done = place.centre.perform(verbs.recover_orphans, SYSTEM, known=["here"])
    assert done["requeued"] == [jobs[0]]


def test_a_job_handed_out_ahead_is_claimed_until_it_begins(
    place: Place, ada: Principal, lab: str
) -> None:
    place.submit(ada, lab)
    (work,) = place.claim(ahead=True)
    assert place.row(work["job"]).state == "claimed"
    begin = {"job": work["job"], "attempt": 1, "worker": "w1"}
    place.centre.perform(verbs.mark_running, SYSTEM, **begin)
    assert place.row(work["job"]).state == "running"
    with pytest.raises(CentreError, match="is over"):
        place.centre.perform(verbs.mark_running, SYSTEM, **begin)
    assert place.finish(work)["state"] == "completed"


def test_cancelling_a_waiting_job_gives_everything_back(
    place: Place, ada: Principal, lab: str
) -> None:
    job = place.submit(ada, lab)["job"]
    done = place.centre.perform(verbs.cancel, ada, job=job)
    assert done == {"job": job, "state": "cancelled", "cancel": "cancelled"}
    assert place.entries(job)[1:] == [("release", 6_001_000)]
    assert place.claim() == []
    with pytest.raises(CentreError, match="is cancelled already"):
        place.centre.perform(verbs.cancel, ada, job=job)


def test_cancelling_a_running_job_costs_its_user_the_time_used(
    place: Place, ada: Principal, lab: str
) -> None:
    charges = []
    for who in (ada, place.operator):
        job = place.submit(ada, lab)["job"]
        (work,) = place.claim()
        done = place.centre.perform(verbs.cancel, who, job=job)
        assert done["cancel"] == "wanted"
        assert ("cancel", job, 1) in place.heard.said
        charges.append(place.finish(work, "cancelled", result=None)["charge"])
    assert charges[0] > 0
    assert charges[1] == 0


def test_a_cancel_outlives_the_worker_that_should_have_obeyed(
    place: Place, ada: Principal, lab: str
) -> None:
    job = place.submit(ada, lab)["job"]
    place.claim(worker="dead")
    place.centre.perform(verbs.cancel, ada, job=job)
    done = place.centre.perform(verbs.recover, SYSTEM, worker="dead")
    assert done["cancelled"] == [job]
    assert (place.row(job).state, place.row(job).charged) == ("cancelled", 0)


def test_a_job_that_completes_before_the_cancel_arrives_is_completed(
    place: Place, ada: Principal, lab: str
) -> None:
    job = place.submit(ada, lab)["job"]
    (work,) = place.claim()
    place.centre.perform(verbs.cancel, ada, job=job)
    assert place.finish(work)["state"] == "completed"


def test_usage_adds_up_with_decay(place: Place, ada: Principal, lab: str) -> None:
    for _ in range(2):
        place.submit(ada, lab)
        (work,) = place.claim()
        place.finish(work)
    (found,) = rows(place.centre, tables.usage)
    ran = [row["run_seconds"] for row in rows(place.centre, tables.jobs)]
    assert found["amount"] == pytest.approx(sum(ran), rel=1e-4)
    assert (found["project_id"], found["user_id"]) == (lab, ada.id)


def test_retention_takes_contents_and_leaves_hashes(settings_for: object) -> None:
    with Centre.open(settings_for(retention_days=1)) as centre:  # type: ignore[operator]
        place = Place(centre)
        ada = person(centre, "ada")
        lab = place.project("lab", ada)
        jobs = []
        for text in (b"one", b"two"):
            jobs.append(place.submit(ada, lab, data=text)["job"])
            place.finish(place.claim()[0])
        waiting = place.submit(ada, lab)["job"]
        assert centre.perform(verbs.sweep_contents, SYSTEM) == {"swept": 0, "more": False}
        clock = centre.services.clock
        old = clock.now() - 2 * 86_400_000_000

        table = tables.jobs
        change = update(table).where(table.c.id == jobs[0]).values(ended_at=old)
        do(centre, lambda work: work.run(change))
        assert centre.perform(verbs.sweep_contents, SYSTEM) == {"swept": 1, "more": False}
        shown = centre.ask(queries.document, ada, job=jobs[0])
        assert (shown["contents"], "counts" in shown) == ("swept", False)
        assert shown["provenance"]["program_hash"] == "0" * 64
        with pytest.raises(CentreError, match="retention took"):
            centre.ask(queries.contents, ada, job=jobs[0])
        assert json.loads(centre.ask(queries.contents, ada, job=jobs[1]))["seed"] == 7
        assert place.row(waiting).swept_at is None


def test_every_step_is_in_the_audit(place: Place, ada: Principal, lab: str) -> None:
    job = place.submit(ada, lab)["job"]
    place.claim(worker="dead")
    place.centre.perform(verbs.recover, SYSTEM, worker="dead")
    place.finish(place.claim()[0])
    found = [e["verb"] for e in rows(place.centre, audit.audit_entries) if e["subject"] == job]
    assert found == ["jobs.submit", "jobs.claim", "jobs.recover", "jobs.claim", "jobs.finish"]


def test_a_restarted_server_reads_the_queue_as_it_was(
    place: Place, ada: Principal, lab: str
) -> None:
    jobs = [place.submit(ada, lab, opened=Opened(predicted_seconds=2.0))["job"] for _ in range(4)]
    place.claim()
    before = place.queue
    key = before.key(next(iter(before.rows.at)))
    after = place.open()
    (group,) = after.rows.at
    assert after.key(group) == key
    row, old = after.rows.at[group], before.rows.at[group]
    for name in ("head", "tail", "count", "work", "allowed"):
        assert getattr(after.rows, name)[row] == getattr(before.rows, name)[old], name
    assert after.busy("simulator", place.centre.services.clock.now())[0] == 1
    assert [one["job"] for one in place.claim(9)] == jobs[1:]


def test_a_claim_that_is_undone_leaves_no_trace_in_memory(
    place: Place, ada: Principal, lab: str
) -> None:
    jobs = [place.submit(ada, lab)["job"] for _ in range(2)]

    def undone(work: Work) -> None:
        claimed = verbs.claim(work, worker="w", devices=["simulator"], count=2)
        assert [one["job"] for one in claimed] == jobs
        raise CentreError("unavailable", "the disk went away")

    with pytest.raises(CentreError, match="went away"):
        do(place.centre, undone)
    assert [(one["job"], one["attempt"]) for one in place.claim(5)] == [(jobs[0], 1), (jobs[1], 1)]
    assert place.queue.busy("simulator", place.centre.services.clock.now())[0] == 2


def test_claims_of_one_transaction_know_of_each_other(
    place: Place, ada: Principal, lab: str
) -> None:
    bob = person(place.centre, "bob")
    place.project("other", bob)
    for who in (ada, ada, ada, bob, bob, bob):
        place.submit(who)

    def several(work: Work) -> list[str]:
        found = [verbs.claim(work, worker="w", devices=["simulator"])[0] for _ in range(4)]
        return [one["user"] for one in found]

    # On a busy machine ranks would come a little later.
    place.queue.shares._patience = place.queue.shares._due = 0.0
    assert do(place.centre, several) == [ada.id, bob.id, ada.id, bob.id]
