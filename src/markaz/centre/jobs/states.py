"""The life of a job as one table: states, events, and what each event may follow.

Nothing here knows a database. Whoever stores jobs changes one only by an event of this
table, and only if the job is in one of the event's sources (and, for an event that a worker
brings, if the attempt is still the worker's): see ``core``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a job is."""

    HELD = "held"
    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# What each state means to the person whose job it is; the reference page is printed from it.
MEANINGS: Final[dict[State, str]] = {
    State.HELD: "Waits for something other than its turn; the reason says what.",
    State.QUEUED: "Waits for its turn.",
    State.CLAIMED: "Handed to a worker that has not begun it.",
    State.RUNNING: "A worker runs it.",
    State.COMPLETED: "It ran and has a result.",
    State.FAILED: "It ended without a result; the error says why.",
    State.CANCELLED: "It was cancelled before it had a result.",
}

WAITING: Final = frozenset({State.HELD, State.QUEUED})
ACTIVE: Final = frozenset({State.CLAIMED, State.RUNNING})
FINAL: Final = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

# Why a job is held -> what its owner reads.
HOLDS: Final[dict[str, str]] = {
    "allocation": "the project has no credits left for it",
    "operator": "an operator holds it",
}


class Event(StrEnum):
    """What can happen to a job that was accepted."""

    HOLD = "hold"
    RELEASE = "release"
    MOVE = "move"
    CLAIM = "claim"
    START = "start"
    BEGIN = "begin"
    COMPLETE = "complete"
    FAIL = "fail"
    STOP = "stop"
    CANCEL = "cancel"
    GIVE_BACK = "give back"


@dataclass(frozen=True, slots=True)
class Transition:
    """What an event may follow and what it leads to.

    ``target`` None leaves the state as it is. ``fenced``: only the current attempt may bring
    it. ``raises``: it makes a new attempt, so that every earlier one is refused from then on.
    ``clears``: what is forgotten of the attempt that ended so.
    """

    sources: frozenset[State]
    target: State | None
    meaning: str
    fenced: bool = False
    raises: bool = False
    clears: tuple[str, ...] = ()


TRANSITIONS: Final[dict[Event, Transition]] = {
    Event.HOLD: Transition(frozenset({State.QUEUED}), State.HELD, "taken out of the queue"),
    Event.RELEASE: Transition(frozenset({State.HELD}), State.QUEUED, "put into the queue"),
    Event.MOVE: Transition(WAITING, None, "put elsewhere in the queue, or on another device"),
    Event.CLAIM: Transition(
        frozenset({State.QUEUED}), State.CLAIMED, "handed out ahead of a free slot", raises=True
    ),
    Event.START: Transition(
        frozenset({State.QUEUED}), State.RUNNING, "handed to a free slot", raises=True
    ),
    Event.BEGIN: Transition(
        frozenset({State.CLAIMED}), State.RUNNING, "its slot began it", fenced=True
    ),
    Event.COMPLETE: Transition(ACTIVE, State.COMPLETED, "ended with a result", fenced=True),
    Event.FAIL: Transition(ACTIVE, State.FAILED, "ended without a result", fenced=True),
    Event.STOP: Transition(ACTIVE, State.CANCELLED, "stopped as was asked", fenced=True),
    Event.CANCEL: Transition(WAITING, State.CANCELLED, "cancelled before it was handed out"),
    Event.GIVE_BACK: Transition(
        ACTIVE,
        State.QUEUED,
        "its worker was lost or drained; it keeps its place",
        fenced=True,
        clears=("worker_id", "claimed_at", "started_at"),
    ),
}


def allowed(event: Event, state: State) -> bool:
    """Whether ``event`` may happen to a job in ``state``."""
    return state in TRANSITIONS[event].sources


def after(event: Event, state: State) -> State:
    """The state that ``event`` leads to. Raises ValueError if it may not follow ``state``."""
    if not allowed(event, state):
        raise ValueError(f"{event} cannot follow {state}")
    return TRANSITIONS[event].target or state
