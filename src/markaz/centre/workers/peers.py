"""What the dispatcher knows of one worker."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Final

from markaz.centre.workers.links import Link, LinkClosed
from markaz.centre.workers.messages import Hello, Message, encode

SHORT_SECONDS: Final = 0.05  # predicted: behind such jobs another may wait at the worker
AHEAD: Final = 2  # jobs that may

Key = tuple[str, int]


@dataclass(slots=True)
class Held:
    """A job at a worker; ``ahead`` until it has begun."""

    predicted: float | None
    ahead: bool


@dataclass(slots=True)
class Peer:
    """One worker. Times are monotonic seconds of the server.

    ``held``: what it has and has not reported; ``finishing``: what it has reported and is
    not on record yet. ``lost``: its lease ran out and its jobs were recovered; ``epoch``
    counts that. ``gone_by``: when it loses its jobs unless it connects again.
    """

    id: str
    hello: Hello
    link: Link | None = None
    heard: float = 0.0
    held: dict[Key, Held] = field(default_factory=dict)
    finishing: set[Key] = field(default_factory=set)
    asking: int = 0
    draining: bool = False
    lost: bool = False
    epoch: int = 0
    rests_until: float = 0.0
    gone_by: float | None = None

    def room(self) -> int:
        """Slots that nothing is meant for."""
        running = sum(not held.ahead for held in self.held.values())
        return max(0, self.hello.slots - running - self.asking)

    def room_ahead(self) -> int:
        """How many jobs may wait behind what runs: none unless all of that is short."""
        if any(h.predicted is None or h.predicted > SHORT_SECONDS for h in self.held.values()):
            return 0
        return max(0, self.hello.slots + AHEAD - len(self.held) - self.asking)

    def may_take(self, now: float) -> bool:
        """Whether it may be given jobs at all."""
        ready = self.link is not None and not self.draining and not self.lost
        return ready and now >= self.rests_until

    def say(self, *messages: Message) -> None:
        """Send, if it is connected; a link that has closed is noticed by who reads it."""
        if self.link is not None and messages:
            with contextlib.suppress(LinkClosed):
                self.link.send(encode(messages))
