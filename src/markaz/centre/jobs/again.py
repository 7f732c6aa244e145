"""Submissions that may come twice, because a client that saw no answer sends them again.

The client has no name for a submission, so the submission itself is the name: who asked, and
a hash of what. The note of it is written in the transaction that takes the job in, so that a
crash leaves both or neither.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import bindparam, select

from markaz.centre.access import verb
from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent
from markaz.centre.db.tables import idempotency
from markaz.centre.errors import CentreError
from markaz.centre.jobs.rules import Place, submitter
from markaz.centre.jobs.submit import submit
from markaz.centre.work import Work

PREFIX: Final = "again:"  # no Idempotency-Key of the REST interface is kept under such a name
_FIND: Final = Frequent(
    select(idempotency.c.answer, idempotency.c.at).where(
        idempotency.c.principal == bindparam("principal"), idempotency.c.key == bindparam("key")
    )
)


@verb("jobs.submit_again", rule=submitter, scope="jobs:write")
def submit_again(
    work: Work,
    place: Place,
    *,
    fingerprint: str,
    anew: bool,
    before: int | None = None,
    project: Any = None,
    device: Any = None,
    session: Any = None,
    **item: Any,
) -> dict[str, Any]:
    """Take one job in, as ``jobs.submit`` does, unless the same person sent the same
    ``fingerprint`` (of the request, 64 hexadecimal digits) within ``resubmit_seconds``.

    Then the job of that time is the answer, with ``again`` True. ``anew``: the first answer is
    known to have arrived, so that this is another job. ``before``: it repeats none that was
    taken in at this time (microseconds UTC) or later. A job without credits is refused
    (``allocation``), not held: whoever waits for it would wait for ever.
    """
    names = {"principal": work.actor.id, "key": PREFIX + fingerprint}
    if not anew:
        row = _FIND.first(work.connection, names)
        if row is not None and work.now - row.at < _window(work) and _was(row.at, before):
            work.nothing_changed()
            return {**json.loads(row.answer), "again": True}
    answer = submit.body(work, place, **item)
    if answer["state"] == "held" and answer["reason"] == "allocation":
        raise CentreError("allocation", f"project {place.project.slug} has no credits left for it")
    kept = {name: answer[name] for name in ("job", "device", "project")}
    kept["session"] = None if place.session is None else place.session.id
    note = {**names, "request_hash": fingerprint, "answer": json.dumps(kept), "at": work.now}
    dialect.insert_or_change(work.connection, idempotency, [note], ("principal", "key"), _newer)
    return {**kept, "again": False}


def _was(at: int, before: int | None) -> bool:
    return before is None or at < before


def _window(work: Work) -> int:
    """Microseconds."""
    return int(work.services.settings["resubmit_seconds"] * 1e6)


def _newer(new: Any) -> dict[str, Any]:
    return {"answer": new.answer, "at": new.at}
