"""Notices that an allocation is nearly or wholly used; each is given once.

A row says that there is something to tell; the mail goes out later (``deliver``), so that a
slow mail server holds up no job.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import structlog
from sqlalchemy import delete, select

from markaz.centre.access import SYSTEM, Act
from markaz.centre.db import dialect
from markaz.centre.ledger.tables import allocations
from markaz.centre.ledger.tables import notices as table
from markaz.centre.services import Services
from markaz.centre.work import Work

PERCENTS: Final = (80, 100)

_log = structlog.get_logger(__name__)


class Centre(Protocol):
    """The part of ``centre.Centre`` that delivering needs."""

    services: Services

    def ask(self, act: Act, actor: Any, **arguments: Any) -> Any:
        """Answer a query."""

    def perform(self, act: Act, actor: Any, **arguments: Any) -> Any:
        """Do a verb."""


def used(work: Work, allocation: str, granted: int, charged: int) -> None:
    """Note which of the marks the charges have reached."""
    for percent in PERCENTS:
        if 100 * charged >= percent * granted:
            _note(work, allocation, percent)


def exhausted(work: Work, project: str) -> None:
    """A job of the project found too few credits: its last allocation is as good as used up.

    Unless most of it is free, and only this job too large.
    """
    row = work.one(
        select(allocations.c.id)
        .where(
            allocations.c.project_id == project,
            allocations.c.state == "active",
            allocations.c.starts_at <= work.now,
            allocations.c.ends_at > work.now,
            100 * (allocations.c.reserved + allocations.c.charged)
            >= PERCENTS[0] * allocations.c.granted,
        )
        .order_by(allocations.c.ends_at.desc(), allocations.c.id.desc())
        .limit(1)
    )
    if row is not None:
        _note(work, row.id, 100)


def forget(work: Work, allocation: str) -> None:
    """Credits were added: the marks may be reached a second time."""
    work.run(delete(table).where(table.c.allocation_id == allocation))


def deliver(centre: Centre, due: Act, mailed: Act) -> int:
    """Mail what is due to the projects' leads, if there is a mail server; how many went out.

    ``due`` and ``mailed`` are the query and the verb of that name. A mail that is not taken
    is tried again at the next call.
    """
    mailer = centre.services.mailer
    sent = 0
    for notice in centre.ask(due, SYSTEM) if mailer.available else ():
        try:
            for address in notice["addresses"]:
                mailer.send(address, notice["subject"], notice["text"])
        except OSError as error:
            _log.warning("a notice could not be mailed", error=str(error))
            continue
        centre.perform(mailed, SYSTEM, allocation=notice["allocation"], percent=notice["percent"])
        sent += 1
    return sent


def _note(work: Work, allocation: str, percent: int) -> None:
    row = {"allocation_id": allocation, "percent": percent, "at": work.now}
    dialect.insert_or_ignore(work.connection, table, [row])
