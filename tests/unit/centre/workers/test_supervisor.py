"""A worker against a centre that a test plays: what it runs, says, keeps and ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from markaz.centre.errors import CentreError
from markaz.centre.workers import messages, slots, supervisor
from markaz.centre.workers.links import LinkClosed, SocketLink, pair
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
from markaz.centre.workers.supervisor import Supervisor, hello
from markaz.quantum import api
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from tests.dispatcher_tools import Time
from tests.waiting import until
from tests.worker_tools import BELL, dense

SLOW = dense(24, 60)  # minutes, and 256 MiB
OPTIONS = {"shots": 100, "seed": 7}


class Centre:
    """The other end of a worker's links, one after another."""

    def __init__(self) -> None:
        self.offered: queue.SimpleQueue[SocketLink] = queue.SimpleQueue()
        self.refusal: Exception | None = None
        self.beats: list[Heartbeat] = []
        self.closed = False
        self.tries = 0  # to connect while it was closed

    def connect(self) -> SocketLink:
        """What the worker calls."""
        if self.refusal is not None:
            raise self.refusal
        if self.closed:
            self.tries += 1
            raise LinkClosed("nobody is there")
        ours, theirs = pair()
        self.offered.put(ours)
        return theirs

    def meet(self, keep: list[tuple[str, int]] | None = None) -> Hello:
        """Take the next connection; greet, and keep what is said to be kept."""
        self.link = self.offered.get(timeout=30)
        self.heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(self.link, self.heard), daemon=True).start()
        said: Hello = self.hear(Hello)
        self.say(Welcome("w1", 0.1, said.running if keep is None else keep))
        return said

    def _listen(self, link: SocketLink, heard: queue.SimpleQueue[Message | None]) -> None:
        try:
            while True:
                for message in messages.decode(link.receive()):
                    if isinstance(message, Heartbeat):
                        self.beats.append(message)
                    else:
                        heard.put(message)
        except LinkClosed:
            heard.put(None)

    def say(self, *said: Message) -> None:
        self.link.send(messages.encode(said))

    def hear(self, kind: type[Any], seconds: float = 20.0) -> Any:
        message = self.heard.get(timeout=seconds)
        assert isinstance(message, kind), message
        return message

    def hear_end(self, seconds: float = 20.0) -> Finished:
        """The next end of a job, which is accepted."""
        finished: Finished = self.hear(Finished, seconds)
        self.say(Accepted(finished.job, finished.attempt, accepted=True))
        return finished


def job(
    name: str,
    program: bytes = BELL,
    *,
    attempt: int = 1,
    tenant: str = "p/u",
    kind: str = "run",
    limit: float = 60.0,
    ahead: bool = False,
    **options: Any,
) -> Assign:
    circuit = load(program)
    return Assign(name, attempt, tenant, kind, program_hash(circuit), limit, OPTIONS | options,
                  ahead=ahead, blob=wire.encode(circuit))  # fmt: skip


class Employed:
    """A worker in a thread, and the centre that it works for."""

    def __init__(self, slots: int = 1, drain_seconds: float = 5.0) -> None:
        self.centre = Centre()
        self.worker = Supervisor(
            self.centre.connect, hello(slots), memory=512 << 20, drain_seconds=drain_seconds
        )
        self.reason: list[str] = []
        self.thread = threading.Thread(target=lambda: self.reason.append(self.worker.run()))
        self.thread.start()

    def end(self) -> None:
        self.worker.drain()
        self.thread.join(30)
        while not self.centre.offered.empty():
            self.centre.offered.get().close()


@pytest.fixture(scope="module")
def employed() -> Iterator[Employed]:
    made = Employed()
    made.centre.meet()
    yield made
    made.end()
    made.centre.link.close()
    assert not made.thread.is_alive()


@pytest.fixture
def centre(employed: Employed) -> Iterator[Centre]:
    """The centre of the worker that these tests share; what a test left there is dropped."""
    yield employed.centre
    with contextlib.suppress(AssertionError):
        until(lambda: not employed.worker._held(), 0.5)
    if employed.worker._held():
        employed.centre.link.close()
        employed.centre.meet(keep=[])
        employed.centre.say(*(Accepted(*key, accepted=False) for key in employed.worker._held()))
        until(lambda: not employed.worker._held())
        employed.centre.heard = queue.SimpleQueue()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """That of the workers; it stands still, so that no pause has jobs handed back."""
    made = Time()
    made.stop()
    for module in (slots, supervisor):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made))
    return made


def children(employed: Employed) -> dict[str, int]:
    """Children that wait for their tenants' next jobs."""
    return {w.tenant: pid for pid, w in employed.worker._slots._pool._idle.items()}


def running(employed: Employed) -> list[int]:
    return [run.runner.child.pid for run in employed.worker._slots._running.values()]


def family(pid: int) -> set[int]:
    """Processes of the group that a child leads."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


def test_a_result_is_what_markaz_run_gives_and_the_registers(centre: Centre) -> None:
    centre.say(job("a"))
    found = centre.hear_end()
    assert (found.job, found.attempt, found.state) == ("a", 1, "completed")
    said = json.loads(found.blob)
    here = api.run(BELL, shots=100, seed=7, threads=1).to_json()
    varying = ("seconds",)
    assert {k: v for k, v in said.items() if k not in (*varying, "registers")} == {
        k: v for k, v in here.items() if k not in varying
    }
    assert said["registers"] == [["c", 2]]
    assert 0 < found.seconds < 20


def test_expectation_values_parameters_and_shots_one_by_one(centre: Centre) -> None:
    rotation = b"OPENQASM 3.0; input float a; qubit[2] q; U(a, 0, 0) q[0];"
    centre.say(job("v", rotation, observables=["Z0", "Z1"], parameters={"a": 1.0}))
    values = json.loads(centre.hear_end().blob)["values"]
    assert values == pytest.approx([0.5403023058681398, 1.0])
    centre.say(job("m", memory=True, shots=5))
    assert len(json.loads(centre.hear_end().blob)["memory"]) == 5


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"engine": "stim", "program": dense(4, 2)}, "engine", "no engine"),
        ({"kind": "certify"}, "unsupported", "'certify' jobs"),
    ],
)
def test_a_job_that_cannot_run_says_why(
    centre: Centre, change: dict[str, Any], kind: str, says: str
) -> None:
    centre.say(job("bad", **change))
    found = centre.hear_end()
    assert (found.state, found.error_kind, found.blob) == ("failed", kind, b"")
    assert says in found.error_message


def test_a_circuit_that_is_not_the_program_is_not_run(centre: Centre) -> None:
    other = wire.encode(load(dense(3, 1)))
    good = job("x")
    swapped = Assign("x", 1, "p/u", "run", good.program_hash, 60.0, OPTIONS, blob=other)
    centre.say(swapped)
    assert "not the program" in centre.hear_end().error_message
    centre.say(Assign("y", 1, "p/u", "run", good.program_hash, 60.0, OPTIONS, blob=b"MKZ1oops"))
    assert "not one" in centre.hear_end().error_message


def test_what_takes_too_long_is_ended_by_its_limit(centre: Centre) -> None:
    started = time.monotonic()
    centre.say(job("slow", SLOW, limit=1.0))
    found = centre.hear_end()
    assert (found.state, found.error_kind) == ("failed", "limit-time")
    assert time.monotonic() - started < 1.0 + slots.GRACE_SECONDS + 2.5


def test_cancel_ends_a_running_job_and_all_that_it_started(
    centre: Centre, employed: Employed
) -> None:
    centre.say(job("long", SLOW, limit=60.0))
    (pid,) = until(lambda: running(employed))
    until(lambda: family(pid) > {pid})  # an engine computes in a process of its own
    started = time.monotonic()
    centre.say(Cancel("long", 1))
    assert centre.hear_end(2.0).state == "cancelled"
    assert time.monotonic() - started < 2.0
    until(lambda: not family(pid), 2.0)
    centre.say(Cancel("long", 1), Cancel("never seen", 3))
    centre.say(job("next"))
    assert centre.hear_end().job == "next"


def test_it_says_that_it_lives_while_a_job_computes(centre: Centre, employed: Employed) -> None:
    centre.say(job("long", SLOW, limit=60.0))
    until(lambda: running(employed))
    centre.beats.clear()
    until(lambda: len(centre.beats) >= 4)
    beats = list(centre.beats)
    assert running(employed)
    centre.say(Cancel("long", 1))
    centre.hear_end()
    assert beats[-1] == Heartbeat([("long", 1)])


# One tenant's child is never another's.


def test_a_tenants_next_job_finds_its_child_warm_and_nobody_elses(
    centre: Centre, employed: Employed
) -> None:
    first: dict[str, int] = {}
    for turn in range(2):
        for tenant in ("p/ada", "p/bob", "q/ada"):
            centre.say(job(f"{tenant}{turn}", tenant=tenant))
            assert centre.hear_end().state == "completed"
            assert (
                first.setdefault(tenant, children(employed)[tenant]) == children(employed)[tenant]
            )
    assert len(set(first.values())) == 3


def test_a_child_that_failed_a_job_by_dying_is_not_used_again(
    centre: Centre, employed: Employed
) -> None:
    centre.say(job("a", SLOW, tenant="p/dying"))
    (pid,) = until(lambda: running(employed))
    os.kill(pid, signal.SIGSEGV)
    found = centre.hear_end()
    assert (found.error_kind, found.error_message) == ("engine", "an engine crashed (SIGSEGV)")
    assert "p/dying" not in children(employed)


def test_a_killed_child_is_tried_once_more_elsewhere(centre: Centre, employed: Employed) -> None:
    for attempt in (1, 2):
        centre.say(job("k", SLOW, attempt=attempt))
        (pid,) = until(lambda: running(employed))
        os.kill(pid, signal.SIGKILL)
        if attempt == 1:
            assert centre.hear(Returned) == Returned("k", 1, "its process was killed", unwell=True)
        else:
            assert centre.hear_end().error_kind == "limit-memory"


def test_a_dead_zygote_returns_the_job_and_is_replaced(centre: Centre, employed: Employed) -> None:
    centre.say(job("z", SLOW))
    until(lambda: running(employed))
    os.kill(employed.worker._slots._pool.zygote, signal.SIGKILL)
    assert centre.hear(Returned).job == "z"
    for name in ("z1", "z2", "z3"):
        centre.say(job(name))
        message = centre.hear(Message.__args__, 30)  # type: ignore[attr-defined]
        if isinstance(message, Finished):
            centre.say(Accepted(message.job, message.attempt, accepted=True))
            break
    assert message.state == "completed"


# More jobs than slots.


@pytest.mark.usefixtures("clock")
def test_jobs_wait_for_the_slot_and_say_when_they_begin(centre: Centre) -> None:
    centre.say(job("1"), job("2", ahead=True), job("3", ahead=True))
    kinds = [centre.hear((Finished, Started)) for _ in range(5)]  # type: ignore[arg-type]
    told = [(type(m).__name__, m.job) for m in kinds]
    assert told == [
        ("Finished", "1"), ("Started", "2"), ("Finished", "2"), ("Started", "3"), ("Finished", "3"),
    ]  # fmt: skip
    for name in ("1", "2", "3"):
        centre.say(Accepted(name, 1, accepted=True))


def test_behind_a_long_job_they_are_handed_back(
    centre: Centre, employed: Employed, clock: Time
) -> None:
    centre.say(job("long", SLOW), job("short", ahead=True))
    until(lambda: ("short", 1) in employed.worker._held())
    clock.ahead += slots.AHEAD_SECONDS
    assert centre.hear(Returned) == Returned("short", 1, "the slot was not free in time")
    centre.say(job("short", attempt=2, ahead=True))
    centre.say(Cancel("short", 2))
    assert centre.hear_end().state == "cancelled"  # at once: the clock stands still
    centre.say(Cancel("long", 1))
    assert centre.hear_end().job == "long"


# The connection.


def test_over_a_lost_connection_it_keeps_jobs_and_results(
    centre: Centre, employed: Employed
) -> None:
    centre.say(job("done"))
    first = centre.hear(Finished)  # not accepted: the centre goes away
    centre.say(job("still", SLOW))
    (pid,) = until(lambda: running(employed))
    centre.link.close()
    said = centre.meet()
    assert (said.worker, sorted(said.running)) == ("w1", [("done", 1), ("still", 1)])
    assert centre.hear_end() == first
    assert running(employed) == [pid]
    centre.say(Cancel("still", 1))
    centre.hear_end()


@pytest.mark.usefixtures("clock")
def test_what_is_not_its_own_any_more_it_stops(centre: Centre, employed: Employed) -> None:
    centre.say(job("mine", SLOW), job("waits", ahead=True))
    (pid,) = until(lambda: running(employed))
    centre.link.close()
    assert sorted(centre.meet(keep=[]).running) == [("mine", 1), ("waits", 1)]
    until(lambda: not running(employed))
    until(lambda: not family(pid), 2.0)
    centre.say(job("next"))
    assert centre.hear_end().job == "next"


def test_it_tries_again_until_the_centre_is_back(centre: Centre, employed: Employed) -> None:
    centre.closed = True
    centre.link.close()
    until(lambda: centre.tries >= 2)
    assert centre.offered.empty()
    centre.closed = False
    centre.meet()
    centre.say(job("after"))
    assert centre.hear_end().job == "after"


def test_nonsense_from_the_centre_does_not_end_it(centre: Centre) -> None:
    centre.link.send(b"nonsense")
    centre.say(Started("x", 1))
    centre.say(job("after"))
    assert centre.hear_end().job == "after"


# The end.


@pytest.fixture
def employ() -> Iterator[Callable[..., Employed]]:
    made: list[Employed] = []

    def employ(**values: Any) -> Employed:
        made.append(Employed(**values))
        return made[-1]

    yield employ
    for one in made:
        one.end()
        if hasattr(one.centre, "link"):
            one.centre.link.close()


def test_draining_returns_what_waits_and_delivers_what_runs(
    employ: Callable[..., Employed], clock: Time
) -> None:
    one = employ(drain_seconds=1.5)
    centre = one.centre
    centre.meet()
    centre.say(job("long", SLOW), job("waits", ahead=True))
    until(lambda: running(one))
    one.worker.drain()
    assert centre.hear(Leaving) == Leaving()
    assert centre.hear(Returned) == Returned("waits", 1, "the worker is leaving")
    centre.say(job("late"))
    assert centre.hear(Returned).job == "late"
    assert running(one)
    clock.ahead += 1.51
    assert centre.hear(Returned) == Returned("long", 1, "the worker is leaving")
    one.thread.join(10)
    assert one.reason == [""]


class NoPool:
    """Instead of a pool, where no job will run."""

    def __init__(self, *_: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@pytest.fixture
def no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "Pool", NoPool)


@pytest.mark.usefixtures("no_children")
def test_a_centre_that_does_not_want_it_ends_it(employ: Callable[..., Employed]) -> None:
    one = employ()
    one.centre.link = one.centre.offered.get(timeout=30)
    one.centre.say(Refused("too old"))
    one.thread.join(10)
    assert one.reason == ["too old"]


@pytest.mark.usefixtures("no_children")
def test_so_does_one_that_refuses_its_key(employ: Callable[..., Employed]) -> None:
    one = employ()
    one.centre.link = one.centre.offered.get(timeout=30)
    one.centre.refusal = CentreError("unauthenticated", "this key is not known")
    one.centre.link.close()
    one.thread.join(10)
    assert one.reason == ["this key is not known"]
