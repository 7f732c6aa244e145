"""What outlives a transaction and every unit of work may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from markaz.centre.audit.chain import Chain
from markaz.centre.db.clock import Clock
from markaz.centre.settings import Settings


class Store(Protocol):
    """Content-addressed storage outside the database (``centre.storage``)."""

    def put(self, digest: str, data: bytes) -> None:
        """Keep ``data`` durably under its SHA-256; again is harmless."""

    def get(self, digest: str) -> bytes:
        """The contents. Raises KeyError if they are not there."""

    def delete(self, digest: str) -> None:
        """Forget them; nothing happens if they are not there."""

    def list(self) -> Iterator[tuple[str, float]]:
        """Every stored hash with the time it was written (seconds since 1970)."""


class Mailer(Protocol):
    """Sends mail, if the centre has a mail server (``centre.people.mail``)."""

    available: bool

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message over. Raises OSError if the mail server does not take it."""


class QueueListener(Protocol):
    """Hears of changes in the queue once they are durable (the dispatcher; tests)."""

    def job_queued(self, group_id: int) -> None:
        """A job of this group waits now, or its order in the group changed."""

    def job_unqueued(self, group_id: int) -> None:
        """A waiting job of this group was held or cancelled."""

    def job_ended(self, job_id: str) -> None:
        """A job reached a final state: whoever waits for it may look."""

    def cancel_wanted(self, job_id: str, attempt: int) -> None:
        """A running job is to be stopped."""

    def rules_changed(self) -> None:
        """Shares, caps, calendar, device or session states changed: look again."""


class NobodyListens:
    """Stands in until a dispatcher is there (command-line tools, tests)."""

    def job_queued(self, group_id: int) -> None:
        """Nothing to do."""

    def job_unqueued(self, group_id: int) -> None:
        """Nothing to do."""

    def job_ended(self, job_id: str) -> None:
        """Nothing to do."""

    def cancel_wanted(self, job_id: str, attempt: int) -> None:
        """Nothing to do."""

    def rules_changed(self) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class Turns:
    """How a chore of the centre fares: its last turn (microseconds UTC), and what went wrong
    there (None: nothing) and how often in a row."""

    every_seconds: float
    last_at: int | None = None
    error: str | None = None
    failures: int = 0


@dataclass(slots=True)
class Services:
    """Settings, clock, audit chain, store, mail, key, and who listens to the queue.

    ``key``: 32 random bytes of this centre (``DIR/secret.key``, mode 600), for what must
    be encrypted or signed. ``count`` counts events by name and ``observe`` takes durations
    (seconds), for metrics. ``chores``: how each fares, in the process that does them.
    """

    settings: Settings
    clock: Clock
    chain: Chain
    store: Store
    mailer: Mailer
    key: bytes = field(repr=False)
    listener: QueueListener = field(default_factory=NobodyListens)
    queue: Any = None  # ``jobs.index.QueueIndex`` in the process that hands out jobs
    count: Callable[[str], None] = lambda _name: None
    observe: Callable[[str, float], None] = lambda _name, _seconds: None
    chores: dict[str, Turns] = field(default_factory=dict)
