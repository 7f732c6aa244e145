"""Attempts that end, many in few statements: state, result, charge, usage and audit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update

from markaz.centre.errors import invalid
from markaz.centre.jobs import core, holds, notify, usage
from markaz.centre.jobs.states import State
from markaz.centre.jobs.store import DatabaseJobs
from markaz.centre.jobs.tables import sessions
from markaz.centre.ledger import holds as ledger
from markaz.centre.storage import blobs
from markaz.centre.work import Work

Done = tuple[core.Ending, Any, Mapping[str, Any]]  # what ends, its row, what was said of it


class _Ended(DatabaseJobs):
    """Counts usage too, which travels with the settlement."""

    def settle_many(self, ended: Sequence[core.Ending]) -> None:
        """See ``core.Jobs``."""
        used: dict[tuple[str, str], float] = {}
        for one in ended:
            row = self.rows[one.job.id]
            who = (row.project_id, row.user_id)
            used[who] = used.get(who, 0.0) + one.seconds
        holds.ask_held(self.work, sorted({project for project, _ in used}))
        if ended:
            usage.add(self.work, [one.job.id for one in ended], used)
        super().settle_many(ended)


def end(work: Work, worker: str, reports: Sequence[Mapping[str, Any]]) -> list[core.Ending | None]:
    """End attempts in the transaction of ``work``; for each, None if it is over already.

    ``reports``: ``job``, ``attempt`` and ``outcome`` as for the verb ``jobs.finish``.
    Raises CentreError ``conflict`` if one of several changed meanwhile: undo, and end them
    one by one.
    """
    store = _Ended(work)
    said = [(one["job"], one["attempt"], _outcome(one["outcome"])) for one in reports]
    names = [job for job, _, _ in said]
    ledger.ask_reserved(work, names)
    usage.ask(work, names)
    ended = core.finish_many(store, said, work.now)
    done = [
        (ending, store.rows[ending.job.id], report["outcome"])
        for ending, report in zip(ended, reports, strict=True)
        if ending is not None
    ]
    if done:
        _keep_results(work, done)
        _tell(work, done)
        _note_sessions(work, {row.session_id for _, row, _ in done} - {None})
        holds.wake(work, sorted(store.freed))
        for ending, row, outcome in done:
            about = {"state": str(State(outcome["state"])), "charge": ending.charge}
            work.record(row.id, attempt=ending.job.attempt, worker=worker, **about)
    return ended


def _outcome(outcome: Mapping[str, Any]) -> core.Outcome:
    state = State(outcome["state"])
    if state not in (State.COMPLETED, State.FAILED, State.CANCELLED):
        raise invalid("outcome/state", f"no attempt ends {state}")
    error = outcome.get("error") or {}
    result = outcome.get("result") if state is State.COMPLETED else None
    return core.Outcome(
        state=state,
        error_kind=error.get("kind"),
        error_message=error.get("message"),
        seconds=outcome.get("seconds"),
        began_at=outcome.get("began_at"),
        result_hash=None if result is None else _digest(result),
    )


def _digest(contents: blobs.Prepared | bytes) -> str:
    if isinstance(contents, blobs.Prepared):
        return contents.digest
    return hashlib.sha256(contents).hexdigest()


def _keep_results(work: Work, done: Sequence[Done]) -> None:
    kept = [
        (row.project_id, outcome["result"])
        for ending, row, outcome in done
        if ending.values["result_hash"] is not None
    ]
    blobs.keep_many(work, [result for _, result in kept])
    bytes_of: Counter[str] = Counter()
    for project, result in kept:
        bytes_of[project] += len(result.data if isinstance(result, blobs.Prepared) else result)
    blobs.count_bytes_of(work, bytes_of)


def _tell(work: Work, done: Sequence[Done]) -> None:
    notify.used_many(
        work, [(row.id, row.project_id, row.user_id, ending.seconds) for ending, row, _ in done]
    )


def _note_sessions(work: Work, found: set[str]) -> None:
    """Idleness of a session counts from the end of its last job."""
    for session in sorted(found):
        work.run(update(sessions).where(sessions.c.id == session).values(last_job_at=work.now))
