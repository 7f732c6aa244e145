"""What the owner of a job does with it afterwards: tags, deleting it, results read once."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import update

from markaz.centre.access import verb
from markaz.centre.errors import CentreError, conflict, forbidden
from markaz.centre.jobs.retention import give_up
from markaz.centre.jobs.rules import Seen, reader
from markaz.centre.jobs.states import FINAL
from markaz.centre.jobs.submit import checked_tags
from markaz.centre.jobs.tables import jobs
from markaz.centre.work import Work


def keeper(work: Work, *, job: Any, **_: Any) -> Seen:
    """Its owner, a lead of its project, an operator; a deleted job is not there."""
    found = reader(work, job=job)
    if found.row.deleted_at is not None:
        raise CentreError("not-found", "there is no such job")
    if not found.cancel:
        raise forbidden("only its owner, a lead of the project or an operator changes a job")
    return found


def own_private(work: Work, *, job: Any, **_: Any) -> Seen:
    """Its owner, of a private job."""
    found = reader(work, job=job)
    if found.row.user_id != work.actor.id or not found.row.private:
        raise forbidden("only the owner of a private job has its contents forgotten")
    return found


@verb("jobs.retag", rule=keeper, scope="jobs:write")
def retag(work: Work, seen: Seen, *, job: Any, tags: Any) -> dict[str, Any]:
    """Replace all tags of a job."""
    wanted = checked_tags(tags)
    written = json.dumps(wanted, ensure_ascii=False)
    work.run(update(jobs).where(jobs.c.id == seen.row.id).values(tags=written))
    work.record(seen.row.id, tags=len(wanted))
    return {"job": seen.row.id, "tags": wanted}


@verb("jobs.delete", rule=keeper, scope="jobs:write")
def delete(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """Give up the contents of a job that has ended, and list it no more.

    What was charged for it stays on record. Raises ``conflict`` while it waits or runs.
    """
    row = seen.row
    if row.state not in FINAL:
        raise conflict(f"job {row.id} is {row.state}: cancel it before it is deleted")
    if row.swept_at is None:
        give_up(work, row)
    work.run(update(jobs).where(jobs.c.id == row.id).values(deleted_at=work.now))
    work.record(row.id, deleted=True)
    return {"job": row.id, "deleted": True}


@verb("jobs.forget_private", rule=own_private, scope="jobs:read")
def forget_private(work: Work, seen: Seen, *, job: Any) -> dict[str, Any]:
    """The result of a private job is being read: give up all its contents, once.

    Raises ``not-found`` where that was done before.
    """
    row = seen.row
    if row.state not in FINAL or row.swept_at is not None:
        raise CentreError("not-found", GONE)
    give_up(work, row)
    return {"job": row.id}


GONE: Final = "the result of this private job was read already, and then deleted"
