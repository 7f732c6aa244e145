"""The dispatcher against workers that a test plays: when server, database or store cannot."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from markaz.centre.access import SYSTEM, CentreRole
from markaz.centre.db.schema import workers
from markaz.centre.errors import CentreError
from markaz.centre.jobs.cancelling import cancel
from markaz.centre.workers import messages, queries
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.messages import (
    Accepted,
    Assign,
    Cancel,
    Finished,
    Heartbeat,
    Hello,
    Leaving,
    Refused,
)
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from tests.centre_rows import person, rows
from tests.dispatcher_tools import Hire, Time, busy, charges, sqlite_only, state
from tests.waiting import until
from tests.worker_tools import BELL, Shop, dense

# The server ends and another begins.


def restart(shop: Shop, dispatcher: Dispatcher, clock: Time) -> Dispatcher:
    dispatcher.close()
    shop.centre.services.queue = None
    again = Dispatcher(shop.centre, clock)
    again.start()
    return again


def test_workers_come_back_to_a_new_server_with_what_they_run(
    shop: Shop, hire: Hire, dispatcher: Dispatcher, clock: Time
) -> None:
    first, second = hire(), hire()
    one, two = first.hello().worker, second.hello().worker
    jobs = [shop.submit(predicted=5.0) for _ in range(3)]
    runs = [first.hear(Assign), second.hear(Assign)]
    shop.centre.perform(cancel, shop.member, job=runs[1].job)
    again = restart(shop, dispatcher, clock)
    try:
        back = hire(again), hire(again)
        keys = [(run.job, 1) for run in runs]
        assert back[0].hello(one, running=keys[:1]).keep == keys[:1]
        assert back[1].hello(two, running=keys[1:]).keep == keys[1:]
        assert back[1].hear(Cancel) == Cancel(*keys[1])
        back[0].finish(runs[0])
        assert back[0].hear(Accepted).accepted
        assert back[0].hear(Assign).job == jobs[2]
    finally:
        again.close()


@sqlite_only
def test_jobs_of_workers_that_stay_away_go_to_others(
    shop: Shop, hire: Hire, dispatcher: Dispatcher, clock: Time
) -> None:
    gone = hire()
    identity = gone.hello().worker
    job = shop.submit(predicted=5.0)
    run = gone.hear(Assign)
    again = restart(shop, dispatcher, clock)
    try:
        other = hire(again)
        other.hello()
        other.hears_nothing()
        clock.ahead += 61
        other.say(Heartbeat())
        taken = other.hear(Assign)
        assert (taken.job, taken.attempt) == (job, 2)
        late = hire(again)
        assert late.hello(identity, running=[(job, 1)]).keep == []
        late.finish(run)
        assert not late.hear(Accepted).accepted
    finally:
        again.close()


@sqlite_only
def test_draining_hands_out_nothing_more_and_waits_for_what_was_reported(
    shop: Shop, hire: Hire, dispatcher: Dispatcher
) -> None:
    worker, assigned = busy(shop, hire)
    job = assigned.job
    assert dispatcher.running()
    dispatcher.drain(0)
    assert not dispatcher.running()
    shop.submit()
    worker.finish(assigned)
    assert worker.hear(Accepted).accepted
    assert dispatcher.drain(5)
    worker.hears_nothing()
    assert state(shop, job) == ("completed", 1)


# When the database or the store cannot.


def later(dispatcher: Dispatcher) -> int:
    """How many things it has put off: one more once something failed."""
    return len(dispatcher._actor._later)


@sqlite_only
def test_a_result_waits_until_the_database_is_back(
    shop: Shop,
    hire: Hire,
    dispatcher: Dispatcher,
    clock: Time,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.stop()
    worker, assigned = busy(shop, hire)
    job = assigned.job
    perform = shop.centre.perform_later

    def away(act: Any, actor: Any, **arguments: Any) -> Any:
        if act.name not in ("jobs.finish", "workers.exchange"):
            return perform(act, actor, **arguments)
        failed: Future[Any] = Future()
        failed.set_exception(CentreError("unavailable", "the database is away"))
        return failed

    monkeypatch.setattr(shop.centre, "perform_later", away)
    before = later(dispatcher)
    worker.finish(assigned)
    until(lambda: later(dispatcher) > before)
    worker.hears_nothing(0.1)
    assert state(shop, job) == ("running", 1)
    monkeypatch.undo()
    clock.ahead += 1
    assert worker.hear(Accepted).accepted
    assert (state(shop, job), len(charges(shop, job))) == (("completed", 1), 1)


@sqlite_only
def test_a_large_result_goes_to_the_store_first(
    shop: Shop,
    hire: Hire,
    dispatcher: Dispatcher,
    clock: Time,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.stop()
    worker, assigned = busy(shop, hire)
    job = assigned.job
    store, put = shop.centre.services.store, shop.centre.services.store.put
    tries: list[int] = []

    def full_at_first(digest: str, data: bytes) -> None:
        tries.append(len(data))
        if len(tries) == 1:
            raise OSError(28, "No space left on device")
        put(digest, data)

    monkeypatch.setattr(store, "put", full_at_first)
    large = json.dumps({"memory": ["01"] * 50_000}).encode()
    before = later(dispatcher)
    worker.finish(assigned, blob=large)
    until(lambda: later(dispatcher) > before)
    worker.hears_nothing(0.1)
    assert state(shop, job) == ("running", 1)
    clock.ahead += 1
    assert worker.hear(Accepted).accepted
    assert tries == [len(large)] * 2
    assert [digest for digest, _ in store.list()] == [shop.job(job)["result_hash"]]
    assert shop.result(job) == json.loads(large)


@sqlite_only
def test_a_large_circuit_comes_from_the_store_and_a_lost_one_fails_its_job(
    shop: Shop, hire: Hire
) -> None:
    program = dense(20, 100)
    jobs = [shop.submit(program, predicted=5.0), shop.submit(BELL, predicted=5.0)]
    store = shop.centre.services.store
    circuit = shop.job(jobs[0])["circuit_hash"]
    assert circuit in dict(store.list())
    worker = hire()
    worker.hello(slots=2)
    found = {a.job: a.blob for a in (worker.hear(Assign), worker.hear(Assign))}
    assert found[jobs[0]] == wire.encode(load(program))
    for job in jobs:
        worker.finish(Assign(job, 1, "", "", "", 1.0))
        worker.hear(Accepted)
    store.delete(circuit)
    lost = shop.submit(program, predicted=5.0)
    store.delete(circuit)
    until(lambda: state(shop, lost) == ("failed", 1))
    assert shop.job(lost)["error_kind"] == "internal"


@sqlite_only
def test_a_cancel_while_the_circuit_is_fetched_comes_after_its_job(
    shop: Shop, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, get = shop.centre.services.store, shop.centre.services.store.get
    asked, may_go = threading.Event(), threading.Event()

    def slow(digest: str) -> bytes:
        asked.set()
        assert may_go.wait(30)
        return get(digest)

    monkeypatch.setattr(store, "get", slow)
    worker = hire()
    worker.hello()
    job = shop.submit(dense(20, 100), predicted=5.0)
    assert asked.wait(30)
    shop.centre.perform(cancel, shop.member, job=job)
    worker.hear(Cancel)  # there is nothing yet that it could stop
    may_go.set()
    assigned = worker.hear(Assign)
    assert worker.hear(Cancel) == Cancel(job, 1)
    worker.finish(assigned, "cancelled")
    assert worker.hear(Accepted).accepted
    assert state(shop, job) == ("cancelled", 1)


# Who may speak, and what is kept of them.


@sqlite_only
@pytest.mark.parametrize("values", [{"version": 99}, {"slots": 0}])
def test_a_worker_of_another_make_is_refused_with_the_reason(
    hire: Hire, values: dict[str, Any]
) -> None:
    worker = hire()
    about = {"slots": 1, "cores": 1, "memory": 1, **values}
    worker.say(Hello("w", "h", 1, **about))
    assert "version 1" in worker.hear(Refused).reason


@sqlite_only
@pytest.mark.parametrize(
    "frame", [b"nonsense", messages.encode([Heartbeat()]), messages.encode([Leaving()])]
)
def test_who_does_not_say_who_it_is_is_hung_up_on(hire: Hire, frame: bytes) -> None:
    worker = hire()
    worker.link.send(frame)
    assert worker.heard.get(timeout=5) is None


@sqlite_only
def test_a_worker_cannot_end_anothers_job(shop: Shop, hire: Hire) -> None:
    """It may say so; the attempt is fenced by its number, which only the holder was given."""
    holder, other = hire(), hire()
    holder.hello()
    job = shop.submit(predicted=5.0)
    holder.hear(Assign)
    other.hello()
    other.say(Finished(job, 2, "completed", 1.0, blob=b"{}"))
    assert not other.hear(Accepted).accepted
    assert state(shop, job) == ("running", 1)


@sqlite_only
def test_operators_see_the_workers_and_nobody_else_does(shop: Shop, hire: Hire) -> None:
    leaving, staying = hire(), hire()
    first = leaving.hello(pid=11).worker
    second = staying.hello(pid=12).worker
    leaving.say(Leaving())
    until(lambda: {w["id"]: w["state"] for w in rows(shop.centre, workers.workers)}
          == {first: "draining", second: "connected"})  # fmt: skip
    leaving.link.close()
    operator = person(shop.centre, "olga", CentreRole.OPERATOR)
    until(lambda: len(shop.centre.ask(queries.list_workers, operator)["items"]) == 1)
    items = shop.centre.ask(queries.list_workers, operator, gone=True)["items"]
    assert {w["id"]: w["state"] for w in items} == {first: "gone", second: "connected"}
    assert {w["pid"] for w in items} == {11, 12}
    with pytest.raises(CentreError) as caught:
        shop.centre.ask(queries.list_workers, shop.member)
    assert caught.value.kind == "forbidden"


@sqlite_only
def test_whoever_waits_for_a_job_is_woken_by_its_end(
    shop: Shop, hire: Hire, dispatcher: Dispatcher
) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    ended, other = dispatcher.wait_for_end(job, 30), dispatcher.wait_for_end("other", 0.2)
    assigned = worker.hear(Assign)
    assert not ended.done()
    worker.finish(assigned)
    assert ended.result(5) is True
    assert other.result(5) is False


@sqlite_only
def test_every_verb_of_the_workers_is_the_centres_own(shop: Shop) -> None:
    from markaz.centre.access import QUERIES, VERBS

    own = [act for act in VERBS.values() if act.name.startswith("workers.")]
    assert sorted(act.name for act in own) == [
        "workers.connect", "workers.exchange", "workers.leave", "workers.note_condition",
        "workers.note_sheet", "workers.restart",
    ]  # fmt: skip
    for act in (*own, QUERIES["workers.active_jobs"], QUERIES["workers.devices_of_drivers"]):
        with pytest.raises(CentreError) as caught:
            act.rule(type("Work", (), {"actor": shop.member})())
        assert caught.value.kind == "forbidden"
        act.rule(type("Work", (), {"actor": SYSTEM})())
