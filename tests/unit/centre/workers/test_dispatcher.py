"""The dispatcher against workers that a test plays: what is said, and what is on record."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from markaz.centre.db.schema import audit
from markaz.centre.jobs import dispatch
from markaz.centre.jobs.cancelling import cancel
from markaz.centre.work import Work
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.messages import (
    Accepted,
    Assign,
    Cancel,
    Heartbeat,
    Returned,
    Started,
)
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from tests.centre_rows import rows
from tests.dispatcher_tools import RESULT, Hire, Time, busy, charges, sqlite_only, state
from tests.waiting import until
from tests.worker_tools import BELL, Shop


def test_a_job_goes_out_and_its_result_comes_back(shop: Shop, hire: Hire) -> None:
    worker = hire()
    welcome = worker.hello()
    assert (welcome.heartbeat_seconds, welcome.keep) == (1.0, [])
    job = shop.submit(seed=5)
    assigned = worker.hear(Assign)
    assert (assigned.job, assigned.attempt, assigned.kind) == (job, 1, "run")
    assert assigned.tenant == f"{shop.project}/{shop.member.id}"
    assert assigned.blob == wire.encode(load(BELL))
    assert (assigned.options["seed"], assigned.ahead) == (5, False)
    assert state(shop, job) == ("running", 1)
    worker.finish(assigned)
    assert worker.hear(Accepted) == Accepted(job, 1, accepted=True)
    assert (state(shop, job), shop.result(job)) == (("completed", 1), json.loads(RESULT))
    assert len(charges(shop, job)) == 1


def test_a_result_that_is_sent_twice_counts_once(shop: Shop, hire: Hire) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit()
    assigned = worker.hear(Assign)
    worker.finish(assigned, times=2)
    assert worker.hear(Accepted).accepted
    worker.finish(assigned)
    assert worker.hear(Accepted).accepted
    worker.hears_nothing()
    assert (state(shop, job), len(charges(shop, job))) == (("completed", 1), 1)
    assert shop.counted["zombies_refused"] == 0


@sqlite_only
@pytest.mark.parametrize("kind", ["limit-time", "limit-memory", "engine", "internal", "parse"])
def test_an_error_is_on_record_with_its_kind(shop: Shop, hire: Hire, kind: str) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit()
    worker.finish(worker.hear(Assign), "failed", error_kind=kind, error_message="so it is")
    worker.hear(Accepted)
    row = shop.job(job)
    assert (row["state"], row["error_kind"], row["error_message"]) == ("failed", kind, "so it is")
    if kind in ("engine", "internal"):
        assert charges(shop, job) in ([], [0])


def test_each_slot_gets_a_job_and_short_ones_wait_behind(shop: Shop, hire: Hire) -> None:
    jobs = [shop.submit(predicted=0.001) for _ in range(8)]
    worker = hire()
    worker.hello(slots=2)
    first = [worker.hear(Assign) for _ in range(2)]
    ahead = [worker.hear(Assign) for _ in range(2)]
    assert [a.ahead for a in (*first, *ahead)] == [False, False, True, True]
    assert [a.job for a in (*first, *ahead)] == jobs[:4]
    assert [state(shop, job)[0] for job in jobs[:4]] == ["running"] * 2 + ["claimed"] * 2
    worker.hears_nothing()
    worker.say(Started(ahead[0].job, 1))
    worker.finish(first[0])
    until(lambda: state(shop, ahead[0].job) == ("running", 1))
    assert worker.hear(Accepted).job == jobs[0]
    assert worker.hear(Assign).job == jobs[4]


@sqlite_only
def test_nothing_waits_behind_a_long_job(shop: Shop, hire: Hire) -> None:
    worker = hire()
    worker.hello()
    shop.submit(predicted=5.0)
    second = shop.submit(predicted=0.001)
    worker.hear(Assign)
    worker.hears_nothing()
    assert state(shop, second) == ("queued", 0)


@sqlite_only
def test_work_is_spread_over_workers(shop: Shop, hire: Hire) -> None:
    both = [hire(), hire()]
    for worker in both:
        worker.hello()
    for _ in both:
        shop.submit(predicted=5.0)
    assert {worker.hear(Assign).attempt for worker in both} == {1}


@sqlite_only
def test_a_worker_gets_only_what_its_drivers_serve(shop: Shop, hire: Hire) -> None:
    other, right = hire(), hire()
    other.hello(drivers=["qpu"])
    shop.submit()
    other.hears_nothing()
    right.hello()
    right.hear(Assign)


@sqlite_only
def test_a_returned_job_goes_to_the_next_and_an_unwell_worker_rests(
    shop: Shop, hire: Hire, clock: Time
) -> None:
    clock.stop()
    sick = hire()
    sick.hello()
    job = shop.submit(predicted=5.0)
    sick.hear(Assign)
    sick.say(Returned(job, 1, "no child", unwell=True))
    until(lambda: state(shop, job)[0] == "queued")
    sick.hears_nothing()
    well = hire()
    well.hello()
    assert well.hear(Assign).attempt == 2
    other = shop.submit(predicted=5.0)
    sick.hears_nothing(0.05)
    clock.ahead += 1.5
    assert sick.hear(Assign).job == other


@sqlite_only
def test_a_connection_that_breaks_costs_nothing_within_the_grace(shop: Shop, hire: Hire) -> None:
    worker = hire()
    identity = worker.hello().worker
    job, lost = shop.submit(predicted=5.0), shop.submit(predicted=0.001)
    assigned = worker.hear(Assign)
    worker.link.close()
    again = hire()
    welcome = again.hello(identity, running=[(job, 1), ("unknown", 3)])
    assert (welcome.worker, welcome.keep) == (identity, [(job, 1)])
    again.finish(assigned)
    assert again.hear(Accepted).accepted
    assert state(shop, job) == ("completed", 1)
    assert again.hear(Assign).job == lost


@sqlite_only
def test_an_assignment_that_never_arrived_is_handed_out_again(shop: Shop, hire: Hire) -> None:
    worker = hire()
    identity = worker.hello().worker
    job = shop.submit()
    worker.hear(Assign)
    worker.link.close()
    again = hire()
    assert again.hello(identity, running=[]).keep == []
    assigned = again.hear(Assign)
    assert (assigned.job, assigned.attempt) == (job, 2)


def test_after_the_grace_the_job_is_anothers_and_the_late_result_refused(
    shop: Shop, hire: Hire, dispatcher: Dispatcher, clock: Time
) -> None:
    worker, second = hire(), hire()
    identity = worker.hello().worker
    job = shop.submit(predicted=5.0)
    first = worker.hear(Assign)
    worker.link.close()
    second.hello()
    until(lambda: dispatcher.workers() == 1)  # it has noticed: the grace has begun
    second.hears_nothing()
    clock.ahead += 61
    second.say(Heartbeat())  # or its own lease runs out too
    taken = second.hear(Assign)
    assert (taken.job, taken.attempt) == (job, 2)
    late = hire()
    assert late.hello(identity, running=[(job, 1)]).keep == []
    late.finish(first)
    assert late.hear(Accepted) == Accepted(job, 1, accepted=False)
    second.finish(taken)
    assert second.hear(Accepted).accepted
    assert shop.counted["zombies_refused"] == 1
    assert (state(shop, job), len(charges(shop, job))) == (("completed", 2), 1)


@sqlite_only
def test_a_lease_runs_out_though_the_connection_stays(shop: Shop, hire: Hire, clock: Time) -> None:
    clock.stop()
    silent, second = hire(), hire()
    silent.hello()
    job = shop.submit(predicted=5.0)
    first = silent.hear(Assign)
    second.hello()
    clock.ahead += 59
    second.say(Heartbeat())
    second.hears_nothing()
    clock.ahead += 2
    second.say(Heartbeat())
    taken = second.hear(Assign)
    assert taken.attempt == 2
    silent.say(Heartbeat([(job, 1)]))
    assert silent.hear(Cancel) == Cancel(job, 1)
    silent.finish(first)
    assert not silent.hear(Accepted).accepted
    assert shop.counted["zombies_refused"] == 1
    second.finish(taken)
    assert second.hear(Accepted).accepted
    other = shop.submit(predicted=5.0), shop.submit(predicted=5.0)
    assert {silent.hear(Assign).job, second.hear(Assign).job} == set(other)


@sqlite_only
def test_a_worker_whose_process_died_loses_its_jobs_at_once(
    shop: Shop, hire: Hire, dispatcher: Dispatcher, clock: Time
) -> None:
    clock.stop()  # at once: neither its lease nor the next look has come
    dead, second = hire(), hire()
    dead.hello(pid=99)
    job = shop.submit(predicted=5.0)
    dead.hear(Assign)
    second.hello(pid=100)
    dispatcher.worker_died(98)
    second.hears_nothing()
    dispatcher.worker_died(99)
    assert second.hear(Assign).attempt == 2
    assert state(shop, job) == ("running", 2)
    assert dead.heard.get(timeout=5) is None


@sqlite_only
def test_a_job_that_takes_every_worker_down_fails_and_costs_nothing(
    shop: Shop, hire: Hire, dispatcher: Dispatcher
) -> None:
    job = shop.submit(predicted=5.0)
    for pid in range(1, 6):
        worker = hire()
        worker.hello(pid=pid)
        assert worker.hear(Assign).attempt == pid
        dispatcher.worker_died(pid)
    until(lambda: state(shop, job)[0] == "failed")
    assert shop.job(job)["error_kind"] == "internal"
    assert charges(shop, job) in ([], [0])


# A running job that is to be stopped.


@sqlite_only
def test_cancel_reaches_the_worker_and_its_answer_ends_the_job(
    shop: Shop, hire: Hire, clock: Time
) -> None:
    clock.stop()  # at once: no time need pass
    worker, assigned = busy(shop, hire)
    job = assigned.job
    shop.centre.perform(cancel, shop.member, job=job)
    assert worker.hear(Cancel) == Cancel(job, 1)
    worker.finish(assigned, "cancelled")
    assert worker.hear(Accepted).accepted
    assert state(shop, job) == ("cancelled", 1)


@sqlite_only
def test_cancel_is_said_again_to_a_worker_that_was_away(shop: Shop, hire: Hire) -> None:
    worker = hire()
    identity = worker.hello().worker
    job = shop.submit(predicted=5.0)
    worker.hear(Assign)
    worker.link.close()
    shop.centre.perform(cancel, shop.member, job=job)
    again = hire()
    assert again.hello(identity, running=[(job, 1)]).keep == [(job, 1)]
    assert again.hear(Cancel) == Cancel(job, 1)


@sqlite_only
def test_a_returned_job_that_was_to_be_stopped_is_cancelled(shop: Shop, hire: Hire) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    worker.hear(Assign)
    shop.centre.perform(cancel, shop.member, job=job)
    worker.hear(Cancel)
    worker.say(Returned(job, 1, "leaving"))
    until(lambda: state(shop, job) == ("cancelled", 1))


def test_ends_that_come_while_a_change_is_under_way_go_together(
    shop: Shop, hire: Hire, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, original = [], dispatch.finish_many

    def counted(work: Work, worker: str, reports: Sequence[Mapping[str, Any]]) -> list[bool]:
        together.append(len(reports))
        return original(work, worker, reports)

    monkeypatch.setattr(dispatch, "finish_many", counted)
    jobs = [shop.submit() for _ in range(4)]
    worker = hire()
    worker.hello(slots=4)
    assigned = [worker.hear(Assign) for _ in jobs]
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        begun.set()
        go_on.wait(10)

    held = shop.centre.writer.submit(hold)
    begun.wait(10)
    (peer,) = dispatcher._peers.values()
    for count, one in enumerate(assigned):  # the first is under way before the second comes
        worker.finish(one)
        until(lambda n=count: peer.exchanging and len(peer.finished) == n)
    go_on.set()
    held.result(10)
    assert [worker.hear(Accepted).job for _ in jobs] == [one.job for one in assigned]
    assert together == [1, 3]
    assert [state(shop, job)[0] for job in jobs] == ["completed"] * 4


def test_of_a_short_job_that_waited_behind_another_only_the_end_is_put_on_record(
    shop: Shop, hire: Hire, clock: Time
) -> None:
    clock.stop()  # else a pause between the two makes it a job that runs for a while
    jobs = [shop.submit(predicted=0.001) for _ in range(2)]
    worker = hire()
    worker.hello()
    first, second = worker.hear(Assign), worker.hear(Assign)
    assert second.ahead
    worker.finish(first)
    worker.say(Started(second.job, 1))
    worker.finish(second)
    assert {worker.hear(Accepted).job for _ in jobs} == set(jobs)
    done = [e["verb"] for e in rows(shop.centre, audit.audit_entries) if e["subject"] == jobs[1]]
    assert done == ["jobs.submit", "jobs.claim", "jobs.finish"]
    row = shop.job(jobs[1])
    assert row["claimed_at"] <= row["started_at"] <= row["ended_at"]
