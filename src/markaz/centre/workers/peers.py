"""What the dispatcher knows of one worker."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Final

from markaz.centre.jobs.groups import expected
from markaz.centre.workers.links import Link, LinkClosed
from markaz.centre.workers.messages import Finished, Hello, Message, Started, encode

SHORT_SECONDS: Final = 0.05  # predicted, of all that a worker has: others may wait behind it
AHEAD: Final = (2, 32)  # jobs that may, first and at most

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
    not on record yet; ``begun``: when jobs began that were handed out ahead (microseconds
    UTC); ``finished`` and ``started``: what of that no change under way deals with;
    ``exchanging``: a change is; ``ahead``: how many jobs may wait behind others. ``lost``:
    its lease ran out and its jobs were recovered; ``epoch`` counts that. ``gone_by``: when it
    loses its jobs unless it connects again; ``condition``: the status of its device that
    it told last.
    """

    id: str
    hello: Hello
    link: Link | None = None
    heard: float = 0.0
    held: dict[Key, Held] = field(default_factory=dict)
    finishing: set[Key] = field(default_factory=set)
    begun: dict[Key, int] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    exchanging: bool = False
    ahead: int = AHEAD[0]
    draining: bool = False
    lost: bool = False
    epoch: int = 0
    rests_until: float = 0.0
    condition: str = ""
    gone_by: float | None = None

    def room(self) -> int:
        """Slots that nothing is meant for; what waits behind others begins when it can."""
        return max(0, self.hello.slots - len(self.held))

    def room_ahead(self) -> tuple[int, float]:
        """How many jobs may wait behind what runs, and for how many seconds of work there is
        room with them: none unless all of that is short together."""
        if self.hello.patience:
            return 0, 0.0  # it may be away for days: what it cannot begin stays in the queue
        seconds = SHORT_SECONDS - sum(expected(held.predicted) for held in self.held.values())
        count = self.hello.slots + self.ahead - max(self.hello.slots, len(self.held))
        return (max(0, count), seconds) if seconds > 0 else (0, 0.0)

    def came_back(self, ended: int, *, dry: bool) -> None:
        """A claim for it found less than there was room for (``dry``), or there is more: let
        more wait there then if it has ``ended`` some, so that claims are few."""
        if dry:
            self.ahead = AHEAD[0]
        elif ended:
            self.ahead = min(AHEAD[1], 2 * self.ahead)

    @property
    def kind(self) -> str:
        """Workers of one kind take the same jobs."""
        return f"{self.hello.drivers} {self.hello.devices}"

    def serves(self, device: str) -> bool:
        """Whether it runs jobs of ``device``, if it has its driver."""
        return not self.hello.devices or device in self.hello.devices

    def may_take(self, now: float) -> bool:
        """Whether it may be given jobs at all."""
        ready = self.link is not None and not self.draining and not self.lost
        return ready and now >= self.rests_until

    def say(self, *messages: Message) -> None:
        """Send, if it is connected; a link that has closed is noticed by who reads it."""
        if self.link is not None and messages:
            with contextlib.suppress(LinkClosed):
                self.link.send(encode(messages))
