"""Jobs that a child has been given together: a test plays the child, and answers as it likes."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from markaz.centre.workers import frames, slots
from markaz.centre.workers.messages import Assign, Finished, Message, Returned, Started
from markaz.centre.workers.nursery import Child
from markaz.centre.workers.slots import AHEAD_SECONDS, TOGETHER, TOGETHER_BYTES, Runner, Slots

GB = 1 << 30


class Children:
    """In the place of the pool: children whose other ends are sockets of the test."""

    def __init__(self, *_: Any) -> None:
        self.hired: list[tuple[Runner, socket.socket]] = []
        self.ended: list[Runner] = []
        self._idle: list[Runner] = []

    def hire(self, tenant: str) -> Runner:
        for runner in self._idle:
            if runner.tenant == tenant:
                self._idle.remove(runner)
                return runner
        ours, theirs = socket.socketpair()
        theirs.settimeout(5)
        self.hired.append((Runner(tenant, Child(1000 + len(self.hired), ours)), theirs))
        return self.hired[-1][0]

    def give_back(self, warm: Runner, patience: float = 0.2) -> int | None:
        if warm.spent:
            self.ended.append(warm)
            warm.child.socket.close()
            return -9
        self._idle.append(warm)
        return None

    def refill(self) -> None:
        """Nothing: children are there at once."""

    def end_idle(self, seconds: float) -> None:
        """None is idle for long."""

    def close(self) -> None:
        for runner, theirs in self.hired:
            runner.child.socket.close()
            theirs.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Bench:
    """Slots, what they said, and the children."""

    def __init__(self, patch: pytest.MonkeyPatch, count: int = 1) -> None:
        patch.setattr(slots, "Pool", Children)
        self.clock = Clock()
        patch.setattr(slots, "time", self.clock)
        self.said: list[Message] = []
        self.selector = selectors.DefaultSelector()
        self.slots = Slots(count, GB, self.selector, self.said.append)
        self.pool: Any = self.slots._pool

    def take(self, *jobs: Assign) -> None:
        for one in jobs:
            self.slots.take(one)
        self.slots.fill()

    def given(self, child: int = 0) -> list[str]:
        """Hashes of the programs that a child has got since it was last asked."""
        incoming = frames.Incoming(self.pool.hired[child][1].fileno(), GB)
        incoming.pump()
        found = []
        while (frame := incoming.take()) is not None:
            found.append(frame[0]["program_hash"])
        return found

    def answer(self, *results: str, child: int = 0) -> None:
        """What a child says, and the slots hear."""
        end = self.pool.hired[child][1]
        end.sendall(b"".join(frames.pack({"error": None}, r.encode()) for r in results))
        self.listen()
        self.slots.fill()

    def listen(self) -> None:
        for key, _ in self.selector.select(5):
            self.slots.hear(key.data)

    def ends(self) -> list[tuple[str, str, bytes]]:
        return [(m.job, m.state, m.blob) for m in self.said if isinstance(m, Finished)]

    def told(self, kind: type[Any]) -> list[str]:
        return [m.job for m in self.said if isinstance(m, kind)]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    made.slots.close()
    made.selector.close()


def job(name: str, tenant: str = "p/u", *, ahead: bool = True, blob: bytes = b"x") -> Assign:
    return Assign(name, 1, tenant, "run", name, 10.0, {"shots": 1}, ahead=ahead, blob=blob)


def several(count: int, tenant: str = "p/u") -> list[Assign]:
    return [job("j0", tenant, ahead=False), *(job(f"j{i}", tenant) for i in range(1, count))]


def test_short_jobs_of_one_tenant_go_to_its_child_together(bench: Bench) -> None:
    bench.take(*several(4))
    assert bench.given() == ["j0", "j1", "j2", "j3"]
    assert (bench.slots.waiting, len(bench.slots.held()), bench.told(Started)) == (3, 4, [])
    bench.answer("a", "b")
    assert bench.ends() == [("j0", "completed", b"a"), ("j1", "completed", b"b")]
    assert bench.told(Started) == ["j1", "j2"]
    bench.answer("c", "d")
    assert [e[2] for e in bench.ends()] == [b"a", b"b", b"c", b"d"]
    assert (bench.slots.busy, bench.slots.held(), bench.pool.ended) == (False, [], [])


def test_no_child_gets_the_job_of_another_tenant(bench: Bench) -> None:
    bench.take(job("a", "p/u", ahead=False), job("b", "p/v"), job("c", "p/u"), job("d", "q/u"))
    assert bench.given() == ["a", "c"]
    bench.answer("1", "2")
    assert bench.given(1) == ["b"]
    bench.answer("3", child=1)
    assert bench.given(2) == ["d"]
    assert [runner.tenant for runner, _ in bench.pool.hired] == ["p/u", "p/v", "q/u"]


def test_long_jobs_large_circuits_and_too_many_wait_for_their_turn(bench: Bench) -> None:
    large = b"x" * (TOGETHER_BYTES - 1)
    bench.take(job("a", ahead=False), job("b", ahead=False), job("c", blob=large), job("d"))
    assert bench.given() == ["a", "c"]
    bench.take(*(job(f"m{i}") for i in range(TOGETHER)))
    bench.answer("1", "2")
    assert bench.given() == ["b", "d", *(f"m{i}" for i in range(TOGETHER - 2))]


def test_an_idle_slot_gets_its_job_before_a_child_gets_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, count=2)
    bench.take(*several(3))
    assert (bench.given(0), bench.given(1)) == (["j0", "j2"], ["j1"])
    bench.slots.close()
    bench.selector.close()


def test_of_a_child_that_dies_one_job_is_to_blame_and_the_others_run_elsewhere(
    bench: Bench,
) -> None:
    bench.take(*several(3))
    bench.answer("a")
    bench.pool.hired[0][1].close()
    bench.listen()
    assert [m.job for m in bench.said if isinstance(m, Finished | Returned)] == ["j0", "j1"]
    bench.slots.tick()
    assert bench.given(1) == ["j2"]
    bench.answer("c", child=1)
    assert bench.ends()[-1] == ("j2", "completed", b"c")


def test_time_that_is_up_ends_the_one_that_runs_alone(bench: Bench) -> None:
    bench.take(*several(2))
    bench.clock.now += 10.0 + slots.GRACE_SECONDS + 0.1
    bench.slots.tick()
    (over,) = [m for m in bench.said if isinstance(m, Finished)]
    assert (over.job, over.error_kind) == ("j0", "limit-time")
    # What followed waits for longer than it may only while something runs.
    assert bench.told(Returned) == []
    assert bench.given(1) == ["j1"]


def test_a_cancelled_follower_ends_at_once_and_its_child_with_the_job_before(
    bench: Bench,
) -> None:
    bench.take(*several(3))
    bench.slots.cancel(("j1", 1))
    assert bench.ends() == [("j1", "cancelled", b"")]
    bench.answer("a", "never heard")
    assert bench.ends()[1:] == [("j0", "completed", b"a")]
    assert bench.pool.ended == [bench.pool.hired[0][0]]
    assert bench.given(1) == ["j2"]


def test_followers_that_wait_for_too_long_go_back_to_the_queue(bench: Bench) -> None:
    bench.take(*several(3))
    assert bench.slots.next_moment() <= bench.clock.now + AHEAD_SECONDS
    bench.clock.now += AHEAD_SECONDS
    bench.slots.tick()
    assert bench.told(Returned) == ["j1", "j2"]
    bench.answer("a", "b", "c")
    assert bench.ends() == [("j0", "completed", b"a")]
    assert len(bench.pool.ended) == 1


def test_what_is_no_longer_ours_is_dropped_without_a_word(bench: Bench) -> None:
    bench.take(*several(4))
    bench.slots.keep_only({("j0", 1), ("j2", 1)})
    assert sorted(bench.slots.held()) == [("j0", 1), ("j2", 1)]
    bench.answer("a", "b", "c", "d")
    assert bench.ends() == [("j0", "completed", b"a")]
    bench.slots.keep_only({("j2", 1)})
    assert bench.given(1) == ["j2"]
    bench.slots.keep_only(set())
    assert (bench.slots.held(), bench.told(Returned)) == ([], [])


def test_a_worker_that_leaves_hands_all_of_them_back(bench: Bench) -> None:
    bench.take(*several(3))
    bench.slots.hand_back("it leaves", running=False)
    assert bench.told(Returned) == []  # short: they end while it drains
    bench.slots.hand_back("it leaves", running=True)
    assert sorted(bench.told(Returned)) == ["j0", "j1", "j2"]
    assert not bench.slots.held()


def test_an_answer_that_is_no_frame_ends_the_child(bench: Bench) -> None:
    bench.take(*several(2))
    bench.pool.hired[0][1].sendall(frames.HEAD.pack(1 << 30, 0) + json.dumps({}).encode())
    bench.listen()
    assert len(bench.pool.ended) == 1
    bench.slots.fill()
    assert bench.given(1) == ["j1"]
