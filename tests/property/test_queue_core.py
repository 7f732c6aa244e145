"""Thousands of histories of the queue's core, each replayable from its seed (F11)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from markaz.centre.errors import CentreError
from markaz.centre.jobs import core
from markaz.centre.jobs.core import MemoryJobs, Outcome, Snapshot
from markaz.centre.jobs.states import ACTIVE, FINAL, Event, State
from markaz.centre.ledger.prices import Rate

MAX_LOSSES = 3
RATE = Rate(per_second=1_000_000, per_shot=3, per_job=50)
ENDS = (State.COMPLETED, State.FAILED, State.CANCELLED)
KINDS = ("limit-time", "limit-memory", "internal", "engine")


@dataclass
class Watched(MemoryJobs):
    """Counts how often each job entered a final state."""

    ends: Counter[str] = field(default_factory=Counter)

    def apply(self, job: str, event: Event, attempt: int | None = None, **values: Any) -> bool:
        done = MemoryJobs.apply(self, job, event, attempt, **values)
        self.ends[job] += done and self.jobs[job].state in FINAL
        return done


class World:
    """A queue on a virtual clock, with workers that die, return as zombies and drain.

    ``hands`` are the assignments that some process believes to hold, whether or not the
    centre still thinks so.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 1
        self.jobs = Watched()
        self.hands: list[tuple[str, str, int]] = []
        self.refused = 0

    def step(self) -> None:
        """One thing happens."""
        self.now += self.random.randrange(1, 2_000_000)
        moves = (
            self.submit, self.submit, self.claim, self.claim, self.begin, self.finish,
            self.finish, self.cancel, self.lose_worker, self.hold, self.release, self.give_back,
        )  # fmt: skip
        self.random.choice(moves)()

    def submit(self) -> None:
        name = f"j{len(self.jobs.jobs)}"
        state = State.QUEUED if self.random.random() < 0.9 else State.HELD
        shots, seconds = self.random.randrange(1, 1000), self.random.random() * 5
        reserved = RATE.cost(seconds, shots) if state is State.QUEUED else 0
        self.jobs.jobs[name] = Snapshot(name, state, shots=shots, reserved=reserved, rate=RATE)

    def some(self, *states: State) -> str | None:
        found = [job.id for job in self.jobs.jobs.values() if job.state in states]
        return self.random.choice(found) if found else None

    def claim(self) -> None:
        job = self.some(State.QUEUED)
        if job is None:
            return
        event = self.random.choice((Event.START, Event.CLAIM))
        values = {"started_at": self.now} if event is Event.START else {}
        assert self.jobs.apply(job, event, **values)
        self.hands.append((f"w{self.random.randrange(4)}", job, self.jobs.jobs[job].attempt))

    def begin(self) -> None:
        for _, job, attempt in self.hands[:3]:
            self.jobs.apply(job, Event.BEGIN, attempt, started_at=self.now)

    def finish(self) -> None:
        """Some hand reports; it may be a zombie's, and it may report again."""
        if not self.hands:
            return
        hand = self.random.choice(self.hands)
        self.report(hand)
        if self.random.random() < 0.7:
            self.hands.remove(hand)

    def report(self, hand: tuple[str, str, int]) -> None:
        _, job, attempt = hand
        before = self.jobs.jobs[job]
        owner = before.attempt == attempt and before.state in ACTIVE
        try:
            core.finish(self.jobs, job, attempt, self.outcome(), self.now)
        except CentreError as error:
            assert error.kind == "stale"
            assert not owner
            assert self.jobs.jobs[job] == before
            self.refused += 1
        else:
            assert owner

    def outcome(self) -> Outcome:
        state = self.random.choice(
            (State.COMPLETED, State.COMPLETED, State.FAILED, State.CANCELLED)
        )
        kind = self.random.choice(KINDS) if state is State.FAILED else None
        return Outcome(state, error_kind=kind, seconds=self.random.random() * 20)

    def cancel(self) -> None:
        if self.jobs.jobs:
            job = self.random.choice(list(self.jobs.jobs))
            core.cancel(self.jobs, job, self.random.choice(("user", "operator")), self.now)

    def lose_worker(self) -> None:
        """The centre gives a worker up; half the time its processes still run."""
        worker = f"w{self.random.randrange(4)}"
        for hand in [hand for hand in self.hands if hand[0] == worker]:
            core.lost(self.jobs, hand[1], hand[2], MAX_LOSSES, self.now)
            if self.random.random() < 0.5:
                self.hands.remove(hand)

    def hold(self) -> None:
        if job := self.some(State.QUEUED):
            assert self.jobs.apply(job, Event.HOLD)

    def release(self) -> None:
        if job := self.some(State.HELD):
            assert self.jobs.apply(job, Event.RELEASE)

    def give_back(self) -> None:
        if self.hands:
            _, job, attempt = self.random.choice(self.hands)
            self.jobs.apply(job, Event.GIVE_BACK, attempt)

    def settle_down(self) -> None:
        """Nothing new arrives: everything that was accepted must come to its end."""
        for _ in range(20 * len(self.jobs.jobs) + 20):
            self.now += 1_000_000
            self.release()
            self.claim()
            for hand in list(self.hands):
                self.hands.remove(hand)
                self.report(hand)
            active = self.some(*ACTIVE)
            if active is not None:  # whoever held it is gone
                core.lost(self.jobs, active, self.jobs.jobs[active].attempt, MAX_LOSSES, self.now)
            if self.some(State.QUEUED, State.HELD, *ACTIVE) is None:
                return

    def check_so_far(self) -> None:
        charged = Counter(job for job, _ in self.jobs.charges)
        assert max(charged.values(), default=0) <= 1
        assert max(self.jobs.ends.values(), default=0) <= 1
        for job, amount in self.jobs.charges:
            assert 0 <= amount <= self.jobs.jobs[job].reserved
        for name, job in self.jobs.jobs.items():
            assert (job.state in FINAL) == (self.jobs.ends[name] == 1) == (charged[name] == 1)


def history(seed: int) -> World:
    world = World(seed)
    for _ in range(50):
        world.step()
    world.check_so_far()
    world.settle_down()
    world.check_so_far()
    assert {job.state for job in world.jobs.jobs.values()} <= FINAL, f"seed {seed}"
    return world


def test_2000_histories_end_well_and_zombies_are_refused() -> None:
    worlds = [history(seed) for seed in range(2000)]
    assert sum(world.refused for world in worlds) > 2000
    states = Counter(job.state for world in worlds for job in world.jobs.jobs.values())
    assert set(states) == FINAL


@pytest.mark.nightly
def test_200000_histories() -> None:
    for seed in range(10_000, 210_000):
        history(seed)


def test_a_history_replays_from_its_seed() -> None:
    assert history(7).jobs == history(7).jobs


class Machine(RuleBasedStateMachine):
    """The same world with hypothesis choosing and shrinking what happens."""

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.world = World(seed)
        self.world.submit()

    @rule(move=st.sampled_from(
        ["submit", "claim", "begin", "finish", "cancel", "lose_worker", "hold", "release",
         "give_back"]))  # fmt: skip
    def act(self, move: str) -> None:
        self.world.now += 500_000
        getattr(self.world, move)()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check_so_far()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle_down()
            self.world.check_so_far()


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=30, deadline=None)
