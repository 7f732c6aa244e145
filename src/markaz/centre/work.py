"""A unit of work: what a verb or a query gets to see of the centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.sql import Executable

from markaz.centre.access import Principal

if TYPE_CHECKING:
    from markaz.centre.services import Services


@dataclass(slots=True)
class Work:
    """One actor's change (inside a write transaction) or look (inside a snapshot).

    ``now`` is this transaction's time, microseconds UTC; ``services`` are the settings,
    the store and the other things that outlive a transaction.
    """

    connection: Connection
    now: int
    actor: Principal
    services: Services
    hooks: list[Callable[[], None]] = field(default_factory=list)
    _verb: str | None = None
    _recorded: bool = False

    def one(self, statement: Executable) -> Any:
        """The first row, or None."""
        return self.connection.execute(statement).first()

    def all(self, statement: Executable) -> list[Any]:
        """All rows."""
        return list(self.connection.execute(statement))

    def run(self, statement: Executable, rows: list[dict[str, Any]] | None = None) -> int:
        """Execute a change; the number of rows that it touched."""
        result: Any = self.connection.execute(statement, rows or None)
        return int(result.rowcount)

    def after(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` once the change is durable, and not if it is undone."""
        self.hooks.append(hook)

    def record(self, subject: str, **details: Any) -> None:
        """Write the audit entry of this change: what it was done to, and plain values.

        Never a secret, and no personal data beyond ids: the chain is for ever.
        """
        assert self._verb is not None, "only a verb changes anything"
        self._recorded = True
        self.services.chain.add(self.now, self.actor.id, self._verb, subject, details)

    def nothing_changed(self) -> None:
        """Say that the verb found nothing to do, so that there is nothing to audit."""
        self._recorded = True

    @contextmanager
    def doing(self, name: str) -> Iterator[None]:
        """Do the verb ``name``; it must end with an audit entry or say that nothing changed."""
        outer = self._verb, self._recorded
        self._verb, self._recorded = name, False
        try:
            yield
            assert self._recorded, f"{name} changed something without an audit entry"
            outer = outer[0], True
        finally:
            self._verb, self._recorded = outer
