"""The life of a project, as a table: what may be done in which state, and what it leads to."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a project is in its life."""

    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    CLOSED = "closed"


# step -> (states in which it may be taken, state that it leads to)
STEPS: Final[dict[str, tuple[frozenset[State], State]]] = {
    "approve": (frozenset({State.REQUESTED}), State.ACTIVE),
    "refuse": (frozenset({State.REQUESTED}), State.CLOSED),
    "suspend": (frozenset({State.ACTIVE}), State.SUSPENDED),
    "resume": (frozenset({State.SUSPENDED}), State.ACTIVE),
    "expire": (frozenset({State.ACTIVE, State.SUSPENDED}), State.EXPIRED),
    "renew": (frozenset({State.ACTIVE, State.EXPIRED}), State.ACTIVE),
    "close": (frozenset({State.ACTIVE, State.SUSPENDED, State.EXPIRED}), State.CLOSED),
}

LIVE: Final = frozenset({State.REQUESTED, State.ACTIVE, State.SUSPENDED, State.EXPIRED})
GROWING: Final = frozenset({State.REQUESTED, State.ACTIVE})  # may take new members


def steps(state: State) -> list[str]:
    """What may be done with a project in ``state``."""
    return [step for step, (before, _) in STEPS.items() if state in before]
