"""The dispatcher against workers that a test plays: what is said, and what is on record."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from markaz.centre.access import SYSTEM, CentreRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger, workers
from markaz.centre.errors import CentreError
from markaz.centre.jobs.cancelling import cancel
from markaz.centre.settings import Settings
from markaz.centre.workers import messages, queries
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.links import LinkClosed, pair
from markaz.centre.workers.messages import (
    Accepted,
    Assign,
    Cancel,
    Finished,
    Heartbeat,
    Hello,
    Leaving,
    Message,
    Refused,
    Returned,
    Started,
    Welcome,
)
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from tests.centre_rows import person, rows
from tests.worker_tools import BELL, Shop, dense, until

RESULT = b'{"counts":{"00":1024}}'


class Worker:
    """One end of a link, and what came over it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.link, theirs = pair()
        self.dispatcher = dispatcher
        self.heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=dispatcher.serve, args=(theirs,), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]
        for thread in threads:
            thread.start()

    def _listen(self) -> None:
        try:
            while True:
                for message in messages.decode(self.link.receive()):
                    self.heard.put(message)
        except LinkClosed:
            self.heard.put(None)

    def say(self, *said: Message) -> None:
        self.link.send(messages.encode(said))

    def hear(self, kind: type[Any], seconds: float = 5.0) -> Any:
        """The next message, which must be of ``kind``."""
        message = self.heard.get(timeout=seconds)
        assert isinstance(message, kind), message
        return message

    def hears_nothing(self, seconds: float = 0.15) -> None:
        with pytest.raises(queue.Empty):
            print(self.heard.get(timeout=seconds))

    def hello(self, worker: str = "", slots: int = 1, **values: Any) -> Welcome:
        known = {"host": socket.gethostname(), "pid": 4242, "drivers": ["simulate"], **values}
        self.say(Hello("w", slots=slots, cores=2, memory=1 << 30, worker=worker, **known))
        welcome: Welcome = self.hear(Welcome)
        return welcome

    def finish(self, job: Assign, state: str = "completed", **values: Any) -> None:
        blob = RESULT if state == "completed" else b""
        self.say(Finished(job.job, job.attempt, state, 0.001, **{"blob": blob, **values}))


class Time:
    """A monotonic clock that a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"lease_seconds": 60.0, "worker_grace_seconds": 60.0, "heartbeat_seconds": 1.0}


@pytest.fixture
def shop(settings_for: Callable[..., Settings], settings: dict[str, Any]) -> Iterator[Shop]:
    with Centre.open(settings_for(**settings)) as centre:
        yield Shop(centre)


@pytest.fixture
def dispatcher(shop: Shop, clock: Time) -> Iterator[Dispatcher]:
    made = Dispatcher(shop.centre, clock)
    made.start()
    yield made
    made.close()


@pytest.fixture
def hire(dispatcher: Dispatcher) -> Iterator[Callable[..., Worker]]:
    hired: list[Worker] = []

    def make(served_by: Dispatcher | None = None) -> Worker:
        hired.append(Worker(served_by or dispatcher))
        return hired[-1]

    yield make
    for worker in hired:
        worker.link.close()


Hire = Callable[..., Worker]
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def state(shop: Shop, job: str) -> tuple[str, int]:
    row = shop.job(job)
    return row["state"], row["attempt"]


def charges(shop: Shop, job: str) -> list[int]:
    entries = rows(shop.centre, ledger.ledger_entries)
    return [-e["amount"] for e in entries if e["job_id"] == job and e["kind"] == "charge"]


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
    for _ in range(2):
        worker.finish(assigned)
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
    shop: Shop, hire: Hire, clock: Time
) -> None:
    worker, second = hire(), hire()
    identity = worker.hello().worker
    job = shop.submit(predicted=5.0)
    first = worker.hear(Assign)
    worker.link.close()
    second.hello()
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
    shop: Shop, hire: Hire, dispatcher: Dispatcher
) -> None:
    dead, second = hire(), hire()
    dead.hello(pid=99)
    job = shop.submit(predicted=5.0)
    dead.hear(Assign)
    second.hello(pid=100)
    dispatcher.worker_died(98)
    second.hears_nothing()
    dispatcher.worker_died(99)
    assert second.hear(Assign, 1.0).attempt == 2
    assert state(shop, job) == ("running", 2)
    assert dead.heard.get(timeout=1) is None


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
def test_cancel_reaches_the_worker_and_its_answer_ends_the_job(shop: Shop, hire: Hire) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    assigned = worker.hear(Assign)
    shop.centre.perform(cancel, shop.member, job=job)
    assert worker.hear(Cancel, 1.0) == Cancel(job, 1)
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
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    assigned = worker.hear(Assign)
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


@sqlite_only
def test_a_result_waits_until_the_database_is_back(
    shop: Shop, hire: Hire, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    assigned = worker.hear(Assign)
    perform = shop.centre.perform_later

    def away(act: Any, actor: Any, **arguments: Any) -> Any:
        if act.name not in ("jobs.finish", "workers.exchange"):
            return perform(act, actor, **arguments)
        failed: Future[Any] = Future()
        failed.set_exception(CentreError("unavailable", "the database is away"))
        return failed

    monkeypatch.setattr(shop.centre, "perform_later", away)
    worker.finish(assigned)
    worker.hears_nothing(0.1)
    assert state(shop, job) == ("running", 1)
    monkeypatch.undo()
    clock.ahead += 1
    assert worker.hear(Accepted).accepted
    assert (state(shop, job), len(charges(shop, job))) == (("completed", 1), 1)


@sqlite_only
def test_a_large_result_goes_to_the_store_first(
    shop: Shop, hire: Hire, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = hire()
    worker.hello()
    job = shop.submit(predicted=5.0)
    assigned = worker.hear(Assign)
    store, put = shop.centre.services.store, shop.centre.services.store.put
    tries: list[int] = []

    def full_at_first(digest: str, data: bytes) -> None:
        tries.append(len(data))
        if len(tries) == 1:
            raise OSError(28, "No space left on device")
        put(digest, data)

    monkeypatch.setattr(store, "put", full_at_first)
    large = json.dumps({"memory": ["01"] * 50_000}).encode()
    worker.finish(assigned, blob=large)
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
        "workers.connect", "workers.exchange", "workers.leave", "workers.restart",
    ]  # fmt: skip
    for act in (*own, QUERIES["workers.active_jobs"], QUERIES["workers.devices_of_drivers"]):
        with pytest.raises(CentreError) as caught:
            act.rule(type("Work", (), {"actor": shop.member})())
        assert caught.value.kind == "forbidden"
        act.rule(type("Work", (), {"actor": SYSTEM})())
