"""Telling those who must know, once a change is durable: the queue in memory and its listener."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select, text

from markaz.centre.db.frequent import Frequent
from markaz.centre.jobs.groups import GroupKey
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.tables import QUEUED, jobs
from markaz.centre.work import Work

_HEAD = Frequent(
    select(func.min(jobs.c.place).label("place")).where(
        text(QUEUED), jobs.c.group_id == bindparam("group")
    )
)


def queue_of(work: Work) -> QueueIndex | None:
    """The queue in memory, where this process has one and it has been read."""
    queue: QueueIndex | None = work.services.queue
    return queue if queue is not None and queue.is_open else None


def queued(
    work: Work,
    group: int,
    key: GroupKey,
    place: int,
    seconds: float,
    count: int = 1,
    last: int | None = None,
) -> None:
    """``count`` jobs wait in ``group`` now, from ``place`` to ``last``, of ``seconds`` in all."""
    queue, listener = queue_of(work), work.services.listener

    def tell() -> None:
        if queue is not None:
            queue.joined(group, key, place, seconds, count, last)
        listener.job_queued(group)

    work.after(tell)


def head_of(work: Work, group: int) -> int | None:
    """The first place of ``group``; None: nobody waits."""
    head = _HEAD.first(work.connection, {"group": group}).place
    return None if head is None else int(head)


def unqueued(work: Work, group: int, seconds: float) -> None:
    """A job of ``group`` waits no more."""
    queue, listener = queue_of(work), work.services.listener
    head = head_of(work, group)

    def tell() -> None:
        if queue is not None:
            queue.left(group, head, seconds)
        listener.job_unqueued(group)

    work.after(tell)


def forget(work: Work, group: int) -> None:
    """``group`` turned out to be empty."""
    queue = queue_of(work)
    if queue is not None:
        work.after(lambda: queue.left(group, None, 0.0))


def used(
    work: Work, job: str, project: str, user: str, seconds: float, *, ended: bool = True
) -> None:
    """A job ended, or returned to the queue, and used ``seconds`` of its device."""
    used_many(work, [(job, project, user, seconds)], ended=ended)


def used_many(
    work: Work, found: Sequence[tuple[str, str, str, float]], *, ended: bool = True
) -> None:
    """As ``used`` for several: job, project, user, seconds."""
    queue, listener, now = queue_of(work), work.services.listener, work.now

    def tell() -> None:
        if queue is not None:
            for one in found:
                queue.ended(*one, now)
        if ended:
            for job, *_ in found:
                listener.job_ended(job)

    work.after(tell)


def session_changed(work: Work) -> None:
    """A session began or ceased to hold its device."""
    queue, listener = queue_of(work), work.services.listener

    def tell() -> None:
        if queue is not None:
            queue.calendar_changed()
        listener.rules_changed()

    work.after(tell)
